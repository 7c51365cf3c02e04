"""Whether the memory of a run stays flat: that of each kind of process, looked at again and again."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.measure.family import members, pss

__all__ = ["GROWTH", "Memory", "growth"]

GROWTH = 0.15  # from the second third of a run to the last: above it memory is not flat
KINDS = {"the index owner": "pipeline.backends.owner", "the workers": "pipeline.worker"}


def growth(values: Sequence[float]) -> float:
    """By how much the last third's greatest value exceeds the second third's; 0 for fewer than three values."""
    third = len(values) // 3
    return max(values[-third:]) / max(values[third : 2 * third]) - 1 if third else 0.0


@dataclass
class Memory:
    """MiB of PSS of the family of process `root`, with every process marked by `mark`, by kind of process and by what
    one process of the kind takes at most, while the body of `with` runs."""

    root: int
    mark: str
    every: float = 2.0
    seen: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Memory:
        self._thread = threading.Thread(target=self._look_on, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        if self._thread:
            self._thread.join()

    def rows(self) -> list[tuple[str, str, str]]:
        """For people: kind, most memory of one process, growth."""
        return [(kind, f"{max(seen):,.0f} MiB", f"{growth(seen):+.0%}") for kind, seen in self.seen.items()]

    def _look_on(self) -> None:
        while not self._end.wait(self.every):
            for kind, size in _by_kind(members(self.root, self.mark)).items():
                self.seen[kind].append(size)


def _by_kind(pids: set[int]) -> Mapping[str, float]:
    largest: dict[str, float] = {}
    for pid in pids:
        kind = _kind(pid)
        largest[kind] = max(largest.get(kind, 0.0), pss(pid) / 2**20)
    return largest


def _kind(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        command = ""
    return next((kind for kind, sign in KINDS.items() if sign in command), "the run")
