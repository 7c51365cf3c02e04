"""Ingest on a disk that is full again and again: is a page lost, doubled or changed once there is room?

    python -m infra.measure.full_disk [--inbox sample_docs/inbox] [--start 2] [--grow 1.3]

Needs root, for the home lies on a small file system of its own (tmpfs). `muniment ingest` takes the inbox in once with
room enough; then a fresh home starts on a disk of `--start` MiB, and each time a run ends the disk grows by that
factor and the same command is given again, until one leaves nothing to do. Prints a line a run: the size, the exit code
and the last thing it said. Exits with 1 if after the last run a document, page, record or point differs from the
undisturbed run's, or if a reconciliation finds a fault.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.measure.family import survivors
from infra.measure.outcome import Outcome, differences, outcome_of
from pipeline.reconcile import reconcile
from pipeline.report import table
from pipeline.settings import load_settings
from pipeline.wiring import open_tools

__all__ = ["Run", "filled", "main", "small_disk"]

ROOM = 2048  # MiB: more than any inbox this is for
IDLE = 5.0  # seconds after which the index owner ends
LONGEST = 1800.0  # seconds of one run
WHOLE = (0, 3)  # exit codes of a run that went to its end

Run = tuple[int, int, str]
"""MiB of the disk, exit code, and the last line that was said."""


def filled(disk: Path, inbox: Path, start: float, grow: float) -> list[Run]:
    """Ingest on a disk that grows from `start` MiB by a factor each time, until a run goes to its end."""
    runs: list[Run] = []
    size = start
    while not runs or runs[-1][1] not in WHOLE:
        if size > ROOM:
            raise RuntimeError(f"no run came to its end on {ROOM} MiB")
        subprocess.run(["mount", "-o", f"remount,size={int(size * 1024)}k", disk], check=True)
        runs.append((round(size), *_ingest(disk / "home", inbox)))
        size *= grow
    return runs


@contextmanager
def small_disk(size: float) -> Iterator[Path]:
    """A file system of so many MiB; what stands on it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="muniment-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={int(size * 1024)}k", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            survivors(folder, IDLE + 20)
            subprocess.run(["umount", "--lazy", folder], check=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inbox", type=Path, default=Path(__file__).parents[2] / "sample_docs" / "inbox")
    parser.add_argument("--start", type=float, default=2.0, help="MiB of the first disk")
    parser.add_argument("--grow", type=float, default=1.3, help="the factor from one disk to the next")
    asked = parser.parse_args(argv)
    if os.geteuid():
        raise SystemExit("mounting a small file system needs root")
    with small_disk(ROOM) as disk:
        _ingest(disk / "home", asked.inbox)
        whole, _ = _left(disk / "home")
    with small_disk(asked.start) as disk:
        runs = filled(disk, asked.inbox, asked.start, asked.grow)
        found, faults = _left(disk / "home")
    wrong = [*differences(whole, found), *faults]
    print(table([("MiB", "exit code", "said"), *runs]))
    full = sum(code not in WHOLE for _, code, _ in runs)
    print(f"{full} runs met a full disk, {len(whole.documents)} documents; wrong: {len(wrong)}")
    for each in wrong:
        print(f"  {each}")
    return 1 if wrong else 0


def _ingest(home: Path, inbox: Path) -> tuple[int, str]:
    """Exit code, and the last line of the run."""
    settings = {"MUNIMENT_HOME": str(home), "MUNIMENT_INDEX_IDLE_SECONDS": str(IDLE), "OMP_THREAD_LIMIT": "1"}
    command = [sys.executable, "-m", "pipeline", "ingest", str(inbox)]
    environment = os.environ | settings
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=LONGEST)
    said = [line for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
    return ended.returncode, said[-1].strip()[:120] if said else ""


def _left(home: Path) -> tuple[Outcome, list[str]]:
    """What stands in a home, and the faults a reconciliation finds but for runs that a full disk cut off."""
    with open_tools(load_settings(home=home, index_idle_seconds=IDLE)) as tools:
        faults = {fault.kind for fault in reconcile(tools, repair=True, deep=True).faults} - {"run-unended"}
        return outcome_of(tools), sorted(faults)


if __name__ == "__main__":
    sys.exit(main())
