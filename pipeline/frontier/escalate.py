"""Escalation: the pages that wait for the frontier model are asked about, and their documents walk the road again.

    recover ─► collect ─► for each waiting document:  may its pages leave? ─► requests of a few pages ─► direct calls,
    what a     batches                                                                                   or a batch
    kill left  that ended                  answers, remembered one by one; then record, outcomes, index anew

One escalation at a time works on a home; a second one ends at once and says so. Calls that a killed run left open are
lost: nobody knows whether they were paid, so they count as if.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pipeline.errors import FrontierUnavailable
from pipeline.frontier.batches import collect, sweep
from pipeline.frontier.client import FrontierClient
from pipeline.frontier.direct import Direct
from pipeline.frontier.runs import asking
from pipeline.frontier.submit import submit
from pipeline.frontier.waits import Waits
from pipeline.frontier.work import EscalationReport, Options, conclude, conclude_answered, leaving, waiting

if TYPE_CHECKING:
    from pipeline.frontier.batches import Batch
    from pipeline.types import Document
    from pipeline.wiring import Tools

__all__ = ["EscalationReport", "Options", "escalate"]


def escalate(
    tools: Tools, client: FrontierClient, options: Options | None = None, *, batch: bool = False
) -> EscalationReport:
    """Fetch what batches brought, then ask about everything that waits: at once, or as a batch where the destination
    has them. A spent budget or a refused account ends the asking, never the run; the next one goes on.

    `AlreadyRunning` when another escalation works on this home; nothing was done then.
    """
    options = options or Options()
    with asking(tools, "escalate") as report:
        _ask(tools, client, options, report, batch=batch and client.setup.profile.batches)
    report.waiting = Waits(tools).counts(options.matters)
    return report


def _ask(tools: Tools, client: FrontierClient, options: Options, report: EscalationReport, *, batch: bool) -> None:
    under_way = collect(tools, client, report)
    sweep(tools, client, report)
    if batch:
        under_way += submit(tools, client, options, report)
    else:
        _directly(tools, client, options, report)
        conclude_answered(tools)
    report.under_way = len(_awaited(tools, client, options, report, under_way))


def _directly(tools: Tools, client: FrontierClient, options: Options, report: EscalationReport) -> None:
    def done(document: Document, answered: bool) -> None:
        options.on_done(conclude(tools, document) if answered else document)

    options.on_start(len(waiting(tools, options)))
    Direct(tools.catalog, client, report, done).work_off(leaving(tools, client.setup, options, report))


def _awaited(
    tools: Tools, client: FrontierClient, options: Options, report: EscalationReport, under_way: list[Batch]
) -> list[Batch]:
    """Stay until the batches have ended or the time is over; those still under way come back."""
    give_up = time.monotonic() + options.wait
    while under_way and (left := give_up - time.monotonic()) > 0:
        time.sleep(min(options.poll, left))
        try:
            under_way = collect(tools, client, report)
        except FrontierUnavailable:
            continue  # an outage of minutes is no reason to leave before the time is over
    return under_way
