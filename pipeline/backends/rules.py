"""The embedded default extractor: rules over the words of a document's pages, offline."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from pipeline.backends.protocols import PageInput, TextEmbedder
from pipeline.rules.amounts import find_amounts
from pipeline.rules.clauses import ClauseFinder
from pipeline.rules.dates import find_dates
from pipeline.rules.duties import find_obligations, find_signatories
from pipeline.rules.identity import find_amended, find_identity, find_references
from pipeline.rules.parties import find_parties
from pipeline.rules.terms import find_terms
from pipeline.rules.view import EXTRACTOR, PageView, view_of
from pipeline.types import Finding

__all__ = ["RuleExtractor"]


class RuleExtractor:
    """An `Extractor`. With an embedder it also finds clauses; without one it leaves them out."""

    def __init__(self, embedder: TextEmbedder | None = None) -> None:
        self._embedder = embedder
        self._clauses = ClauseFinder(embedder) if embedder else None

    @property
    def name(self) -> str:
        """Version of the rules, and the embedder that clauses are found with."""
        return f"{EXTRACTOR}+{self._embedder.name}" if self._embedder else EXTRACTOR

    def extract(self, pages: Sequence[PageInput]) -> list[list[Finding]]:
        """The findings of each page of one document, in order."""
        views = [view_of(page.text) for page in pages]
        opening = next((i for i, view in enumerate(views) if len(view.starts) >= 20), 0)
        found = [list(_read(view, opening=index == opening)) for index, view in enumerate(views)]
        clauses = self._clauses.find(views) if self._clauses else [[] for _ in views]
        return [[*fields, *passages] for fields, passages in zip(found, clauses, strict=True)]


def _read(view: PageView, *, opening: bool) -> chain[Finding]:
    """The fields of one page; `opening` is the page on which the document introduces itself."""
    introduction = chain(find_identity(view), find_parties(view), find_amended(view)) if opening else ()
    return chain(
        introduction,
        find_dates(view, opening),
        find_amounts(view),
        find_references(view),
        find_terms(view),
        find_obligations(view),
        find_signatories(view),
    )
