"""Labels and their values by where they stand: in the same cell, to the right in the row, or below in the column.

A candidate counts only if it reads as what its label asks for. A name reads as anything, so it must also not look
like a label itself. Another label always ends the search: its value is not this one's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

from pipeline.normalise import date_readings
from pipeline.rules.geometry import Cell, Grid
from pipeline.rules.labels import Label, Spot, spots_of, tokens
from pipeline.types import Box

__all__ = ["Pair", "Run", "dates_in", "pairs_of", "sums_in"]

REACH = 45.0
"""Characters to the right of a label within which its value begins."""

JOINED = 3.0
"""Characters between two cells of one name."""

DROP = 2.6
"""Lines below a label within which its value stands."""

TABLE = 5
"""Labels side by side from which they are the heads of a table."""

SLACK = 2.0
"""Characters by which a value may begin left of the label it stands under."""

INDENT = 2
"""Characters before a value that begins its column."""

COLUMNS = frozenset({"gross total", "gross amount", "grand total", "total due", "amount due", "balance due",
                     "net total", "net amount due", "net amount", "total", "commission"})  # fmt: skip
"""Sums whose labels may head a column; a "Rate" or "Tax" there is each line's."""

SIGN = r"(?:US\s?\$|[CASH]?[AK]?\$|€|£|¥|₹|(?:USD|EUR|GBP|CAD|AUD|CHF|SGD|MYR|INR|HKD|RM)\b)"
SUM = re.compile(
    rf"(?<![\w.,/$-])[(]?(?:{SIGN}\s?(?:\d{{1,3}}(?:[,.]\d{{3}})+|\d{{1,9}})(?:[.,]\d{{2}})?"
    r"|(?:\d{1,3}(?:,\d{3})+|\d{1,9})[.,]\d{2})[)]?(?![\d/%]|[.,-]\d)"
)
SPLIT = re.compile(r"(?:RM\s?|\$\s?)?\d{1,5}\s\d\d")
"""A sum whose point the scan lost: what it is worth is a guess, so its value never stands in its words."""

DATE = re.compile(
    r"(?<![\w/.])(?:\d{1,2}\s?([/.-])\s?\d{1,2}\s?\1\s?(?:20\d\d|19\d\d|\d\d)(?!\d)|(?:19|20)\d\d([/-])\d\d\2\d\d(?!\d)"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?\s?\d{1,2}(?:st|nd|rd|th)?,?\s(?:19|20)\d\d"
    r"|\d{1,2}(?:st|nd|rd|th)?[\s-](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?,?[\s-]"
    r"(?:(?:19|20)\d\d|\d\d)\b|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d))",
    re.I,
)
NUMBER = re.compile(r"(?=[\w./-]*\d)[A-Z0-9][A-Z0-9./-]{1,29}", re.I)
NAME = re.compile(r"[A-Z].{0,78}[\w.)!]|[A-Z]\w", re.S)
LABEL_END = frozenset({
    "date", "dates", "revision", "rev", "code", "number", "#", "type", "name", "total", "period", "ref", "estimate",
    "office", "region", "executive", "cycle", "calendar", "address", "phone", "fax", "email", "demographic", "product",
    "description", "attention", "contact", "by", "month", "page", "amount", "rate", "terms",
})  # fmt: skip
"""Last words of labels that the lexicon may lack or OCR may have spoilt."""


@dataclass(frozen=True)
class Run:
    """Words that follow one another in a row: their places in the page, their texts, and a box around each's cell."""

    words: tuple[int, ...]
    texts: tuple[str, ...]
    box: Box
    confidence: float

    @property
    def text(self) -> str:
        """The words joined by blanks."""
        return " ".join(self.texts)

    def cut(self, start: int, end: int) -> Run:
        """The words that hold these characters of `text`."""
        starts = list(accumulate((len(text) + 1 for text in self.texts), initial=0))
        first = next(i for i in range(len(self.texts)) if starts[i + 1] > start)
        last = next(i for i in range(len(self.texts), 0, -1) if starts[i - 1] < end)
        return Run(self.words[first:last], self.texts[first:last], self.box, self.confidence)


