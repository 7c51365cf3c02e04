"""Whether a TIFF reaches as far as it says: decoders do without its last bytes, a file under way lacks them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["is_tiff", "reaches_its_end"]

MOST_DIRECTORIES = 10_000
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # types
NUMBERS = {3: "H", 4: "I", 16: "Q"}
DATA = ((273, 279), (324, 325))  # tags: offsets and lengths of strips, and of tiles


@dataclass(frozen=True, slots=True)
class _Layout:
    """How numbers are written: the order of bytes, and the sizes of TIFF 6.0 or of BigTIFF."""

    order: str
    big: bool

    def numbers(self, code: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack(self.order + code, data)


def is_tiff(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def reaches_its_end(opened: BinaryIO) -> bool:
    """Whether every directory, value and strip that the file names lies within it; the position is lost."""
    size = opened.seek(0, 2)
    try:
        return all(end <= size for end in _ends(opened))
    except struct.error:  # a directory that breaks off
        return False


def _ends(opened: BinaryIO) -> Iterator[int]:
    """Where each thing that the file names ends."""
    opened.seek(0)
    head = opened.read(16)
    layout = _Layout("<" if head[:2] == b"II" else ">", head[2:4] in (b"+\0", b"\0+"))
    (at,) = layout.numbers("Q", head[8:16]) if layout.big else layout.numbers("I", head[4:8])
    for _ in range(MOST_DIRECTORIES):
        if not at:
            return
        yield at
        opened.seek(at)
        entries, at = _directory(opened, layout)
        yield from _values(opened, layout, entries)


def _directory(opened: BinaryIO, layout: _Layout) -> tuple[list[tuple[int, int, int, bytes]], int]:
    """Its entries (tag, type, count, value or its place) and the place of the next one."""
    (count,) = layout.numbers("Q", opened.read(8)) if layout.big else layout.numbers("H", opened.read(2))
    width = 20 if layout.big else 12
    data = opened.read(min(count, 1 << 16) * width)
    rows = [data[at : at + width] for at in range(0, len(data), width)]
    code = "HHQ" if layout.big else "HHI"
    head = struct.calcsize(layout.order + code)
    entries = []
    for row in rows:
        tag, kind, length = layout.numbers(code, row[:head])
        entries.append((tag, kind, length, row[head:]))
    (after,) = layout.numbers("Q", opened.read(8)) if layout.big else layout.numbers("I", opened.read(4))
    return entries, after


def _values(opened: BinaryIO, layout: _Layout, entries: list[tuple[int, int, int, bytes]]) -> Iterator[int]:
    found: dict[int, tuple[int, ...]] = {}
    for tag, kind, count, field in entries:
        length = SIZES.get(kind, 1) * count
        place = 0
        if length > len(field):
            (place,) = layout.numbers("Q" if layout.big else "I", field)
            yield place + length
        if any(tag in pair for pair in DATA) and kind in NUMBERS:
            opened.seek(place)
            value = opened.read(length) if length > len(field) else field[:length]
            found[tag] = layout.numbers(f"{count}{NUMBERS[kind]}", value)
    for offsets, lengths in DATA:
        yield from map(sum, zip(found.get(offsets, ()), found.get(lengths, ()), strict=False))
