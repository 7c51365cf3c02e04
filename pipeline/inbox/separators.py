"""Separator sheets: where a batch that was scanned in one go is cut into documents, and the sheets to do it with.

A sheet says so in one of three ways: the patch code T (bars across the page that scanners know, too), a barcode of the
kind Code 128 and the value PATCHT, or a QR code. A sheet may also name the matter, for whoever sorts paper; but no
sheet of paper can move pages into another matter than that of the folder they were dropped into. Whatever leaves a
doubt cuts nothing: the batch is held whole, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.names import clean_matter

__all__ = ["PATCH_T_TEXT", "QR_MATTER", "QR_SEPARATOR", "Cuts", "Mark", "cut", "print_sheets"]

QR_SEPARATOR = "MUNIMENT:SEPARATOR"
QR_MATTER = "MUNIMENT:MATTER:"
PATCH_T_TEXT = "PATCHT"

NARROW, WIDE, LENGTH = 0.08, 0.20, 2.5  # inches: https://support.hyland.com "Patch Code Requirements"
PATCH_T = (NARROW, WIDE, NARROW, WIDE)  # from the leading edge on
INCH = 72.0
PAPER = (595.0, 842.0)  # A4; all that matters lies on Letter, too
TOP, BOTTOM = 40.0, 700.0


@dataclass(frozen=True, slots=True)
class Mark:
    """What is on a page: a sheet or not, the matter that the sheet names, why it is uncertain whether it is one, and
    whether the page shows nothing at all."""

    page: int
    sheet: bool = False
    matter: str = ""
    doubt: str = ""
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Cuts:
    """The documents of a batch as first and last page, in order; () for what is no batch. With a `doubt` nothing is
    cut."""

    parts: tuple[tuple[int, int], ...] = ()
    doubt: str = ""


def cut(marks: Sequence[Mark], matter: str) -> Cuts:
    """Where the sheets among all pages of a batch cut it.

    A sheet before the first document is usual; one after the last says that a document is missing."""
    if doubt := next(_doubts(marks, matter), ""):
        return Cuts(doubt=doubt)
    if not any(mark.sheet for mark in marks):
        return Cuts()
    groups = [list(group) for sheet, group in groupby(marks, key=lambda mark: mark.sheet) if not sheet]
    return Cuts(tuple((group[0].page, group[-1].page) for group in groups))


def _doubts(marks: Sequence[Mark], matter: str) -> Iterator[str]:
    yield from (f"page {mark.page}: {mark.doubt}" for mark in marks if mark.doubt)
    for mark in marks:
        if mark.sheet and mark.matter and mark.matter != matter:
            yield f"page {mark.page}: the separator sheet names another matter than that of the folder"
    for sheet, grouped in groupby(marks, key=lambda mark: mark.sheet):
        group = list(grouped)
        if sheet and len(group) > 1:
            yield f"pages {group[0].page} and {group[1].page}: two separator sheets with nothing between them"
        if sheet and group[-1] is marks[-1]:
            yield f"page {group[-1].page}: a separator sheet with nothing behind it"
        if not sheet and any(mark.sheet for mark in marks) and all(mark.blank for mark in group):
            yield f"page {group[0].page}: nothing but blank pages between two separator sheets"


def print_sheets(path: Path, matter: str = "") -> None:
    """Write a PDF of one sheet to print as often as it is wanted; `UsageError` when the file can't be written."""
    import pymupdf

    value = QR_MATTER + clean_matter(matter) if matter else QR_SEPARATOR
    with pymupdf.open() as document:
        page = document.new_page(width=PAPER[0], height=PAPER[1])
        _patch(page, TOP, PATCH_T)
        _patch(page, BOTTOM, PATCH_T[::-1])  # the same for a sheet that lies upside down
        _qr(page, value)
        page.insert_text((72, 480), "Separator sheet", fontsize=20)
        if matter:
            page.insert_text((72, 506), clean_matter(matter), fontsize=14)
        try:
            path.write_bytes(document.tobytes())
        except OSError as error:
            raise UsageError(f"the sheet can't be written to {path}: {error.strerror}") from error


def _patch(page: Any, top: float, bars: Sequence[float]) -> None:
    left = (PAPER[0] - LENGTH * INCH) / 2
    for width in bars:
        page.draw_rect((left, top, left + LENGTH * INCH, top + width * INCH), color=None, fill=(0, 0, 0))
        top += (width + NARROW) * INCH


def _qr(page: Any, value: str) -> None:
    """Large and with much to spare, so that a poor scan is read, too."""
    import numpy as np
    import zxingcpp

    code = zxingcpp.create_barcode(value, zxingcpp.BarcodeFormat.QRCode, ec_level="H")
    modules = np.array(code.to_image(scale=1, add_quiet_zones=False))
    step = 2.2 * INCH / len(modules)
    left, top = (PAPER[0] - 2.2 * INCH) / 2, 230.0
    for row, column in zip(*np.nonzero(modules == 0), strict=True):
        x, y = left + column * step, top + row * step
        page.draw_rect((x, y, x + step, y + step), color=None, fill=(0, 0, 0))
