"""`muniment up`: everything on one machine, each part a process that is kept running.

    up ─┬─ watcher   muniment watch: the drop folder's files into the catalog
        ├─ once      muniment reconcile --repair: what a kill or a full disk left is mended
        ├─ web       muniment serve: the search page
        ├─ server    Prefect's, unless PREFECT_API_URL names one
        └─ runner    flows/runner.py: makes the runs that are due ── a process a run

Ctrl-C or SIGTERM ends them in order: what takes in, what works off, who searches, who keeps the schedules. After a kill
-9 of this process the kernel ends the others. Nothing is lost by either: the catalog remembers what was done.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from types import FrameType

from flows import server
from flows.child import command
from flows.children import Child, Kind
from pipeline.errors import MunimentError, UsageError
from pipeline.settings import Settings, load_settings
from pipeline.standing import stand
from pipeline.telling.logs import set_up
from pipeline.telling.notices import Notice, tell
from pipeline.wiring import open_tools

__all__ = ["main"]

TICK_SECONDS = 0.2
INDEX_SECONDS = 10.0  # that the index's owner may take to flush
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; options that are not ours are those of `muniment serve`."""
    parser = argparse.ArgumentParser(prog="python -m flows.up", description="Everything on this machine.")
    parser.add_argument("--no-web", action="store_true", help="without the search page")
    arguments, serving = parser.parse_known_args(argv)
    try:
        settings = load_settings()
        set_up(settings)
        _make(settings.run_dir)
        with stand(settings.run_dir):
            _run(settings, None if arguments.no_web else serving)
    except MunimentError as error:
        print(f"muniment: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _run(settings: Settings, serving: Sequence[str] | None) -> None:
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        asked.append(number)

    for number in ENDING:
        signal.signal(number, ask)
    children = _children(settings, serving)
    _say(f"up on {settings.root}; Ctrl-C or `muniment down` ends it")
    while not asked:
        for child in children:
            child.tend()
        time.sleep(TICK_SECONDS)
    _say("ending; a second Ctrl-C does not wait for what is under way")
    for child in children:
        child.stop(lambda: len(asked) > 1)
    _release_index(settings)
    _say("down")


def _children(settings: Settings, serving: Sequence[str] | None) -> list[Child]:
    """In the order they are ended."""
    own = not settings.prefect_api_url
    address = server.new_address() if own else settings.prefect_api_url
    environment = _environment(server.environment(address, settings.root / "prefect") if own else {})
    kill, end = signal.SIGKILL, signal.SIGTERM
    kinds = [Kind("the watcher", command(kill, "pipeline", "watch"), 10.0)]
    if settings.database_url or (settings.root / "catalog.sqlite").exists():  # else there is nothing to compare yet
        kinds += [Kind("the reconciliation", command(kill, "pipeline", "reconcile", "--repair"), 5.0, once=True)]
    # A server elsewhere is waited for by the runner itself, which knows how it is spoken to.
    ready = (lambda: server.answers(address)) if own else (lambda: True)
    kinds += [Kind("the runner", command(kill, "flows.runner"), 20.0, ready)]
    if serving is not None:
        kinds += [Kind("the search page", command(end, "pipeline", "serve", *serving), 5.0)]
    if own:
        port = address.rpartition(":")[2].partition("/")[0]
        log = settings.run_dir / "prefect-server.log"  # it tells at length of what it then tries again
        log.unlink(missing_ok=True)
        kinds += [Kind("the Prefect server", command(kill, "flows.server", port), 10.0, log=log)]
    return [Child(kind, environment, _say, partial(_alarm, settings)) for kind in kinds]


def _alarm(settings: Settings, what: str) -> None:
    """Have people told, in a thread of its own: the other parts are tended meanwhile."""

    def work() -> None:
        with suppress(MunimentError), open_tools(settings) as tools:
            day = date.today().isoformat()
            tell(tools, Notice("part", what, ["the rest goes on, and it is tried again"], key=f"part {what} {day}"))

    threading.Thread(target=work, name="alarm", daemon=True).start()


def _environment(prefect: Mapping[str, str]) -> dict[str, str]:
    quiet = {"PREFECT_LOGGING_LEVEL": "WARNING"}
    # No child imports what lies in the folder it happens to be started in.
    return {**quiet, **os.environ, **prefect, "PYTHONSAFEPATH": "1"}


def _release_index(settings: Settings) -> None:
    """The index's owner ends with the last who used it; of who was killed it does not know at once."""
    from pipeline.backends.owned import OwnedIndex

    OwnedIndex(settings.root / "index", {}).release(INDEX_SECONDS)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"MUNIMENT_HOME: the folder can't be made: {error.strerror}") from error


def _say(text: str) -> None:
    print(f"muniment: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
