"""What a page model finds on generated pages it never saw, from their images alone.

    python -m infra.measure.page_retriever MODEL [--pages 1000] [--queries 500] [--seed 1000003] [--threads N]
        [--processes 1] [--clean]

Pages are drawn by `infra.train.pages.make` at 150 dpi, upright and spoiled as scans are (not with `--clean`), from a
seed that training doesn't use, and embedded through `ColPaliEmbedder`, one at a time, as the product embeds them, by so
many processes of so many threads: for the time a page takes on an idle machine, ask for one. Each
query is a phrase of 2 to 8 words that follow each other in the print of one page; all pages that carry the same words
are right. Pages are ranked by exact MaxSim: no text, no index, no pooling.

Printed: nDCG@10 and recall@1 and @10 with 95 % intervals (documents of 4 pages resampled), beside what a random order
would have; seconds a page, from file to rows; the model's parameters, rows a page, threads and number format.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from infra.train.pages import Wanted, make, phrases
from pipeline.backends.colpali import ColPaliEmbedder
from pipeline.evaluate.bootstrap import by_document, interval, mean

__all__ = ["Query", "figures", "main", "queries_of", "scores_of"]

DPI = 150
DEPTH = 10
DOCUMENT = 4  # the generator's pages that follow each other are one document
BATCH = 16  # queries compared with a page at a time


@dataclass(frozen=True, slots=True)
class Query:
    """A phrase, the document it was taken from and the pages, counted from 0, that carry it."""

    text: str
    document: int
    pages: frozenset[int]


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, embed, ask, print."""
    asked = _parser().parse_args(arguments)
    texts, pages, seconds = _embedded(asked)
    embedder = ColPaliEmbedder(asked.model, device="cpu")
    queries = queries_of(texts, asked.seed)[: asked.queries]
    scores = scores_of([embedder.embed_query(query.text) for query in queries], pages)
    print(f"{asked.model.name}: {len(pages)} {'clean' if asked.clean else 'degraded'} pages, {len(queries)} phrases")
    for name, value in figures(scores, queries).items():
        print(f"  {name}: {value}")
    rows = [len(page) for page in pages]
    print(
        f"  {np.median(seconds):.2f} s a page (median), {np.mean(rows):.0f} rows (most {max(rows)}), "
        f"{asked.processes} processes of {asked.threads or torch.get_num_threads()} threads"
    )
    print(f"  {sum(weight.numel() for weight in embedder._model.parameters()) / 1e6:.1f} M, {embedder._model.dtype}")


def queries_of(texts: Sequence[Sequence[str]], seed: int) -> list[Query]:
    """One phrase of each page of at least two words, shuffled; `texts` holds each page's phrases, then its words."""
    joined = [f" {' '.join(words).lower()} " for _, words in texts]
    found = []
    for at, (offered, _) in enumerate(texts):
        for phrase in offered[:1]:
            right = frozenset(page for page, text in enumerate(joined) if f" {phrase.lower()} " in text)
            found.append(Query(phrase, at // DOCUMENT, right | {at}))
    order = np.random.default_rng(seed).permutation(len(found))
    return [found[at] for at in order]


def scores_of(queries: Sequence[Any], pages: Sequence[Any]) -> np.ndarray:
    """(queries, pages): the sum over a query's rows of the best cosine among the page's rows."""
    scores = np.zeros((len(queries), len(pages)), np.float32)
    for start in range(0, len(queries), BATCH):
        batch = queries[start : start + BATCH]
        rows = torch.from_numpy(np.concatenate(batch))
        owners = torch.repeat_interleave(torch.arange(len(batch)), torch.tensor([len(query) for query in batch]))
        for at, page in enumerate(pages):
            best = (rows @ torch.from_numpy(page).T).amax(1)
            scores[start : start + len(batch), at] = torch.zeros(len(batch)).index_add_(0, owners, best).numpy()
    return scores


def figures(scores: np.ndarray, queries: Sequence[Query]) -> dict[str, str]:
    """The measures with their intervals, and nDCG@10 of a random order."""
    ranks = [_ranks(row, query) for row, query in zip(scores, queries, strict=True)]
    documents = [query.document for query in queries]
    values = {
        f"nDCG@{DEPTH}": [_gain(found) for found in ranks],
        "recall@1": [float(found[0] == 0) for found in ranks],
        f"recall@{DEPTH}": [float(np.mean(found < DEPTH)) for found in ranks],
    }
    chance = np.mean([_expected(len(query.pages), scores.shape[1]) for query in queries])
    named = {name: str(interval(by_document(documents, column), mean)) for name, column in values.items()}
    return named | {f"nDCG@{DEPTH} of a random order": f"{chance:.3f}"}


def _ranks(scores: np.ndarray, query: Query) -> np.ndarray:
    """Where the right pages stand, from 0, ascending."""
    order = np.argsort(-scores, kind="stable")
    return np.flatnonzero(np.isin(order, list(query.pages)))


def _gain(ranks: np.ndarray) -> float:
    best = sum(1 / math.log2(rank + 2) for rank in range(min(len(ranks), DEPTH)))
    return float(sum(1 / math.log2(rank + 2) for rank in ranks if rank < DEPTH) / best)


def _expected(right: int, pages: int) -> float:
    """nDCG@10 that a random order has on average."""
    places = [1 / math.log2(rank + 2) for rank in range(min(DEPTH, pages))]
    return float(right / pages * sum(places) / sum(places[:right]))


@dataclass(frozen=True, slots=True)
class _Page:
    """A page's phrase, its words, its rows and the seconds they took."""

    offered: list[str]
    words: list[str]
    rows: Any
    seconds: float


def _embedded(asked: argparse.Namespace) -> tuple[list[tuple[list[str], list[str]]], list[Any], list[float]]:
    """Of each page its phrases and words, its rows, and the seconds they took."""
    work = partial(_part, asked.model, asked.seed, not asked.clean, asked.threads)
    parts = [range(start, asked.pages, asked.processes) for start in range(asked.processes)]
    if asked.processes == 1:
        made = dict(work(parts[0]))
    else:
        with ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) as pool:
            made = {index: page for part in pool.map(work, parts) for index, page in part}
    pages = [made[index] for index in range(asked.pages)]
    texts = [(page.offered, page.words) for page in pages]
    return texts, [page.rows for page in pages], [page.seconds for page in pages]


def _part(model: Path, seed: int, degrade: bool, threads: int, indexes: range) -> list[tuple[int, _Page]]:
    if threads:
        torch.set_num_threads(threads)
    embedder, found = ColPaliEmbedder(model, device="cpu"), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.png"
        for index in indexes:
            page = make(seed, index, Wanted(dpi=DPI, degrade=degrade, rotate=False))
            page.image.save(path)
            begun = time.monotonic()
            (rows,) = embedder.embed_pages([path])
            seconds = time.monotonic() - begun
            words = [word.text for word in page.words if not word.hand]
            found.append((index, _Page(phrases(page, 1, seed), words, rows, seconds)))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="a page model on unseen generated pages")
    parser.add_argument("model", type=Path)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1_000_003)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--clean", action="store_true")
    return parser


if __name__ == "__main__":
    main()
