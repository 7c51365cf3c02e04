"""What was spent, and what reading a page has cost here so far: sums over the ledger, nothing of their own.

The mean of a page is of settled calls alone, failed ones included (they are paid, too), and at the price of direct
calls: what a batch cost counts twice, because a batch is half price.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, case, func, select

from pipeline.frontier.ledger import MICRO, UNSURE
from pipeline.frontier.models import BATCH_FACTOR
from pipeline.tables import calls, documents, matters, pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.database import Database

__all__ = ["Everything", "PageMean", "Spent", "everything", "page_mean", "spent_by"]


@dataclass(frozen=True, slots=True)
class Spent:
    """A line of `muniment costs`: calls, pages asked about, USD settled, USD that may have been spent by calls without
    an end, and USD that open batches have reserved."""

    key: str
    calls: int
    pages: int
    usd: Decimal
    unsure: Decimal
    reserved: Decimal


@dataclass(frozen=True, slots=True)
class PageMean:
    """USD a page at the price of direct calls, over so many pages of settled calls."""

    usd: Decimal
    pages: int


@dataclass(frozen=True, slots=True)
class Everything:
    """What it would cost to have all pages of the home read by the frontier model, and on what that figure rests."""

    pages: int
    usd: Decimal
    basis: str


def spent_by(database: Database, what: str, since: float = 0.0, until: float = float("inf")) -> list[Spent]:
    """Sums by "day", "matter", "document" or "model" of the calls started from `since` until before `until` (seconds
    since 1970), largest key last."""
    columns = [
        calls.c[name] for name in ("started", "model", "pages", "state", "batch", "reserved", "cost", "document")
    ]
    named = [func.coalesce(documents.c.matter, matters.c.name).label("matter_name"), documents.c.name]
    joined = calls.outerjoin(documents, documents.c.id == calls.c.document)
    joined = joined.outerjoin(matters, matters.c.key == calls.c.matter)
    query = select(*columns, *named).select_from(joined).where(calls.c.started >= since, calls.c.started < until)
    groups: dict[str, list[Row[Any]]] = {}
    with database.read() as connection:
        for row in connection.execute(query):
            groups.setdefault(_key(row, what), []).append(row)
    return [_total(key, rows) for key, rows in sorted(groups.items())]


def page_mean(database: Database, model: str) -> PageMean | None:
    """What a page read by this model has cost here; None while no call of it was settled."""
    direct = case((calls.c.batch != "", calls.c.cost / float(BATCH_FACTOR)), else_=calls.c.cost)
    which = (calls.c.model == model, calls.c.state.in_(("settled", "failed")), calls.c.cost > 0, calls.c.document != "")
    with database.read() as connection:
        total = connection.execute(select(func.sum(direct)).where(*which)).scalar()
        asked = connection.execute(select(calls.c.pages).where(*which, calls.c.state == "settled")).scalars().all()
    count = sum(len(json.loads(numbers)) for numbers in asked)
    return PageMean(Decimal(round(total or 0)) / MICRO / count, count) if count else None


def everything(database: Database, model: str, most_a_page: Decimal) -> Everything:
    """All pages of the home by this model: from the mean of what was paid where anything was, else from the most a
    page of the densest kind can cost."""
    with database.read() as connection:
        count = int(connection.execute(select(func.count()).select_from(pages)).scalar_one())
    mean = page_mean(database, model)
    if mean is None:
        return Everything(
            count, most_a_page * count, f"at most, by the price of the densest page; {model} read none yet"
        )
    return Everything(
        count, mean.usd * count, f"by the mean of the {mean.pages} pages {model} has read here, direct calls"
    )


def _key(row: Row[Any], what: str) -> str:
    gone = "(deleted)" if row.document else "(test page of doctor)"
    keys = {
        "day": datetime.fromtimestamp(row.started).date().isoformat(),
        "matter": row.matter_name or gone,
        "document": f"{row.name or gone} [{row.document}]" if row.document else gone,
        "model": row.model,
    }
    return str(keys[what])


def _total(key: str, rows: Sequence[Row[Any]]) -> Spent:
    settled = sum(row.cost for row in rows if row.state not in UNSURE)
    under_way = sum(row.reserved for row in rows if row.state == "open" and row.batch)
    unsure = sum(row.reserved for row in rows if row.state in UNSURE) - under_way
    asked = sum(len(json.loads(row.pages)) for row in rows)
    return Spent(key, len(rows), asked, *(Decimal(amount) / MICRO for amount in (settled, unsure, under_way)))
