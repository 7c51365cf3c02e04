"""`muniment up` and `down`: everything on one machine, and its end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from pipeline.console import emit
from pipeline.web.options import add_serving, as_typed

__all__ = ["add_options"]

Command = Callable[[Any, str, str], argparse.ArgumentParser]
STILL_THERE_EXIT = 1
WAIT_SECONDS = 60.0


def add_options(parsers: Any, command: Command) -> None:
    """Add the commands; `command(parsers, name, text)` makes the parser of one that prints."""
    text = "everything on this machine: drop folder, schedules, search page; until Ctrl-C or `muniment down`"
    up = parsers.add_parser("up", help=text, description=text)
    up.add_argument("--no-web", action="store_true", help="without the search page")
    add_serving(up)
    up.set_defaults(command=_up)
    down = command(parsers, "down", "end what `muniment up` started, and wait until it has ended")
    down.add_argument(
        "--wait",
        type=float,
        default=WAIT_SECONDS,
        metavar="SECONDS",
        help="at most so long (default 60; 0: not at all)",
    )
    down.set_defaults(command=_down)


def _up(arguments: argparse.Namespace) -> NoReturn:
    """Prefect lives in `flows/`, which nothing here imports: this process becomes the one that does."""
    options = [*(["--no-web"] if arguments.no_web else []), *as_typed(arguments)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "flows.up", *options])


def _down(arguments: argparse.Namespace) -> int:
    """Exit code 1 when it has not ended in time."""
    from pipeline.settings import load_settings
    from pipeline.standing import end, standing

    found = standing(load_settings().run_dir)
    ended = found is None or end(found, arguments.wait) or not arguments.wait
    text = "nothing is up" if found is None else f"{found}: " + ("is down" if ended else "still ending")
    emit(arguments, lambda: {"pid": found and found.pid, "ended": ended}, lambda: f"muniment: {text}")
    return 0 if ended else STILL_THERE_EXIT
