"""The page rankings that the product has to beat: BM25, MiniLM windows, and both by reciprocal rank fusion."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix

__all__ = ["METHODS", "Embed", "Page", "PageKey", "Rankers"]

PageKey = tuple[str, int]
"""A document's file name and a page of it, from 1."""

Embed = Callable[[Sequence[str]], "Matrix"]

K1, B = 1.2, 0.75
WINDOW, STRIDE = 90, 60
RRF_K = 60
FIRST_IN_BM25, FIRST_IN_WINDOW = 80, 25
METHODS = ("BM25", "MiniLM", "RRF")


@dataclass(frozen=True, slots=True)
class Page:
    """What a baseline knows of a page: its words, and the first words of its document if it is told those."""

    key: PageKey
    words: tuple[str, ...]
    first: tuple[str, ...] = ()


class Rankers:
    """The baselines over the pages of some documents; `rank` asks all of them at once."""

    def __init__(self, pages: Sequence[Page], embed: Embed) -> None:
        self._pages, self._embed = pages, embed
        self._terms = [Counter(_tokens([*page.first[:FIRST_IN_BM25], *page.words])) for page in pages]

    def rank(self, query: str, document: str | None = None, limit: int = 10) -> dict[str, list[PageKey]]:
        """The best pages by method, in one document (which is then all BM25 counts over) or in all of them."""
        among = [i for i, page in enumerate(self._pages) if document in (None, page.key[0])]
        scores = {"BM25": self._bm25(query, among), "MiniLM": self._nearest(query, among)}
        ordered = {method: _order(found) for method, found in scores.items()}
        ordered["RRF"] = _order(_fused(list(ordered.values())))
        return {method: [self._pages[among[i]].key for i in order[:limit]] for method, order in ordered.items()}

    def _bm25(self, query: str, among: Sequence[int]) -> Sequence[float]:
        documents = [self._terms[i] for i in among]
        lengths = [sum(terms.values()) for terms in documents]
        mean = sum(lengths) / max(len(lengths), 1) or 1.0
        scores = np.zeros(len(among))
        for term in _tokens([query]):
            counts = np.array([terms[term] for terms in documents])
            spread = int((counts > 0).sum())
            idf = math.log(1 + (len(among) - spread + 0.5) / (spread + 0.5))
            scores += idf * counts * (K1 + 1) / (counts + K1 * (1 - B + B * np.array(lengths) / mean))
        return scores.tolist()

    def _nearest(self, query: str, among: Sequence[int]) -> Sequence[float]:
        vectors, starts = self._windows
        best = np.maximum.reduceat(vectors @ self._embed([query])[0], starts)
        return best[list(among)].tolist()

    @cached_property
    def _windows(self) -> tuple[Matrix, list[int]]:
        """The vectors of all windows, and where those of each page start; a page without words has one of none."""
        texts, starts = [], []
        for page in self._pages:
            starts.append(len(texts))
            first = " ".join(page.first[:FIRST_IN_WINDOW])
            texts += [f"{first} {window}".strip() for window in _windows(page.words)]
        return self._embed(texts), starts


def _tokens(texts: Sequence[str]) -> list[str]:
    return re.findall(r"\w+", " ".join(texts).lower())


def _windows(words: Sequence[str]) -> list[str]:
    starts = range(0, max(len(words) - (WINDOW - STRIDE), 1), STRIDE)
    return [" ".join(words[start : start + WINDOW]) for start in starts]


def _order(scores: Sequence[float] | Mapping[int, float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda i: -scores[i])


def _fused(orders: Sequence[Sequence[int]]) -> dict[int, float]:
    totals: dict[int, float] = {}
    for order in orders:
        for rank, item in enumerate(order, 1):
            totals[item] = totals.get(item, 0.0) + 1 / (RRF_K + rank)
    return totals
