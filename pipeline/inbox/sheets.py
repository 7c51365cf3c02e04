"""Finding separator sheets among the pages of a scan. Only ever called in a worker process.

A page with a text layer of any length is no sheet and is not looked at. Every other page is drawn once, small and grey.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.inbox.separators import NARROW, PATCH_T_TEXT, QR_MATTER, QR_SEPARATOR, WIDE, Mark
from pipeline.pdf import drawable, load_page, open_pdf
from pipeline.store import Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Gray = NDArray[np.uint8]
    Mask = NDArray[np.bool_]

__all__ = ["PartJob", "SheetsJob", "marks", "write_part"]

DPI = 100
MOST_PIXELS = 4_000_000
LETTERS = 400  # of a text layer: no sheet has so many
OTHER_TEXT = 150  # pieces of ink beside the codes: more is text, less a few words or dust
BLANK = 8  # pieces of ink of a page that shows nothing
PIECE = 8  # pixels: smaller is dust
MUNIMENT = "MUNIMENT:"

STEP = 20  # pixels between two lines along which bars are looked for
DRIFT = 6  # pixels that a bar may move from one line to the next: 15 degrees
LINES = 7  # that must show the same bars: 1.2 of their 2.5 inches
PATCHES = {"1100": "1", "1001": "2", "0110": "4", "0011": "6"}  # wide: 1
PATCH_T = ("0101", "1010")  # the second is T upside down, and also Patch 3, which separates batches


@dataclass(frozen=True, slots=True)
class SheetsJob:
    """Pages to look at, by their numbers from 1."""

    pdf: Path
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PartJob:
    """Pages to make a document of."""

    pdf: Path
    store: Path
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Code:
    """A code on a page: what it says ("" for one that can't be read), and where it is: left, top, right, bottom."""

    text: str
    box: tuple[int, int, int, int]


def marks(job: SheetsJob) -> list[Mark]:
    """What is on each of the pages."""
    document = open_pdf(job.pdf)
    return [_mark(load_page(document, number), number) for number in job.pages]


def write_part(job: PartJob) -> str:
    """Keep these pages as a PDF of their own, the same bytes each time; its SHA-256."""
    import pymupdf

    with pymupdf.open() as part:
        part.insert_pdf(open_pdf(job.pdf), from_page=job.first - 1, to_page=job.last - 1)
        return Store(job.store).put(part.tobytes(garbage=3, no_new_id=True))


def _mark(page: Any, number: int) -> Mark:
    with drawable(number):
        if len(page.get_text()) > LETTERS:
            return Mark(number)
        gray = _drawn(page)
    ink = _ink(gray)
    codes = [*_patches(ink), *_barcodes(gray)]
    pieces = _pieces(ink, [code.box for code in codes])
    said = [code.text for code in codes if code.text]
    if not codes:
        return Mark(number, blank=pieces <= BLANK)
    doubt = _doubt(codes, pieces)
    matter = next((text.removeprefix(QR_MATTER) for text in said if text.startswith(QR_MATTER)), "")
    return Mark(number, bool(said) and not doubt, matter, doubt)


def _doubt(codes: Sequence[_Code], pieces: int) -> str:
    unread = [code for code in codes if not code.text]
    if len(unread) == len(codes):
        return "" if pieces > OTHER_TEXT else "perhaps a separator sheet: its code can't be read"
    if any(text.startswith("patch ") for text in (code.text for code in codes)):
        return "a patch code that is not T"
    if any(code.text.startswith(MUNIMENT) and not _is_known(code.text) for code in codes):
        return "a separator sheet of an unknown kind"
    return "the code of a separator sheet on a page with other text" if pieces > OTHER_TEXT else ""


def _is_known(text: str) -> bool:
    return text == QR_SEPARATOR or text.startswith(QR_MATTER)


def _drawn(page: Any) -> Gray:
    import pymupdf

    dpi = min(DPI, int(sqrt(MOST_PIXELS / max(page.rect.width * page.rect.height, 1)) * 72))
    drawn = page.get_pixmap(dpi=max(dpi, 1), colorspace=pymupdf.csGRAY, alpha=False)
    return np.frombuffer(drawn.samples, np.uint8).reshape(drawn.height, drawn.stride)[:, : drawn.width]


def _ink(gray: Gray) -> Mask:
    """What is darker than halfway between the page's paper and its darkest hundredth; nothing on a page of one grey."""
    dark, paper = np.percentile(gray[::2, ::2], [1, 50])
    ink: Mask = gray < ((dark + paper) / 2 if paper - dark > 40 else paper - 40)
    return ink


def _pieces(ink: Mask, boxes: Sequence[tuple[int, int, int, int]]) -> int:
    """How many connected pieces of ink there are outside the boxes."""
    from scipy import ndimage

    rest = ink.copy()
    for left, top, right, bottom in boxes:
        rest[max(top, 0) : bottom, max(left, 0) : right] = False
    labels, count = ndimage.label(rest)
    return int(np.count_nonzero(np.bincount(labels.ravel(), minlength=count + 1)[1:] >= PIECE))


def _barcodes(gray: Gray) -> Iterator[_Code]:
    import zxingcpp

    kinds = [zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.Code128]
    for found in zxingcpp.read_barcodes(np.ascontiguousarray(gray), formats=kinds, return_errors=True):
        place = found.position
        corners = (place.top_left, place.top_right, place.bottom_left, place.bottom_right)
        xs, ys = [corner.x for corner in corners], [corner.y for corner in corners]
        is_qr = found.format == zxingcpp.BarcodeFormat.QRCode
        room = 8 if is_qr else DPI  # of a barcode only a line across it is known
        box = (min(xs) - room, min(ys) - room, max(xs) + room, max(ys) + room)
        if found.valid and (found.text.startswith(MUNIMENT) or found.text == PATCH_T_TEXT):
            yield _Code(found.text, box)
        elif not found.valid and is_qr:
            yield _Code("", box)


def _patches(ink: Mask) -> Iterator[_Code]:
    """Patch codes whose bars run across the page, and those whose bars run down it."""
    for left, top, right, bottom, pattern in _bars(ink):
        yield _Code(_patch(pattern), (left, top, right, bottom))
    for top, left, bottom, right, pattern in _bars(ink.T):
        yield _Code(_patch(pattern), (left, top, right, bottom))


def _patch(pattern: str) -> str:
    if pattern in PATCH_T:
        return PATCH_T_TEXT
    return f"patch {PATCHES[pattern]}" if pattern in PATCHES else ""


def _bars(ink: Mask) -> Iterator[tuple[int, int, int, int, str]]:
    """Four bars across, seen by enough neighbouring lines down the page: box and pattern."""
    open_: list[tuple[int, int, int, int, str, int]] = []
    for x in range(STEP // 2, ink.shape[1], STEP):
        now = []
        for top, bottom, pattern in _crossed(ink[:, x]):
            before = next((one for one in open_ if abs(one[5] - top) <= DRIFT and one[4] == pattern), None)
            left, first, last = (before[0], before[1], before[3]) if before else (x, top, bottom)
            now.append((left, min(first, top), x, max(last, bottom), pattern, top))
        for one in open_:
            if one[2] - one[0] >= (LINES - 1) * STEP and not any(new[0] == one[0] for new in now):
                yield _boxed(one)
        open_ = now
    yield from (_boxed(one) for one in open_ if one[2] - one[0] >= (LINES - 1) * STEP)


def _boxed(seen: tuple[int, int, int, int, str, int]) -> tuple[int, int, int, int, str]:
    left, top, right, bottom, pattern, _ = seen
    return left - 2 * STEP, top - 8, right + 2 * STEP, bottom + 8, pattern


def _crossed(line: Mask) -> Iterator[tuple[int, int, str]]:
    """Where a line down the page crosses four bars of the right widths and distances: top, bottom, pattern."""
    edges = np.flatnonzero(np.diff(line.astype(np.int8), prepend=0, append=0))
    widths = np.diff(edges) / DPI
    for start in range(0, len(edges) - 7, 2):
        bars, gaps = widths[start : start + 7 : 2], widths[start + 1 : start + 7 : 2]
        thin, thick = np.abs(bars - NARROW) < 0.05, np.abs(bars - WIDE) < 0.07
        if (np.abs(gaps - NARROW) < 0.05).all() and (thin | thick).all():
            yield int(edges[start]), int(edges[start + 7]), "".join("1" if wide else "0" for wide in thick)
