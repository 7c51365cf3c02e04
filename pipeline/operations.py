"""What comes in, what waits and why, and what it costs: sums that the database makes, inside a caller's matters.

Every function takes the matters it may look at (None: all) and puts them into the query; a sum over other matters is
never made. Times are seconds since 1970, days are days of this machine's clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, case, func, select

from pipeline.catalog import Run
from pipeline.database import Database
from pipeline.frontier.ledger import matter_key
from pipeline.rows import to_document, to_outcome
from pipeline.tables import calls, documents, pages, tallies
from pipeline.tallies import folded
from pipeline.types import Document, DocumentStatus

__all__ = ["Arrived", "Operations", "Rate", "Reason", "Spend", "rates"]

DAY = 86400
MICRO = Decimal(1_000_000)
DOCUMENTS_WAIT = (DocumentStatus.HELD, DocumentStatus.REJECTED, DocumentStatus.RECEIVED)
SEARCHABLE = (DocumentStatus.DONE, DocumentStatus.AWAITING)
UNSURE = ("open", "lost")  # calls that may have cost what they reserved

# not as parameters: only so does SQLite see that the partial indexes fit
WHOLE = sa.text("tallies.reason = ''")
WAITING = sa.text("tallies.reason != '' AND tallies.status IN ('held', 'awaiting escalation', 'rejected')")
NOT_YET = "not yet worked off"
_SHOWN = [documents.c[name] for name in ("id", "matter", "name", "sha256", "status", "reason", "page_count")]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A day: how many documents came in, their pages, and how many of the documents stand where."""

    day: date
    documents: int
    pages: int
    by_status: dict[str, int]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why so many documents or pages (`what`) of a status wait; numbers in `text` are written #."""

    what: str
    status: str
    text: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Spend:
    """Frontier calls of one day or model: how many, USD settled, and USD that calls without an end may have cost."""

    key: str
    calls: int
    usd: Decimal
    unsure: Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds of work of a stage over some runs, and the pages it took a second."""

    stage: str
    seconds: float
    pages_a_second: float


class Operations:
    """See the module's docstring."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def arrived(self, matters: Sequence[str] | None, days: int) -> list[Arrived]:
        """The last days on which something came in, newest first."""
        day = _day(documents.c.received).label("day")
        since = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        sums = (func.count().label("count"), func.sum(documents.c.page_count).label("pages"))
        query = select(day, documents.c.status, *sums).where(documents.c.received >= since, *_within(matters))
        found: dict[int, list[Any]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query.group_by(day, documents.c.status)):
                found.setdefault(int(row.day), []).append(row)
        return [_arrived(number, rows) for number, rows in sorted(found.items(), reverse=True)]

    def totals(self, matters: Sequence[str] | None) -> tuple[dict[str, int], dict[str, int]]:
        """Documents and pages by status."""
        ours = select(documents.c.status, func.count()).where(*_within(matters)).group_by(documents.c.status)
        theirs = select(tallies.c.status, func.sum(tallies.c.pages)).where(WHOLE, *_keyed(matters))
        with self._database.read() as connection:
            return _counted(connection.execute(ours)), _counted(connection.execute(theirs.group_by(tallies.c.status)))

    def waiting(self, matters: Sequence[str] | None) -> list[Reason]:
        """Why documents are held, rejected or not yet worked off, and why pages are held, rejected or wait: most
        frequent first. A page with several reasons counts under each."""
        counted: Counter[tuple[str, str, str]] = Counter()
        with self._database.read() as connection:
            for status, reason, count in connection.execute(_document_reasons(matters)):
                counted["documents", status, folded(reason or NOT_YET)] += count
            for status, reason, count in connection.execute(_page_reasons(matters)):
                counted["pages", status, reason] += count
        found = (Reason(*place, count) for place, count in counted.items())
        return sorted(found, key=lambda each: (each.what, -each.count, each.text))

    def behind(self, reason: Reason, matters: Sequence[str] | None, limit: int) -> list[tuple[Document, list[int]]]:
        """The documents behind a reason, oldest first, each with the pages it is about (none: the whole of it)."""
        query = select(*_SHOWN).where(*_within(matters)).order_by(documents.c.received, documents.c.id)
        if reason.what == "documents":
            return self._documents(query.where(documents.c.status == reason.status), reason, limit)
        this = (WAITING, tallies.c.status == reason.status, tallies.c.reason == reason.text)
        return self._pages(query.join(tallies).where(*this).limit(limit), reason)

    def spend(self, matters: Sequence[str] | None, since: float) -> dict[str, list[Spend]]:
        """Calls started since a time, by "day" and by "model": the latest, and the last in the alphabet, first."""
        day = _day(calls.c.started).label("day")
        settled = func.sum(case((calls.c.state.in_(UNSURE), 0), else_=calls.c.cost))
        unsure = func.sum(case((calls.c.state.in_(UNSURE), calls.c.reserved), else_=0))
        query = select(day, calls.c.model, func.count(), settled, unsure).where(calls.c.started >= since)
        if matters is not None:
            query = query.where(calls.c.matter.in_([matter_key(matter) for matter in matters]))
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(day, calls.c.model)).all()
        return {
            "day": _summed((_iso(row.day), row) for row in rows),
            "model": _summed((row.model, row) for row in rows),
        }

    def indexed(self, matters: Sequence[str] | None) -> tuple[int, int]:
        """Documents that are in an index, and all that could be."""
        every = select(documents.c.status, func.count()).where(*_within(matters)).group_by(documents.c.status)
        there = every.where(documents.c.indexed.is_not(None))  # grouped, SQLite takes the index of just these
        with self._database.read() as connection:
            counts = [_counted(connection.execute(query)) for query in (there, every)]
        indexed, indexable = (sum(count.get(status, 0) for status in SEARCHABLE) for count in counts)
        return indexed, indexable

    def _documents(self, query: sa.Select[Any], reason: Reason, limit: int) -> list[tuple[Document, list[int]]]:
        with self._database.read() as connection:
            found = (row for row in connection.execute(query) if folded(row.reason or NOT_YET) == reason.text)
            return [(to_document(row), []) for row in islice(found, limit)]

    def _pages(self, query: sa.Select[Any], reason: Reason) -> list[tuple[Document, list[int]]]:
        with self._database.read() as connection:
            found = {row.id: (to_document(row), list[int]()) for row in connection.execute(query)}
            concerned = (pages.c.document.in_(list(found)), pages.c.status == reason.status)
            for row in connection.execute(select(pages).where(*concerned).order_by(pages.c.number)):
                if reason.text in map(folded, to_outcome(row).reasons):
                    found[row.document][1].append(row.number)
        return list(found.values())


