"""What a home remembers of the documents of a golden set; nothing is read, recognised or extracted anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter

from pipeline.errors import NotFound
from pipeline.evaluate.goldenset import GoldenDocument
from pipeline.evaluate.thresholds import Walked
from pipeline.stages import versions
from pipeline.types import Document, Finding, PageText, Route, Triage
from schemas.contract import Contract

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["Home"]

T = TypeVar("T")
_TEXT, _TRIAGE, _FINDINGS = TypeAdapter(PageText), TypeAdapter(Triage), TypeAdapter(list[Finding])


@dataclass(frozen=True)
class Home:
    """The catalog behind these tools, asked by golden documents."""

    tools: Tools

    @cached_property
    def _versions(self) -> dict[str, str]:
        return versions(self.tools)

    def document(self, golden: GoldenDocument) -> Document | None:
        """The document taken in under this name, or None; `UsageError` when the name stands for several."""
        try:
            return self.tools.catalog.document(golden.document, golden.matter and [golden.matter])
        except NotFound:
            return None

    def record(self, golden: GoldenDocument) -> Contract | None:
        """Its record, or None while there is none. Raises `KeyError` when no such document is here."""
        document = self.document(golden)
        if document is None:
            raise KeyError(golden.document)
        record = self.tools.catalog.record(document.id)
        return Contract.model_validate_json(record) if record else None

    def routes(self, golden: GoldenDocument) -> dict[int, Route]:
        """The route that triage chose for each page under the present settings; `KeyError` when it is not here."""
        document = self.document(golden)
        if document is None:
            raise KeyError(golden.document)
        return {triage.number: triage.route for triage in self.triages(document)}

    def walked(self, golden: GoldenDocument) -> Walked | None:
        """What a sweep of thresholds needs of it; None when it was not worked off, `KeyError` when it is not here."""
        document = self.document(golden)
        if document is None:
            raise KeyError(golden.document)
        triages, local = tuple(self.triages(document)), self._results(document, "extract", _FINDINGS)
        if not triages or not local:
            return None
        return Walked(golden, document, triages, local, self._beside(document, local))

    def texts(self, document: Document) -> list[PageText]:
        """The words of its pages, as far as they were read under the present settings."""
        return list(self._results(document, "read", _TEXT).values())

    def triages(self, document: Document) -> list[Triage]:
        """The routes of its pages with the signals they follow from, as far as decided under the present settings."""
        return list(self._results(document, "triage", _TRIAGE).values())

    def _beside(self, document: Document, local: Mapping[int, list[Finding]]) -> dict[int, list[Finding]]:
        """The document's findings by readers other than those that ran here: a frontier model's, by page."""
        here = {finding.extractor for found in local.values() for finding in found}
        beside: dict[int, list[Finding]] = {}
        for finding in self.tools.catalog.findings(document.id):
            if finding.extractor not in here:
                beside.setdefault(finding.page, []).append(finding)
        return beside

    def _results(self, document: Document, stage: str, adapter: TypeAdapter[T]) -> dict[int, T]:
        kept = self.tools.catalog.results(document.sha256, stage, self._versions[stage])
        return {page: adapter.validate_json(payload) for page, payload in kept.items()}
