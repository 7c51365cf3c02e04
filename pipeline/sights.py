"""What the watcher has seen of each file, poll by poll, and what that lets it do (see `settle.py`).

Files that stood still are looked into by workers, side by side: their bytes are hostile, and a share may be slow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import MunimentError
from pipeline.intake import MIB, refused_status
from pipeline.settle import Fault, Stamp, Verdict, Waits, Watched, looked, seen, verdict
from pipeline.whole import Limits, Look, LookJob, look

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["Place", "Sight", "Sights"]

SLOWEST_MIB_A_SECOND = 5  # of a share from which a file is read


@dataclass(frozen=True, slots=True)
class Place:
    """A file that is there now: a key that stays its own, where it lies, what it is like, and how long it is waited
    for."""

    key: str
    root: Path
    path: Path
    stamp: Stamp
    waits: Waits


@dataclass(frozen=True, slots=True)
class Sight:
    """What may be done with a file now; `look` is what was found in it, once it was looked into."""

    place: Place
    verdict: Verdict
    look: Look | None


class Sights:
    """The files of one folder, over time; `clock` gives monotonic seconds."""

    def __init__(self, tools: Tools, clock: Callable[[], float] = time.monotonic) -> None:
        self._tools = tools
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self._looks: dict[str, Look] = {}

    def judge(self, places: Sequence[Place]) -> list[Sight]:
        """All files that are there now, in this order; what is not among them is forgotten."""
        now = self._clock()
        self._watched = {place.key: seen(self._watched.get(place.key), place.stamp, now) for place in places}
        self._looks = {key: found for key, found in self._looks.items() if key in self._watched}
        due = [place for place in places if self._verdict(place) is Verdict.LOOK]
        for place, found in self._look_into(due):
            watched = self._watched[place.key]
            self._watched[place.key] = looked(watched, found.stamp, found.fault, self._clock())
            self._looks[place.key] = found
        return [Sight(place, self._verdict(place), self._looks.get(place.key)) for place in places]

    def _verdict(self, place: Place) -> Verdict:
        return verdict(self._watched[place.key], self._clock(), place.waits)

    def _look_into(self, places: Sequence[Place]) -> Iterator[tuple[Place, Look]]:
        if not places:
            return
        settings = self._tools.settings
        limits = Limits(settings.max_file_mb, settings.max_pages, settings.max_picture_pixels)
        jobs = {LookJob(place.root, place.path, limits): place for place in places}
        largest = max(place.stamp.size for place in places) / MIB
        seconds = settings.page_seconds + largest / SLOWEST_MIB_A_SECOND
        for job, answer in self._tools.pool.run(look, jobs, seconds=seconds):
            yield jobs[job], _failed(answer) if isinstance(answer, MunimentError) else answer


def _failed(error: MunimentError) -> Look:
    return Look(None, fault=Fault(refused_status(error), str(error)))
