"""A run that asks a frontier model: alone on its home, after what a kill left was put right, its end written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from pipeline.claims import sole
from pipeline.errors import AlreadyRunning
from pipeline.frontier.recover import recover
from pipeline.frontier.work import EscalationReport
from pipeline.telling.run_ends import conclude

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["asking", "put_right"]

LOCK = 0x65736361  # any constant that only these runs take as a PostgreSQL advisory lock


@contextmanager
def asking(tools: Tools, kind: Literal["escalate", "compare"]) -> Iterator[EscalationReport]:
    """The report of a run of this kind, to be filled by the body; what was spent is added when it ends.

    `AlreadyRunning` when another one works on this home; nothing was done then.
    """
    with _alone(tools):
        lost = recover(tools)
        report = EscalationReport(tools.catalog.start_run(kind), lost_calls=lost)
        status = "failed"
        try:
            yield report
            status = "budget-stopped" if report.stopped else "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            report.spent += tools.ledger.paid(report.run)
            report.reserved = tools.ledger.reserved(report.run)
            tools.catalog.finish_run(report.run, tools.clock.seconds, report.totals, status)
            conclude(tools, report.run, details=_details(report))


def _details(report: EscalationReport) -> list[tuple[str, str]]:
    """What the run did, in counts and reasons; nothing for one that had nothing to do."""
    reasons = Counter({"no usable answer": len(report.failed)}) + Counter(report.deferred.values())
    reasons += Counter(report.kept_back.values())
    rows = [("pages read by the frontier model", str(report.answered))] if report.answered else []
    rows += [(reason, str(count)) for reason, count in reasons.items()]
    return rows + [("stopped", report.stopped)] * bool(report.stopped) + [("note", note) for note in report.notes]


def put_right(tools: Tools, *, repair: bool) -> int:
    """Close the books of runs that were killed, when no run that asks is at work; how many they are, or would be."""
    try:
        with _alone(tools):
            gone = {*tools.catalog.unfinished_runs("escalate", "compare"), *tools.ledger.open_runs()}
            if repair:
                recover(tools)
            return len(gone)
    except AlreadyRunning:
        return 0


@contextmanager
def _alone(tools: Tools) -> Iterator[None]:
    """Hold the home's one place for asking while the body runs: on this machine, and in a shared database."""
    with sole(tools.locks, "escalation") as here, tools.catalog.database.sole(LOCK) as everywhere:
        if not (here and everywhere):
            raise AlreadyRunning("another escalation is at work on this home: nothing was done, it does what waits")
        yield
