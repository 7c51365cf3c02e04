"""What a ranking of pages is worth, and by how much one is better than another, documents drawn anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.evaluate.bootstrap import Floats, by_document, interval, mean

if TYPE_CHECKING:
    from infra.measure.rankers import PageKey

__all__ = ["MEASURES", "difference", "measures", "won_back"]

MEASURES = ("nDCG@10", "recall@5", "recall@10")
DEPTH = 10


def measures(ranked: Sequence[PageKey], gold: frozenset[PageKey]) -> tuple[float, float, float]:
    """nDCG@10, recall@5 and recall@10 of one question; every gold page is worth the same."""
    right = [page in gold for page in ranked[:DEPTH]]
    gain = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(right))
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(DEPTH, len(gold))))
    return gain / ideal, sum(right[:5]) / len(gold), sum(right) / len(gold)


def difference(product: Floats, baseline: Floats, documents: Sequence[str]) -> str:
    """By how much the product is better, question by question, as `+0.031 [+0.010, +0.052]`."""
    found = interval(by_document(documents, (product - baseline).tolist()), mean)
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def won_back(product: Floats, scan: Floats, layer: Floats, documents: Sequence[str]) -> str:
    """The share of what a baseline loses from text layer to scan by which the product is better on the scan."""
    won, lost = (by_document(documents, (better - scan).tolist()) for better in (product, layer))
    found = interval(np.stack([won[:, 0], lost[:, 0]], axis=1), mean)  # mean: the first column over the second
    return f"{found.value:.0%} [{found.low:.0%}, {found.high:.0%}] of {float((layer - scan).mean()):.3f}"