@dataclass(frozen=True)
class Pair:
    """A label with the words that are its value and where they stand from it; `text` is the value as printed."""

    spot: Spot
    run: Run
    text: str
    place: Literal["inline", "right", "below"]

    @property
    def label(self) -> Label:
        """Of the spot."""
        return self.spot.label

    @property
    def places(self) -> tuple[int, ...]:
        """The value's words in the page."""
        return self.run.words

    @property
    def label_places(self) -> tuple[int, ...]:
        """The label's words in the page."""
        return self.spot.cell.words[self.spot.first : self.spot.last]

    def part(self, start: int, end: int) -> Pair:
        """The same with these characters of `text` as the value."""
        offset = self.run.text.index(self.text)
        return replace(self, run=self.run.cut(offset + start, offset + end), text=self.text[start:end])


def sums_in(text: str) -> list[re.Match[str]]:
    """The sums of money in a row's text: with a currency, or with cents."""
    return list(SUM.finditer(text))


def dates_in(text: str) -> list[re.Match[str]]:
    """The whole dates in a row's text that name a day of the calendar."""
    return [match for match in DATE.finditer(text) if date_readings(_plain(match))]


def _plain(date: re.Match[str]) -> str:
    """The date without the blanks that a scan puts into its digits."""
    return date[0].replace(" ", "") if date[1] else date[0]


def pairs_of(grid: Grid) -> tuple[Pair, ...]:
    """Every label of the page that has a value, in reading order; two-date periods come as one value."""
    by_row: dict[int, list[Spot]] = {}
    for spot in spots_of(grid):
        by_row.setdefault(grid.number(spot.cell), []).append(spot)
    asked = ((spot, row) for row in by_row.values() for spot in _meant(row))
    return tuple(pair for spot, row in asked if (pair := _pair(grid, spot, row, by_row)))


def _meant(row: Sequence[Spot]) -> Iterator[Spot]:
    """The labels of a row whose values are asked for; "Name:" beside a party's label asks for that party."""
    for before, spot in zip((None, *row), row, strict=False):
        if before and before.label.kind == "party" and spot.label.name == "name":
            yield replace(spot, label=before.label)
        elif spot.label.kind != "other":
            yield spot


def _pair(grid: Grid, spot: Spot, row: Sequence[Spot], by_row: dict[int, list[Spot]]) -> Pair | None:
    head = sum(not other.colon for other in row) >= TABLE and _of_line(spot)
    for place, run in _candidates(grid, spot, by_row):
        if place == "below" and (head or (spot.label.kind == "money" and spot.label.name not in COLUMNS)):
            return None
        if run and (span := _reads(spot, run, place)) and (place != "below" or span[0] <= INDENT):
            return Pair(spot, run.cut(*span), run.text[slice(*span)], place)
    return None


def _of_line(spot: Spot) -> bool:
    """Whether the label, where it heads a table's column, asks for each line's value and not for the document's."""
    if spot.label.kind == "reference":
        return spot.last - spot.first == 1
    return spot.label.kind != "date" or spot.last - spot.first == 1 or spot.label.name in {"start", "end", "air"}


def _candidates(
    grid: Grid, spot: Spot, by_row: dict[int, list[Spot]]
) -> Iterator[tuple[Literal["inline", "right", "below"], Run | None]]:
    """What may be the value, likeliest first."""
    row = grid.row(spot.cell)
    beside = by_row[grid.number(spot.cell)]
    rest = _inline(spot, beside)
    yield "inline", rest
    if rest is not None and spot.label.kind == "money":
        return  # a longer label, and not one of ours: "Total Items", "Net 30 days"
    if rest is None:
        yield "right", _right(spot, row, beside)
    yield from (("below", run) for run in _below(grid, spot, beside, by_row))


def _inline(spot: Spot, beside: Sequence[Spot]) -> Run | None:
    """The words after the label in its cell, up to the next label."""
    later = [other.first for other in beside if other.cell is spot.cell and other.first >= spot.last]
    return _run([(spot.cell, spot.last, min(later, default=len(spot.cell.texts)))])


def _right(spot: Spot, row: Sequence[Cell], beside: Sequence[Spot]) -> Run | None:
    """The cells to the right, up to the next label or a gap too wide."""
    parts: list[tuple[Cell, int, int]] = []
    edge = spot.cell.box.right
    if any(other.cell is spot.cell and other.first >= spot.last for other in beside):
        return None
    for cell in row:
        if cell.box.left <= spot.cell.box.left:
            continue
        first = min((other.first for other in beside if other.cell is cell), default=len(cell.texts))
        reach = REACH if not parts else JOINED if spot.label.kind == "party" else REACH / 3
        if cell.box.left - edge > reach * spot.cell.em:
            break
        parts.append((cell, 0, first))
        edge = cell.box.right
        if first < len(cell.texts):
            break
    return _run(parts)


