"""What single pages cost, as the ledger's calls about them say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select

from pipeline.database import Database
from pipeline.frontier.ledger import MICRO, UNSURE
from pipeline.tables import calls, documents

__all__ = ["Paid", "paid"]


@dataclass(frozen=True, slots=True)
class Paid:
    """USD settled, and USD that calls without an end may have cost."""

    usd: Decimal = Decimal(0)
    unsure: Decimal = Decimal(0)

    def __add__(self, other: Paid) -> Paid:
        return Paid(self.usd + other.usd, self.unsure + other.unsure)


def paid(database: Database, sha256: str, model: str) -> dict[int, Paid]:
    """What each page of this content cost that the model was ever asked about, in whatever matter, failed calls and
    earlier prompts included; a call about several pages is split evenly."""
    same = select(documents.c.id).where(documents.c.sha256 == sha256)
    columns = (calls.c.pages, calls.c.state, calls.c.reserved, calls.c.cost)
    query = select(*columns).where(calls.c.model == model, calls.c.document.in_(same))
    pages: dict[int, Paid] = {}
    with database.read() as connection:
        for row in connection.execute(query):
            numbers = json.loads(row.pages)
            unsure = row.state in UNSURE
            share = Decimal(row.reserved if unsure else row.cost) / MICRO / len(numbers)
            for number in numbers:
                pages[number] = pages.get(number, Paid()) + (Paid(unsure=share) if unsure else Paid(share))
    return pages
