"""What the watcher has seen of each file, poll by poll, and what that lets it do (see `settle.py`).

Files that stood still are looked into by workers, because their bytes are hostile; and a worker may look into nothing
but store and spool. Of a file that lies elsewhere it is given a copy.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import MunimentError
from pipeline.inbox.settle import Fault, Stamp, Verdict, Waits, Watched, looked, seen, verdict
from pipeline.inbox.spool import PART
from pipeline.inbox.whole import Look, LookJob, look
from pipeline.intake import MIB, open_beneath, refused_status, too_large
from pipeline.store import private_folder
from pipeline.types import DocumentStatus

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["Place", "Sight", "Sights"]

AT_ONCE = 16  # files that are looked into side by side: what is copied for it lies on the disk twice


@dataclass(frozen=True, slots=True)
class Place:
    """A file that is there now: a key that stays its own, where it lies, what it is like, how long it is waited for,
    and whether it lies in the spool itself."""

    key: str
    root: Path
    path: Path
    stamp: Stamp
    waits: Waits
    spooled: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """What may be done with a file now; `look` is what was found in it, once it was looked into."""

    place: Place
    verdict: Verdict
    look: Look | None


class Sights:
    """The files of one folder, over time; copies to look into go to `copies`, `clock` gives monotonic seconds."""

    def __init__(self, tools: Tools, copies: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._tools = tools
        self._copies = copies
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self._looks: dict[str, Look] = {}

    def judge(self, places: Sequence[Place]) -> list[Sight]:
        """All files that are there now, in this order; what is not among them is forgotten."""
        now = self._clock()
        self._watched = {place.key: seen(self._watched.get(place.key), place.stamp, now) for place in places}
        self._looks = {key: found for key, found in self._looks.items() if key in self._watched}
        due = [place for place in places if self._verdict(place) is Verdict.LOOK]
        for start in range(0, len(due), AT_ONCE):
            for place, found in self._look_into(due[start : start + AT_ONCE]):
                watched = self._watched[place.key]
                self._watched[place.key] = looked(watched, found.stamp, found.fault, self._clock())
                self._looks[place.key] = found
        return [Sight(place, self._verdict(place), self._looks.get(place.key)) for place in places]

    def _verdict(self, place: Place) -> Verdict:
        return verdict(self._watched[place.key], self._clock(), place.waits)

    def _look_into(self, places: Sequence[Place]) -> Iterator[tuple[Place, Look]]:
        """Each place with what was found there."""
        settings, jobs = self._tools.settings, {}
        with ExitStack() as gone:
            for place in places:
                found = self._reached(place, gone)
                if isinstance(found, Look):
                    yield place, found
                else:
                    path, stamp = found
                    jobs[LookJob(path, settings.max_pages, settings.max_picture_pixels)] = place, stamp
            for job, answer in self._tools.pool.run(look, jobs, seconds=settings.page_seconds):
                place, stamp = jobs[job]
                found = _failed(answer) if isinstance(answer, MunimentError) else answer
                yield place, found if place.spooled else replace(found, stamp=stamp)

    def _reached(self, place: Place, gone: ExitStack) -> tuple[Path, Stamp] | Look:
        """Where a worker can open the file, and what the file was by then; or why it is not even tried."""
        limit = self._tools.settings.max_file_mb
        if place.stamp.size > limit * MIB:
            return Look(place.stamp, fault=Fault(DocumentStatus.HELD, too_large(place.stamp.size, limit)))
        if place.spooled:
            return place.root / place.path, place.stamp
        try:
            return self._copied(place, gone)
        except OSError as error:
            return Look(None, fault=Fault(DocumentStatus.HELD, f"can't be read: {error.strerror}"))

    def _copied(self, place: Place, gone: ExitStack) -> tuple[Path, Stamp]:
        private_folder(self._copies)
        with os.fdopen(open_beneath(place.root, place.path), "rb") as source:
            handle, name = tempfile.mkstemp(dir=self._copies, suffix=PART)
            gone.callback(Path(name).unlink, missing_ok=True)
            with os.fdopen(handle, "wb") as copy:
                shutil.copyfileobj(source, copy)
            return Path(name), Stamp.of(os.fstat(source.fileno()))


def _failed(error: MunimentError) -> Look:
    return Look(None, fault=Fault(refused_status(error), str(error)))
