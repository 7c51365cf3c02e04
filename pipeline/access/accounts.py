"""Accounts: who there is, and whether a password is theirs.

Passwords are kept as argon2id with argon2-cffi's parameters (RFC 9106's for little memory: 64 MiB, three passes), and
hashed anew at a sign-in when those parameters have changed since. A password is judged by its length only. A name that
is not known costs as much time as a wrong password, so that nobody learns from the clock who works here.

An account may also be that of somebody an OpenID Connect issuer vouches for: then the issuer's own key of the person
(issuer and subject) leads to it, and it has no password until an administrator sets one.
"""

from __future__ import annotations

import hashlib
import threading
import time
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Connection, delete, func, insert, select, update

from pipeline.database import Database
from pipeline.errors import NotFound, UsageError
from pipeline.tables import sessions, subjects, users

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["LONGEST", "SHORTEST", "Accounts", "Subject", "User", "clean_person", "name_key"]

SHORTEST, LONGEST = 12, 1024  # characters of a password
NAME_LENGTH = 60
_LOCK = 0x7573657273
AT_ONCE = 2  # passwords hashed side by side: each takes 64 MiB
_SHOWN = [users.c[name] for name in ("id", "name", "admin", "disabled", "created")]


@dataclass(frozen=True, slots=True)
class User:
    """An account; `created` in seconds since 1970."""

    id: int
    name: str
    admin: bool
    disabled: bool
    created: float


@dataclass(frozen=True, slots=True)
class Subject:
    """How an issuer knows the person of an account."""

    issuer: str
    subject: str


