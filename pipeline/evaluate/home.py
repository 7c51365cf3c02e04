"""What a home remembers of the documents of a golden set; nothing is read, recognised or extracted anew."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

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

_TEXT, _TRIAGE = TypeAdapter(PageText), TypeAdapter(Triage)


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
        triages = tuple(self.triages(document))
        return Walked(golden, document, triages, self.findings(document)) if triages else None

    def texts(self, document: Document) -> list[PageText]:
        """The words of its pages, as far as they were read under the present settings."""
        return self._stored(document, "read", _TEXT)

    def triages(self, document: Document) -> list[Triage]:
        """The routes of its pages with the signals they follow from, as far as decided under the present settings."""
        return self._stored(document, "triage", _TRIAGE)

    def findings(self, document: Document) -> dict[int, list[Finding]]:
        """Its grounded findings by page; a page without any is there too."""
        found: dict[int, list[Finding]] = {triage.number: [] for triage in self.triages(document)}
        for finding in self.tools.catalog.findings(document.id):
            found.setdefault(finding.page, []).append(finding)
        return found

    def _stored(self, document: Document, stage: str, adapter: TypeAdapter[Any]) -> list[Any]:
        kept = self.tools.catalog.results(document.sha256, stage, self._versions[stage])
        return [adapter.validate_json(payload) for payload in kept.values()]
