"""What the first stage of a page-image search must look at for the second to find what exact MaxSim finds.

Pooled rows are ranked by MaxSim over all pages; the share of the exact top 10 among their best 10, 20, 50, 100, 200
is the overlap a search of that depth reaches, because the second stage scores its candidates exactly. Poolings are
compared at equal counts: consecutive rows averaged (`pipeline.backends.pooling.mean_rows`), and the clusters
of colpali_engine's HierarchicalTokenPooler, computed as it does (Ward's linkage over the rows of the distance matrix),
but a page's tree is grown once for all counts.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from infra.measure.scale_vectors import DIMENSION, maxsim, stacked
from pipeline.backends.pooling import POOLED, cluster_rows, mean_rows
from pipeline.backends.protocols import IndexedPage, PageQuery, SparseVector
from pipeline.types import SearchFilter

__all__ = ["DEPTHS", "as_searched", "hierarchical", "ndcg", "reached", "scores_of", "trees"]

DEPTHS = (10, 20, 50, 100, 200)
TOP = 10
CHUNK, BATCH = 500, 64  # pages held at once, written at once


def trees(pages: Sequence[np.ndarray]) -> list[np.ndarray | None]:
    """Ward's tree of each page's rows, as HierarchicalTokenPooler grows it; None for a page of one row."""
    from scipy.cluster.hierarchy import linkage

    return [linkage(1 - rows @ rows.T, metric="euclidean", method="ward") if len(rows) > 1 else None for rows in pages]


def hierarchical(rows: np.ndarray, tree: np.ndarray | None, factor: int) -> np.ndarray:
    """The tree cut into one cluster for every `factor` rows; each cluster's mean, of unit length."""
    from scipy.cluster.hierarchy import fcluster

    if tree is None:
        return rows
    labels = fcluster(tree, t=max(len(rows) // factor, 1), criterion="maxclust") - 1
    sums = np.zeros((labels.max() + 1, rows.shape[1]), dtype=np.float32)
    np.add.at(sums, labels, rows)
    unit: np.ndarray = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return unit


def scores_of(pages: Iterable[np.ndarray], questions: Sequence[np.ndarray], factors: Sequence[int] = (1,)) -> list[Any]:
    """For each factor the (questions, pages) MaxSim of pages pooled by it, 1 for as they are; few are held at once."""
    stream, parts = iter(pages), []
    while held := list(islice(stream, CHUNK)):
        pooled = [[rows if factor == 1 else mean_rows(rows, factor) for rows in held] for factor in factors]
        parts.append([_scores(those, questions) for those in pooled])
    return [np.concatenate(scores, axis=1) for scores in zip(*parts, strict=True)]


def reached(first: np.ndarray, exact: np.ndarray, depth: int) -> list[float]:
    """For each question the share of the exact top 10 among the first stage's best of that depth."""
    best = np.argsort(-exact, axis=1)[:, :TOP]
    order = np.argsort(-first, axis=1)[:, :depth]
    return [float(np.isin(right, found).mean()) for right, found in zip(best, order, strict=True)]


def ndcg(scores: np.ndarray, gold: Sequence[Collection[int]]) -> list[float]:
    """nDCG@10 of each question."""
    order = np.argsort(-scores, axis=1)[:, :TOP].tolist()
    return [_ndcg(ranked, right) for ranked, right in zip(order, gold, strict=True)]


def as_searched(pages: Sequence[np.ndarray], questions: Sequence[np.ndarray], folder: Path) -> np.ndarray:
    """(questions, pages) scores by the product's own index, of its best ten; -inf elsewhere."""
    from pipeline.backends.edge import EdgeIndex

    signature = {"text_dimension": 1, "page_dimension": DIMENSION}
    home = Path(tempfile.mkdtemp(dir=folder))
    index = EdgeIndex(home / "index", signature)
    try:
        for start in range(0, len(pages), BATCH):
            index.upsert([_image_point(start + n, rows) for n, rows in enumerate(pages[start : start + BATCH])])
        index.optimize()
        found = np.full((len(questions), len(pages)), -np.inf)
        for at, rows in enumerate(questions):
            for hit in index.search(PageQuery(image=rows), SearchFilter(), TOP):
                found[at, int(hit.document)] = hit.score
    finally:
        index.close()
        shutil.rmtree(home)
    return found


def _image_point(number: int, rows: np.ndarray) -> IndexedPage:
    """A page that is nothing but its image."""
    nothing = np.zeros((0, 1), dtype=np.float32)
    payload = {"document": str(number), "page": 1}
    pooled = cluster_rows(rows, POOLED)
    return IndexedPage(str(number), 1, nothing, SparseVector(), image=rows, pooled=pooled, payload=payload)


def _ndcg(ranked: Sequence[int], right: Collection[int]) -> float:
    gain = sum(1 / math.log2(rank + 2) for rank, page in enumerate(ranked) if page in right)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(TOP, len(right))))


def _scores(pages: Sequence[np.ndarray], questions: Sequence[np.ndarray]) -> np.ndarray:
    rows, starts = stacked(pages)
    return np.stack([maxsim(question, rows, starts) for question in questions])
