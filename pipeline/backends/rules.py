"""The embedded default extractor: rules over the words of a document's pages, offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from pipeline.backends.protocols import PageInput, TextEmbedder
from pipeline.rules.amended import find_amended
from pipeline.rules.amounts import find_amounts
from pipeline.rules.clauses import ClauseFinder
from pipeline.rules.dates import find_dates
from pipeline.rules.duties import find_obligations, find_signatories
from pipeline.rules.identity import find_identity, find_references
from pipeline.rules.implied import find_pointers
from pipeline.rules.orders import read_forms
from pipeline.rules.parties import find_parties
from pipeline.rules.signing import agree, signing_parties
from pipeline.rules.terms import find_terms
from pipeline.rules.view import EXTRACTOR, PageView, view_of
from pipeline.types import Finding

__all__ = ["RuleExtractor"]

DATED = frozenset({"agreement_date", "effective_date"})
MIN_WORDS = 20
"""Words under which a page does not introduce a document."""


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
        found = _read_all(views)
        forms = read_forms([page.text for page in pages])
        clauses = self._clauses.find(views) if self._clauses else [[] for _ in views]
        return [[*_beside(one, form), *form, *tags] for one, form, tags in zip(found, forms, clauses, strict=True)]


def _beside(prose: Sequence[Finding], form: Sequence[Finding]) -> list[Finding]:
    """What the rules for prose found, but for sums whose purpose the page's form tells better."""
    told = {finding.value.rpartition(" ")[2] for finding in form if finding.field == "amounts"}
    return [finding for finding in prose if finding.field != "amounts" or finding.value.rpartition(" ")[2] not in told]


def _read_all(views: Sequence[PageView]) -> list[list[Finding]]:
    """The fields of each page. The document introduces itself on its first page of text, or on the one after
    where that is a cover."""
    texts = [index for index, view in enumerate(views) if len(view.starts) >= MIN_WORDS][:2]
    opening = texts[0] if texts else 0
    found = [list(_read(view, opening=index == opening)) for index, view in enumerate(views)]
    if len(texts) > 1 and not any(finding.field in DATED for finding in found[opening]):
        found[texts[1]] = list(_read(views[texts[1]], opening=True))
    if views:
        found[opening] += [*find_identity(views[opening]), *find_amended(views[opening])]
    for index, parties in _parties(views, texts):
        found[index] += parties
    return found


def _parties(views: Sequence[PageView], texts: Sequence[int]) -> Iterator[tuple[int, list[Finding]]]:
    """The parties by page: those the opening words name, and those that sign, each confirming the other."""
    introduced: list[Finding] = []
    for index in texts:
        found = list(find_parties(views[index]))
        introduced += found
        if len(found) > 1:
            break
    signing = [party for view in views for party in signing_parties(view)]
    for parties in agree(introduced, signing):
        for index, view in enumerate(views):
            yield index, [party for party in parties if party.page == view.number]


def _read(view: PageView, *, opening: bool) -> Iterator[Finding]:
    return chain(
        find_dates(view, opening=opening),
        find_pointers(view),
        find_amounts(view),
        find_references(view),
        find_terms(view),
        find_obligations(view),
        find_signatories(view),
    )
