"""Records as rows of a spreadsheet, one a value: CSV and XLSX.

What stands in a cell came off a scan, so no cell may run. In XLSX every text is written as a text cell. CSV has no
types: a text that a spreadsheet would take for a formula (it begins with =, +, - or @, in ASCII or full width, or with
a tab or line break) gets an apostrophe before it, as a person would type it to say "this is text".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.corrections import Standing
from pipeline.names import storable
from pipeline.reliance import Said, effective, said
from pipeline.types import Document
from schemas.contract import Contract
from schemas.fields import Entry, FieldValue

__all__ = ["COLUMNS", "Row", "csv_lines", "rows", "write_xlsx"]

COLUMNS = (
    "document",
    "file",
    "matter",
    "field",
    "value",
    "raw",
    "detail",
    "status",
    "conflict",
    "confidence",
    "extractor",
    "page",
    "quote",
    "doubt",
    "derived",
    "person says",
    "person's value",
    "person",
    "said on",
)
Row = tuple[str | float | int, ...]
"""One cell a column: what the machine read, and what a person said of it. A field without values is a row that says
`absent` or `unreadable`; one that only a person knows has no reading."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
LONGEST_CELL, MOST_ROWS = 32_767, 1_048_576  # what Excel takes
CUT = "… (cut: longer than a cell may be)"
_OWN = frozenset(FieldValue.model_fields)


def rows(document: Document, record: Contract, words: Standing) -> Iterator[Row]:
    """The record's rows, in the order of the schema; `words` are the corrections in force."""
    head, holds = (document.id, document.name, document.matter), effective(record, words)
    for name, told in said(record, words).items():
        entry: Entry[FieldValue] = getattr(holds, name)
        if not told:
            yield (*head, name, *[""] * 3, entry.status, *[""] * 11)
        for each in told:
            yield (*head, name, *_read(each.machine, conflict=entry.conflict), *_word(each))


def csv_lines(table: Iterable[Row]) -> Iterator[str]:
    """Lines of CSV (RFC 4180, every cell quoted) and a header; the mark at its start tells Excel that it is UTF-8."""
    yield "\ufeff" + _csv_line(COLUMNS)
    for row in table:
        yield _csv_line([_inert(cell) for cell in row])


def write_xlsx(path: Path, table: Iterable[Row]) -> None:
    """The table as an Excel workbook, written row by row in constant memory; a further sheet where one is full."""
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "tmpdir": str(path.parent),
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet, at = _sheet(book), 1
        for row in table:
            if at == MOST_ROWS:
                sheet, at = _sheet(book), 1
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(at, column, _fitting(storable(cell)))
                else:
                    sheet.write_number(at, column, cell)
            at += 1


def _read(value: FieldValue | None, *, conflict: bool) -> Iterator[str | float | int]:
    """The cells of a reading."""
    if value is None:
        yield from [""] * 11
        return
    beside = value.model_dump(exclude=set(_OWN))
    yield from (value.value, value.raw, "; ".join(f"{name}: {text}" for name, text in beside.items() if text))
    yield from (value.status, "yes" if conflict else "", round(value.confidence, 4), value.extractor)
    first = value.evidence[0] if value.evidence else None
    yield from (first.page if first else "", " | ".join(proof.quote for proof in value.evidence))
    yield from (value.doubt, value.derived)


def _word(each: Said) -> Iterator[str]:
    """The cells of a person's word; for a reading that another word set aside, that it does not hold."""
    word = each.correction
    if word is None:
        yield from ("" if each.value else "does not hold", "", "", "")
        return
    held = each.value
    yield from (word.verdict, (held.value or held.raw) if held else "", word.who)
    yield datetime.fromtimestamp(word.made, UTC).isoformat(timespec="seconds")


def _csv_line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue()


def _inert(cell: str | float | int) -> str | float | int:
    if not isinstance(cell, str):
        return cell
    text = storable(cell)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def _fitting(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - len(CUT)] + CUT


def _sheet(book: Any) -> Any:
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    for column, name in enumerate(COLUMNS):
        sheet.set_column(column, column, 40 if name in {"value", "raw", "quote"} else 16)
        sheet.write_string(0, column, name, bold)
    return sheet
