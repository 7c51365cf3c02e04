"""How well probabilities tell classes apart, with intervals: AUC, F1 and accuracy, resampled by document.

AUC is the chance that a positive page scores above a negative one, ties counting half (Hanley and McNeil 1982).
Resamples draw whole documents, as `pipeline.evaluate.bootstrap` does.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.evaluate.bootstrap import Floats, Interval, by_document, interval, mean

__all__ = ["accuracy", "auc", "f1", "macro_f1"]

Labels = NDArray[np.int64]


def auc(scores: ArrayLike, positive: ArrayLike, documents: Sequence[Hashable]) -> Interval:
    """Of the pages of each document (one score, one flag a page); NaN where one side has no page."""
    values, flags = np.asarray(scores, np.float64), np.asarray(positive, bool)
    ranks = np.unique(values, return_inverse=True)[1]
    columns = 2 * (ranks.max() + 1) if len(ranks) else 0
    table = np.zeros((len(set(documents)), columns))
    np.add.at(table, (_numbered(documents), 2 * ranks + flags), 1)
    return interval(table, _auc)


def f1(given: ArrayLike, right: ArrayLike, label: int, documents: Sequence[Hashable]) -> Interval:
    """F1 of one class; NaN where it neither occurs nor was answered."""
    return interval(_counts(given, right, [label], documents), lambda sums: _f1(sums)[..., 0])


def macro_f1(given: ArrayLike, right: ArrayLike, documents: Sequence[Hashable]) -> Interval:
    """The plain mean of F1 over the classes that occur among the right answers."""
    present = sorted(set(np.asarray(right).tolist()))
    return interval(_counts(given, right, present, documents), lambda sums: np.nanmean(_f1(sums), axis=-1))


def accuracy(given: ArrayLike, right: ArrayLike, documents: Sequence[Hashable]) -> Interval:
    """The share of pages answered right."""
    right_given = (np.asarray(given) == np.asarray(right)).astype(float).tolist()
    return interval(by_document(documents, right_given), mean)


def _auc(sums: Floats) -> Floats:
    """From pages by rank of score, negatives and positives alternating, ascending."""
    negative, positive = sums[..., 0::2], sums[..., 1::2]
    below = np.cumsum(negative, axis=-1) - negative / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return (positive * below).sum(-1) / (positive.sum(-1) * negative.sum(-1))


def _f1(sums: Floats) -> Floats:
    """From (true positives, answered, present) of each class in a row."""
    hit, answered, present = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2 * hit / (answered + present)


def _counts(given: ArrayLike, right: ArrayLike, labels: Sequence[int], documents: Sequence[Hashable]) -> Floats:
    answered, present = (np.asarray(each)[:, None] == np.asarray(labels) for each in (given, right))
    pages = np.stack([answered & present, answered, present], 2).reshape(len(documents), -1).astype(np.float64)
    table = np.zeros((len(set(documents)), pages.shape[1]))
    np.add.at(table, _numbered(documents), pages)
    return table


def _numbered(documents: Sequence[Hashable]) -> Labels:
    """The row of each page's document, by first appearance."""
    rows = {document: row for row, document in enumerate(dict.fromkeys(documents))}
    return np.array([rows[document] for document in documents], np.int64)
