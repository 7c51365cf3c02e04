"""One worker a document, on one machine or on many.

A lock on a file in the home keeps the workers of a machine apart: the kernel lets it go when its holder dies. Where
machines share a catalog on PostgreSQL, whoever holds the file also takes a lease there (`pipeline.leases`).
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipeline.errors import AlreadyRunning

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pipeline.database import Database

__all__ = ["Claim", "claim", "sole"]


class Claim:
    """The right to walk one document. That of a lock on a file can't be lost while its holder lives."""

    def check(self) -> None:
        """`ClaimLost` when it is known that another worker has the document by now; asks nobody."""

    def fence(self, connection: Connection) -> None:
        """`ClaimLost` unless the claim still holds, and goes on holding until this transaction ends."""


@contextmanager
def claim(locks: Path, database: Database, document: str, *, seconds: float, wait: bool = True) -> Iterator[Claim]:
    """Claim a document while the body runs; waits while another thread, process or machine has it, or raises
    `AlreadyRunning` then if it is not to wait.

    A kill -9 ends the claim: at once for this machine, for others of the same catalog after `seconds`.
    """
    with _opened(locks, document) as handle:
        if not _lock(handle, wait=wait):
            raise AlreadyRunning("another worker of this machine has the document")
        if database.sqlite:
            yield Claim()
            return
        from pipeline.leases import leased

        with leased(database, document, seconds, wait=wait) as lease:
            yield lease


@contextmanager
def sole(locks: Path, name: str) -> Iterator[bool]:
    """Hold `name` while the body runs, if nobody on this machine does; whether it is held now. Waits for nobody."""
    with _opened(locks, name) as handle:
        yield _lock(handle, wait=False)


@contextmanager
def _opened(locks: Path, name: str) -> Iterator[IO[str]]:
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (locks / f"{name}.lock").open("w") as handle:
        yield handle


def _lock(handle: IO[str], *, wait: bool) -> bool:
    """Whether the file is locked now, until it is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
