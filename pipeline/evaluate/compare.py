"""Ways of reading the same documents beside each other: what each gets right, and what it was paid.

Quality is the F1 over all values of all fields (micro). Differences to the first way are paired: each resample takes
the same documents for both. Cost is what the ledger says was paid for the pages a way asks about, to its model: failed
calls included, a call about several pages split evenly, pages of the same content once, whichever matter paid. Nothing
is asked here; pages that a way would ask about and that its model was not asked about are `unread`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from pipeline.evaluate.bootstrap import Floats, Interval, difference, interval
from pipeline.evaluate.fields import FieldScores, counts_of, verdicts
from pipeline.evaluate.goldenset import LookedUp
from pipeline.evaluate.judge import FIGURES
from pipeline.evaluate.knee import knee
from pipeline.evaluate.walked import Answers, Walked
from pipeline.evaluate.ways import Way
from pipeline.frontier.paid import Paid
from pipeline.triage import Policy
from pipeline.types import Document

__all__ = ["LEAST", "Case", "Comparison", "Row", "Told", "Unread", "compare"]

Unread = Sequence[tuple[Document, frozenset[int]]]
"""Documents with pages, by number, that a way asks about and whose answer is not here."""

LEAST = 3
"""Ways that a curve with a knee takes."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one model said of a document, the pages it gave no usable answer for, and what its pages cost."""

    answers: Answers = field(default_factory=dict)
    unusable: frozenset[int] = frozenset()
    paid: Mapping[int, Paid] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A golden document, and what each model said of it."""

    walked: Walked
    told: Mapping[str, Told]


@dataclass(frozen=True, slots=True)
class Row:
    """One way: the pages it asks about, those without an answer yet, how many answers were unusable; its F1, by how
    much that is above the first way's, the share of its values that are verified and of these that are right; what
    was paid in USD, and for each 1,000 pages of the documents. `most` is what asking about the unread pages would cost
    at most, if no answer has to be mended; None where that is not known."""

    way: Way
    pages: int
    unread: Unread
    unusable: int
    f1: Interval
    gained: Interval
    verified: float
    verified_right: float
    paid: Paid
    usd_per_1000: float
    gained_per_usd: float | None = None
    most: Decimal | None = None

    @property
    def unread_pages(self) -> int:
        """Pages without an answer; the figures of a way with such pages are those of a part of it."""
        return sum(len(pages) for _, pages in self.unread)

    def as_json(self) -> dict[str, Any]:
        """One way; figures nothing defines are None, sums of money `Decimal`."""
        return {
            "way": str(self.way),
            "model": self.way.model or None,
            "pages_asked": self.pages,
            "pages_unread": self.unread_pages,
            "pages_unusable": self.unusable,
            "f1": self.f1.as_json(),
            "f1_gained": self.gained.as_json(),
            "verified": _number(self.verified),
            "verified_right": _number(self.verified_right),
            "usd": self.paid.usd,
            "usd_unsure": self.paid.unsure,
            "usd_per_1000_pages": round(self.usd_per_1000, 4),
            "f1_gained_per_usd_per_1000_pages": self.gained_per_usd,
            "asking_costs_at_most_usd": self.most,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ways in the order they were named. `knee` is the index of the one after which more money buys less, None
    when fewer than three ways have all their answers. `missing` names the documents that are not here, `unread` those
    that were not worked off under the present settings: both are left out."""

    documents: int
    pages: int
    rows: tuple[Row, ...]
    knee: int | None = None
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Everything, by way."""
        return {
            "documents": self.documents,
            "pages": self.pages,
            "missing": list(self.missing),
            "unread": list(self.unread),
            "ways": [row.as_json() for row in self.rows],
            "knee": None if self.knee is None else str(self.rows[self.knee].way),
        }


def compare(found: LookedUp[Case], ways: Sequence[Way], policy: Policy, threshold: float) -> Comparison:
    """Judge each way on the documents found; `policy` and `threshold` are the present settings."""
    cases = [case for _, case in found.documents if case is not None]
    pages = sum(len(case.walked.triages) for case in cases)
    taken = [_taken(way, cases, policy, threshold) for way in ways]
    rows = tuple(_row(each, taken[0], pages) for each in taken) if cases else ()
    return Comparison(len(cases), pages, rows, _knee(rows), found.missing, found.unread)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A way gone with each document: counts (documents, columns of `Counts`), and what it took."""

    way: Way
    counts: Floats
    pages: int
    unread: Unread
    unusable: int
    paid: Paid


def _taken(way: Way, cases: Sequence[Case], policy: Policy, threshold: float) -> _Taken:
    judged, unread, pages, unusable = [], [], 0, 0
    paid: dict[tuple[str, int], Paid] = {}
    for case in cases:
        walked, told = case.walked, case.told.get(way.model, Told())
        asked = way.asks(walked, policy, threshold)
        record = walked.heard(told.answers).record(walked.routed(policy), asked)
        judged.append(counts_of(verdicts(walked.golden, record)))
        pages += len(asked)
        unusable += len(asked & told.unusable)
        if left := asked - told.answers.keys():
            unread.append((walked.document, left))
        paid |= {(walked.document.sha256, page): told.paid[page] for page in asked & told.paid.keys()}
    counts = FieldScores.of(judged).rows()["micro"]
    return _Taken(way, counts, pages, tuple(unread), unusable, sum(paid.values(), Paid()))


def _row(taken: _Taken, first: _Taken, pages: int) -> Row:
    gained = difference(taken.counts, first.counts, FIGURES["f1"])
    verified, right = (float(FIGURES[name](taken.counts.sum(axis=0))) for name in ("verified", "verified_right"))
    more = taken.paid.usd - first.paid.usd
    per_usd = gained.value / _per_1000(more, pages) if more > 0 and not taken.unread and not first.unread else None
    return Row(
        way=taken.way,
        pages=taken.pages,
        unread=taken.unread,
        unusable=taken.unusable,
        f1=interval(taken.counts, FIGURES["f1"]),
        gained=gained,
        verified=verified,
        verified_right=right,
        paid=taken.paid,
        usd_per_1000=_per_1000(taken.paid.usd, pages),
        gained_per_usd=None if per_usd is None else _number(per_usd),
    )


def _knee(rows: Sequence[Row]) -> int | None:
    whole = [at for at, row in enumerate(rows) if not row.unread and np.isfinite(row.f1.value)]
    if len(whole) < LEAST:
        return None
    return whole[knee([float(rows[at].paid.usd) for at in whole], [rows[at].f1.value for at in whole])]


def _per_1000(usd: Decimal, pages: int) -> float:
    return float(1000 * usd / pages) if pages else 0.0


def _number(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
