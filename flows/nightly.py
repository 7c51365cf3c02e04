"""The nightly flow: the steps of `pipeline/nightly.py`, a task each, and their report beside the run.

A lock of the home's own lets one night work at a time, so a doubled run ends at once; and one that comes hours late is
left to the next, because missed schedules pile up and each would have a budget of its own.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.utilities.annotations import quote

from flows.runs import LATE, begin, lateness, published, skipped, titled
from pipeline.errors import AlreadyRunning
from pipeline.nightly import Night, NightReport, Work, night
from pipeline.settings import Settings, load_settings
from pipeline.wiring import open_tools
from pipeline.worker import without_words

__all__ = ["nightly"]

POLL = 60.0  # seconds between two looks at a batch


@task(name="step", task_run_name="{name}", cache_policy=NO_CACHE, persist_result=False)
@without_words()
def step(name: str, job: Any) -> tuple[str, ...]:
    """One step of the night; `job` is its work, quoted so that Prefect does not walk into it."""
    work: Work = job
    return tuple(work())


@flow(name="nightly", flow_run_name=partial(titled, "night of"), persist_result=False)
@without_words()
def nightly(
    matters: list[str] | None = None,
    budget: float | None = None,
    batch: bool = False,
    wait_hours: float = 5.0,
    poll: float = POLL,
) -> dict[str, Any]:
    """Do the night's work. What waits in these matters (all: none named) is escalated for at most `budget` USD; as
    batches at half price where the destination has them, whose results are waited for `wait_hours`. What is not back
    by then the next run fetches.

    The report comes back, or {"skipped": why} where nothing was to be done here.
    """
    begin()
    if (late := lateness()) > LATE:
        hours = late.total_seconds() / 3600
        return skipped("nightly", f"this run was planned for {hours:.0f} hours ago: the next one does its work")
    options = Night(tuple(matters) if matters else None, batch, wait_hours * 3600, poll)
    with open_tools(_settings(budget)) as tools:
        try:
            report = night(tools, options, lambda name, work: step(name, quote(work)))
        except AlreadyRunning as error:
            return skipped("nightly", str(error))
    published("nightly", _lines(report), "What the night did, and what could not be done")
    return report.as_json()


def _settings(budget: float | None) -> Settings:
    settings = load_settings()
    return settings if budget is None else settings.model_copy(update={"budget_run": Decimal(str(budget))})


def _lines(report: NightReport) -> list[str]:
    """Counts and reasons, without the name or a word of any document: Prefect's server may be another machine."""
    failed = "FAILED: "
    lines = [f"{each.name}: {failed if each.failed else ''}{line}" for each in report.steps for line in each.lines]
    return lines or ["nothing was to be done"]
