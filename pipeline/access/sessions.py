"""Sessions of browsers and tokens of programs: how a request says whose it is.

Both are 256 random bits of which the database keeps only the SHA-256: whoever reads it can sign in as nobody. A session
ends after `IDLE` seconds without a request, after `LONGEST` seconds in any case, when its user signs out, changes the
password or is disabled. A token has a last day, and is as good as its user's grants are at the moment it is used.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import delete, insert, select, update

from pipeline.access.grants import seen_by
from pipeline.database import Database
from pipeline.errors import NotFound, UsageError
from pipeline.report import clip
from pipeline.tables import sessions, tokens, users

__all__ = ["IDLE", "LONGEST", "Asking", "Scope", "Session", "Sessions", "Token", "csrf_of"]

HOUR = 3600.0
IDLE = 2 * HOUR
LONGEST = 12 * HOUR  # a working day: one sign-in each morning
TOKEN_DAYS = 90
MOST_DAYS = 3650
Scope = Literal["", "feed", "metrics"]
NOTED_EVERY = 60.0  # seconds; a row is not written anew for each thumbnail
PREFIXES: dict[Scope, str] = {"": "muniment_", "feed": "muniment-feed_", "metrics": "muniment-metrics_"}
"""By which scanners for leaked secrets know a token, and by which one of a scope opens nothing else."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Whose session or token it is, and the matters they may see at this moment."""

    id: int
    name: str
    admin: bool
    matters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in; times in seconds since 1970."""

    id: int
    created: float
    seen: float
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is listed; times in seconds since 1970, `seen` None when it was never used."""

    id: int
    label: str
    created: float
    expires: float
    seen: float | None


class Sessions:
    """See the module's docstring; from any thread of any process."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    # ---- sessions

    def open(self, user: int, address: str = "", agent: str = "") -> str:
        """Sign in: the cookie's value, always a new one. What has ended is swept on the way."""
        secret, now = secrets.token_urlsafe(32), self._now()
        row = {"key": _key(secret), "user": user, "created": now, "seen": now}
        row |= {"address": clip(address, 64), "agent": clip(agent, 200)}
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sa.not_(self._alive())))
            connection.execute(insert(sessions).values(row))
        return secret

    def by_cookie(self, secret: str) -> Asking | None:
        """Who has this cookie; None when it opens nothing (any more)."""
        return self._asking(sessions, _key(secret), self._alive())

    def close(self, secret: str) -> None:
        """Sign out."""
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.key == _key(secret)))

    def of(self, user: int) -> list[Session]:
        """The sessions of an account, the latest first."""
        shown = [sessions.c[name] for name in Session.__dataclass_fields__]
        query = select(*shown).where(sessions.c.user == user, self._alive()).order_by(sessions.c.seen.desc())
        with self._database.read() as connection:
            return [Session(*row) for row in connection.execute(query)]

    def number(self, secret: str) -> int | None:
        """The number of the session with this cookie."""
        with self._database.read() as connection:
            return connection.execute(select(sessions.c.id).where(sessions.c.key == _key(secret))).scalar()

    def end(self, user: int, id: int) -> None:
        """End a session of this account; `NotFound` when it has none of that number."""
        self._drop(sessions, user, id, "there is no such session")

    # ---- tokens

    def give(self, user: int, label: str, days: int = TOKEN_DAYS, scope: Scope = "") -> str:
        """A new token, which nobody can show again; `UsageError` for a label or number of days that won't do.

        One with a scope opens that alone: it stands in addresses that programs keep and servers write down.
        """
        label = clip(label, 100)
        if not label:
            raise UsageError("a token needs a label that says what it is for")
        if not 1 <= days <= MOST_DAYS:
            raise UsageError(f"a token lasts 1 to {MOST_DAYS} days")
        secret, now = PREFIXES[scope] + secrets.token_urlsafe(32), self._now()
        row = {
            "key": _key(secret),
            "user": user,
            "label": label,
            "created": now,
            "expires": now + days * 24 * HOUR,
        }
        with self._database.write() as connection:
            connection.execute(insert(tokens).values(row))
        return secret

    def by_token(self, secret: str, scope: Scope = "") -> Asking | None:
        """Who made this token of this scope; None when it opens nothing (any more). A token never acts as an admin."""
        if not secret.startswith(PREFIXES[scope]):
            return None
        found = self._asking(tokens, _key(secret), tokens.c.expires > self._now())
        return found and Asking(found.id, found.name, False, found.matters)

    def tokens(self, user: int) -> list[Token]:
        """The tokens of an account, the latest first."""
        shown = [tokens.c[name] for name in Token.__dataclass_fields__]
        with self._database.read() as connection:
            rows = connection.execute(select(*shown).where(tokens.c.user == user).order_by(tokens.c.id.desc()))
            return [Token(*row) for row in rows]

    def revoke(self, user: int, id: int) -> None:
        """The token opens nothing from now on; `NotFound` when the account has none of that number."""
        self._drop(tokens, user, id, "there is no such token")

    # ---- private

    def _alive(self) -> sa.ColumnElement[bool]:
        now = self._now()
        return sa.and_(sessions.c.created > now - LONGEST, sessions.c.seen > now - IDLE)

    def _asking(self, table: sa.Table, key: str, valid: sa.ColumnElement[bool]) -> Asking | None:
        shown = (users.c.id, users.c.name, users.c.admin, table.c.seen)
        query = select(*shown).join(table, table.c.user == users.c.id)
        with self._database.read() as connection:
            found = connection.execute(query.where(table.c.key == key, valid, sa.not_(users.c.disabled))).first()
            matters = seen_by(connection, found.id) if found else ()
        if found is None:
            return None
        if self._now() - (found.seen or 0.0) > NOTED_EVERY:
            self._note(table, key)
        return Asking(found.id, found.name, found.admin, matters)

    def _note(self, table: sa.Table, key: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.key == key).values(seen=self._now()))

    def _drop(self, table: sa.Table, user: int, id: int, missing: str) -> None:
        with self._database.write() as connection:
            if not connection.execute(delete(table).where(table.c.user == user, table.c.id == id)).rowcount:
                raise NotFound(missing)


def csrf_of(secret: str) -> str:
    """What the forms of a session carry. It follows from the cookie and does not lead back to it."""
    return hmac.new(secret.encode(errors="replace"), b"muniment csrf", hashlib.sha256).hexdigest()


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
