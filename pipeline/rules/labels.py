"""Where on a page labels stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.rules.geometry import Cell, Grid
from pipeline.rules.lexicon import Label, label_of, misread, openers, tokens

__all__ = ["Spot", "spots_of"]

MAX_PHRASE, MAX_CELL = 6, 12
"""Words of the longest label, and of a cell that may hold one elsewhere than at its head: longer ones are prose."""

ITEM = re.compile(r"[(\[]?(?:\d{1,2}|[a-zA-Z])[.),\]]")
"""The number of a form's item, before its label."""

COLON = re.compile(r"[:#=]\W*$")
VERBS = frozenset({"dated", "expires", "effective", "received", "printed", "issued", "due", "paid", "by", "from", "to"})
"""Labels only with a colon: sentences have them, too."""

STOP = re.compile(r"[.,;]\W*$")
"""What ends a word of a sentence, though OCR puts it behind labels too."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A label at words `first` to `last` (exclusive) of a cell.

    `colon` says that a colon or the like ends it, `exact` that it is spelt right, `headed` that it begins the cell.
    """

    label: Label
    cell: Cell
    first: int
    last: int
    colon: bool
    exact: bool
    headed: bool = False

    @property
    def edges(self) -> tuple[float, float]:
        """Where it begins and ends across the page."""
        return self.cell.word_left(self.first), self.cell.word_right(self.last - 1)

    @property
    def marked(self) -> bool:
        """Whether it says that it is a number's label."""
        return self.colon or "#" in _phrase([tokens(text) for text in self.cell.texts[self.first : self.last]])

    @property
    def whole(self) -> bool:
        """Whether it is all that the cell holds, but for an item's number."""
        return self.headed and self.last == len(self.cell.texts)


def spots_of(grid: Grid) -> tuple[Spot, ...]:
    """The labels on the page, in reading order.

    A label begins its cell. Within one it follows a value or another label (heads of narrow columns run together), or
    is a party's or a number's at the end, with its value beside it.
    """
    cells = ((cell, place + 1 < len(row)) for row in grid.rows for place, cell in enumerate(row))
    return tuple(spot for cell, followed in cells for spot in _in_cell(cell, followed=followed))


def _in_cell(cell: Cell, *, followed: bool) -> Iterator[Spot]:
    words = [tokens(text) for text in cell.texts]
    if len(words) > MAX_CELL:
        words = words[:MAX_PHRASE]
    position, headed, found = 0, True, False
    while position < len(words):
        spot = _spot(cell, words, position, fuzzy=cell.confidence < 1.0 and (headed or followed))
        if spot and (headed or _within(spot, after_label=found, followed=followed)) and not _in_sentence(spot):
            yield replace(spot, headed=headed)
            position, headed, found = spot.last, not spot.colon, True
        else:
            headed = headed and (not words[position] or ITEM.fullmatch(cell.texts[position]) is not None)
            position += 1


def _within(spot: Spot, *, after_label: bool, followed: bool) -> bool:
    """Whether a label in the midst of a cell is one: "TAX TOTAL:" is no total, "2 kg DATE:" asks for a date."""
    if spot.last == len(spot.cell.texts) and followed and (spot.label.kind == "party" or spot.marked):
        return spot.label.kind in {"party", "reference"}
    after_value = any(map(str.isdigit, spot.cell.texts[spot.first - 1]))
    return spot.exact and spot.colon and (after_value or (after_label and spot.label.kind != "money"))


def _in_sentence(spot: Spot) -> bool:
    """Whether the words are of a sentence: a verb, a party's name for its role, a paper's name for itself."""
    if not spot.colon and spot.cell.texts[spot.first].lower().strip(".,;") in VERBS:
        return spot.last - spot.first == 1
    doubtful = spot.label.kind == "party" or (spot.label.kind == "reference" and not spot.marked)
    return doubtful and (STOP.search(spot.cell.texts[spot.last - 1]) is not None)


def _spot(cell: Cell, words: Sequence[tuple[str, ...]], first: int, *, fuzzy: bool) -> Spot | None:
    """The longest label that begins at this word."""
    if not words[first] or not (fuzzy or words[first][0] in openers()):
        return None
    runs = [(last, _phrase(words[first:last])) for last in range(min(len(words), first + MAX_PHRASE), first, -1)]
    for read in (label_of, misread) if fuzzy else (label_of,):
        for last, phrase in runs:
            if words[last - 1] and (label := read(phrase)):
                end = last + (cell.texts[last : last + 1] in ((":",), ("=",)))
                colon = COLON.search(cell.texts[end - 1]) is not None
                return Spot(label, cell, first, end, colon, exact=read is label_of)
    return None


def _phrase(words: Sequence[tuple[str, ...]]) -> str:
    return " ".join(token for group in words for token in group)
