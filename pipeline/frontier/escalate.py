"""Escalation: the pages that wait for the frontier model are asked about, and their documents walk the road again.

    collect ─► for each waiting document:  may its pages leave? ─► requests of a few pages ─► direct calls, or a batch
    batches that ended                                                                         answers, remembered one
                                                                                               by one; then the record,
                                                                                               outcomes, index anew

Calls that a killed run left open are lost: nobody knows whether they were paid, so they count as if.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.frontier import batches
from pipeline.frontier.client import MOST_OUTPUT, OUTPUT_A_PAGE, SCHEMA_TOKENS, FrontierClient
from pipeline.frontier.direct import Direct
from pipeline.frontier.work import EscalationReport, Options, leaving

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["EscalationReport", "Estimate", "Options", "escalate", "estimate"]


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


def escalate(
    tools: Tools, client: FrontierClient, options: Options | None = None, *, batch: bool = False
) -> EscalationReport:
    """Fetch what batches brought, then ask about everything that waits: at once, or as a batch where the destination
    has them. A spent budget or a refused account ends the asking, never the run; the next one goes on."""
    report = EscalationReport(tools.catalog.start_run("escalate"))
    report.lost_calls = _bury(tools)
    status = "failed"
    try:
        _ask(tools, client, options or Options(), report, batch=batch and client.setup.profile.batches)
        status = "budget-stopped" if report.stopped else "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        report.spent = tools.ledger.spent(report.run)
        tools.catalog.finish_run(report.run, tools.clock.seconds, report.totals, status)
    return report


def _ask(tools: Tools, client: FrontierClient, options: Options, report: EscalationReport, *, batch: bool) -> None:
    under_way = batches.collect(tools, client, report) if client.setup.profile.batches else []
    if batch:
        under_way += batches.submit(tools, client, options, report)
    else:
        Direct(tools, client, options, report).work_off()
    report.under_way = len(under_way)


def estimate(tools: Tools, options: Options) -> Estimate:
    """What escalation would cost at most, page by page as it would be sent; nothing is sent and nothing reserved."""
    setup = tools.frontier.setup
    requests: list[int] = []
    sums = {"documents": 0, "pages": 0, "kept_back": 0, "all_pages": 0}
    for document in tools.catalog.documents(options.matters):
        sums["all_pages"] += document.page_count
    unused = EscalationReport(run=0)
    for _, requests_of_one in leaving(tools, setup, replace(options, again=False), unused):
        sums["documents"] += 1
        sums["pages"] += sum(len(asked.parts) for asked in requests_of_one)
        requests += [SCHEMA_TOKENS + sum(part.tokens for part in asked.parts) for asked in requests_of_one]
    sums["kept_back"] = len(unused.kept_back)
    most = sum((setup.model.most(tokens, MOST_OUTPUT) for tokens in requests), Decimal(0))
    page = setup.model.most(SCHEMA_TOKENS + setup.model.image_tokens, OUTPUT_A_PAGE)
    return Estimate(model=setup.model.id, most=most, all_frontier=page * sums["all_pages"], **sums)


def _bury(tools: Tools) -> int:
    """Calls left open by runs that are gone are lost."""
    living = {run.id for run in tools.catalog.runs(1000) if run.status == "running"}
    return sum(tools.ledger.lose(run) for run in tools.ledger.open_runs() if run not in living)