class Accounts:
    """See the module's docstring. `hasher` is for tests; a deployment has no way to choose a weaker one."""

    def __init__(self, database: Database, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._given = hasher
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def any(self) -> bool:
        """Whether there is an account at all."""
        with self._database.read() as connection:
            return _any(connection)

    def all(self) -> list[User]:
        """Every account, by name."""
        with self._database.read() as connection:
            return [User(*row) for row in connection.execute(select(*_SHOWN).order_by(func.lower(users.c.name)))]

    def user(self, name: str) -> User:
        """The account of this name; `NotFound` when there is none."""
        return self._one(users.c.key == name_key(name))

    def by_id(self, id: int) -> User:
        """The account of this number; `NotFound` when there is none."""
        return self._one(users.c.id == id)

    def add(self, name: str, password: str, *, admin: bool = False, first: bool = False) -> User:
        """Make an account; `UsageError` for a name or password that won't do, and for a name that is taken.

        `first`: only while there is no account, which is asked in the same transaction.
        """
        name = clean_person(name)
        hashed = self._hash(password, name)
        with self._database.write() as connection:
            self._database.alone(connection, _LOCK)  # two firsts, or two last admins, must not pass each other
            if first and _any(connection):
                raise UsageError("there is an account already")
            _insert(connection, name, hashed, admin=admin)
        return self.user(name)

    def add_subject(self, name: str, issuer: str, subject: str) -> User:
        """Make an account without a password for whom the issuer knows by this subject; the account that is there when
        another request was faster. `UsageError` for a name that won't do or is taken, and while there is no account."""
        name = clean_person(name)
        with self._database.write() as connection:
            self._database.alone(connection, _LOCK)
            if (known := _known(connection, issuer, subject)) is None:
                if not _any(connection):
                    raise UsageError("the first account has a password")
                known = _insert(connection, name, "", admin=False)
                connection.execute(insert(subjects).values(_subject(known, issuer, subject)))
        return self.by_id(known)

    def link(self, id: int, issuer: str, subject: str) -> None:
        """From now on this subject of the issuer leads to the account; `UsageError` when it leads to one already."""
        with self._database.write() as connection:
            self._database.alone(connection, _LOCK)
            if _known(connection, issuer, subject) is not None:
                raise UsageError("this subject has an account already")
            connection.execute(insert(subjects).values(_subject(id, issuer, subject)))

    def by_subject(self, issuer: str, subject: str) -> User | None:
        """The account of whom the issuer knows by this subject, also a disabled one."""
        with self._database.read() as connection:
            known = _known(connection, issuer, subject)
        return None if known is None else self.by_id(known)

    def subjects(self, id: int) -> list[Subject]:
        """Who the account is at issuers, oldest first."""
        query = select(subjects.c.issuer, subjects.c.subject).where(subjects.c.user == id)
        with self._database.read() as connection:
            return [Subject(*row) for row in connection.execute(query.order_by(subjects.c.created))]

    def has_password(self, id: int) -> bool:
        """Whether one can sign in with a password at all."""
        with self._database.read() as connection:
            return bool(connection.execute(select(users.c.password).where(users.c.id == id)).scalar())

    def check(self, name: str, password: str) -> User | None:
        """The account, if it may sign in and the password is its own. Takes as long for any wrong answer."""
        with self._database.read() as connection:
            found = connection.execute(select(users).where(users.c.key == name_key(name))).first()
        hashed = found.password if found else ""
        matches = self._matches(hashed or self._nobody, password)
        if found is None or found.disabled or not hashed or not matches:
            return None
        if self._hasher.check_needs_rehash(found.password):
            self._store(found.id, self._hash(password, found.name), ending=False)
        return User(*(getattr(found, column.name) for column in _SHOWN))

    def set_password(self, id: int, password: str) -> None:
        """From now on; every session of the account ends."""
        self._store(id, self._hash(password, self.by_id(id).name), ending=True)

    def disable(self, id: int) -> None:
        """Nobody signs in with it, its sessions end and its tokens open nothing. `UsageError` for the last admin."""
        with self._database.write() as connection:
            self._database.alone(connection, _LOCK)  # two firsts, or two last admins, must not pass each other
            others = select(users.c.id).where(users.c.admin, sa.not_(users.c.disabled), users.c.id != id)
            admin = connection.execute(select(users.c.admin).where(users.c.id == id)).scalar()
            if admin and connection.execute(others.limit(1)).first() is None:
                raise UsageError("this is the last admin: make another one first")
            connection.execute(update(users).where(users.c.id == id).values(disabled=True))
            connection.execute(delete(sessions).where(sessions.c.user == id))

    def enable(self, id: int) -> None:
        """It may sign in again."""
        with self._database.write() as connection:
            connection.execute(update(users).where(users.c.id == id).values(disabled=False))

    # ---- private

    def _one(self, which: sa.ColumnElement[bool]) -> User:
        with self._database.read() as connection:
            found = connection.execute(select(*_SHOWN).where(which)).first()
        if found is None:
            raise NotFound("there is no such account")
        return User(*found)

    def _store(self, id: int, hashed: str, *, ending: bool) -> None:
        with self._database.write() as connection:
            connection.execute(update(users).where(users.c.id == id).values(password=hashed))
            if ending:
                connection.execute(delete(sessions).where(sessions.c.user == id))

    def _hash(self, password: str, name: str) -> str:
        password = _composed(password)
        if not SHORTEST <= len(password) <= LONGEST:
            raise UsageError(f"a password has {SHORTEST} to {LONGEST} characters")
        if password.casefold() == name.casefold():
            raise UsageError("a password is not the name")
        with self._turns:
            return self._hasher.hash(password)

    def _matches(self, hashed: str, password: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        # cut, so that nobody has 100 MB hashed; longer than any password there is
        with self._turns:
            try:
                return self._hasher.verify(hashed, _composed(password[: LONGEST + 1]))
            except (VerificationError, InvalidHashError):
                return False

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        return self._given or PasswordHasher()

    @cached_property
    def _nobody(self) -> str:
        """What a password is compared with when the name is not known."""
        return self._hasher.hash("the password of nobody")


def clean_person(name: str) -> str:
    """A person's name in NFC without blanks around it; `UsageError` says why it can't be one."""
    text = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(text) <= NAME_LENGTH:
        raise UsageError(f"a name has 1 to {NAME_LENGTH} characters")
    if any(unicodedata.category(c)[0] == "C" for c in text) or text != " ".join(text.split()):
        raise UsageError("a name has no control characters and single blanks only")
    return text


def name_key(name: str) -> str:
    """Names that look alike to a person who types them are the same name."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()
    return hashlib.sha256(folded.encode(errors="replace")).hexdigest()


def _any(connection: Connection) -> bool:
    return connection.execute(select(users.c.id).limit(1)).first() is not None


def _insert(connection: Connection, name: str, hashed: str, *, admin: bool) -> int:
    """The number of the new account; `UsageError` when the name is taken."""
    row = {"key": name_key(name), "name": name, "password": hashed, "admin": admin}
    if connection.execute(select(users.c.id).where(users.c.key == row["key"])).first():
        raise UsageError("that name is taken")
    made = connection.execute(insert(users).values(row | {"disabled": False, "created": time.time()}))
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def _known(connection: Connection, issuer: str, subject: str) -> int | None:
    found = select(subjects.c.user).where(subjects.c.key == _subject_key(issuer, subject))
    return connection.execute(found).scalar()


def _subject(id: int, issuer: str, subject: str) -> dict[str, object]:
    key = _subject_key(issuer, subject)
    return {"key": key, "user": id, "issuer": issuer, "subject": subject, "created": time.time()}


def _subject_key(issuer: str, subject: str) -> str:
    """Neither text has a NUL: an issuer is an address, and its subjects are compared as they are."""
    return hashlib.sha256(f"{issuer}\0{subject}".encode(errors="surrogatepass")).hexdigest()


def _composed(password: str) -> str:
    """Keyboards give the same letter in several ways; surrogates are no text."""
    return unicodedata.normalize("NFC", password).encode(errors="replace").decode()
