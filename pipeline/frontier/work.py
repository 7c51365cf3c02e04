"""What both ways of asking share: what waits and may leave, what a run reports, how a document is concluded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.errors import NotAllowed, NotFound
from pipeline.frontier.client import Asked, Setup
from pipeline.frontier.prompts import Part
from pipeline.frontier.readings import remembered
from pipeline.frontier.requests import grouped
from pipeline.ingest import ingest_document
from pipeline.types import Document, DocumentStatus, PageStatus

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["EscalationReport", "Options", "allowed", "conclude", "conclude_answered", "leaving", "waiting"]


@dataclass(frozen=True, slots=True)
class Options:
    """`matters` and `documents` (ids) confine the run; `again` asks once more about pages without a usable answer
    of the configured model: those where it failed, and those another model was asked about.

    `wait` is how many seconds a run stays for the results of batches, asking each `poll` seconds; 0 does not wait.
    """

    matters: tuple[str, ...] | None = None
    documents: tuple[str, ...] | None = None
    again: bool = False
    wait: float = 0.0
    poll: float = 60.0
    on_start: Callable[[int], None] = lambda _: None
    on_done: Callable[[Document], None] = lambda _: None


@dataclass
class EscalationReport:
    """What a run did: pages answered, failed (by page, with the reason), deferred, and documents kept back.

    `spent` is the USD paid for by this run's direct calls and for batch results it fetched, whichever run had sent
    them; `reserved` what its batches under way and its calls without an end may cost. `lost_calls` of runs that were
    killed may have been paid without an answer kept. `waiting` counts the pages that still wait, by reason.
    """

    run: int
    answered: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    deferred: dict[str, str] = field(default_factory=dict)
    kept_back: dict[str, str] = field(default_factory=dict)
    lost_calls: int = 0
    under_way: int = 0
    spent: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    stopped: str = ""
    notes: list[str] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)

    @property
    def totals(self) -> dict[str, int]:
        """Counts, for the catalog's row of the run."""
        counts = {"pages answered": self.answered, "pages failed": len(self.failed), "calls lost": self.lost_calls}
        return counts | {"pages deferred": len(self.deferred), "documents kept back": len(self.kept_back)}

    def note(self, text: str) -> None:
        """Say this once, however often it is met."""
        if text not in self.notes:
            self.notes.append(text)


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
    found = waiting(tools, options)
    groups = ((document, grouped(tools, setup, document, again=options.again)) for document in found)
    return allowed(tools, setup, groups, report)


def allowed(
    tools: Tools, setup: Setup, groups: Iterable[tuple[Document, Iterator[tuple[Part, ...]]]], report: EscalationReport
) -> Iterator[tuple[Document, list[Asked]]]:
    """Of these documents those whose matter lets their pages go, each with its requests; others are noted as kept back.
    No image is looked at before the matter was asked."""
    for document, parts in groups:
        try:
            tools.policies.check(document.matter, setup.destination)
        except NotAllowed as refusal:
            report.kept_back[document.id] = str(refusal)
            continue
        yield document, [Asked(report.run, document.id, document.matter, each) for each in parts]


def conclude(tools: Tools, document: Document) -> Document:
    """Record, outcomes and index with what was answered: the road finds all else remembered. A document that was
    deleted meanwhile comes back as it was."""
    try:
        tools.catalog.set_indexed(document.id, "")
        return ingest_document(document, tools, retry=True)
    except NotFound:
        return document


def conclude_answered(tools: Tools, heard: Collection[str] = ()) -> None:
    """Conclude these documents, and every other with an answer that it does not show: a kill came before the
    conclusion, or the same scan was read for another matter."""
    for document in tools.catalog.documents():
        stands_open = document.status in (DocumentStatus.AWAITING, DocumentStatus.HELD)
        if document.id in heard or (stands_open and _unheard(tools, document)):
            conclude(tools, document)


def _unheard(tools: Tools, document: Document) -> bool:
    """Whether a page waits though it was answered for, or is held though a model has read it meanwhile."""
    answers = remembered(tools.catalog, document.sha256)
    for page in tools.catalog.pages(document.id):
        answer = answers.get(page.number)
        if answer and page.status is PageStatus.AWAITING:
            return True
        read = answer is not None and answer.page is not None and answer.page.readable
        if (
            read
            and page.status is PageStatus.HELD
            and not any(reason.startswith("read by ") for reason in page.reasons)
        ):
            return True
    return False
