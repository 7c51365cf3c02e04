"""Labels and their values by where they stand: in the same cell, to the right in the row, or below in the column.

A candidate counts only if it reads as what its label asks for. A name reads as anything, so it must also not look
like a label itself. Another label always ends the search: its value is not this one's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

from pipeline.rules.geometry import Cell, Grid
from pipeline.rules.labels import Spot, spots_of
from pipeline.rules.lexicon import Label
from pipeline.rules.printed import date_in, name_in, number_in, period_in, sum_in
from pipeline.types import Box

__all__ = ["Pair", "pairs_of"]

REACH, ROW = 45.0, 90.0
"""Characters to the right of a label within which its value begins; a sum stands at the other end of its row."""

JOINED = 3.0
"""Characters between two cells of one name."""

DROP = 2.6
"""Lines below a label within which its value stands."""

TABLE = 5
"""Labels side by side from which they are the heads of a table."""

WHOLE = frozenset({"party", "reference"})
"""What must begin its cell to stand under its label, for names and numbers are pieces of other things, too."""

SLACK = 2.0
"""Characters by which a value may begin left of the label it stands under."""

INDENT = 2
"""Characters before a value that begins its column."""

COLUMNS = frozenset({"gross total", "gross amount", "grand total", "total due", "amount due", "balance due",
                     "net total", "net amount due", "net amount", "total", "commission"})  # fmt: skip
"""Sums whose labels may head a column; a "Rate" or "Tax" there is each line's."""

TOTALS = COLUMNS - {"commission", "gross amount", "net amount"}

Place = Literal["inline", "right", "below"]
Rows = dict[int, list[Spot]]


@dataclass(frozen=True)
class Run:
    """Words that follow one another in a row: their places in the page, their texts, and a box around each's cell."""

    words: tuple[int, ...]
    texts: tuple[str, ...]
    box: Box

    @property
    def text(self) -> str:
        """The words joined by blanks."""
        return " ".join(self.texts)

    def cut(self, start: int, end: int) -> Run:
        """The words that hold these characters of `text`."""
        starts = list(accumulate((len(text) + 1 for text in self.texts), initial=0))
        first = next(i for i in range(len(self.texts)) if starts[i + 1] > start)
        last = next(i for i in range(len(self.texts), 0, -1) if starts[i - 1] < end)
        return Run(self.words[first:last], self.texts[first:last], self.box)


@dataclass(frozen=True)
class Pair:
    """A label with the words that are its value and where they stand from it; `text` is the value as printed."""

    spot: Spot
    run: Run
    text: str
    place: Place

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


def pairs_of(grid: Grid, spots: Sequence[Spot] | None = None) -> tuple[Pair, ...]:
    """Every label of the page that has a value, in reading order; two-date periods come as one value."""
    by_row: Rows = {}
    for spot in spots_of(grid) if spots is None else spots:
        by_row.setdefault(grid.number(spot.cell), []).append(spot)
    asked = ((spot, row) for row in by_row.values() for spot in _meant(row))
    found = {spot: _pair(grid, spot, row, by_row) for spot, row in asked}
    return tuple(pair for pair in _settled(grid, found) if pair)


def _settled(grid: Grid, found: Mapping[Spot, Pair | None]) -> Iterator[Pair | None]:
    """A wrapped label pushes those under it down by a line, so that a total stands under its sum: the sum beside the
    label right above it is then the total's, though not for sure."""
    totals = {
        grid.number(spot.cell): spot for spot, pair in found.items() if pair is None and spot.label.name in TOTALS
    }
    for pair in found.values():
        below = totals.get(grid.number(pair.spot.cell) + 1) if pair and pair.label.kind == "money" else None
        if pair and below and pair.label.name not in TOTALS and pair.place == "right":
            yield replace(pair, spot=replace(below, exact=False))
        else:
            yield pair


def _meant(row: Sequence[Spot]) -> Iterator[Spot]:
    """The labels of a row whose values are asked for; "Name:" beside a party's label asks for that party."""
    for before, spot in zip((None, *row), row, strict=False):
        if before and before.label.kind == "party" and spot.label.name == "name":
            yield replace(spot, label=before.label)
        elif spot.label.kind != "other":
            yield spot


