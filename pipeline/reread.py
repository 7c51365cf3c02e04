"""Two reads of one page made into one: where they differ, the surer words stand.

Two reads of a poor page, differently cleaned, err in different places, and Tesseract mostly knows where. Words are
matched by their boxes, so a word that one read split in two is compared with the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.types import Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

__all__ = ["sureness", "surer_words"]

SHARED = 0.5  # of the smaller box, from which two boxes hold the same ink
TALLER = 2.5  # times as high: a rule or a stain read as a letter, which would tie the words of many lines together
ADDED = 0.6  # confidence from which a word that only the second read saw is believed


@dataclass(frozen=True, slots=True)
class _Placed:
    """A word of the result: after which word of the first read it comes, and on a line of its own or that one's."""

    after: int
    order: int
    line: tuple[int, int]
    word: Word


def sureness(words: Sequence[Word]) -> float:
    """Mean confidence, each word counted by its letters; 0 without words."""
    letters = sum(len(word.text) for word in words)
    return sum(len(word.text) * word.confidence for word in words) / letters if letters else 0.0


def surer_words(first: Sequence[Word], second: Sequence[Word]) -> tuple[Word, ...]:
    """The words of `first`, those of `second` in place of them where surer, and what only `second` saw, if sure.

    Both hold boxes on the same image. The order and lines are those of `first`; words that only `second` saw come
    after the word before them in that read.
    """
    if not first or not second:
        return tuple(first or second)
    groups = _groups(_same_ink(first, second))
    placed: list[_Placed] = []
    anchors = np.full(len(second), -1)
    for ones, others in groups:
        anchors[others] = ones[0] if ones else -1
        if ones:
            mine, theirs = [first[i] for i in ones], [second[j] for j in others]
            chosen = theirs if sureness(theirs) > sureness(mine) else mine
            places = ones if chosen is mine else ones[:1] * len(theirs)
            placed += [
                _Placed(at, order, (first[at].line, -1), word)
                for order, (at, word) in enumerate(zip(places, chosen, strict=True))
            ]
    return _numbered(placed + _added(first, second, anchors))


def _same_ink(first: Sequence[Word], second: Sequence[Word]) -> Mask:
    """Which words of the two lie on the same ink, shape (first, second)."""
    one, other = (
        np.array([(w.box.left, w.box.top, w.box.right, w.box.bottom) for w in words]) for words in (first, second)
    )
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area = np.minimum(
        np.prod(one[:, 2:] - one[:, :2], axis=1)[:, None], np.prod(other[:, 2:] - other[:, :2], axis=1)[None]
    )
    tall = (one[:, 3] - one[:, 1])[:, None] / np.maximum(other[:, 3] - other[:, 1], 1e-9)[None]
    same: Mask = (shared > SHARED * area) & (tall < TALLER) & (tall > 1 / TALLER)
    return same


def _groups(same: Mask) -> list[tuple[list[int], list[int]]]:
    """The indices of the words of each read that are tied together by shared ink."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = same.shape[0]
    rows, columns = np.nonzero(same)
    size = sum(same.shape)
    _, labels = connected_components(coo_array((np.ones(len(rows)), (rows, columns + count)), (size, size)), False)
    members: dict[int, tuple[list[int], list[int]]] = {}
    for index, label in enumerate(labels):
        ones, others = members.setdefault(int(label), ([], []))
        (ones if index < count else others).append(index if index < count else index - count)
    return list(members.values())


def _added(first: Sequence[Word], second: Sequence[Word], anchors: NDArray[np.int64]) -> list[_Placed]:
    """What only the second read saw and is sure of, on the line of the word before it, if that stood on it."""
    placed = []
    after, line_there = -1, -1
    for order, (word, anchor) in enumerate(zip(second, anchors, strict=True)):
        if anchor >= 0:
            after, line_there = int(anchor), word.line
        elif word.confidence >= ADDED and any(map(str.isalnum, word.text)):
            same_line = after >= 0 and line_there == word.line
            line = (first[after].line, -1) if same_line else (first[after].line if after >= 0 else -1, word.line)
            placed.append(_Placed(after, len(first) + order, line, word))
    return placed


def _numbered(placed: list[_Placed]) -> tuple[Word, ...]:
    """In order, lines counted from 0."""
    lines: dict[tuple[int, int], int] = {}
    ordered = sorted(placed, key=lambda item: (item.after, item.order))
    return tuple(replace(item.word, line=lines.setdefault(item.line, len(lines))) for item in ordered)
