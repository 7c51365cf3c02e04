"""Print set in columns: the cells of tables, told by the gaps between words, with or without ruling lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from pipeline.types import Word

__all__ = ["cells"]

GAP = 2.5  # heights of a word: wider than any space in justified print
ROW = 3  # cells on a line that make it the row of a table: two are a label and its value, or a date and a signature


def cells(words: Sequence[Word], shape: float) -> int:
    """How many cells stand on lines of three or more; `shape` is the page's height over its width.

    Seen on 60 scanned pages of text, also in two columns: 0, at most 3; on typed tables 15 to 70; on tables in small
    print that fill a page 100 to 180.
    """
    lines: dict[int, list[Word]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word)
    wide = GAP * shape * median(word.box.bottom - word.box.top for word in words) if words else 0.0
    counts = [1 + _gaps(line, wide) for line in lines.values()]
    return sum(count for count in counts if count >= ROW)


def _gaps(line: Sequence[Word], wide: float) -> int:
    across = sorted(line, key=lambda word: word.box.left)
    return sum(after.box.left - before.box.right > wide for before, after in pairwise(across))