def _below(grid: Grid, spot: Spot, beside: Sequence[Spot], by_row: dict[int, list[Spot]]) -> Iterator[Run | None]:
    """The column under the label, as far as the next label to the right reaches, and down to another label."""
    left, right = _edges(spot)
    column_end = min((_edges(other)[0] for other in beside if _edges(other)[0] > left), default=1.0)
    for number, row in grid.under(spot.cell, DROP):
        labels = by_row.get(number, [])
        parts = [
            (cell, *_within(cell, left - SLACK * cell.em, column_end - cell.em / 2, whole=spot.label.kind == "party"))
            for cell in row
            if cell.box.right > left and cell.box.left < column_end
        ]
        parts = [part for part in parts if part[1] < part[2]]
        if not parts or parts[0][0].word_left(parts[0][1]) > right + SLACK * spot.cell.em:
            continue
        if any(other.cell is parts[0][0] and other.first < parts[0][2] for other in labels):
            return
        if spot.label.kind == "money" and labels:
            return
        cut = [other.cell for other in labels]
        alone = spot.label.kind == "party"
        yield _run([part for i, part in enumerate(parts) if i == 0 or not (alone or part[0] in cut)])
        return


def _edges(spot: Spot) -> tuple[float, float]:
    """Where the label begins and ends across the page."""
    return spot.cell.word_left(spot.first), spot.cell.word_right(spot.last - 1)


def _within(cell: Cell, left: float, right: float, *, whole: bool) -> tuple[int, int]:
    """The words of the cell that begin in the column, (0, 0) for none; `whole` wants the cell to begin there too."""
    inside = [i for i in range(len(cell.texts)) if left <= cell.word_left(i) < right]
    return (inside[0], inside[-1] + 1) if inside and not (whole and inside[0]) else (0, 0)


def _run(parts: Iterable[tuple[Cell, int, int]]) -> Run | None:
    kept = [(cell, first, last) for cell, first, last in parts if first < last]
    if not kept:
        return None
    words = tuple(word for cell, first, last in kept for word in cell.words[first:last])
    texts = tuple(text for cell, first, last in kept for text in cell.texts[first:last])
    confidence = sum(cell.confidence for cell, _, _ in kept) / len(kept)
    return Run(words, texts, kept[0][0].box, confidence)


def _reads(spot: Spot, run: Run, place: str) -> tuple[int, int] | None:
    """The characters of the run that are a value of the label's kind, or None."""
    kind, text = spot.label.kind, run.text
    whole = spot.whole
    if kind == "money":
        sums = [*sums_in(text), *SPLIT.finditer(text, 0, len(text) if SPLIT.fullmatch(text) else 0)]
        return sums[0].span() if sums else None
    if kind == "date":
        dates = dates_in(text[:60])
        return dates[0].span() if dates and dates[0].start() <= 8 else None
    if kind == "period":
        return _period(text)
    if kind == "reference":
        return _number(spot, text) if whole or spot.colon or place == "inline" else None
    return _name(run) if whole or spot.colon else None


def _period(text: str) -> tuple[int, int] | None:
    """Two dates side by side."""
    found = dates_in(text[:80])
    near = len(found) > 1 and found[0].start() <= 8 and found[1].start() - found[0].end() <= 12
    return (found[0].start(), found[1].end()) if near else None


def _number(spot: Spot, text: str) -> tuple[int, int] | None:
    """A number that is no date and no sum; without a mark at its label it must be of digits mostly."""
    start = len(text) - len(text.lstrip(" :.-#|'\"_[{("))
    match = NUMBER.match(text, start)
    if not match or DATE.match(text, start) or (SUM.match(text, start) and "." in match[0]):
        return None
    end = start + len(match[0].rstrip("./-"))
    digits = sum(c.isdigit() for c in match[0])
    marked = "#" in tokens(" ".join(spot.cell.texts[spot.first : spot.last])) or spot.colon
    return (start, end) if digits >= (3 if marked else 4) and end - start <= 2 * digits + 6 else None


def _name(run: Run) -> tuple[int, int] | None:
    """A name's characters: not a label, mostly letters."""
    text = run.text
    start = len(text) - len(text.lstrip(" :.-#|'\"_[{("))
    match = NAME.match(text, start)
    last = tokens(run.texts[-1])
    letters = sum(c.isalpha() for c in text)
    if not match or letters < 0.5 * len(text.replace(" ", "")) or letters < 3 or len(run.texts) > 10:
        return None
    return None if last and last[-1] in LABEL_END else match.span()
