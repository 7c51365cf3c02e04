"""Serve the escalation on a schedule: `python -m flows.nightly --cron "0 2 * * *" --timezone Europe/Berlin --batch`.

Stays in the foreground and starts each run in a process of its own. With `PREFECT_API_URL` the schedule is kept by that
Prefect server, without it by one of our own that ends with us.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.escalate import escalate_waiting
from flows.server import prefect_server
from pipeline.settings import load_settings

__all__ = ["main"]

DEPLOYMENT = "nightly"
AT_ONCE = 2  # so that a run that meets another at work ends at once, instead of standing in line behind it


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    arguments = _parser().parse_args(argv)
    load_settings()  # a wrong setting is said now, not at night
    parameters = {"matters": arguments.matter, "budget": arguments.budget, "batch": arguments.batch}
    schedule = Cron(arguments.cron, timezone=arguments.timezone)
    with prefect_server():
        escalate_waiting.serve(
            DEPLOYMENT,
            schedule=schedule,
            parameters=parameters,
            limit=AT_ONCE,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flows.nightly", description="Escalate what waits, on a schedule.")
    parser.add_argument("--cron", default="0 2 * * *", help="when, as cron has it (default: every night at two)")
    parser.add_argument("--timezone", default="UTC", help="of the schedule, e.g. Europe/Berlin (default UTC)")
    parser.add_argument("--matter", action="append", help="only this matter; repeatable")
    parser.add_argument("--budget", type=float, metavar="USD", help="the most each run may spend")
    parser.add_argument("--batch", action="store_true", help="as batches at half price, waiting for them")
    return parser


if __name__ == "__main__":
    sys.exit(main())
