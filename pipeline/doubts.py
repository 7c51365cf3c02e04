"""What a person should look at in a document, and in which order: the items of the review queue.

Pure: from the record as the machine read it, what people said of it already, and the pages that are held. What a
person said something of is no doubt any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from pipeline.corrections import PAGE, Standing, value_key
from pipeline.reliance import by_person, effective
from pipeline.review import conflicts, missed
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Contract
from schemas.fields import Entry, FieldValue

__all__ = ["Doubt", "Rank", "doubts_of"]


class Rank(IntEnum):
    """Why a value is in the queue; the lower, the sooner it is shown."""

    REQUIRED = 1  # a field the document's kind must have: absent, unproven, unsure or read in several ways
    CONFLICT = 2  # another field with one true value that was read in several ways
    UNSURE = 3  # any other value that is not verified
    HELD = 4  # a page that nobody should rely on before a person has looked


@dataclass(frozen=True, slots=True)
class Doubt:
    """One value to look at: its field, its key among the field's values, the page to show, and why.

    `certainty` is the confidence it was read with, 0 where nothing was read.
    """

    rank: Rank
    certainty: float
    field: str
    key: str
    page: int
    reason: str


def doubts_of(contract: Contract, corrections: Standing, held: Mapping[int, str], threshold: float) -> list[Doubt]:
    """The document's doubts, least certain first, each value once under its first rank. `held` are the reasons of held
    pages by number, `threshold` (0..1) is `settings.field_threshold`."""
    relied = effective(contract, corrections)
    found: dict[tuple[str, str], Doubt] = {}
    for doubt in (*_open(relied, threshold), *_unsure(relied), *_held(held)):
        found.setdefault((doubt.field, doubt.key), doubt)
    left = [doubt for place, doubt in found.items() if place not in corrections]
    return sorted(left, key=lambda doubt: (doubt.rank, doubt.certainty, doubt.page))


def _open(relied: Contract, threshold: float) -> Iterator[Doubt]:
    for rank, doubts in ((Rank.REQUIRED, missed(relied, threshold)), (Rank.CONFLICT, conflicts(relied))):
        for field, page, reason in doubts:
            best = getattr(relied, field).best
            yield Doubt(rank, best.confidence if best else 0.0, field, value_key(field, best), page, reason)


def _unsure(relied: Contract) -> Iterator[Doubt]:
    """Values that are not verified. Of a field with one true value the best is asked about: the others are shown beside
    it."""
    for field in (*SINGLE_FIELDS, *LIST_FIELDS):
        entry: Entry[FieldValue] = getattr(relied, field)
        for value in entry.values[:1] if field in SINGLE_FIELDS else entry.values:
            if value.doubt and not by_person(value):
                page = value.evidence[0].page if value.evidence else 0
                yield Doubt(Rank.UNSURE, value.confidence, field, value_key(field, value), page, value.doubt)


def _held(held: Mapping[int, str]) -> Iterator[Doubt]:
    for number, reason in held.items():
        yield Doubt(Rank.HELD, 0.0, PAGE, str(number), number, reason)
