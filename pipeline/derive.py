"""Dates that stand nowhere and follow from what does: by a pointer, or as a beginning and a length of time.

A derived value is never `verified`: no page bears it. It carries the evidence of all it follows from, and
`derived` says in words how. Nothing is derived where the page itself gives the date, nor from words that leave
the end open ("the earlier of", "unless").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from pipeline.days.lengths import length_of, shifted
from pipeline.types import Finding
from schemas.contract import Contract
from schemas.fields import Entry, Evidence, FieldValue

__all__ = ["DERIVED", "derive", "end_date"]

DERIVED = "derived"
LEAST = 0.6
"""Confidence a length of time needs so that an end is computed from it."""

SURE = 0.9
"""What is left of the confidence of the weakest part."""

OPEN = re.compile(
    r"\b(?:earlier|sooner|later|whichever|longer|shorter|acceptance|completion|delivery|installation)\b", re.I
)
FROM_AGREEMENT = re.compile(r"\bdate (?:hereof|of this|first|of (?:its )?(?:execution|signing))", re.I)


def end_date(start: str, length: str) -> str:
    """The ISO date on which a time that begins on `start` (ISO) has run: its anniversary.

    "2020-02-05" and "1 year" give "2021-02-05", as lawyers who labelled contracts count it. Where the month has no
    such day, its last: a month from January 31 ends on February 28 or 29. "" for business days and what is no length.
    """
    counted = length_of(length)
    end = shifted(date.fromisoformat(start), counted) if counted and not counted.business else None
    return end.isoformat() if end else ""


def derive(contract: Contract, pointers: Sequence[Finding]) -> Contract:
    """The record with the effective date its pointers lead to, and the expiration date its term leads to."""
    if not contract.effective_date.values:
        contract = _replaced(contract, "effective_date", _pointed_at(contract, pointers))
    if not contract.expiration_date.values:
        contract = _replaced(contract, "expiration_date", _expiry(contract))
    return contract


def _replaced(contract: Contract, name: str, value: FieldValue | None) -> Contract:
    if value is None:
        return contract
    entry = Entry[FieldValue](status=value.status, values=(value,))
    return contract.model_copy(update={name: entry})


def _pointed_at(contract: Contract, pointers: Sequence[Finding]) -> FieldValue | None:
    for pointer in sorted(pointers, key=lambda finding: -finding.confidence):
        target = _target(contract, pointer.detail["points_to"])
        if target is not None:
            said = tuple((box.left, box.top, box.right, box.bottom) for box in pointer.boxes)
            own = Evidence(page=pointer.page, quote=pointer.quote, boxes=said)
            how = f"“{pointer.raw}”, which is {target.value}"
            return _value(
                pointer.raw, target.value, (own, *target.evidence), how, pointer.confidence, target.confidence
            )
    return None


def _target(contract: Contract, name: str) -> FieldValue | None:
    """The date that a pointer means, or None while it is not known or in conflict."""
    if name == "agreement_date":
        entry = contract.agreement_date
        return entry.best if entry.best and entry.best.value and not entry.conflict else None
    signed = [value for value in contract.dates.values if value.purpose == "signature" and value.value]
    return max(signed, key=lambda value: value.value, default=None)


def _expiry(contract: Contract) -> FieldValue | None:
    """The end of the term, counted from where it says that it begins."""
    term = contract.term.best
    if term is None or contract.term.conflict or term.confidence < LEAST or not term.evidence:
        return None
    quote = term.evidence[0].quote
    if OPEN.search(quote):
        return None
    names = ("effective_date", "agreement_date")
    for name in reversed(names) if FROM_AGREEMENT.search(quote) else names:
        entry: Entry[Any] = getattr(contract, name)
        start = entry.best
        if start and start.value and not entry.conflict and (value := end_date(start.value, term.value)):
            how = f"{name.replace('_', ' ')} {start.value} and {term.value}"
            return _value(term.raw, value, (*term.evidence, *start.evidence), how, term.confidence, start.confidence)
    return None


def _value(raw: str, value: str, evidence: tuple[Evidence, ...], how: str, *sure: float) -> FieldValue:
    confidence = round(SURE * min(sure), 3)
    return FieldValue(
        raw=raw,
        value=value,
        evidence=evidence,
        status="unverified",
        confidence=confidence,
        extractor=DERIVED,
        doubt="computed: it stands on no page",
        derived=how,
    )