def _pair(grid: Grid, spot: Spot, row: Sequence[Spot], by_row: Rows) -> Pair | None:
    head = sum(not other.colon for other in row) >= TABLE and _of_line(spot)
    for place, runs in _candidates(grid, spot, by_row):
        if place == "below" and (head or (spot.label.kind == "money" and spot.label.name not in COLUMNS)):
            return None
        spans = [_reads(spot, run.text, place) for run in runs]
        if spans and (span := spans[0]) and (place != "below" or span[0] <= INDENT):
            column = spot.label.kind in {"money", "date", "period"} and len(spans) > 1 and spans[1]
            return None if column else Pair(spot, runs[0].cut(*span), runs[0].text[slice(*span)], place)
    return None


def _of_line(spot: Spot) -> bool:
    """Whether the label, where it heads a table's column, asks for each line's value and not for the document's."""
    if spot.label.kind == "reference":
        return spot.last - spot.first == 1
    return spot.label.kind != "date" or spot.last - spot.first == 1 or spot.label.name in {"start", "end", "air"}


def _candidates(grid: Grid, spot: Spot, by_row: Rows) -> Iterator[tuple[Place, list[Run]]]:
    """What may be the value, likeliest first; below the label also what stands under that."""
    beside = by_row[grid.number(spot.cell)]
    rest = _inline(spot, beside)
    if rest is None:
        right = _right(spot, grid.row(spot.cell), beside)
        yield "right", [right] if right else []
    else:
        yield "inline", [rest]
        if spot.label.kind == "money":
            return  # a longer label, and not one of ours: "Total Items", "Net 30 days"
    yield "below", list(_below(grid, spot, beside, by_row))


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
        if cell.box.left - edge > _reach(spot, first=not parts) * spot.cell.em:
            break
        parts.append((cell, 0, first))
        edge = cell.box.right
        if first < len(cell.texts):
            break
    return _run(parts)


def _reach(spot: Spot, *, first: bool) -> float:
    """Characters over which the next cell still belongs to the value."""
    if spot.label.kind == "money":
        return ROW
    return REACH if first else JOINED if spot.label.kind == "party" else REACH / 3


def _below(grid: Grid, spot: Spot, beside: Sequence[Spot], by_row: Rows) -> Iterator[Run]:
    """The column under the label, row by row, as far as the next label to the right reaches, down to another label."""
    left, right = _edges(spot)
    end = min((_edges(other)[0] for other in beside if _edges(other)[0] > left), default=1.0)
    bottom = spot.cell
    for number, row in grid.under(spot.cell, 2 * DROP):
        labels = by_row.get(number, [])
        parts = [part for cell in row if (part := _within(cell, left - SLACK * cell.em, end - cell.em / 2))]
        if not parts or parts[0][0].word_left(parts[0][1]) > right + SLACK * spot.cell.em:
            continue
        cell, first, last = parts[0]
        if cell.box.top - bottom.box.bottom > DROP * max(spot.cell.height, grid.line):
            return
        if any(other.cell is cell and other.first < last for other in labels):
            return
        if (spot.label.kind == "money" and labels) or (first and not spot.marked and spot.label.kind in WHOLE):
            return
        cut = [other.cell for other in labels]
        alone = spot.label.kind == "party"
        if run := _run([part for i, part in enumerate(parts) if i == 0 or not (alone or part[0] in cut)]):
            yield run
        bottom = cell


def _edges(spot: Spot) -> tuple[float, float]:
    """Where the label begins, with its item's number, and ends across the page."""
    return spot.cell.word_left(0 if spot.headed else spot.first), spot.cell.word_right(spot.last - 1)


def _within(cell: Cell, left: float, right: float) -> tuple[Cell, int, int] | None:
    """The words of the cell that begin in the column."""
    inside = [i for i in range(len(cell.texts)) if left <= cell.word_left(i) < right]
    return (cell, inside[0], inside[-1] + 1) if inside else None


def _run(parts: Iterable[tuple[Cell, int, int]]) -> Run | None:
    kept = [(cell, first, last) for cell, first, last in parts if first < last]
    if not kept:
        return None
    words = tuple(word for cell, first, last in kept for word in cell.words[first:last])
    texts = tuple(text for cell, first, last in kept for text in cell.texts[first:last])
    return Run(words, texts, kept[0][0].box)


def _reads(spot: Spot, text: str, place: Place) -> tuple[int, int] | None:
    """The characters of the text that are a value of the label's kind, or None."""
    kind, apart = spot.label.kind, spot.whole or spot.colon
    if kind == "reference":
        return number_in(text, marked=spot.marked) if apart or (place == "inline" and spot.marked) else None
    if kind == "party":
        return name_in(text) if apart or place == "right" else None
    return (sum_in if kind == "money" else date_in if kind == "date" else period_in)(text)
