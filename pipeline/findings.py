"""From a page schema that a model filled to findings. What a model says of a value is checked by code.

The ISO form of a date and the plain form of a sum are computed from the printed text; a model's own form only
chooses among the readings which the print leaves open (03/04/2021). Who owes what by when are pieces of the sentence
that is quoted; what it does not say is left out. Boxes and status come from grounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.ground import stands_in
from pipeline.normalise import date_readings, iso_date, money, tidy
from pipeline.types import FieldStatus, Finding
from schemas.kinds import UNKNOWN
from schemas.page import AmountItem, DateItem, ObligationItem, PageRecord, PartyItem, ReferenceItem

__all__ = ["findings_from_page"]

DATE_FIELDS = {"agreement": "agreement_date", "effective": "effective_date", "expiration": "expiration_date"}
DOCUMENT_DATES = {"invoice": "agreement_date"}

Make = Callable[..., Finding]


def findings_from_page(record: PageRecord, page: int, extractor: str, confidence: float) -> list[Finding]:
    """The findings of one page (from 1); `confidence` (0..1) is the model's for the whole record.

    An item the model saw but could not read becomes a finding of status `unreadable` without a value.
    """

    def make(field: str, raw: str, value: str, quote: str, legible: bool = True, **detail: str) -> Finding:
        kept = {name: tidy(text) for name, text in detail.items() if tidy(text)}
        if not legible:
            unread = FieldStatus.UNREADABLE
            return Finding(field, page, "", "", quote, 0.0, extractor, detail=kept, status=unread)
        return Finding(field, page, raw, value, quote, confidence, extractor, detail=kept)

    return [finding for finding in _all(record, make) if finding.raw or finding.status is FieldStatus.UNREADABLE]


def _all(record: PageRecord, make: Make) -> Iterator[Finding]:
    yield from _document_type(record, make)
    yield from (_date(item, make) for item in record.dates)
    yield from (_amount(item, make) for item in record.amounts)
    yield from (_party(item, make) for item in record.parties)
    yield from (_obligation(item, make) for item in record.key_obligations)
    yield from (_reference(item, make) for item in record.reference_numbers)


def _document_type(record: PageRecord, make: Make) -> Iterator[Finding]:
    kind = record.document_type
    if kind.title.strip():
        yield make("title", kind.title, tidy(kind.title), kind.quote or kind.title)
    if kind.kind != UNKNOWN:
        yield make("kind", kind.title or kind.quote, kind.kind, kind.quote or kind.title)


def _date(item: DateItem, make: Make) -> Finding:
    field = DATE_FIELDS.get(item.role) or DOCUMENT_DATES.get(item.role, "dates")
    value = item.iso if item.iso in date_readings(item.text) else iso_date(item.text)
    purpose = {"purpose": item.role} if field == "dates" else {}
    return make(field, item.text, value, item.quote, item.legible, **purpose)


def _amount(item: AmountItem, make: Make) -> Finding:
    currency = item.currency if len(item.currency) == 3 and item.currency.isalpha() else ""
    return make("amounts", item.text, money(item.text, currency), item.quote, item.legible, purpose=item.purpose)


def _party(item: PartyItem, make: Make) -> Finding:
    return make("parties", item.name, tidy(item.name), item.quote, item.legible, role=item.role)


def _obligation(item: ObligationItem, make: Make) -> Finding:
    said = {"who": item.who, "what": item.what, "by_when": item.by_when}
    parts = {name: text for name, text in said.items() if stands_in(text, item.quote)}
    return make("obligations", item.quote, tidy(item.quote), item.quote, **parts)


def _reference(item: ReferenceItem, make: Make) -> Finding:
    number = tidy(item.number)
    return make("reference_numbers", item.number, number, item.quote, item.legible, label=item.label)
