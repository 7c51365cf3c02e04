"""The process that makes the runs: registers the deployments, starts each run in a process of its own, and has the
inbox worked off at once when something stands as received, without waiting for the schedule.

    python -m flows.runner        with PREFECT_API_URL; `muniment up` starts it
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import State
from prefect.runner import Runner

from flows.children import pause
from flows.deployments import INBOX, deployments, next_night
from flows.leftovers import settle, under_way
from flows.runs import RUNNER
from pipeline.errors import CatalogError, MunimentError
from pipeline.settings import Settings, load_settings
from pipeline.telling.logs import set_up
from pipeline.telling.lookout import expect_nights, looking
from pipeline.types import DocumentStatus
from pipeline.wiring import Tools, open_tools

__all__ = ["main"]

AT_ONCE = 4  # so that a run that meets another at work ends at once, instead of standing in line behind it
LOOK_SECONDS = 3.0  # between two looks at what is due
NUDGE_SECONDS = 2.0  # between two looks at what was received
SERVER_SECONDS = 5.0  # between two tries to reach the Prefect server


def main() -> int:
    """Serve until a signal."""
    os.environ[RUNNER] = str(os.getpid())
    try:
        settings = load_settings()
        set_up(settings)
        asyncio.run(_serve(settings))
    except MunimentError as error:
        print(f"muniment: {error}", file=sys.stderr)
        return error.exit_code
    return 0


async def _serve(settings: Settings) -> None:
    ours = deployments(settings)  # first of all: a wrong setting is said before anybody waits for a server
    async with get_client() as client:
        await _reached(client)
        runner = Runner("muniment", query_seconds=LOOK_SECONDS, limit=AT_ONCE, pause_on_shutdown=False)
        ids = {each.name: await runner.aadd_deployment(each) for each in ours}
        await settle(client, list(ids.values()))
        print(f"muniment: the nightly run is due {await next_night(settings):%A %d %B, %H:%M %Z}", flush=True)
        with open_tools(settings) as tools, looking(tools):
            expect_nights(tools)
            await _until_signal(runner, _nudging(client, ids[INBOX], tools))


async def _reached(client: PrefectClient) -> None:
    said = False
    while error := await client.api_healthcheck():
        if not said:
            print(f"muniment: the Prefect server can't be reached ({type(error).__name__}): waiting", flush=True)
            said = True
        await asyncio.sleep(SERVER_SECONDS)


async def _until_signal(runner: Runner, beside: Coroutine[Any, Any, None]) -> None:
    """Run the runner and what is beside it until SIGTERM, then stop the runs under way; a failure of either ends it."""
    asked = asyncio.Event()
    tasks = {asyncio.create_task(work) for work in (runner.start(), beside, asked.wait())}
    while not runner.started and not any(task.done() for task in tasks):
        await asyncio.sleep(0.05)
    # After the runner's own handler, which ends the process in the middle of what it awaits.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if runner.started:
        await runner.astop()
    for task in others:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*others)
    for task in done:
        task.result()


async def _nudging(client: PrefectClient, inbox: UUID, tools: Tools) -> None:
    """Start a run whenever documents wait and none is at work or due; after runs that did not end well with growing
    pauses, until only the schedule goes on: what kills every run is not tried without end."""
    nudged: UUID | None = None
    failures, not_before = 0, 0.0
    while True:
        await asyncio.sleep(NUDGE_SECONDS)
        if time.monotonic() < not_before or not await asyncio.to_thread(_fresh, tools):
            continue
        if await under_way(client, inbox):
            continue
        if nudged:
            failures = 0 if _well((await client.read_flow_run(nudged)).state) else failures + 1
            not_before, nudged = time.monotonic() + min(pause(failures), tools.settings.ingest_seconds), None
        else:
            nudged = (await client.create_flow_run_from_deployment(inbox)).id


def _fresh(tools: Tools) -> bool:
    """Whether a document stands as received that nobody has tried: one that failed says why."""
    try:
        return any(not each.reason for each in tools.catalog.documents(status=DocumentStatus.RECEIVED))
    except CatalogError:
        return False  # it is busy or away: the next look tells


def _well(state: State[Any] | None) -> bool:
    return state is not None and state.is_completed()


if __name__ == "__main__":
    sys.exit(main())
