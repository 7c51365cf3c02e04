"""How sure a figure is: percentile intervals by resampling whole documents (Efron and Tibshirani 1993, ch. 13).

Pages and questions of one document are not independent, documents nearly are; so each resample draws as many
documents as there are, with replacement. A figure is a function of sums over documents, and all resamples
are one matrix product. The seed is fixed: the same counts give the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Floats", "Interval", "Statistic", "by_document", "difference", "interval", "mean"]

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From sums over documents, shape (..., columns), to the figure, shape (...); NaN where it is undefined."""

RESAMPLES, SEED, LEVEL = 2000, 20, 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the 95 % interval about it; all three are NaN where nothing defines them."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = (f"{round(each, 3) + 0.0:.3f}" for each in (self.value, self.low, self.high))  # no "-0.000"
        return "–" if np.isnan(self.value) else f"{value} [{low}, {high}]"

    def as_json(self) -> dict[str, float | None]:
        """`value`, `low`, `high`; null where undefined."""
        named = {"value": self.value, "low": self.low, "high": self.high}
        return {name: None if np.isnan(number) else round(number, 6) for name, number in named.items()}


def interval(table: ArrayLike, statistic: Statistic) -> Interval:
    """The figure of all documents and its interval; `table` holds one row of counts a document."""
    counts = np.asarray(table, np.float64)
    return _interval(statistic(counts.sum(axis=0)), statistic(_resampled(counts)))


def difference(one: ArrayLike, other: ArrayLike, statistic: Statistic) -> Interval:
    """How much higher `one` is than `other` on the same documents (row by row), each resample taken of both."""
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"paired tables differ in shape: {first.shape} and {second.shape}")
    value = statistic(first.sum(axis=0)) - statistic(second.sum(axis=0))
    return _interval(value, statistic(_resampled(first)) - statistic(_resampled(second)))


def by_document(documents: Sequence[Hashable], values: Sequence[float]) -> Floats:
    """A table of (sum, count) rows, one for each document, in order of first appearance: for `mean`."""
    table: dict[Hashable, list[float]] = {}
    for document, value in zip(documents, values, strict=True):
        row = table.setdefault(document, [0.0, 0.0])
        row[0] += value
        row[1] += 1
    return np.array(list(table.values()), np.float64).reshape(len(table), 2)


def mean(sums: Floats) -> Floats:
    """The statistic of a table of (sum, count) rows."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1], np.float64)


def _interval(value: Any, resampled: Floats) -> Interval:
    defined = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not len(defined):
        return Interval(np.nan, np.nan, np.nan)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(value), float(low), float(high))


def _resampled(counts: Floats) -> Floats:
    """The column sums of each resample."""
    return np.asarray(np.tensordot(_weights(len(counts)), counts, axes=1), np.float64)


@lru_cache(maxsize=4)
def _weights(documents: int) -> Floats:
    """How often each resample draws each document, shape (resamples, documents)."""
    if not documents:
        return np.zeros((RESAMPLES, 0))
    drawn = np.random.default_rng(SEED).multinomial(documents, np.full(documents, 1 / documents), size=RESAMPLES)
    return np.asarray(drawn, np.float64)
