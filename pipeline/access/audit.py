"""Who did what: a log whose rows are chained, so that one that was edited, removed, inserted or moved is found.

Each row's hash covers the hash of the row before it and the row itself. Whoever can write to the database can of
course write the whole chain anew, or cut its tail: both are seen by who noted the head, the hash of the last row,
somewhere else (`muniment audit verify` prints it, `--head` asks whether it is still there).

A row names documents by id and matters by name. It holds no text of a document; of what a person typed it holds the
question of a search, because who looked for what is what the log is asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, insert, select

from pipeline.database import Database
from pipeline.errors import UsageError
from pipeline.names import storable
from pipeline.tables import audit

__all__ = ["KINDS", "START", "Audit", "Entry", "Verdict", "Wanted"]

KINDS = (
    "search", "view", "image", "download", "export", "correction", "sign-in", "sign-in-refused", "sign-out", "grant",
    "account", "token", "frontier-call", "setting", "retention", "hold", "deletion",
)  # fmt: skip
"""What can be recorded."""

START = "0" * 64
LONGEST = 2000  # characters of one text of a row; a question is cut there by the search, too
BATCH = 1000
_LOCK = 0x61756469


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the log; `at` is UTC in ISO 8601, `detail` a JSON object."""

    id: int
    at: str
    who: str
    what: str
    subject: str
    detail: str
    hash: str

    def sealed(self, previous: str) -> str:
        """The hash this row must have after a row of that hash."""
        row = asdict(self)
        del row["hash"]
        text = json.dumps(row, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()

    @property
    def details(self) -> dict[str, Any]:
        """The detail as it was given."""
        found: dict[str, Any] = json.loads(self.detail)
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `Audit.verify` found: good rows, the last one's hash, and what is wrong with the next ("": nothing)."""

    rows: int
    head: str
    wrong: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of the log; empty parts ask for nothing. `since` is ISO 8601, of a day or a moment, in UTC."""

    since: str = ""
    user: str = ""
    what: str = ""
    matter: str = ""


class Audit:
    """See the module's docstring; from any thread of any process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, who: str, what: str, subject: str = "", detail: Mapping[str, object] | None = None) -> None:
        """Write a row, durably, before returning; `UsageError` for a `what` that is none of `KINDS`.

        A matter stands in the detail as "matter" (one name) or "matters" (a list): that is what `--matter` looks for.
        """
        with self._database.write() as connection:
            self.append(connection, who, what, subject, detail)

    def append(
        self, connection: Connection, who: str, what: str, subject: str, detail: Mapping[str, object] | None
    ) -> None:
        """Write the row in the transaction that does what it tells of: both come true, or neither."""
        if what not in KINDS:
            raise UsageError(f"the log knows no {what!r}")
        texts = json.dumps(_bounded(dict(detail or {})), sort_keys=True)
        self._database.alone(connection, _LOCK)  # two rows must not follow the same one
        last = connection.execute(select(audit.c.id, audit.c.hash).order_by(audit.c.id.desc()).limit(1)).first()
        number, previous = (last.id + 1, last.hash) if last else (1, START)
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        entry = Entry(number, now, _text(who), what, _text(subject), texts, "")
        connection.execute(insert(audit).values(asdict(entry) | {"hash": entry.sealed(previous)}))

    def verify(self, head: str = "") -> Verdict:
        """Read the whole chain; with `head`, a hash noted earlier, it must stand in it: else the tail was cut."""
        previous, rows, seen = START, 0, not head
        for entry in self._entries():
            if wrong := _wrong(entry, rows, previous):
                return Verdict(rows, previous, wrong)
            previous, rows = entry.hash, rows + 1
            seen = seen or entry.hash == head
        return Verdict(
            rows, previous, "" if seen else f"no row has the hash {head[:16]}…: rows were cut off or rewritten"
        )

    def latest(self, wanted: Wanted, limit: int) -> list[Entry]:
        """The latest rows that are wanted, newest first."""
        found: list[Entry] = []
        for entry in self._newest(wanted):
            if _concerns(entry, wanted.matter):
                found.append(entry)
                if len(found) == limit:
                    break
        return found

    def _entries(self) -> Iterator[Entry]:
        after: sa.ColumnElement[bool] = sa.true()
        while batch := self._batch(after, audit.c.id):
            yield from batch
            after = audit.c.id > batch[-1].id

    def _newest(self, wanted: Wanted) -> Iterator[Entry]:
        conditions = _conditions(wanted)
        below: sa.ColumnElement[bool] = sa.true()
        while batch := self._batch(sa.and_(below, *conditions), audit.c.id.desc()):
            yield from batch
            below = audit.c.id < batch[-1].id

    def _batch(self, which: sa.ColumnElement[bool], order: Any) -> list[Entry]:
        with self._database.read() as connection:
            rows = connection.execute(select(audit).where(which).order_by(order).limit(BATCH))
            return [Entry(*row) for row in rows]


def _wrong(entry: Entry, before: int, previous: str) -> str:
    """What is wrong with this row, when `before` rows came before it and the last of them has the hash `previous`."""
    if entry.id != before + 1:
        return f"row {before + 1} is missing: after row {before} comes row {entry.id}"
    if entry.hash != entry.sealed(previous):
        return f"row {entry.id} was changed, or does not follow from the row before it"
    return ""


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions = [audit.c.at >= _moment(wanted.since)] if wanted.since else []
    conditions += [audit.c.who == wanted.user] if wanted.user else []
    conditions += [audit.c.what == wanted.what] if wanted.what else []
    if wanted.matter:  # narrows; the row's own detail decides
        conditions.append(audit.c.detail.contains(json.dumps(wanted.matter), autoescape=True))
    return conditions


def _moment(since: str) -> str:
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        raise UsageError("a day or a moment is written 2026-01-31 or 2026-01-31T12:00") from None
    return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat(timespec="microseconds")


def _concerns(entry: Entry, matter: str) -> bool:
    return not matter or matter in (entry.details.get("matter"), *entry.details.get("matters", ()))


def _bounded(value: object) -> object:
    """The value with its texts storable and none of them longer than `LONGEST`."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return {_text(str(name)): _bounded(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_bounded(part) for part in value]
    return value


def _text(text: str) -> str:
    return storable(text[:LONGEST])
