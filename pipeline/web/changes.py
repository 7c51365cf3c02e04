"""What an amendment changes: where its record and that of its agreement say different things of one term."""

from __future__ import annotations

from pydantic import BaseModel

from pipeline.ground import fold
from pipeline.web.fields import named, shown
from schemas.contract import Contract

__all__ = ["Change", "changes"]

TERMS = (
    "expiration_date",
    "term",
    "renewal_term",
    "notice_period",
    "governing_law",
    "total_amount",
)
"""What both papers may state of the same bargain. An amendment's title, kind, number and dates are its own."""


class Change(BaseModel):
    """A term as the agreement has it ("": it says nothing of it) and as the amendment has it, with the page there."""

    field: str
    name: str
    before: str
    after: str
    page: int


def changes(agreement: Contract, amendment: Contract) -> list[Change]:
    """Each term the amendment states otherwise than the agreement. These are readings, as sure as their evidence."""
    found = []
    for field in TERMS:
        old, new = getattr(agreement, field).best, getattr(amendment, field).best
        if new is None or not new.evidence:
            continue
        before, after = (value.value or value.raw if value else "" for value in (old, new))
        if fold(before) != fold(after):
            page = new.evidence[0].page
            found.append(Change(field=field, name=named(field), before=shown(before), after=shown(after), page=page))
    return found
