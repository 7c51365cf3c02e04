"""How well pages were told apart: area under the ROC curve, F1 and accuracy, each with an interval.

A figure is a function of how often each document is counted: once each for its value, and as often as a resample
drew it for its interval (`pipeline.evaluate.bootstrap`). The area is the share of pairs of a page that has the label
and one that has not in which the first scores higher, ties half (Mann and Whitney 1947); F1 of a label is
2·hits / (2·hits + false + missed).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluate.bootstrap import Floats, Interval, Statistic, interval

__all__ = ["Scored", "accuracy", "auc", "f1", "less", "macro_auc", "macro_f1", "measured"]

UNKNOWN = -1


@dataclass(frozen=True)
class Scored:
    """One question asked of pages: `documents` they are of, `truth` the index of each page's label (-1: not known, not
    counted), `scores` (pages, labels), higher where likelier. The label given is the one that scores highest."""

    documents: tuple[str, ...]
    truth: NDArray[np.intp]
    scores: Floats

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """The document of each page, as a row of the weights."""
        return np.unique(self.documents, return_inverse=True)[1]

    @property
    def size(self) -> int:
        """How many documents there are, with and without a known label."""
        return len(set(self.documents))

    @property
    def present(self) -> list[int]:
        """The labels that a page has."""
        return [int(label) for label in np.unique(self.truth) if label != UNKNOWN]

    @property
    def given(self) -> NDArray[np.intp]:
        """The label given to each page."""
        return np.asarray(self.scores.argmax(axis=1), np.intp)


def measured(statistic: Statistic, scored: Scored) -> Interval:
    """The figure over all documents, and its interval."""
    return interval(np.eye(scored.size), statistic)


def less(one: Statistic, other: Statistic) -> Statistic:
    """How much higher `one` is than `other`, of the same documents."""
    return lambda weights: one(weights) - other(weights)


def auc(scored: Scored, labels: Collection[int]) -> Statistic:
    """The area for telling pages with one of these labels from the others; their scores are added up."""
    score = scored.scores[:, sorted(labels)].sum(axis=1)
    has = np.isin(scored.truth, sorted(labels))
    lacks = (scored.truth != UNKNOWN) & ~has
    above = np.sign(score[has][:, None] - score[lacks][None, :]) / 2 + 0.5
    won = np.zeros((scored.size, scored.size))
    np.add.at(won, (scored.rows[has][:, None], scored.rows[lacks][None, :]), above)
    positive, negative = (np.bincount(scored.rows[which], minlength=scored.size) for which in (has, lacks))

    def statistic(weights: Floats) -> Floats:
        return _ratio(((weights @ won) * weights).sum(axis=-1), (weights @ positive) * (weights @ negative))

    return statistic


def macro_auc(scored: Scored) -> Statistic:
    """The mean area of telling each label that a page has from all others."""
    return _mean([auc(scored, [label]) for label in scored.present])


def f1(scored: Scored, label: int) -> Statistic:
    """F1 of one label."""
    known = scored.truth != UNKNOWN
    has, said = (scored.truth == label) & known, (scored.given == label) & known
    hits, either = (np.bincount(scored.rows, each, scored.size) for each in (has & said, has.astype(int) + said))
    return lambda weights: _ratio(2 * (weights @ hits), weights @ either)


def macro_f1(scored: Scored) -> Statistic:
    """The mean F1 of the labels that a page has."""
    return _mean([f1(scored, label) for label in scored.present])


def accuracy(scored: Scored) -> Statistic:
    """The share of pages that are given their label."""
    known = scored.truth != UNKNOWN
    right = known & (scored.given == scored.truth)
    hits, pages = (np.bincount(scored.rows, each, scored.size) for each in (right, known))
    return lambda weights: _ratio(weights @ hits, weights @ pages)


def _ratio(above: Floats, below: Floats) -> Floats:
    """NaN where there is nothing to divide by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan), np.float64)


def _mean(statistics: Sequence[Statistic]) -> Statistic:
    """The mean of the defined ones: a resample may miss a rare label."""

    def statistic(weights: Floats) -> Floats:
        each = np.stack([one(weights) for one in statistics])
        defined = np.isfinite(each)
        return _ratio(np.where(defined, each, 0.0).sum(axis=0), defined.sum(axis=0))

    return statistic
