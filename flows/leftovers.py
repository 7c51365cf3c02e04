"""What an earlier runner left on the Prefect server: runs that nobody makes any more, and runs that were missed.

They change nothing of ours. But Prefect would show a killed run as running for ever, and would make every missed one,
the oldest first, before the one that is due.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Crashed

from pipeline.processes import alive

__all__ = ["settle", "under_way"]

STARTING = timedelta(minutes=10)  # a run that has not said by then which process it is, is none
ACTIVE = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)


async def settle(client: PrefectClient, deployments: Sequence[UUID]) -> int:
    """Say of runs whose process is gone that they crashed, and cancel missed ones but the latest of each deployment;
    how many there were."""
    gone = [run for run in await _runs(client, deployments, ACTIVE) if _is_gone(run)]
    for run in gone:
        await _set(client, run, Crashed(message="its process is gone; what it had begun is resumed"))
    missed = [run for each in deployments for run in (await _due(client, [each]))[1:]]
    for run in missed:
        await _set(client, run, Cancelled(message="missed; a later run does its work"))
    return len(gone) + len(missed)


async def under_way(client: PrefectClient, deployment: UUID) -> bool:
    """Whether a run of this deployment is at work or due."""
    return bool(await _runs(client, [deployment], ACTIVE) or await _due(client, [deployment]))


async def _runs(client: PrefectClient, deployments: Sequence[UUID], states: Sequence[StateType]) -> list[FlowRun]:
    wanted = FlowRunFilter.model_validate(
        {"deployment_id": {"any_": list(deployments)}, "state": {"type": {"any_": list(states)}}}
    )
    return await client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC)


async def _due(client: PrefectClient, deployments: Sequence[UUID]) -> list[FlowRun]:
    """Runs that wait to be made and should have begun, the latest first."""
    wanted = FlowRunFilter.model_validate(
        {
            "deployment_id": {"any_": list(deployments)},
            "state": {"type": {"any_": [StateType.SCHEDULED]}},
            "expected_start_time": {"before_": datetime.now(UTC)},
        }
    )
    return await client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC)


async def _set(client: PrefectClient, run: FlowRun, state: State[None]) -> None:
    await client.set_flow_run_state(run.id, state, force=True)


def _is_gone(run: FlowRun) -> bool:
    """Whether its process is no more. Of one on another machine nobody here can tell."""
    host, _, rest = (run.infrastructure_pid or "").partition(":")
    pid, _, born = rest.partition(":")
    if pid.isdecimal():
        return host == socket.gethostname() and not alive(int(pid), born)
    return run.state is not None and datetime.now(UTC) - run.state.timestamp > STARTING
