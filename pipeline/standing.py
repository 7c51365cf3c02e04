"""`muniment up` as other processes see it: which process it is, since when, and how it is asked to end."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pipeline.claims import sole
from pipeline.errors import AlreadyRunning
from pipeline.processes import alive, birth

__all__ = ["Standing", "end", "stand", "standing"]

TICK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Standing:
    """A process that stands for this home; `born` tells it from a later one of its number, `since` is Unix time."""

    pid: int
    born: str
    since: float

    def __str__(self) -> str:
        return f"process {self.pid}, since {datetime.fromtimestamp(self.since):%Y-%m-%d %H:%M}"


@contextmanager
def stand(run: Path) -> Iterator[None]:
    """Be the one `up` of the home whose `run` folder this is; `AlreadyRunning` says which one is. The kernel lets go
    of the lock with the process, so a kill -9 keeps nobody out."""
    with sole(run, "up") as here:
        if not here:
            raise AlreadyRunning(f"muniment is up already ({standing(run) or 'just started'}): `muniment down` ends it")
        part = run / f"up.{os.getpid()}.part"
        part.write_text(json.dumps(asdict(Standing(os.getpid(), birth(os.getpid()), time.time()))))
        part.replace(run / "up.json")
        try:
            yield
        finally:
            (run / "up.json").unlink(missing_ok=True)


def standing(run: Path) -> Standing | None:
    """The process that stands now, or None."""
    try:
        found = Standing(**json.loads((run / "up.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if alive(found.pid, found.born) else None


def end(found: Standing, seconds: float) -> bool:
    """Ask it to end, and wait so long; whether it has ended."""
    try:
        os.kill(found.pid, signal.SIGTERM)
    except ProcessLookupError:
        return True
    give_up = time.monotonic() + seconds
    while alive(found.pid, found.born):
        if time.monotonic() >= give_up:
            return False
        time.sleep(TICK_SECONDS)
    return True
