"""The day that follows from an amendment, beside the one that its agreement gives: never in its place.

An amendment counts here by what it states itself and proves on its own page: an expiration date, a term or a notice
period, verified there. A passage that speaks of extending, renewing or of a further period says how much is added, not
what holds from now on, and is left to a person; and so is everything else an amendment may do to a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipeline.days.deadlines import Deadline, deadlines_of
from pipeline.reliance import replaced
from schemas.contract import Contract
from schemas.fields import Entry, Evidence

__all__ = ["Amendment", "Moved", "moved_by"]

FIELDS = ("expiration_date", "term", "notice_period")
ADDED = re.compile(r"\bexten[ds]|\bprolong|\brenew|\badditional|\bfurther", re.I)


@dataclass(frozen=True, slots=True)
class Amendment:
    """A document that amends another one, and its record to rely on."""

    document: str
    name: str
    record: Contract


@dataclass(frozen=True, slots=True)
class Moved:
    """Another day (ISO) for a deadline, by the amendment called `by`, where `page` says so; `rule` as a deadline's."""

    by: str
    document: str
    page: int
    due: str
    rule: str


def moved_by(agreement: Contract, amendment: Amendment, today: date) -> dict[str, Moved]:
    """The days that the amendment moves, by the id of the agreement's deadline."""
    stated = dict(_stated(amendment.record))
    if not stated:
        return {}
    before = {each.id: each.due for each in deadlines_of(agreement, today)}
    proofs = [proof for entry in stated.values() for proof in entry.values[0].evidence]
    return {
        each.id: Moved(amendment.name, amendment.document, _page(each, proofs), each.due, each.rule)
        for each in deadlines_of(replaced(agreement, stated), today)
        if each.due and before.get(each.id, each.due) != each.due
    }


def _stated(amendment: Contract) -> Iterator[tuple[str, Entry[Any]]]:
    """The fields that the amendment gives anew."""
    for field in FIELDS:
        entry: Entry[Any] = getattr(amendment, field)
        best = entry.best
        if best is None or entry.conflict or best.status != "verified" or best.derived or not best.evidence:
            continue
        said = f"{best.raw} {best.evidence[0].quote}"
        if field == "expiration_date" or not ADDED.search(said):
            yield field, entry.model_copy(update={"values": (best,)})


def _page(deadline: Deadline, proofs: list[Evidence]) -> int:
    return next((proof.page for proof in proofs if proof in deadline.evidence), proofs[0].page)
