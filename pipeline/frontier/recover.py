"""What a killed escalation left behind in the ledger, put right before the next one begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.frontier.work import answered_pages

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["recover"]


def recover(tools: Tools) -> int:
    """Close the books of escalations that did not come to their end; how many of their calls brought nothing.

    An open call is lost: it may have been paid. A settled one whose answer was not kept was paid for nothing. To be
    called where no other escalation can be at work.
    """
    unfinished = tools.catalog.unfinished_runs("escalate")
    total = 0
    for run in sorted({*unfinished, *tools.ledger.open_runs()}):
        lost = tools.ledger.lose(run) + _unkept(tools, run)
        total += lost
        if run in unfinished:  # written down for `status`: the run that finds this out may be killed, too
            tools.catalog.finish_run(run, {}, {"calls lost": lost}, "interrupted")
    return total


def _unkept(tools: Tools, run: int) -> int:
    count = 0
    for call, document, pages in tools.ledger.answered(run):
        if not set(pages) <= answered_pages(tools, tools.catalog.document(document)):
            tools.ledger.unkept(call)
            count += 1
    return count
