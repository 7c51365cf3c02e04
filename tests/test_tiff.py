"""Whether a TIFF reaches as far as it says, in both byte orders and both sizes of numbers."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from pipeline.inbox.tiff import is_tiff, reaches_its_end

PIXELS = bytes(range(64))


def tiff(order: str = "<", big: bool = False) -> bytes:
    """An 8 by 8 grey picture whose pixels are the last of it."""
    word, entry = ("Q", "HHQ") if big else ("I", "HHI")
    tags = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1), (278, 8), (279, 64)]
    head = 16 if big else 8
    size = head + struct.calcsize(order + ("Q" if big else "H")) + len(tags) * (20 if big else 12)
    size += struct.calcsize(order + word)
    mark = b"II" if order == "<" else b"MM"
    start = struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8)
    rows = [struct.pack(order + entry + word, tag, 16 if big else 4, 1, value or size) for tag, value in tags]
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    return mark + start + count + b"".join(rows) + struct.pack(order + word, 0) + PIXELS


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_every_missing_byte_is_noticed(order: str, big: bool) -> None:
    """Down to the last one, which Pillow would do without in some files."""
    data = tiff(order, big)
    assert is_tiff(data)
    if not (big and order == ">"):  # which Pillow does not read
        with Image.open(io.BytesIO(data)) as image:
            assert image.tobytes() == PIXELS
    assert reaches_its_end(io.BytesIO(data))
    for length in range(8, len(data)):
        assert not reaches_its_end(io.BytesIO(data[:length]))


def test_something_behind_the_end_is_no_fault() -> None:
    """Some programs pad."""
    assert reaches_its_end(io.BytesIO(tiff() + bytes(9)))
