"""One worker a document: an exclusive lock on a file in the home, let go by the kernel when its holder dies."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["claim", "sole"]


@contextmanager
def claim(locks: Path, name: str) -> Iterator[None]:
    """Hold `name` while the body runs; waits while another thread or process holds it.

    A kill -9 releases the lock with the process, so a second start never waits for a dead one.
    """
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (locks / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def sole(locks: Path, name: str) -> Iterator[bool]:
    """Hold `name` while the body runs, if nobody does; whether it is held now. Waits for nobody."""
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (locks / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
