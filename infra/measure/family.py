"""The processes a command started: how much memory they take together, how much CPU, and whether they are gone.

Linux only: it reads /proc. Memory is PSS, which counts a page shared by n processes as 1/n in each, so that the sum
over a family is what the machine has to hold.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["Watch", "cpu", "members", "pss", "survivors"]

TICK = os.sysconf("SC_CLK_TCK")
PARENT, CPU = 1, slice(11, 15)  # among the fields of proc(5) stat that follow the name: ppid; u, s, cu, cstime

Table = dict[int, list[str]]


def members(root: int, mark: str = "") -> set[int]:
    """`root`, its descendants, and every process with `mark` on its command line or in its environment: daemons
    leave their family."""
    table = _table()
    return _descendants(root, table) | _marked(mark, table)


def survivors(mark: str, seconds: float) -> dict[int, str]:
    """The processes marked like that which are still there after waiting up to `seconds`, with their commands."""
    end = time.monotonic() + seconds
    while (left := _marked(mark, _table())) and time.monotonic() < end:
        time.sleep(0.1)
    return {pid: _read(pid, "cmdline")[:200] for pid in left}


def pss(pid: int) -> int:
    """Bytes of memory of one process; 0 once it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0


def cpu(pid: int) -> float:
    """Seconds of CPU that one process has used, with the children it has waited for; 0 once it is gone."""
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        return sum(map(int, stat.rpartition(")")[2].split()[CPU])) / TICK
    return 0.0


class Watch:
    """Samples the family of `root` while the body of `with` runs; then `peak` is bytes of PSS, `cpu` and `wall`
    are seconds. A process counts with the children it has waited for, a daemon as it was last seen.
    """

    def __init__(self, root: int | None = None, mark: str = "", every: float = 0.5) -> None:
        self.root, self.mark, self.every = root or os.getpid(), mark, every
        self.peak, self.cpu, self.wall = 0, 0.0, 0.0
        self._used, self._before = 0.0, 0.0
        self._strangers: set[int] = set()
        self._daemons: dict[int, int] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._look()
        self._before = self._used
        self.wall -= time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.wall += time.perf_counter()
        self._end.set()
        self._thread.join()
        self._look()
        self.cpu = self._used - self._before

    def _sample(self) -> None:
        while not self._end.wait(self.every):
            self._look()

    def _look(self) -> None:
        """Note the memory, and the CPU seconds that the family has used since it began: the most ever seen, because
        of a root that has ended nothing can be read any more."""
        table = _table()
        family = _descendants(self.root, table)
        others = table.keys() - family - self._strangers
        daemons = _marked(self.mark, others)
        self._strangers |= others - daemons  # to ask every process each time would cost more than what is measured
        self.peak = max(self.peak, sum(map(pss, family | daemons)))
        used = {pid: sum(map(int, table[pid][CPU])) for pid in family | daemons}
        self._daemons |= {pid: used[pid] for pid in daemons}
        ticks = sum(used[pid] for pid in family) + sum(self._daemons.values())
        self._used = max(self._used, ticks / TICK)


def _descendants(root: int, table: Table) -> set[int]:
    parents = {pid: int(fields[PARENT]) for pid, fields in table.items()}
    found = {root} & set(parents)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _marked(mark: str, pids: Iterable[int]) -> set[int]:
    if not mark:
        return set()
    return {pid for pid in pids if mark in _read(pid, "cmdline") or mark in _read(pid, "environ")} - {os.getpid()}


def _table() -> Table:
    """Every process with the fields of its stat that follow its name, which may hold blanks and brackets."""
    table = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                stat = (entry / "stat").read_text(errors="replace")
                table[int(entry.name)] = stat.rpartition(")")[2].split()
    return table


def _read(pid: int, name: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""
