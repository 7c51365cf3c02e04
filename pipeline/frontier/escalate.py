"""Escalation: the pages that wait for the frontier model are asked about, and their documents walk the road again.

    for each waiting document:  may its pages leave? ─► requests of a few pages ─► answers, remembered one by one
                                                                              └─► record, outcomes and index anew

An answer is kept the moment it is there, so a kill costs the calls in flight and nothing else: the next start finds
their rows open, calls them lost, and asks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.errors import BudgetSpent, FrontierStopped, MunimentError, NotAllowed
from pipeline.frontier.client import MOST_OUTPUT, OUTPUT_A_PAGE, SCHEMA_TOKENS, Asked, Deferred, FrontierClient, Outcome
from pipeline.frontier.readings import keep, readings_of
from pipeline.frontier.requests import grouped
from pipeline.ingest import ingest_document
from pipeline.types import Document, DocumentStatus

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["EscalationReport", "Estimate", "Options", "conclude", "escalate", "estimate", "waiting"]


@dataclass(frozen=True, slots=True)
class Options:
    """`matters` and `documents` (ids) confine the run; `again` asks once more about pages whose answer failed."""

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
    spent: Decimal = Decimal(0)
    stopped: str = ""

    @property
    def totals(self) -> dict[str, int]:
        """Counts, for the catalog's row of the run."""
        counts = {"pages answered": self.answered, "pages failed": len(self.failed), "calls lost": self.lost_calls}
        return counts | {"pages deferred": len(self.deferred), "documents kept back": len(self.kept_back)}


@dataclass(frozen=True, slots=True)
class Estimate:
    """Before a run: documents and pages that would be sent, documents kept back, the most it can cost in USD, and the
    most it would cost to have every page of the home read (`all_pages`)."""

    model: str
    documents: int
    pages: int
    kept_back: int
    most: Decimal
    all_pages: int
    all_frontier: Decimal


@dataclass(frozen=True, slots=True)
class _Request:
    document: Document
    asked: Asked


def waiting(tools: Tools, options: Options) -> list[Document]:
    """The documents with pages that wait, in the order they came; with `again` those held for a failed answer, too."""
    wanted = (DocumentStatus.AWAITING, DocumentStatus.HELD) if options.again else (DocumentStatus.AWAITING,)
    found = [document for document in tools.catalog.documents(options.matters) if document.status in wanted]
    return [document for document in found if options.documents is None or document.id in options.documents]


def escalate(tools: Tools, client: FrontierClient, options: Options | None = None) -> EscalationReport:
    """Ask about everything that waits. A spent budget or a refused account ends the asking, never the run: what was
    answered until then is merged, and the next run goes on where this one stopped."""
    options = options or Options()
    report = EscalationReport(tools.catalog.start_run("escalate"))
    report.lost_calls = _bury(tools)
    status = "failed"
    try:
        _work_off(tools, client, options, report)
        status = "budget-stopped" if report.stopped else "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        report.spent = tools.ledger.spent(report.run)
        tools.catalog.finish_run(report.run, tools.clock.seconds, report.totals, status)
    return report


def estimate(tools: Tools, options: Options) -> Estimate:
    """What escalation would cost at most, page by page as it would be sent; nothing is sent and nothing reserved."""
    setup = tools.frontier.setup
    requests: list[int] = []
    sums = {"documents": 0, "pages": 0, "kept_back": 0, "all_pages": 0}
    for document in tools.catalog.documents(options.matters):
        sums["all_pages"] += document.page_count
    for document in waiting(tools, options):
        try:
            tools.policies.check(document.matter, setup.destination)
        except NotAllowed:
            sums["kept_back"] += 1
            continue
        parts = list(grouped(tools, setup, document))
        sums["documents"] += 1
        sums["pages"] += sum(map(len, parts))
        requests += [SCHEMA_TOKENS + sum(part.tokens for part in group) for group in parts]
    most = sum((setup.model.most(tokens, MOST_OUTPUT) for tokens in requests), Decimal(0))
    page = setup.model.most(SCHEMA_TOKENS + setup.model.image_tokens, OUTPUT_A_PAGE)
    return Estimate(model=setup.model.id, most=most, all_frontier=page * sums["all_pages"], **sums)


def _bury(tools: Tools) -> int:
    """Calls left open by runs that are gone are lost."""
    living = {run.id for run in tools.catalog.runs(1000) if run.status == "running"}
    return sum(tools.ledger.lose(run) for run in tools.ledger.open_runs() if run not in living)


def _work_off(tools: Tools, client: FrontierClient, options: Options, report: EscalationReport) -> None:
    documents = waiting(tools, options)
    options.on_start(len(documents))
    left: dict[str, int] = {}
    requests = _requests(tools, client, documents, options, report, left)
    with ThreadPoolExecutor(client.setup.at_once, thread_name_prefix="frontier") as executor:
        running: dict[Future[Outcome], _Request] = {}
        while True:
            while len(running) < client.setup.at_once and not report.stopped:
                request = next(requests, None)
                if request is None:
                    break
                running[executor.submit(client.ask, request.asked)] = request
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                request = running.pop(future)
                _take(tools, client, request, future, report)
                left[request.document.id] -= 1
                if not left[request.document.id]:
                    options.on_done(conclude(tools, request.document))
    for id in [id for id, count in left.items() if count]:  # the asking was stopped before its last request
        options.on_done(conclude(tools, tools.catalog.document(id)))


def _requests(
    tools: Tools,
    client: FrontierClient,
    documents: Sequence[Document],
    options: Options,
    report: EscalationReport,
    left: dict[str, int],
) -> Iterator[_Request]:
    """The requests of each document whose matter lets it go; `left` counts those a document still waits for."""
    for document in documents:
        try:
            tools.policies.check(document.matter, client.setup.destination)
        except NotAllowed as refusal:
            report.kept_back[document.id] = str(refusal)
            continue
        asked = [
            Asked(report.run, document.id, document.matter, parts)
            for parts in grouped(tools, client.setup, document, again=options.again)
        ]
        left[document.id] = len(asked)
        if not asked:
            del left[document.id]
        for one in asked:
            yield _Request(document, one)


def _take(
    tools: Tools, client: FrontierClient, request: _Request, future: Future[Outcome], report: EscalationReport
) -> None:
    """Remember what a request brought, and count it."""
    names = {number: f"{request.document.id} page {number}" for number in request.asked.numbers}
    try:
        outcome = future.result()
    except (BudgetSpent, FrontierStopped) as stop:
        report.stopped = report.stopped or str(stop)
        report.deferred |= dict.fromkeys(names.values(), str(stop))
        return
    except NotAllowed as refusal:
        report.kept_back[request.document.id] = str(refusal)
        return
    except MunimentError as error:
        report.deferred |= dict.fromkeys(names.values(), str(error))
        return
    if isinstance(outcome, Deferred):
        report.deferred |= dict.fromkeys(names.values(), outcome.reason)
        return
    readings = readings_of(client.setup, outcome, request.asked.numbers)
    keep(tools.catalog, request.document.sha256, readings)
    report.answered += sum(reading.page is not None for reading in readings.values())
    report.failed |= {names[n]: reading.failed for n, reading in readings.items() if reading.page is None}


def conclude(tools: Tools, document: Document) -> Document:
    """Record, outcomes and index with what was answered: the road finds all else remembered."""
    tools.catalog.set_indexed(document.id, "")
    return ingest_document(document, tools, retry=True)
