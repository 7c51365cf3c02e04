"""Where words stand on the page: rows, cells set apart by wide gaps, and what stands right of or below a cell.

A form's reading order says little: a label and its value may be far apart in it, and two columns may be one line.
Only boxes tell. Lengths across the page are measured in characters and lengths down it in line heights, because
boxes are fractions of the page and the page's proportions aren't known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import NamedTuple

from pipeline.normalise import tidy
from pipeline.types import Box, Word

__all__ = ["Cell", "Grid", "grid_of"]

MAX_WORDS = 4000
"""Words of a page that are read: six times a dense page."""

MAX_WORD = 100
"""Characters of a word; longer ones are leaders, rules or hostile."""

GAP = 1.7
"""Character widths between words from which they stand in different cells: a blank is 0.4 to 1 of them."""

SAME_ROW, SMALL = 0.45, 0.5
"""Shares of a line's height by which the middles of two words in one row may differ: of the words' own, where both
are tall, and of the page's usual one, so that a dash or a comma stays in its row."""

INK = re.compile(r"[^\W_]|[#$%&/:*-]")
"""What a word must have: rulings and specks are read as bars and dots."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Words of one row without a wide gap: `words` are their places in the page, `em` their mean character width."""

    words: tuple[int, ...]
    texts: tuple[str, ...]
    lefts: tuple[float, ...]
    rights: tuple[float, ...]
    box: Box
    em: float
    confidence: float

    def word_left(self, place: int) -> float:
        """Where that word of the cell begins across the page."""
        return self.lefts[place]

    def word_right(self, place: int) -> float:
        """Where that word of the cell ends across the page."""
        return self.rights[place]

    @property
    def text(self) -> str:
        """The words joined by blanks."""
        return " ".join(self.texts)

    @property
    def height(self) -> float:
        """Of the line, in fractions of the page's height."""
        return self.box.bottom - self.box.top

    @property
    def middle(self) -> float:
        """Of the line, in fractions of the page's height."""
        return (self.box.top + self.box.bottom) / 2


class _Placed(NamedTuple):
    """A word worth reading, with its place in the page and its box; a tuple, because a page has hundreds."""

    middle: float
    height: float
    left: float
    right: float
    place: int
    text: str
    word: Word


@dataclass(frozen=True)
class Grid:
    """The cells of a page, row by row from the top, each row from the left."""

    rows: tuple[tuple[Cell, ...], ...]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All of them, in reading order."""
        return tuple(cell for row in self.rows for cell in row)

    @cached_property
    def line(self) -> float:
        """The usual height of a line, in fractions of the page's height; 0 on an empty page."""
        return median(cell.height for cell in self.cells) if self.cells else 0.0

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {cell.words[0]: number for number, row in enumerate(self.rows) for cell in row}

    @cached_property
    def _middles(self) -> list[float]:
        return [row[0].middle for row in self.rows]

    def row(self, cell: Cell) -> tuple[Cell, ...]:
        """The cells beside this one, itself among them, from the left."""
        return self.rows[self.number(cell)]

    def number(self, cell: Cell) -> int:
        """Which row it stands in, from 0."""
        return self._row_of[cell.words[0]]

    def under(self, cell: Cell, lines: float) -> Iterator[tuple[int, tuple[Cell, ...]]]:
        """Rows below this cell with their numbers, nearest first, up to that many of its line heights lower."""
        first = self.number(cell) + 1
        for number in range(first, len(self.rows)):
            if self._middles[number] > cell.box.bottom + lines * max(cell.height, self.line):
                return
            yield number, self.rows[number]

    @cached_property
    def ragged(self) -> float:
        """Share of rows that hold more than one cell: forms and tables have many, prose next to none."""
        return sum(len(row) > 1 for row in self.rows) / len(self.rows) if self.rows else 0.0


def grid_of(words: Sequence[Word]) -> Grid:
    """The page's words as rows of cells; empty and overlong words are left out, and rulings read as bars and dots."""
    placed = sorted(_placed(words[:MAX_WORDS]))
    return Grid(tuple(tuple(_cells(row)) for row in _rows(placed)))


def _placed(words: Iterable[Word]) -> Iterator[_Placed]:
    for index, word in enumerate(words):
        text = word.text if word.text.isascii() and word.text.isprintable() else tidy(word.text)
        if 0 < len(text) <= MAX_WORD and INK.search(text):
            box = word.box
            yield _Placed((box.top + box.bottom) / 2, box.bottom - box.top, box.left, box.right, index, text, word)


def _rows(placed: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    """Words whose middles are near the row's mean; they come sorted by them."""
    usual = SMALL * median(word.height for word in placed) if placed else 0.0
    row: list[_Placed] = []
    mean = height = 0.0
    for word in placed:
        if row and word.middle - mean > max(usual, SAME_ROW * min(height, word.height)):
            yield row
            row = []
        mean = word.middle if not row else mean + (word.middle - mean) / (len(row) + 1)
        height = word.height if not row else max(height, word.height)
        row.append(word)
    if row:
        yield row


def _cells(row: list[_Placed]) -> Iterator[Cell]:
    """The row from the left, cut at its wide gaps."""
    row.sort(key=lambda word: (word.left, word.place))
    em = sum(word.right - word.left for word in row) / sum(len(word.text) for word in row)
    first = 0
    for place in range(1, len(row) + 1):
        if place == len(row) or row[place].left - row[place - 1].right > GAP * em:
            yield _cell(row[first:place])
            first = place


def _cell(run: Sequence[_Placed]) -> Cell:
    lefts, rights = tuple(word.left for word in run), tuple(word.right for word in run)
    boxes = [word.word.box for word in run]
    return Cell(
        words=tuple(word.place for word in run),
        texts=tuple(word.text for word in run),
        lefts=lefts,
        rights=rights,
        box=Box(min(lefts), min(box.top for box in boxes), max(rights), max(box.bottom for box in boxes)),
        em=(sum(rights) - sum(lefts)) / sum(len(word.text) for word in run),
        confidence=sum(word.word.confidence for word in run) / len(run),
    )
