"""Running headers, footers and page numbers, told by their place: in the margin, apart from the body.

They are read like all else (a header may hold the contract's number), but no sentence runs through them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

__all__ = ["Line", "breaks"]

TOP, BOTTOM = 0.13, 0.87
"""Fractions of the page height above and below which a line may be a header or footer."""

PAGE_NUMBER = re.compile(
    r"\W*(?:page\W{0,3})?\d{1,4}(?:\s?(?:of|/)\s?\d{1,4})?\W*|.{0,80}\bpage\s\d{1,4}\sof\s\d{1,4}\W*", re.I
)


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line: its characters in the page's text, and its upper and lower edge in fractions of the page."""

    start: int
    end: int
    top: float
    bottom: float


def breaks(lines: Sequence[Line], text: str) -> Iterator[int]:
    """Offsets over which no sentence runs.

    A margin line is set off from its neighbour by more than a line's height, or follows it in the text though
    it stands at the other end of the page; within a paragraph lines are about a third of that apart.
    """
    height = median(line.bottom - line.top for line in lines) if lines else 0.0
    for line, after in pairwise(lines):
        apart = after.top - line.bottom > height or line.top - after.bottom > height
        if apart and (_marginal(line) or _marginal(after)):
            yield after.start
    for line in lines:
        if _marginal(line) and PAGE_NUMBER.fullmatch(text, line.start, line.end):
            yield from (line.start, line.end)


def _marginal(line: Line) -> bool:
    return line.bottom <= TOP or line.top >= BOTTOM
