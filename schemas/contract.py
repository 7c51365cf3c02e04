"""The record of one document: every field with its values, evidence and status."""

from __future__ import annotations

from pydantic import Field

from schemas.fields import Entry, FieldValue, Strict

__all__ = [
    "LIST_FIELDS",
    "SINGLE_FIELDS",
    "Amended",
    "Amount",
    "Clause",
    "Contract",
    "DatedEvent",
    "Obligation",
    "Party",
    "Reference",
    "Signatory",
]


class Party(FieldValue):
    """A party by its full name; `role` as the document calls it (Company, Tenant), `alias` its short name."""

    role: str = ""
    alias: str = ""


class Amended(FieldValue):
    """The contract that this one changes, by its title; `date` (ISO) and `number` as this one cites them."""

    date: str = ""
    number: str = ""


class Amount(FieldValue):
    """A sum of money; `value` is the ISO 4217 code and a plain decimal, as in "USD 1250.00"."""

    purpose: str = ""


class DatedEvent(FieldValue):
    """A date that is neither agreement, effective nor expiration date (due date, delivery, signature)."""

    purpose: str = ""


class Obligation(FieldValue):
    """Who owes what by when; `raw` is the obliging sentence, the rest are pieces of it or ""."""

    who: str = ""
    what: str = ""
    by_when: str = ""


class Reference(FieldValue):
    """A number the document is filed or quoted under; `label` says which (Contract No., PO, Invoice)."""

    label: str = ""


class Signatory(FieldValue):
    """Who signed or is to sign; `title` and `party` as printed in the signature block."""

    title: str = ""
    party: str = ""


class Clause(FieldValue):
    """A passage of one of CUAD's 41 categories, verbatim in `raw`; `summary` says it shorter, in a model's words."""

    category: str
    summary: str = ""


class Contract(Strict):
    """One record a document, whatever its kind. Every field is there; what was not found is `absent`."""

    document: str = Field(description="document id")
    pages: int = Field(ge=0, description="pages of the document")
    unread_pages: tuple[int, ...] = Field((), description="pages that could not be read yet")

    title: Entry[FieldValue] = Entry()
    kind: Entry[FieldValue] = Entry()
    agreement_date: Entry[FieldValue] = Entry()
    effective_date: Entry[FieldValue] = Entry()
    expiration_date: Entry[FieldValue] = Entry()
    term: Entry[FieldValue] = Entry()
    renewal_term: Entry[FieldValue] = Entry()
    notice_period: Entry[FieldValue] = Entry()
    governing_law: Entry[FieldValue] = Entry()
    amends: Entry[Amended] = Entry()
    document_number: Entry[FieldValue] = Entry()
    total_amount: Entry[FieldValue] = Entry()
    parties: Entry[Party] = Entry()
    amounts: Entry[Amount] = Entry()
    dates: Entry[DatedEvent] = Entry()
    obligations: Entry[Obligation] = Entry()
    reference_numbers: Entry[Reference] = Entry()
    signatories: Entry[Signatory] = Entry()
    clauses: Entry[Clause] = Entry()


SINGLE_FIELDS: tuple[str, ...] = (
    "title",
    "kind",
    "agreement_date",
    "effective_date",
    "expiration_date",
    "term",
    "renewal_term",
    "notice_period",
    "governing_law",
    "amends",
    "document_number",
    "total_amount",
)
"""Fields with one true value: several distinct ones are a conflict. `agreement_date` is the date the document
bears, so an invoice's or a letter's date too; `amends` names the contract that an amendment changes;
`document_number` is the one it is filed under: its contract's, else its own (all are in `reference_numbers`);
`total_amount` is what the paper comes to in all, before commissions and with tax, as in "USD 1250.00"."""

LIST_FIELDS: dict[str, type[FieldValue]] = {
    "parties": Party,
    "amounts": Amount,
    "dates": DatedEvent,
    "obligations": Obligation,
    "reference_numbers": Reference,
    "signatories": Signatory,
    "clauses": Clause,
}
"""Fields with any number of values, and the model of one."""