def rates(runs: Iterable[Run]) -> list[Rate]:
    """Pages a second of work, by stage, over these runs' pages; stages of several workers add up their seconds."""
    seconds: Counter[str] = Counter()
    worked = 0
    for run in runs:
        if count := run.totals.get("pages", 0):
            worked += count
            seconds.update(run.seconds)
    return [Rate(stage, round(spent, 1), round(worked / spent, 2)) for stage, spent in seconds.items() if spent > 0]


def _within(matters: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    return [] if matters is None else [documents.c.matter.in_(matters)]


def _document_reasons(matters: Sequence[str] | None) -> sa.Select[Any]:
    query = select(documents.c.status, documents.c.reason, func.count())
    query = query.where(documents.c.status.in_(DOCUMENTS_WAIT), *_within(matters))
    return query.group_by(documents.c.status, documents.c.reason)


def _page_reasons(matters: Sequence[str] | None) -> sa.Select[Any]:
    query = select(tallies.c.status, tallies.c.reason, func.sum(tallies.c.pages))
    return query.where(WAITING, *_keyed(matters)).group_by(tallies.c.status, tallies.c.reason)


def _keyed(matters: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    return [] if matters is None else [tallies.c.matter.in_([matter_key(matter) for matter in matters])]


def _day(moment: sa.Column[float]) -> sa.ColumnElement[int]:
    """The day of a moment, counted from 1970. Divided as integers: SQLAlchemy's `//` calls Python for each row."""
    offset = int((datetime.now().astimezone().utcoffset() or timedelta()).total_seconds())
    return sa.type_coerce(sa.cast(moment + offset, BigInteger).op("/")(DAY), BigInteger)


def _arrived(number: int, rows: Sequence[Any]) -> Arrived:
    by_status = {row.status: int(row[2]) for row in rows}
    return Arrived(
        date(1970, 1, 1) + timedelta(days=number), sum(by_status.values()), sum(int(r[3]) for r in rows), by_status
    )


def _counted(rows: Iterable[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in sorted(rows)}


def _summed(rows: Iterable[tuple[str, Any]]) -> list[Spend]:
    """Rows of (…, calls, micro-USD settled, micro-USD unsure), added up by what stands before each; last key first."""
    sums: dict[str, list[int]] = {}
    for key, row in rows:
        sums[key] = [old + int(new) for old, new in zip(sums.get(key, (0, 0, 0)), row[2:], strict=True)]
    ordered = sorted(sums.items(), reverse=True)
    return [Spend(key, count, Decimal(cost) / MICRO, Decimal(maybe) / MICRO) for key, (count, cost, maybe) in ordered]


def _iso(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
