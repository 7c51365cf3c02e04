"""What a ranking of pages is worth, and how sure that is (whole documents are drawn: their questions hang together)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infra.measure.rankers import PageKey

    Rows = NDArray[np.float64]

__all__ = ["MEASURES", "difference", "interval", "measures", "won_back"]

MEASURES = ("nDCG@10", "recall@5", "recall@10")
DEPTH = 10
DRAWS = 2000


def measures(ranked: Sequence[PageKey], gold: frozenset[PageKey]) -> tuple[float, float, float]:
    """nDCG@10, recall@5 and recall@10 of one question; every gold page is worth the same."""
    right = [page in gold for page in ranked[:DEPTH]]
    gain = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(right))
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(DEPTH, len(gold))))
    return gain / ideal, sum(right[:5]) / len(gold), sum(right) / len(gold)


def interval(rows: Rows, documents: Sequence[str], statistic: Callable[[Rows], float]) -> tuple[float, float]:
    """The 2.5 and 97.5 percentile of a statistic over documents drawn with replacement.

    `rows` has one row a question and `documents` its document; the draws are the same at every call. Draws whose
    statistic is not finite count as endless.
    """
    of_document = [np.flatnonzero(np.array(documents) == name) for name in sorted(set(documents))]
    generator = np.random.default_rng(0)
    draws = (generator.integers(len(of_document), size=len(of_document)) for _ in range(DRAWS))
    found = [statistic(rows[np.concatenate([of_document[at] for at in draw])]) for draw in draws]
    low, high = np.percentile(np.nan_to_num(found, nan=np.inf), [2.5, 97.5])
    return float(low), float(high)


def difference(product: Rows, baseline: Rows, documents: Sequence[str]) -> str:
    """By how much the product is better, question by question, as `+0.031 [+0.010, +0.052]`."""
    rows = product - baseline
    low, high = interval(rows, documents, lambda drawn: float(drawn.mean()))
    return f"{rows.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def won_back(product: Rows, scan: Rows, layer: Rows, documents: Sequence[str]) -> str:
    """The share of what a baseline loses from text layer to scan by which the product is better on the scan."""
    rows = np.stack([product - scan, layer - scan], axis=1)

    def share(drawn: Rows) -> float:
        won, lost = drawn.mean(axis=0)
        return float(won / lost) if lost > 0 else math.inf

    low, high = interval(rows, documents, share)
    return f"{share(rows):.0%} [{low:.0%}, {high:.0%}] of {rows[:, 1].mean():.3f}"
