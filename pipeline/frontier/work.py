"""What both ways of asking share: what waits and may leave, what a run reports, how a document is concluded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.errors import NotAllowed
from pipeline.frontier.client import Asked, Setup
from pipeline.frontier.requests import grouped
from pipeline.ingest import ingest_document
from pipeline.types import Document, DocumentStatus

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["EscalationReport", "Options", "conclude", "leaving", "waiting"]


@dataclass(frozen=True, slots=True)
class Options:
    """`matters` and `documents` (ids) confine the run; `again` asks once more about pages without a usable answer
    of the configured model: those where it failed, and those another model was asked about."""

    matters: tuple[str, ...] | None = None
    documents: tuple[str, ...] | None = None
    again: bool = False
    on_start: Callable[[int], None] = lambda _: None
    on_done: Callable[[Document], None] = lambda _: None


@dataclass
class EscalationReport:
    """What a run did: pages answered, failed (by page, with the reason), deferred and kept back, USD spent."""

    run: int
    answered: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    deferred: dict[str, str] = field(default_factory=dict)
    kept_back: dict[str, str] = field(default_factory=dict)
    lost_calls: int = 0
    under_way: int = 0
    spent: Decimal = Decimal(0)
    stopped: str = ""

    @property
    def totals(self) -> dict[str, int]:
        """Counts, for the catalog's row of the run."""
        counts = {"pages answered": self.answered, "pages failed": len(self.failed), "calls lost": self.lost_calls}
        return counts | {"pages deferred": len(self.deferred), "documents kept back": len(self.kept_back)}


def waiting(tools: Tools, options: Options) -> list[Document]:
    """The documents with pages that wait, in the order they came; with `again` all that may have pages to ask about."""
    again = (DocumentStatus.HELD, DocumentStatus.DONE) if options.again else ()
    wanted = (DocumentStatus.AWAITING, *again)
    found = [document for document in tools.catalog.documents(options.matters) if document.status in wanted]
    return [document for document in found if options.documents is None or document.id in options.documents]


def leaving(
    tools: Tools, setup: Setup, options: Options, report: EscalationReport
) -> Iterator[tuple[Document, list[Asked]]]:
    """The waiting documents whose matter lets their pages go, each with its requests; others are noted as kept back."""
    for document in waiting(tools, options):
        try:
            tools.policies.check(document.matter, setup.destination)
        except NotAllowed as refusal:
            report.kept_back[document.id] = str(refusal)
            continue
        groups = grouped(tools, setup, document, again=options.again)
        yield document, [Asked(report.run, document.id, document.matter, parts) for parts in groups]


def conclude(tools: Tools, document: Document) -> Document:
    """Record, outcomes and index with what was answered: the road finds all else remembered."""
    tools.catalog.set_indexed(document.id, "")
    return ingest_document(document, tools, retry=True)
