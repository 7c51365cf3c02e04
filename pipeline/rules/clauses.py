"""Clauses by meaning: sentence windows against CUAD's categories in the space of a text embedder, with lexical cues.

A clause is a category and a verbatim passage; nothing is summarised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.rules.cues import CUES, DISTINCT
from pipeline.rules.proofs import PROOFS
from pipeline.rules.view import EXTRACTOR, PageView, Span
from pipeline.types import Finding
from schemas.cuad import DESCRIPTIONS

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix, TextEmbedder

__all__ = ["ClauseFinder"]

MIN_WORDS, MAX_WORDS = 6, 90
"""Words of a passage; a longer sentence is cut, since the embedder sees 256 tokens."""

# Chosen on the tuning half of CUAD: a floor of 0.45 to 0.6 gives the same F1 (0.59), and of the passages between
# them 0.3 are right, so the highest is taken.
LEAST_SIMILARITY, BEST_RANK = 0.6, 2
LEAST_DISTINCT, BEST_RANK_DISTINCT = 0.25, 4
LEAST_PROVEN = 0.35
CONFIDENCE = {(True, True): 0.9, (False, True): 0.65, (True, False): 0.55}
"""By whether meaning with a cue says so, and whether words that prove it do. On the tuning half of CUAD 38 of 38
were right, 16 of 24, and 12 of 18."""

ACTING = re.compile(
    r"\b(?:shall|will|may|must|can(?:not)?|is|are|was|were|be|been|has|have|had|do(?:es)?|hereby|(?:agree|grant|warrant"
    r"|represent|covenant|assign|acknowledge|undertake|waive|release|retain|reserve|survive|own|keep|transfer|remain"
    r"|continue|renew|terminate|expire|provide|require|include|extend)s?|appl(?:y|ies)|\w+ed)\b",
    re.I,
)
"""A verb that makes a passage say something: headings, tables and lists of exhibits have none."""


class ClauseFinder:
    """Holds the embedded category descriptions; `find` reads the pages of one document.

    Lexical cues propose, similarity decides: only the passages with a cue (22 % of them on CUAD) are embedded.
    Words that prove a category need little similarity; where both speak for it the clause is nearly certain.
    """

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self._categories = list(CUES)
        self._targets = embedder.embed([DESCRIPTIONS[name] for name in self._categories])

    def find(self, views: Sequence[PageView]) -> list[list[Finding]]:
        """The clauses of each page, in order."""
        passages = [p for view in views for p in _passages(view, self._categories)]
        texts = [p.view.text[slice(*p.span)] for p in passages]
        scores = self._embedder.embed(texts) @ self._targets.T
        found: dict[int, list[Finding]] = {view.number: [] for view in views}
        for passage, row in zip(passages, scores, strict=True):
            found[passage.view.number] += self._of(passage, row)
        return [found[view.number] for view in views]

    def _of(self, passage: _Passage, row: Matrix) -> Iterator[Finding]:
        for index in sorted({*passage.cued, *passage.proven}):
            category, score = self._categories[index], float(row[index])
            distinct = category in DISTINCT
            least, rank = (LEAST_DISTINCT, BEST_RANK_DISTINCT) if distinct else (LEAST_SIMILARITY, BEST_RANK)
            meant = index in passage.cued and score >= least and int((row > score).sum()) < rank
            said = index in passage.proven and score >= LEAST_PROVEN
            if meant or said:
                yield _clause(passage, category, CONFIDENCE[meant, said])


@dataclass(frozen=True)
class _Passage:
    """A sentence with the indices of the categories whose cue, and whose proof, it holds."""

    view: PageView
    span: Span
    cued: tuple[int, ...]
    proven: tuple[int, ...]


def _passages(view: PageView, categories: Sequence[str]) -> Iterator[_Passage]:
    for span in _windows(view):
        text = view.text[slice(*span)]
        if not ACTING.search(text):
            continue
        cued = tuple(index for index, name in enumerate(categories) if CUES[name].search(text))
        proven = tuple(index for index, name in enumerate(categories) if name in PROOFS and PROOFS[name].search(text))
        if cued or proven:
            yield _Passage(view, span, cued, proven)


def _windows(view: PageView) -> list[Span]:
    """Sentences long enough to say something, cut at `MAX_WORDS`."""
    spans = []
    for start, end in view.sentences:
        words = list(re.finditer(r"\S+", view.text[start:end]))
        for first in range(0, len(words), MAX_WORDS):
            part = words[first : first + MAX_WORDS]
            if len(part) >= MIN_WORDS:
                spans.append((start + part[0].start(), start + part[-1].end()))
    return spans


def _clause(passage: _Passage, category: str, confidence: float) -> Finding:
    view = passage.view
    quote = view.source[slice(*passage.span)]
    sure = round(confidence * view.confidence(passage.span), 3)
    return Finding("clauses", view.number, quote, category, quote, sure, EXTRACTOR, detail={"category": category})
