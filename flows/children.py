"""Processes that are kept running: started again when they end, with growing pauses, and ended in order.

Each has a session of its own, so that Ctrl-C on the terminal reaches `up` alone, which ends them one after the other;
what a child started goes with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LOUD", "Child", "Kind", "pause"]

TICK_SECONDS = 0.05
READY_SECONDS = 0.5  # between two looks at whether what a child needs is there
STEADY_SECONDS = 60.0  # a child that lived so long did not end because it can't start
LOUD = 5  # quick deaths after which it is said that somebody has to look
LONGEST_PAUSE = 300.0
WELL = (0, 3)  # exit codes of a command that did its work; 3: and found something for a person


@dataclass(frozen=True, slots=True)
class Kind:
    """A child: its command line, the seconds it may take to end when asked, whether what it needs is there,
    the file that what it says goes into (None: where ours goes), and whether it is to run `once` and end by itself."""

    name: str
    command: Sequence[str]
    patience: float
    ready: Callable[[], bool] = lambda: True
    log: Path | None = None
    once: bool = False


def pause(deaths: int) -> float:
    """Seconds before something is started again that died so many times in quick succession."""
    return min(2.0 ** min(deaths - 1, 20), LONGEST_PAUSE) if deaths else 0.0


class Child:
    """One process at a time of this kind; `tend` is called again and again, `say` tells a person what happens, `alarm`
    that somebody has to look."""

    def __init__(
        self,
        kind: Kind,
        environment: Mapping[str, str],
        say: Callable[[str], None],
        alarm: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.kind = kind
        self._environment = dict(environment)
        self._say, self._alarm = say, alarm
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._next = 0.0  # not to be started before
        self._deaths = 0  # in quick succession
        self.ended = False  # for good: it was to run once

    def tend(self) -> None:
        """Start it when it does not run and what it needs is there."""
        now = time.monotonic()
        if self._process and (code := self._process.poll()) is not None:
            self._ended(self._process, code, now)
        if self._process is None and now >= self._next and not self.ended:
            if self.kind.ready():
                self._start(now)
            else:
                self._next = now + READY_SECONDS

    def stop(self, hurry: Callable[[], bool]) -> None:
        """End it: asked first, killed when its patience is over or `hurry` says so; with all that it started."""
        if (process := self._process) is None:
            return
        process.terminate()
        give_up = time.monotonic() + self.kind.patience
        while process.poll() is None and time.monotonic() < give_up and not hurry():
            time.sleep(TICK_SECONDS)
        if process.poll() is None:
            self._say(f"{self.kind.name} did not end by itself and is killed; nothing is lost by that")
        self._sweep(process)
        self._process = None

    def _start(self, now: float) -> None:
        self._started = now
        with self.kind.log.open("ab") if self.kind.log else nullcontext() as log:
            self._process = subprocess.Popen(
                self.kind.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT if log else None,
                start_new_session=True,
            )

    def _ended(self, process: subprocess.Popen[bytes], code: int, now: float) -> None:
        self._sweep(process)
        self._process = None
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if self.kind.once:
            self.ended = True
            if code not in WELL:
                self._say(f"{self.kind.name} did not come to its end ({how})")
            return
        self._deaths = 1 if now - self._started >= STEADY_SECONDS else self._deaths + 1
        wait = pause(self._deaths)
        self._next = now + wait
        self._say(f"{self.kind.name} ended ({how}); it is started again in {wait:.0f} s")
        if self._deaths == LOUD:
            self._say(
                f"ATTENTION: {self.kind.name} ended {LOUD} times in a row. SOMEBODY HAS TO LOOK; the rest goes on"
            )
            self._alarm(f"{self.kind.name} ended {LOUD} times in a row")

    def _sweep(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
