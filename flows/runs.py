"""What every run of a deployment does first, and what Prefect is shown of documents.

Our own locks and the catalog decide what is done; Prefect's states are a view. So a run ends with the runner that
started it, whatever ended that one, and writes down which process it is: after a kill Prefect says "Running" for ever,
and the next start of the runner can tell that nobody is (`leftovers.py`).
"""

from __future__ import annotations

import os
import signal
import socket
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from prefect import get_client
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL

from pipeline.loopback import is_loopback
from pipeline.processes import birth, end_with
from pipeline.report import plain
from pipeline.settings import load_settings
from pipeline.telling.logs import set_up
from pipeline.types import Document

__all__ = ["LATE", "RUNNER", "begin", "lateness", "named", "process", "published", "skipped", "titled"]

LATE = timedelta(hours=3)
RUNNER = "MUNIMENT_RUNNER"
"""Set by the runner for the runs that it starts: its process number."""


def begin() -> None:
    """Log as the settings say, end with the runner, and write down which process this run is; a run that no runner
    started does neither of the last two."""
    set_up(load_settings())
    runner = os.environ.get(RUNNER)
    if runner is None:
        return
    set_up(load_settings())
    if not end_with(int(runner), signal.SIGKILL):
        os._exit(1)  # it was gone before the kernel was asked
    with get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, infrastructure_pid=process())


def process() -> str:
    """This process as no other machine and no later process has it."""
    return f"{socket.gethostname()}:{os.getpid()}:{birth(os.getpid())}"


def lateness() -> timedelta:
    """How much later than planned this run is."""
    planned: datetime = flow_run.scheduled_start_time
    return datetime.now(UTC) - planned


def titled(what: str) -> str:
    """The name of a run: what it does, and when it was to do it."""
    return f"{what} {flow_run.scheduled_start_time.astimezone():%Y-%m-%d %H:%M}"


def named(document: Document) -> str:
    """A document as Prefect's pages show it: with its file name only where Prefect's server is this machine."""
    return f"{plain(document.name)} [{document.id}]" if _prefect_here() else document.id


def published(key: str, lines: list[str], what: str) -> None:
    """Put these lines beside the run, as a list."""
    create_markdown_artifact("\n".join(f"- {plain(line)}" for line in lines), key=key, description=what)


def skipped(key: str, why: str) -> dict[str, Any]:
    """The end of a run that left its work to another one."""
    create_markdown_artifact(why, key=key, description="Nothing was done")
    return {"skipped": why}


def _prefect_here() -> bool:
    """Whether Prefect's server is on this machine; no address stands for the one that Prefect starts by itself."""
    return is_loopback(urlsplit(PREFECT_API_URL.value() or "").hostname or "localhost")
