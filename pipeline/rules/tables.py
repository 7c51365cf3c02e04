"""Tables: what the sums of a form's columns are, told by the heads they stand under."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.rules.geometry import Cell, Grid
from pipeline.rules.labels import Spot
from pipeline.rules.pairs import Pair
from pipeline.rules.printed import sums_in

__all__ = ["Entry", "entries_of"]

DEPTH = 80
"""Rows below a head in which its column goes on."""


@dataclass(frozen=True)
class Entry:
    """A sum that no label stands beside: its words' places, its text, and the name of its column or ""."""

    places: tuple[int, ...]
    text: str
    column: str
    label_places: tuple[int, ...] = ()


def entries_of(grid: Grid, spots: Sequence[Spot], pairs: Sequence[Pair]) -> Iterator[Entry]:
    """Every sum of the page that isn't the value of a pair, in reading order."""
    taken = {place for pair in pairs for place in pair.places}
    heads = [(grid.number(spot.cell), *spot.edges, spot.label.name) for spot in spots if spot.label.kind == "money"]
    for cell in grid.cells:
        for match in sums_in(cell.text):
            first = cell.text[: match.start()].count(" ")
            last = first + match[0].count(" ") + 1
            places = cell.words[first:last]
            if taken.isdisjoint(places):
                yield Entry(places, match[0], _column(grid.number(cell), cell, first, last, heads))


def _column(row: int, cell: Cell, first: int, last: int, heads: Sequence[tuple[int, float, float, str]]) -> str:
    """The nearest head above that stands over these words: sums are set flush right or left under it."""
    left, right = cell.word_left(first), cell.word_right(last - 1)
    over = [
        (number, name)
        for number, start, end, name in heads
        if row - DEPTH <= number < row and (start <= (left + right) / 2 <= end or left <= (start + end) / 2 <= right)
    ]
    return max(over)[1] if over else ""
