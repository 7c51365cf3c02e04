"""Pages as forms print them: pieces of text at places, for the tests of the rules that read by place."""

from __future__ import annotations

import random
from collections.abc import Iterable

from pipeline.types import Box, PageText, TextSource, Word

__all__ = ["sheet"]

COLUMNS, LINES = 100, 60
"""Characters across the page and lines down it."""


def sheet(
    *pieces: tuple[float, float, str], confidence: float = 1.0, number: int = 1, scrambled: bool = False
) -> PageText:
    """A page of pieces (column, line, text). `scrambled` gives them in the order of a careless PDF producer."""
    order = list(enumerate(pieces))
    if scrambled:
        random.Random(7).shuffle(order)
    words = tuple(word for line, (column, row, text) in order for word in _words(column, row, text, confidence, line))
    return PageText(number, words, TextSource.OCR if confidence < 1 else TextSource.LAYER, confidence, "en")


def _words(column: float, row: float, text: str, confidence: float, line: int) -> Iterable[Word]:
    for piece in text.split(" "):
        left, right = column / COLUMNS, (column + len(piece)) / COLUMNS
        yield Word(piece, Box(left, row / LINES, right, (row + 0.7) / LINES), confidence, line)
        column += len(piece) + 1
