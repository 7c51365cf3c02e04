"""What Prefect runs of ours, and when: `ingest-inbox` every few minutes, `nightly` by cron, `reindex` when asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from prefect import Flow
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval, Schedule
from prefect.server.schemas.schedules import CronSchedule
from prefect.types.entrypoint import EntrypointType

from flows.ingest import ingest_inbox
from flows.nightly import nightly
from flows.reindex import reindex
from pipeline.errors import UsageError
from pipeline.settings import Settings

__all__ = ["INBOX", "deployments", "next_night"]

INBOX = "ingest-inbox"


def deployments(settings: Settings) -> list[RunnerDeployment]:
    """The deployments of a home with these settings; `UsageError` when the nightly time is no cron expression."""
    interval = Interval(timedelta(seconds=settings.ingest_seconds))
    try:
        cron = Cron(settings.nightly, timezone=settings.zone.key)
        night = _deployment(nightly, "nightly", cron, {"batch": settings.nightly_batch})
    except ValueError as error:
        raise UsageError(f"MUNIMENT_NIGHTLY: not a time as cron has it: {settings.nightly[:40]!r}") from error
    return [_deployment(ingest_inbox, INBOX, interval), night, _deployment(reindex, "reindex", None)]


async def next_night(settings: Settings) -> datetime:
    """When the nightly run is due next, in its time zone."""
    (due,) = await CronSchedule(cron=settings.nightly, timezone=settings.zone.key).get_dates(1)
    return due.astimezone(settings.zone)


def _deployment(
    flow: Flow[..., Any], name: str, schedule: Schedule | None, parameters: dict[str, Any] | None = None
) -> RunnerDeployment:
    # By module, not by file: runs import what the runner imported, wherever they are started.
    return RunnerDeployment.from_flow(
        flow,
        name,
        schedule=schedule,
        parameters=parameters,
        tags=["muniment"],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
