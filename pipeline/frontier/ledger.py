"""The money: a row before each call, settled after it; budgets are kept by reserving the most a call can cost.

Amounts are whole millionths of a USD. A call whose run died between its two writes is `lost`: nobody knows whether
it was paid, so it counts with all it had reserved, and the report names it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection, case, func, insert, select, update

from pipeline.database import Database
from pipeline.errors import BudgetSpent
from pipeline.names import one_line
from pipeline.tables import calls, documents

__all__ = ["Budget", "Ledger", "Planned", "Spent", "State", "matter_key", "micros"]

MICRO = Decimal(1_000_000)
_LOCK = 0x6D6F6E65  # any constant that only the ledger takes as a PostgreSQL advisory lock
State = Literal["settled", "failed", "lost"]
_UNSURE = ("open", "lost")
_AMOUNT = case((calls.c.state.in_(_UNSURE), calls.c.reserved), else_=calls.c.cost)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent, in USD, by one run, on one day (local time), on one matter ever; None is no bound."""

    run: Decimal | None = None
    day: Decimal | None = None
    matter: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """A call that is about to be made: for which pages, where to, and the most it can cost in USD."""

    run: int
    document: str
    matter: str
    pages: tuple[int, ...]
    destination: str
    model: str
    most: Decimal
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """A line of `muniment costs`: calls, pages, USD settled, USD that may have been spent by calls without an end."""

    key: str
    calls: int
    pages: int
    usd: Decimal
    unsure: Decimal


class Ledger:
    """See the module's docstring. Methods are one short transaction each, from any thread of any process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def reserve(self, call: Planned, budget: Budget) -> int:
        """Write the call down; its number. `BudgetSpent` when it could cost more than a budget has left."""
        most = micros(call.most)
        key = matter_key(call.matter)
        with self._database.write() as connection:
            self._alone(connection)
            self._check(connection, most, budget, call.run, key)
            row = {
                "run": call.run,
                "document": call.document,
                "matter": key,
                "pages": json.dumps(call.pages),
                "destination": call.destination,
                "model": call.model,
                "batch": call.batch,
                "state": "open",
                "reserved": most,
                "cost": 0,
                "usage": "{}",
                "started": time.time(),
                "reason": "",
            }
            number = connection.execute(insert(calls).values(row)).inserted_primary_key
            assert number is not None
            return int(number[0])

    def settle(
        self, call: int, cost: Decimal, usage: Mapping[str, int], *, state: State = "settled", why: str = ""
    ) -> None:
        """The call came to its end; `state` is "failed" when it brought nothing, whatever it cost."""
        values = {
            "state": state,
            "cost": micros(cost),
            "usage": json.dumps(usage),
            "finished": time.time(),
            "reason": one_line(why),
        }
        with self._database.write() as connection:
            connection.execute(update(calls).where(calls.c.id == call).values(values))

    def close(self, call: int, why: str) -> None:
        """The call brought nothing and cost nothing."""
        self.settle(call, Decimal(0), {}, state="failed", why=why)

    def lose(self, run: int) -> int:
        """Open calls of a run that is gone become `lost`; how many."""
        with self._database.write() as connection:
            lost = update(calls).where(calls.c.run == run, calls.c.state == "open", calls.c.batch == "")
            return connection.execute(lost.values(state="lost", finished=time.time())).rowcount

    def open_runs(self) -> list[int]:
        """The runs that have open direct calls."""
        query = select(calls.c.run).where(calls.c.state == "open", calls.c.batch == "").distinct()
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def spent(self, run: int) -> Decimal:
        """USD this run has spent or may have spent."""
        with self._database.read() as connection:
            return _sum(connection, calls.c.run == run)

    def by(self, what: str, since: float = 0.0) -> list[Spent]:
        """Sums by "day", "matter", "document" or "model" of the calls started since a time, largest key last."""
        columns = [calls.c.started, calls.c.model, calls.c.pages, calls.c.state, calls.c.reserved, calls.c.cost]
        named = [documents.c.matter.label("matter_name"), documents.c.name.label("document_name"), calls.c.document]
        joined = calls.outerjoin(documents, documents.c.id == calls.c.document)
        query = select(*columns, *named).select_from(joined).where(calls.c.started >= since)
        groups: dict[str, list[Any]] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                groups.setdefault(_key(row, what), []).append(row)
        return [_total(key, rows) for key, rows in sorted(groups.items())]

    def _alone(self, connection: Connection) -> None:
        """Two reservations at once could each see room for themselves. SQLite's writing transaction has one writer."""
        if not self._database.sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    def _check(self, connection: Connection, most: int, budget: Budget, run: int, key: str) -> None:
        bounds = (
            (budget.run, calls.c.run == run, "of this run"),
            (budget.day, calls.c.started >= _midnight(), "of today"),
            (budget.matter, calls.c.matter == key, "of this matter"),
        )
        for bound, which, name in bounds:
            if bound is None:
                continue
            left = bound - _sum(connection, which)
            if most > left * MICRO:
                raise BudgetSpent(f"the budget {name} has {max(left, Decimal(0)):.4f} USD left of {bound:.2f}")


def matter_key(matter: str) -> str:
    """A matter as the tables key it: names may be longer than an index takes."""
    return hashlib.sha256(matter.encode()).hexdigest()


def micros(usd: Decimal) -> int:
    """Millionths of a USD, rounded up: a budget is never overshot by rounding."""
    return int((usd * MICRO).to_integral_value(ROUND_CEILING))


def _sum(connection: Connection, which: sa.ColumnElement[bool]) -> Decimal:
    total = connection.execute(select(func.coalesce(func.sum(_AMOUNT), 0)).where(which)).scalar_one()
    return Decimal(int(total)) / MICRO


def _midnight() -> float:
    return datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def _key(row: Any, what: str) -> str:
    keys = {
        "day": datetime.fromtimestamp(row.started).astimezone().date().isoformat(),
        "matter": row.matter_name or "(deleted)",
        "document": f"{row.document_name or '(deleted)'} [{row.document}]",
        "model": row.model,
    }
    return str(keys[what])


def _total(key: str, rows: Sequence[Any]) -> Spent:
    settled = sum(row.cost for row in rows if row.state not in _UNSURE)
    unsure = sum(row.reserved for row in rows if row.state in _UNSURE)
    pages = sum(len(json.loads(row.pages)) for row in rows)
    return Spent(key, len(rows), pages, Decimal(settled) / MICRO, Decimal(unsure) / MICRO)
