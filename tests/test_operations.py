"""Sums for the overview of operations, over SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa

from pipeline.database import Database
from pipeline.frontier.ledger import matter_key
from pipeline.operations import Operations, Spend
from pipeline.tables import calls, documents

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC).timestamp()
DAY = 86400


def call(matter: str, model: str, days: int = 0, state: str = "settled", cost: int = 1_500_000) -> dict[str, object]:
    return {
        "run": 1, "document": "d", "matter": matter_key(matter), "pages": "[1]", "destination": "h", "model": model,
        "batch": "", "state": state, "reserved": 2_000_000, "cost": cost, "usage": "{}", "started": NOON + days * DAY,
        "reason": "",
    }  # fmt: skip


def test_spend_is_summed_by_day_and_by_model_in_ones_matters(database: Database) -> None:
    """Settled calls by their cost, those without an end by what they may have cost; older ones and others' not."""
    rows = [call("acme", "one"), call("acme", "two", 1, "open", 0), call("acme", "one", 1), call("acme", "one", -3)]
    with database.write() as connection:
        connection.execute(sa.insert(calls), [*rows, call("dune", "two")])
    spent = Operations(database).spend(["acme"], NOON - DAY)
    half, two, none = Decimal("1.5"), Decimal(2), Decimal(0)
    assert spent["day"] == [Spend("2026-05-05", 2, half, two), Spend("2026-05-04", 1, half, none)]
    assert spent["model"] == [Spend("two", 1, none, two), Spend("one", 2, 2 * half, none)]
    assert [each.calls for each in Operations(database).spend(None, 0.0)["model"]] == [2, 3]
    assert Operations(database).spend([], 0.0) == {"day": [], "model": []}


def test_what_is_indexed_is_counted_of_what_could_be(database: Database) -> None:
    """A document that is held or rejected belongs in no index."""
    given = (("done", "x"), ("done", None), ("awaiting escalation", "x"), ("held", "x"), ("rejected", None))
    common = {"name": "a", "reason": "", "page_count": 1, "received": NOON}
    rows = [
        common | {"id": str(at), "matter": "acme" if at else "dune", "sha256": str(at), "status": status, "indexed": to}
        for at, (status, to) in enumerate(given)
    ]
    with database.write() as connection:
        connection.execute(sa.insert(documents), rows)
    assert Operations(database).indexed(None) == (2, 3)
    assert Operations(database).indexed(["acme"]) == (1, 2)
