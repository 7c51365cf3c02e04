"""From what a person does with a value on a page to the correction that is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.corrections import PAGE, Correction, value_key
from pipeline.errors import NotFound, UsageError
from pipeline.normalise import tidy
from pipeline.typed import typed
from pipeline.types import Document
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Contract
from schemas.fields import FieldValue

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["Ruling", "choice_of", "record_of", "rule", "take_back"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person says: of which field and value (`key`, "" for a field's one value or for one nobody read), made on
    which earlier correction (id, 0: none). `chosen` is the `choice_of` one of several readings, "" for the best;
    `value` and `page` are typed with "corrected" (page 0: where the machine read it)."""

    field: str
    key: str
    verdict: Literal["accepted", "corrected", "absent", "unreadable"]
    made_on: int = 0
    chosen: str = ""
    value: str = ""
    page: int = 0


def rule(tools: Tools, document: Document, ruling: Ruling, who: str) -> Correction:
    """Keep the ruling, and bring queue and deadlines up to date.

    `UsageError` for what is no value of the field, `NotFound` for a value or page that is not there, `Superseded` when
    somebody was faster.
    """
    if ruling.field == PAGE:
        said = _of_page(document, ruling, who)
    else:
        said = _of_value(document, _meant(tools, document, ruling), ruling, who)
    kept = tools.corrections.record(said)
    tools.digests.renew(document.id)
    detail = {"field": ruling.field, "verdict": ruling.verdict, "matter": document.matter}
    tools.audit.record(who, "correction", document.id, detail)
    return kept


def take_back(tools: Tools, document: Document, said: Correction, who: str) -> Correction:
    """Withdraw a correction: what stood before it stands again. `Superseded` when somebody said more since."""
    kept = tools.corrections.withdraw(said, who)
    tools.digests.renew(document.id)
    detail = {"field": said.field, "verdict": kept.verdict, "matter": document.matter}
    tools.audit.record(who, "correction", document.id, detail)
    return kept


def record_of(tools: Tools, document: Document) -> Contract:
    """The machine's record; `NotFound` while there is none."""
    record = tools.catalog.record(document.id)
    if record is None:
        raise NotFound("this document has not been read")
    return Contract.model_validate_json(record)


def choice_of(value: FieldValue) -> str:
    """What tells a reading from the field's others."""
    return hashlib.sha256(f"{value.value}\0{value.raw}".encode(errors="surrogatepass")).hexdigest()[:16]


def _of_page(document: Document, ruling: Ruling, who: str) -> Correction:
    number = int(ruling.key) if ruling.key.isascii() and ruling.key.isdigit() and len(ruling.key) < 7 else 0
    if not 1 <= number <= document.page_count:
        raise NotFound("there is no such page")
    if ruling.verdict == "corrected":
        raise UsageError("a page is accepted, empty (absent) or unreadable")
    return Correction(document.id, PAGE, str(number), ruling.verdict, who, page=number, made_on=ruling.made_on)


def _of_value(document: Document, machine: FieldValue | None, ruling: Ruling, who: str) -> Correction:
    place = machine.evidence[0].page if machine and machine.evidence else 0
    value = raw = ""
    if ruling.verdict == "accepted":
        if machine is None:
            raise NotFound("nothing was read there that could be accepted")
        value, raw = machine.value, machine.raw
    elif ruling.verdict == "corrected":
        value, place = typed(ruling.field, ruling.value), _page(document, ruling.page) or place
        raw = machine.raw if machine and ruling.field == "clauses" else tidy(ruling.value)
    key = ruling.key if machine or ruling.field in SINGLE_FIELDS else _key_of_new(ruling, value)
    return Correction(document.id, ruling.field, key, ruling.verdict, who, value, raw, place, machine, ruling.made_on)


def _meant(tools: Tools, document: Document, ruling: Ruling) -> FieldValue | None:
    """The reading that is ruled on: of the record now, else what somebody ruled on earlier; None where there is none.
    `NotFound` for a value that was never read."""
    if ruling.field not in SINGLE_FIELDS and ruling.field not in LIST_FIELDS:
        raise NotFound("the schema has no such field")
    values: Sequence[FieldValue] = getattr(record_of(tools, document), ruling.field).values
    if ruling.field in SINGLE_FIELDS:
        read = next((value for value in values if ruling.chosen in {"", choice_of(value)}), None)
    else:
        read = next((value for value in values if value_key(ruling.field, value) == ruling.key), None)
    earlier = tools.corrections.of(document.id).get((ruling.field, ruling.key))
    if read is None and earlier is None and ruling.key:
        raise NotFound("there is no such value")
    return read or (earlier.machine if earlier and not ruling.chosen else None)


def _key_of_new(ruling: Ruling, value: str) -> str:
    """A value that nobody read is known by what the person typed; one that was read earlier keeps its key."""
    if ruling.key or ruling.verdict != "corrected":
        return ruling.key
    said = FieldValue(raw=value, value=value, evidence=(), status="verified", confidence=1.0, extractor="")
    return value_key("" if ruling.field == "clauses" else ruling.field, said)


def _page(document: Document, page: int) -> int:
    if page and not 1 <= page <= document.page_count:
        raise UsageError(f"the document has pages 1 to {document.page_count}")
    return page
