"""The money: a row before each call, settled after it; budgets are kept by reserving the most a call can cost.

Amounts are whole millionths of a USD. A call whose run died between its two writes is `lost`: nobody knows whether
it was paid, so it counts with all it had reserved, and the report names it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import Connection, case, func, insert, select, update

from pipeline.database import Database
from pipeline.errors import BudgetSpent, MatterBudgetSpent
from pipeline.names import one_line
from pipeline.tables import calls

__all__ = ["MICRO", "UNSURE", "Budget", "Ledger", "Planned", "State", "matter_key", "micros", "midnight"]

MICRO = Decimal(1_000_000)
_LOCK = 0x6D6F6E65  # any constant that only the ledger takes as a PostgreSQL advisory lock
State = Literal["settled", "failed", "lost"]
UNSURE = ("open", "lost")
"""States in which nobody knows what the call cost; it counts with all it reserved."""
_AMOUNT = case((calls.c.state.in_(UNSURE), calls.c.reserved), else_=calls.c.cost)


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


class Ledger:
    """See the module's docstring. Methods are one short transaction each, from any thread of any process."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

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
                "started": self._clock(),
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
            "finished": self._clock(),
            "reason": one_line(why),
        }
        with self._database.write() as connection:
            connection.execute(update(calls).where(calls.c.id == call).values(values))

    def close(self, call: int, why: str) -> None:
        """The call brought nothing and cost nothing."""
        self.settle(call, Decimal(0), {}, state="failed", why=why)

    def lose(self, run: int) -> int:
        """Open calls of a run that is gone become `lost`; how many."""
        values = {"state": "lost", "finished": self._clock(), "reason": "the run ended before its answer came"}
        with self._database.write() as connection:
            lost = update(calls).where(calls.c.run == run, calls.c.state == "open", calls.c.batch == "")
            return connection.execute(lost.values(values)).rowcount

    def lose_call(self, call: int, why: str) -> None:
        """Nobody knows what this call cost, and its answer can't be had any more."""
        self.settle(call, Decimal(0), {}, state="lost", why=why)

    def answered(self, run: int) -> list[tuple[int, str, str, tuple[int, ...]]]:
        """The settled direct calls of a run: number, document, model, pages."""
        which = (calls.c.run == run, calls.c.state == "settled", calls.c.batch == "")
        with self._database.read() as connection:
            rows = connection.execute(select(calls).where(*which)).all()
        return [(row.id, row.document, row.model, tuple(json.loads(row.pages))) for row in rows]

    def unkept(self, call: int) -> None:
        """A call that was paid and whose answer a kill took: it brought nothing, and keeps its cost."""
        values = {"state": "failed", "reason": "paid, and the run ended before its answer was kept"}
        with self._database.write() as connection:
            connection.execute(update(calls).where(calls.c.id == call).values(values))

    def open_runs(self) -> list[int]:
        """The runs that have open direct calls."""
        query = select(calls.c.run).where(calls.c.state == "open", calls.c.batch == "").distinct()
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def spent(self, run: int) -> Decimal:
        """USD this run has spent or may have spent."""
        with self._database.read() as connection:
            return _sum(connection, calls.c.run == run)

    def reserved(self, run: int) -> Decimal:
        """USD that calls of this run without an end may cost."""
        with self._database.read() as connection:
            return _sum(connection, calls.c.run == run, calls.c.state.in_(UNSURE))

    def paid(self, run: int) -> Decimal:
        """USD the direct calls of this run are known to have cost."""
        which = (calls.c.run == run, calls.c.batch == "", calls.c.state.not_in(UNSURE))
        with self._database.read() as connection:
            return _sum(connection, *which)

    def _alone(self, connection: Connection) -> None:
        """Two reservations at once could each see room for themselves. SQLite's writing transaction has one writer."""
        if not self._database.sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    def _check(self, connection: Connection, most: int, budget: Budget, run: int, key: str) -> None:
        today = midnight(datetime.fromtimestamp(self._clock()).date())
        bounds = (
            (budget.run, calls.c.run == run, "of this run", BudgetSpent),
            (budget.day, calls.c.started >= today, "of today", BudgetSpent),
            (budget.matter, calls.c.matter == key, "of this matter", MatterBudgetSpent),
        )
        for bound, which, name, spent in bounds:
            if bound is None:
                continue
            left = bound - _sum(connection, which)
            if most > left * MICRO:
                wanted = f"the next call could cost {Decimal(most) / MICRO:.4f}"
                raise spent(f"the budget {name} has {max(left, Decimal(0)):.4f} USD left of {bound:f}, {wanted}")


def matter_key(matter: str) -> str:
    """A matter as the tables key it: names may be longer than an index takes."""
    return hashlib.sha256(matter.encode()).hexdigest()


def micros(usd: Decimal) -> int:
    """Millionths of a USD, rounded up: a budget is never overshot by rounding."""
    return int((usd * MICRO).to_integral_value(ROUND_CEILING))


def _sum(connection: Connection, *which: sa.ColumnElement[bool]) -> Decimal:
    total = connection.execute(select(func.coalesce(func.sum(_AMOUNT), 0)).where(*which)).scalar_one()
    return Decimal(int(total)) / MICRO


def midnight(day: date) -> float:
    """When this day begins here: the clock of the wall, also where the day has 23 or 25 hours."""
    return datetime(day.year, day.month, day.day).timestamp()
