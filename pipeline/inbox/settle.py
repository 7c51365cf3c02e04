"""When a dropped file may be taken: a pure policy over what was seen of it, and when.

A file is looked into once its size and times stood still for a while, and taken if it opens whole. One that does not
open whole may be one whose writer pauses: it is waited for much longer, and refused only then. Any change starts all
over. The same policy judges a file twice: in the inbox, and after it was claimed, because its writer may have kept
it open and written on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import StrEnum

from pipeline.types import DocumentStatus

__all__ = ["Fault", "Stamp", "Verdict", "Waits", "Watched", "looked", "seen", "verdict"]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What changes when a file is written, replaced, cut or renamed over.

    The inode is not part of it: some network shares make up a new one from time to time.
    """

    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, state: os.stat_result) -> Stamp:
        """The stamp in what `stat` gave."""
        return cls(state.st_size, state.st_mtime_ns, state.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file can't be taken as a document, and how that document stands: held or rejected."""

    status: DocumentStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A file as it was last seen: unchanged `since` (a monotonic time), looked into or not, and what was wrong then."""

    stamp: Stamp
    since: float
    looked: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds a file stands still before it is looked into and, if it does not open whole, before it is refused."""

    settle: float
    patience: float


class Verdict(StrEnum):
    """What to do with a file now."""

    WAIT = "wait"
    LOOK = "look into it"
    TAKE = "take it"
    REFUSE = "refuse it"


def seen(before: Watched | None, stamp: Stamp, now: float) -> Watched:
    """The file as seen now, after what was known of it."""
    return before if before is not None and before.stamp == stamp else Watched(stamp, now)


def looked(watched: Watched, stamp: Stamp | None, fault: Fault | None, now: float) -> Watched:
    """The file after it was looked into. `stamp` is what it was by then (None: it could not be opened): if that is
    another file than the one that stood still, what was found says nothing."""
    if stamp is not None and stamp != watched.stamp:
        return Watched(stamp, now)
    return replace(watched, looked=True, fault=fault)


def verdict(watched: Watched, now: float, waits: Waits) -> Verdict:
    """See the module's docstring."""
    still = now - watched.since
    if still < waits.settle:
        return Verdict.WAIT
    if not watched.looked:
        return Verdict.LOOK
    if watched.fault is None:
        return Verdict.TAKE
    return Verdict.REFUSE if still >= waits.patience else Verdict.WAIT
