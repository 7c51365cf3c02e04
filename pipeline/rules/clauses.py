"""Clauses by meaning: sentence windows against CUAD's categories in the space of a text embedder, with lexical cues.

A clause is a category and a verbatim passage; nothing is summarised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.rules.cues import CUES
from pipeline.rules.view import EXTRACTOR, PageView, Span
from pipeline.types import Finding
from schemas.cuad import DESCRIPTIONS

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix, TextEmbedder

__all__ = ["ClauseFinder"]

MIN_WORDS, MAX_WORDS = 6, 90
LEAST_SIMILARITY = 0.35
LEAST_WITHOUT_CUE = 0.62


class ClauseFinder:
    """Holds the embedded category descriptions; `find` reads the pages of one document."""

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self._categories = [name for name in DESCRIPTIONS if name in CUES]
        self._targets = embedder.embed([DESCRIPTIONS[name] for name in self._categories])

    def find(self, views: Sequence[PageView]) -> list[list[Finding]]:
        """The clauses of each page, in order."""
        windows = [(view, span) for view in views for span in _windows(view)]
        texts = [view.text[slice(*span)] for view, span in windows]
        scores = self._embedder.embed(texts) @ self._targets.T if texts else np.zeros((0, len(self._categories)))
        found: dict[int, list[Finding]] = {view.number: [] for view in views}
        for (view, span), text, row in zip(windows, texts, scores, strict=True):
            found[view.number] += self._of(view, span, text, row)
        return [found[view.number] for view in views]

    def _of(self, view: PageView, span: Span, text: str, row: Matrix) -> list[Finding]:
        findings = []
        for index in np.flatnonzero(row >= LEAST_SIMILARITY):
            category, score = self._categories[int(index)], float(row[index])
            cued = CUES[category].search(text) is not None
            if cued or (score >= LEAST_WITHOUT_CUE and score == row.max()):
                findings.append(_clause(view, span, category, _confidence(score, cued)))
        return findings


def _windows(view: PageView) -> list[Span]:
    """Sentences long enough to say something; very long ones are cut, since the embedder sees 256 tokens."""
    spans = []
    for start, end in view.sentences:
        words = list(re.finditer(r"\S+", view.text[start:end]))
        for first in range(0, len(words), MAX_WORDS):
            part = words[first : first + MAX_WORDS]
            if len(part) >= MIN_WORDS:
                spans.append((start + part[0].start(), start + part[-1].end()))
    return spans


def _confidence(score: float, cued: bool) -> float:
    return min(0.9, score + (0.2 if cued else 0.0))


def _clause(view: PageView, span: Span, category: str, confidence: float) -> Finding:
    quote = view.source[slice(*span)]
    sure = round(confidence * view.confidence(span), 3)
    return Finding("clauses", view.number, quote, category, quote, sure, EXTRACTOR, detail={"category": category})
