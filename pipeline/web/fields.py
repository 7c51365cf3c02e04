"""A record as people and programs read it: fields with their names in words, values as one writes them, proofs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel, Field

from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Contract
from schemas.fields import BoxTuple, Entry, FieldValue, Status

__all__ = ["FieldOut", "Proof", "ValueOut", "fields_of", "named", "on_page", "shown"]

BESIDE = frozenset(FieldValue.model_fields)
"""What every value has; anything else of it is kept beside it (a role, a purpose, a clause's category)."""

PASSAGES = ("clauses", "obligations")
"""Fields whose value is a passage: shown as it is printed, not as a normal form."""

_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_SUM = re.compile(r"([A-Z]{3}) (-?\d+)(\.\d+)?")


class Proof(BaseModel):
    """Where a value stands: page, words verbatim, and a box for each line of them (fractions of the upright page)."""

    page: int
    quote: str
    boxes: tuple[BoxTuple, ...] = ()


class ValueOut(BaseModel):
    """One value of a field. `key` names it within its document's record, `shown` is how a person would write it."""

    key: str = Field(examples=["governing_law-1"])
    shown: str
    raw: str
    value: str
    beside: dict[str, str]
    status: Status
    confidence: float
    extractor: str
    doubt: str
    derived: str
    evidence: list[Proof]


class FieldOut(BaseModel):
    """All that is known of one field: `absent` and `unreadable` are answers, `conflict` keeps every reading."""

    field: str
    name: str
    status: Status
    conflict: bool
    values: list[ValueOut]


def fields_of(record: Contract) -> list[FieldOut]:
    """Every field of the record in the order of the schema."""
    return [_field(name, getattr(record, name)) for name in (*SINGLE_FIELDS, *LIST_FIELDS)]


def on_page(fields: Iterable[FieldOut], page: int) -> list[FieldOut]:
    """The fields with a value that stands on the page, cut to these values and their passages there."""
    found = []
    for field in fields:
        values = [value.model_copy(update={"evidence": here}) for value in field.values if (here := _here(value, page))]
        if values:
            found.append(field.model_copy(update={"values": values}))
    return found


def named(field: str) -> str:
    """The field's name in words: "Governing law"."""
    return field.replace("_", " ").capitalize()


def shown(text: str) -> str:
    """A normal form as a person writes it: "3 March 2021", "USD 12,500.00"; anything else as it is."""
    if _ISO.fullmatch(text):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return text
        return f"{day.day} {day:%B %Y}"
    if money := _SUM.fullmatch(text):
        return f"{money[1]} {int(money[2]):,}{money[3] or ''}"
    return text


def _field(name: str, entry: Entry[FieldValue]) -> FieldOut:
    values = [_value(name, at, value) for at, value in enumerate(entry.values, 1)]
    return FieldOut(field=name, name=named(name), status=entry.status, conflict=entry.conflict, values=values)


def _value(field: str, at: int, value: FieldValue) -> ValueOut:
    beside = {key: str(text) for key, text in value.model_dump(exclude=set(BESIDE)).items() if text}
    return ValueOut(
        key=f"{field}-{at}",
        shown=value.raw if field in PASSAGES else shown(value.value or value.raw),
        raw=value.raw,
        value=value.value,
        beside=beside,
        status=value.status,
        confidence=value.confidence,
        extractor=value.extractor,
        doubt=value.doubt,
        derived=value.derived,
        evidence=[Proof(page=each.page, quote=each.quote, boxes=each.boxes) for each in value.evidence],
    )


def _here(value: ValueOut, page: int) -> list[Proof]:
    return [proof for proof in value.evidence if proof.page == page]
