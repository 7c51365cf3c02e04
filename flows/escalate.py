"""The flow that works off what waits for the frontier model: fetch what batches brought, ask about the rest.

The catalog decides what is left to do, and a lock of the home's own lets one escalation work at a time. So a doubled
run ends at once; and one that comes hours late is left to the next, because missed schedules pile up and each
would have a budget of its own. The lock dies with its process.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from pipeline.errors import AlreadyRunning
from pipeline.frontier.escalate import escalate
from pipeline.frontier.text import count, waiting_text
from pipeline.frontier.work import EscalationReport, Options
from pipeline.report import plain
from pipeline.settings import load_settings
from pipeline.wiring import open_tools

__all__ = ["LATE", "escalate_waiting"]

LATE = timedelta(hours=3)
POLL = 60.0  # seconds between two looks at a batch


@flow(name="escalate-waiting", persist_result=False)
def escalate_waiting(
    matters: list[str] | None = None,
    budget: float | None = None,
    batch: bool = False,
    wait_hours: float = 5.0,
    poll: float = POLL,
) -> dict[str, Any]:
    """Work off what waits in these matters (all: none named), for at most `budget` USD; as batches at half price where
    the destination has them, whose results are waited for `wait_hours`. What is not back by then the next run fetches.

    The report comes back as `muniment escalate --json` has it, or {"skipped": why} where nothing was to be done here.
    """
    late = datetime.now(UTC) - flow_run.scheduled_start_time
    if late > LATE:
        return _skipped(
            f"this run was planned for {late.total_seconds() / 3600:.0f} hours ago: the next one does its work"
        )
    settings = load_settings()
    if budget is not None:
        settings = settings.model_copy(update={"budget_run": Decimal(str(budget))})
    options = Options(tuple(matters) if matters else None, wait=wait_hours * 3600 if batch else 0.0, poll=poll)
    with open_tools(settings) as tools:
        try:
            report = escalate(tools, tools.frontier, options, batch=batch)
        except AlreadyRunning as error:
            return _skipped(str(error))
    create_markdown_artifact(_markdown(report), key="escalation", description="What the run did, and what still waits")
    return {name: _json(value) for name, value in asdict(report).items()}


def _skipped(why: str) -> dict[str, Any]:
    create_markdown_artifact(why, key="escalation", description="Nothing was done")
    return {"skipped": why}


def _markdown(report: EscalationReport) -> str:
    """Counts and reasons, without the name or a word of any document: Prefect's server may be another machine."""
    rows = [f"{count(report.answered, 'page')} read, {report.spent:.4f} USD"]
    rows += [f"{count(len(report.failed), 'page')} without a usable answer: held for a person"] if report.failed else []
    rows += [f"{count(len(report.deferred), 'page')} put off"] if report.deferred else []
    rows += [f"{count(report.lost_calls, 'call')} of a killed run, perhaps paid"] if report.lost_calls else []
    rows += (
        [f"{report.under_way} of our batches under way, {report.reserved:.4f} USD reserved"] if report.under_way else []
    )
    rows += [*report.notes, *([f"stopped: {report.stopped}"] if report.stopped else [])]
    return "\n".join(f"- {plain(row)}" for row in [*rows, *waiting_text(report.waiting)])


def _json(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
