"""Claims of machines that share a catalog: a row a document says who has it and until when.

Taken in one statement, renewed by a thread at a third of its life, taken over by others when it ran out; times are
the database's, so that no machine's clock matters. A holder that stood still for longer than a life (swapped out, a
paused virtual machine) may wake up and go on: each taking therefore has a token of its own, and what a holder writes
down at the end is written in a transaction that has found its token still there (`Lease.fence`).
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, Double, cast, delete, extract, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from pipeline import processes
from pipeline.claims import Claim
from pipeline.database import Database
from pipeline.errors import AlreadyRunning, CatalogError, ClaimLost
from pipeline.tables import leases

__all__ = ["Lease", "leased"]

WAIT_SECONDS = 1.0  # between two looks at a lease that another has

_NOW: Any = cast(extract("epoch", func.clock_timestamp()), Double)  # not the transaction's begin, as now() is


class Lease(Claim):
    """A document's lease, held by this thread until `end`."""

    def __init__(self, database: Database, document: str, token: str, seconds: float) -> None:
        self._database = database
        self._mine = (leases.c.document == document, leases.c.token == token)
        self._seconds = seconds
        self._lost = False
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._heart.start()

    def check(self) -> None:
        """`ClaimLost` once a renewal has met another's token."""
        if self._lost:
            raise _lost()

    def fence(self, connection: Connection) -> None:
        """`ClaimLost` unless the token is still there; nobody can take the lease before the transaction ends.

        One that ran out and that nobody took is still held.
        """
        if connection.execute(select(leases.c.token).where(*self._mine).with_for_update()).first() is None:
            self._lost = True
            raise _lost()

    def end(self) -> None:
        """Let others have the document."""
        self._ended.set()
        self._heart.join()
        with suppress(CatalogError), self._database.write() as connection:  # it runs out by itself
            connection.execute(delete(leases).where(*self._mine))

    def _beat(self) -> None:
        while not self._lost and not self._ended.wait(self._seconds / 3):
            with suppress(CatalogError), self._database.write() as connection:  # the fence has the last word
                renewed = update(leases).where(*self._mine).values(until=_NOW + self._seconds)
                self._lost = not connection.execute(renewed).rowcount


@contextmanager
def leased(database: Database, document: str, seconds: float, *, wait: bool) -> Iterator[Lease]:
    """Hold the document's lease while the body runs; waits while another has it, or raises `AlreadyRunning`."""
    while (token := _take(database, document, seconds)) is None:
        if not wait:
            raise AlreadyRunning("another machine has the document")
        time.sleep(WAIT_SECONDS)
    lease = Lease(database, document, token, seconds)
    try:
        yield lease
    finally:
        lease.end()


def _take(database: Database, document: str, seconds: float) -> str | None:
    """The token of the lease if it could be had: free, run out, or of a process of this machine that is gone."""
    there = select(leases.c.token, leases.c.holder).where(leases.c.document == document)
    with database.write() as connection:
        held = connection.execute(there).first()
        orphan = held.token if held and _gone(held.holder) else None
        row = {"holder": _holder(), "token": uuid.uuid4().hex, "until": _NOW + seconds}
        taking = insert(leases).values(document=document, **row)
        free = or_(leases.c.until < _NOW, leases.c.token == orphan)
        taking = taking.on_conflict_do_update(index_elements=[leases.c.document], set_=row, where=free)
        token: str | None = connection.execute(taking.returning(leases.c.token)).scalar()
        return token


def _holder() -> str:
    """This process among those of all machines: host, space of process numbers, number, birth."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{processes.space()}:{pid}:{processes.birth(pid)}"


def _gone(holder: str) -> bool:
    """Whether that process has ended, where it can be known: of this boot of this host, and not in another container,
    where its number means another process."""
    host, space, pid, birth = holder.split(":", 3)
    here = _holder().split(":", 3)
    same_boot = birth.partition(":")[0] == here[3].partition(":")[0] != ""
    return [host, space] == here[:2] and same_boot and not processes.alive(int(pid), birth)


def _lost() -> ClaimLost:
    return ClaimLost(
        "this worker stood still for longer than its claim lasted (MUNIMENT_LEASE_SECONDS), and another took it"
    )
