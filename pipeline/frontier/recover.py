"""What a killed run left behind in the ledger, put right before the next one asks anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.frontier.readings import by_model

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["recover"]


def recover(tools: Tools) -> int:
    """Close the books of runs that did not come to their end; how many of their calls brought nothing.

    An open call is lost: it may have been paid. A settled one whose answer was not kept was paid for nothing. To be
    called where no other run that asks can be at work: escalations and comparisons hold one lock.
    """
    unfinished = tools.catalog.unfinished_runs("escalate", "compare")
    total = 0
    for run in sorted({*unfinished, *tools.ledger.open_runs()}):
        lost = tools.ledger.lose(run) + _unkept(tools, run)
        total += lost
        if run in unfinished:  # written down for `status`: the run that finds this out may be killed, too
            tools.catalog.finish_run(run, {}, {"calls lost": lost}, "interrupted")
    return total


def _unkept(tools: Tools, run: int) -> int:
    count = 0
    for call, document, model, pages in tools.ledger.answered(run):
        content = tools.catalog.content(document)  # "" of one that was deleted since, answer and all
        if content and not set(pages) <= by_model(tools.catalog, content).get(model, {}).keys():
            tools.ledger.unkept(call)
            count += 1
    return count
