"""What a home remembers of the documents of a golden set; nothing is read, recognised or extracted anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter

from pipeline.errors import NotFound
from pipeline.evaluate.compare import Case, Told
from pipeline.evaluate.goldenset import GoldenDocument
from pipeline.evaluate.walked import Answers, Walked
from pipeline.frontier.paid import paid
from pipeline.frontier.readings import FrontierReading, by_model, grounded, remembered
from pipeline.report import plain
from pipeline.stages import versions
from pipeline.types import Document, Finding, PageText, Route, SearchFilter, SearchHit, Triage
from schemas.contract import Contract

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["Home"]

T = TypeVar("T")
_TEXT, _TRIAGE, _FINDINGS = TypeAdapter(PageText), TypeAdapter(Triage), TypeAdapter(list[Finding])


@dataclass(frozen=True)
class Home:
    """The catalog behind these tools, asked by golden documents. Every question about one that is not here raises
    `KeyError`, and `UsageError` when its name stands for several."""

    tools: Tools

    @cached_property
    def _versions(self) -> dict[str, str]:
        return versions(self.tools)

    def document(self, golden: GoldenDocument) -> Document:
        """The document taken in under this name."""
        try:
            return self.tools.catalog.document(golden.document, golden.matter and [golden.matter])
        except NotFound as error:
            raise KeyError(golden.document) from error

    def find(self, query: str, name: str | None, limit: int) -> Sequence[SearchHit]:
        """Search as golden sets are written: within the documents of that file name, or everywhere."""
        searcher = self.tools.searcher
        if name is None:
            return searcher.rank(query, SearchFilter(), limit)
        ids = tuple(document.id for document in self.tools.catalog.documents() if document.name == name)
        if not ids:
            raise NotFound(f"the golden set names a document that is not here: {plain(name)}")
        return searcher.rank(query, SearchFilter(documents=ids), limit)

    def record(self, golden: GoldenDocument) -> Contract | None:
        """Its record, or None while there is none."""
        record = self.tools.catalog.record(self.document(golden).id)
        return Contract.model_validate_json(record) if record else None

    def routes(self, golden: GoldenDocument) -> Mapping[int, Route]:
        """The route that triage chose for each page under the present settings."""
        return {triage.number: triage.route for triage in self.triages(self.document(golden))}

    def walked(self, golden: GoldenDocument) -> Walked | None:
        """What a sweep of thresholds needs of it; None when it was not worked off."""
        here = self._read_here(golden)
        if here is None:
            return None
        heard = remembered(self.tools.catalog, here.document.sha256, self.tools.settings.frontier_model)
        return here.heard(self._answers(here.document, heard))

    def case(self, golden: GoldenDocument, models: Collection[str]) -> Case | None:
        """What a comparison of ways needs of it; None when it was not worked off."""
        here = self._read_here(golden)
        if here is None:
            return None
        said = by_model(self.tools.catalog, here.document.sha256)
        return Case(here, {model: self._told(here.document, model, said.get(model, {})) for model in models})

    def texts(self, document: Document) -> list[PageText]:
        """The words of its pages, as far as they were read under the present settings."""
        return list(self._results(document, "read", _TEXT).values())

    def triages(self, document: Document) -> list[Triage]:
        """The routes of its pages with the signals they follow from, as far as decided under the present settings."""
        return list(self._results(document, "triage", _TRIAGE).values())

    def _read_here(self, golden: GoldenDocument) -> Walked | None:
        document = self.document(golden)
        triages, local = tuple(self.triages(document)), self._results(document, "extract", _FINDINGS)
        return Walked(golden, document, triages, local) if triages and local else None

    def _told(self, document: Document, model: str, said: Mapping[int, FrontierReading]) -> Told:
        unusable = frozenset(number for number, each in said.items() if each.page is None or not each.page.readable)
        costs = paid(self.tools.catalog.database, document.sha256, model)
        return Told(self._answers(document, said), unusable, costs)

    def _answers(self, document: Document, readings: Mapping[int, FrontierReading]) -> Answers:
        """By the page that was asked about; a passage that runs on to the next page stands on both."""
        words = {text.number: text for text in self.texts(document)} if readings else {}
        found = {number: grounded({number: reading}, words) for number, reading in readings.items() if number in words}
        return {number: [*chain.from_iterable(pages.values())] for number, pages in found.items()}

    def _results(self, document: Document, stage: str, adapter: TypeAdapter[T]) -> dict[int, T]:
        kept = self.tools.catalog.results(document.sha256, stage, self._versions[stage])
        return {page: adapter.validate_json(payload) for page, payload in kept.items()}
