"""Work on several machines: our deployments sent to a work pool of a Prefect server, to be run by any machine's worker.

    python -m flows.pool                               once, and after a change of schedules; PREFECT_API_URL says where
    prefect worker start --pool muniment --type process --limit 1    on each machine, with its MUNIMENT_* settings

The pool's runs are what `muniment up` would start on one machine, by module: a worker needs Muniment installed and
nothing else. Which document a machine works on is decided by the catalog, not here: runs of `ingest-inbox` on two
machines share what was received, and a second one on the same machine ends at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from flows.deployments import deployments
from pipeline.errors import MunimentError, UsageError
from pipeline.settings import load_settings

__all__ = ["POOL", "main", "send"]

POOL = "muniment"


def main(argv: Sequence[str] | None = None) -> int:
    """Register the deployments; the exit code is that of the errors of `pipeline/errors.py`."""
    parser = argparse.ArgumentParser(prog="python -m flows.pool", description="Send our deployments to a work pool.")
    parser.add_argument("--pool", default=POOL, help=f"name of the work pool (default {POOL}); made if it is not there")
    arguments = parser.parse_args(argv)
    try:
        for name in send(arguments.pool):
            print(f"muniment: {name} runs in the work pool {arguments.pool}")
    except MunimentError as error:
        print(f"muniment: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def send(pool: str) -> list[str]:
    """Make the pool unless it is there, and have each deployment run in it; the deployments' names."""
    if not PREFECT_API_URL.value():
        raise UsageError("PREFECT_API_URL: a work pool is kept by a Prefect server of its own, which this names")
    ours: list[Any] = deployments(load_settings())
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(pool)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=pool, type="process", description="Muniment's machines"))
    for each in ours:
        each.work_pool_name = pool
        each.apply()
    return [each.name for each in ours]


if __name__ == "__main__":
    sys.exit(main())
