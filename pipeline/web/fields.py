"""A record as people and programs read it: fields with their names in words, values as one writes them, proofs, and
what people said of them beside what the machine read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime

from pydantic import BaseModel, Field

from pipeline.corrections import Correction, standing, value_key
from pipeline.reliance import Said, effective, said
from pipeline.rulings import choice_of
from schemas.contract import SINGLE_FIELDS, Contract
from schemas.fields import BoxTuple, FieldValue, Status

__all__ = ["FieldOut", "Proof", "Ruled", "ValueOut", "fields_of", "named", "on_page", "shown"]

BESIDE = frozenset(FieldValue.model_fields)
"""What every value has; anything else of it is kept beside it (a role, a purpose, a clause's category)."""

PASSAGES = ("clauses", "obligations")
"""Fields whose value is a passage: shown as it is printed, not as a normal form."""

ONE = {
    "parties": "Party",
    "amounts": "Amount",
    "dates": "Date",
    "obligations": "Obligation",
    "reference_numbers": "Reference number",
    "signatories": "Signatory",
    "clauses": "Clause",
}
"""What one value of a list is called."""

_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_SUM = re.compile(r"([A-Z]{3}) (-?\d+)(\.\d+)?")


class Proof(BaseModel):
    """Where a value stands: page, words verbatim, and a box for each line of them (fractions of the upright page)."""

    page: int
    quote: str
    boxes: tuple[BoxTuple, ...] = ()


class Ruled(BaseModel):
    """A person's word on a value: `verdict` is accepted, corrected, absent or unreadable, `shown` what it is then."""

    verdict: str
    shown: str
    who: str
    at: datetime


class ValueOut(BaseModel):
    """One value of a field as the machine read it, and what a person said of it. `shown` is how one would write it ("":
    only the person knows it), `set_aside` says that by a person's word it does not hold.

    `anchor` names it on the pages of this site. `key`, `choice` and `made_on` are what a correction of it names.
    """

    anchor: str = Field(examples=["governing_law-1"])
    key: str
    choice: str
    made_on: int
    person: Ruled | None
    set_aside: bool
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
    """All that is known of one field: `absent` and `unreadable` are answers, `conflict` keeps every reading. In both
    counts what people said. `made_on` is
    what a correction must name that gives the field a value where it has none."""

    field: str
    name: str
    one: str = Field(description="what one of its values is called", examples=["Party"])
    status: Status
    conflict: bool
    made_on: int
    values: list[ValueOut]


def fields_of(record: Contract, history: Sequence[Correction]) -> list[FieldOut]:
    """Every field of the record in the order of the schema, with what people said of its values, oldest first."""
    words = standing(history)
    holds, told = effective(record, words), said(record, words)
    last = {(each.field, each.key): each.id for each in history}
    return [
        FieldOut(
            field=name,
            name=named(name),
            one=ONE.get(name, named(name)),
            status=getattr(holds, name).status,
            conflict=getattr(holds, name).conflict,
            made_on=last.get((name, ""), 0) if name in SINGLE_FIELDS else 0,
            values=list(_values(name, told[name], last)),
        )
        for name in told
    ]


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


def _values(field: str, told: Sequence[Said], last: dict[tuple[str, str], int]) -> Iterator[ValueOut]:
    for at, each in enumerate(told, 1):
        read = each.machine or each.value
        if read is None:  # a person's "there is none" about a value that nobody reads any more
            continue
        key = each.correction.key if each.correction else value_key(field, each.machine)
        yield ValueOut(
            anchor=f"{field}-{at}",
            key=key,
            choice=choice_of(read),
            made_on=last.get((field, key), 0),
            person=_ruled(field, each),
            set_aside=each.value is None or (each.verdict == "corrected" and each.machine is not None),
            shown=_written(field, each.machine) if each.machine else "",
            raw=read.raw,
            value=read.value,
            beside={name: str(text) for name, text in read.model_dump(exclude=set(BESIDE)).items() if text},
            status=read.status,
            confidence=read.confidence,
            extractor=read.extractor,
            doubt=read.doubt,
            derived=read.derived,
            evidence=[Proof(page=proof.page, quote=proof.quote, boxes=proof.boxes) for proof in read.evidence],
        )


def _ruled(field: str, each: Said) -> Ruled | None:
    word = each.correction
    if word is None:
        return None
    written = _written(field, each.value) if each.value else ""
    return Ruled(verdict=word.verdict, shown=written, who=word.who, at=datetime.fromtimestamp(word.made, UTC))


def _written(field: str, value: FieldValue) -> str:
    return value.raw if field in PASSAGES else shown(value.value or value.raw)


def _here(value: ValueOut, page: int) -> list[Proof]:
    return [proof for proof in value.evidence if proof.page == page]
