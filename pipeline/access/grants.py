"""Which matters an account may see: allowed one by one or all ("*"), and a denial stands over every permission.

A grant is asked at each request, so that one that is given or withdrawn counts from the next click on. What comes back
is names of matters that are there: a grant of a matter that does not exist (yet) says nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection, delete, exists, func, insert, select

from pipeline.database import Database
from pipeline.names import clean_matter
from pipeline.tables import documents, grants

__all__ = ["EVERY", "Grant", "Grants"]

EVERY = "*"
"""In place of a matter's name: every matter there is and will be."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A matter (or `EVERY`) that an account is allowed, or denied, to see."""

    user: int
    matter: str
    allowed: bool


class Grants:
    """See the module's docstring; from any thread of any process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def matters(self, user: int) -> tuple[str, ...]:
        """Names of the matters with documents that this account may see, in order."""
        with self._database.read() as connection:
            return seen_by(connection, user)

    def every_matter(self, user: int) -> bool:
        """Whether the account may see all there is: all is allowed, nothing denied."""
        mine = {(grant.matter, grant.allowed) for grant in self.of(user)}
        return (EVERY, True) in mine and all(allowed for _, allowed in mine)

    def of(self, user: int | None = None) -> list[Grant]:
        """The grants of an account, or of all."""
        which = sa.true() if user is None else grants.c.user == user
        query = select(grants.c.user, grants.c.matter, grants.c.allowed).where(which)
        with self._database.read() as connection:
            return [Grant(*row) for row in connection.execute(query.order_by(grants.c.user, grants.c.matter))]

    def set(self, user: int, matter: str, *, allowed: bool) -> Grant:
        """Allow or deny a matter, or `EVERY`; `UsageError` for what can't be a matter's name."""
        name = matter if matter == EVERY else clean_matter(matter)
        row = {"user": user, "key": _key(name), "matter": name, "allowed": allowed, "changed": time.time()}
        with self._database.write() as connection:
            connection.execute(delete(grants).where(grants.c.user == user, grants.c.key == row["key"]))
            connection.execute(insert(grants).values(row))
        return Grant(user, name, allowed)

    def withdraw(self, user: int, matter: str) -> bool:
        """Neither allowed nor denied any more; whether there was anything to withdraw."""
        name = matter if matter == EVERY else clean_matter(matter)
        with self._database.write() as connection:
            gone = delete(grants).where(grants.c.user == user, grants.c.key == _key(name))
            return connection.execute(gone).rowcount > 0

    def known_matters(self) -> tuple[str, ...]:
        """Every matter that has a document, for who gives grants."""
        with self._database.read() as connection:
            return tuple(_every(connection))


def seen_by(connection: Connection, user: int) -> tuple[str, ...]:
    """As `Grants.matters`, inside a transaction."""
    mine = select(grants.c.matter, grants.c.allowed).where(grants.c.user == user)
    allowed = {row.matter: row.allowed for row in connection.execute(mine)}
    denied = {name for name, yes in allowed.items() if not yes}
    if EVERY in denied:
        return ()
    names = _every(connection) if EVERY in allowed else _those(connection, user)
    return tuple(name for name in names if name not in denied)


def _those(connection: Connection, user: int) -> Sequence[str]:
    """The granted ones that have a document: one look-up in an index each."""
    there = exists().where(documents.c.matter == grants.c.matter)
    named = select(grants.c.matter).where(grants.c.user == user, grants.c.allowed, there)
    return connection.execute(named.order_by(grants.c.matter)).scalars().all()


def _every(connection: Connection) -> Sequence[str]:
    """All that have a document. DISTINCT would read every document; this steps through the index by matter."""
    first = select(func.min(documents.c.matter).label("matter")).cte("there", recursive=True)
    after = select(func.min(documents.c.matter)).where(documents.c.matter > first.c.matter).scalar_subquery()
    there = first.union_all(select(after).where(first.c.matter.is_not(None)))
    return connection.execute(select(there.c.matter).where(there.c.matter.is_not(None))).scalars().all()


def _key(matter: str) -> str:
    return hashlib.sha256(matter.encode()).hexdigest()
