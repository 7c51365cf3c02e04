"""The labels that forms, orders, invoices and receipts print beside a value: phrases, not layouts.

Whose form it is doesn't matter. Long phrases may hold an OCR slip or so. Labels whose values aren't asked for are
here too, because they tell where another label's value ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

from rapidfuzz import fuzz, process

__all__ = ["Label", "label_of", "misread", "openers", "tokens"]

Kind = Literal["reference", "money", "date", "period", "party", "other"]

LIKE = 87.0
"""rapidfuzz ratio (0..100) from which a phrase of `LEAST_FUZZY` letters is a misread label: one slip in eight."""

LEAST_FUZZY, LEAST_PARTY = 8, 10
"""Letters of a label that may hold a slip; more of a party's, whose neighbours are words too ("supplies")."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a phrase asks for: `name` is the number's label, the sum's or date's purpose, or the party's role."""

    kind: Kind
    name: str


NUMBERED = (
    "contract", "agreement", "order", "invoice", "tax invoice", "purchase order", "po", "work order", "sales order",
    "insertion order", "bill", "receipt", "quote", "quotation", "policy", "docket", "registration", "lease", "loan",
    "permit", "claim", "confirmation", "document", "doc", "cash inv", "inv", "io", "credit note", "delivery order",
)  # fmt: skip
"""What bears a number by which the paper itself may be known."""

OTHER_NUMBERED = (
    "alt order", "estimate", "account", "acct", "customer", "client", "vendor", "supplier", "job", "deal", "matter",
    "case", "file", "project", "ref", "reference", "our ref", "your ref", "agency ref", "advertiser ref", "external",
    "est external", "ticket", "transaction", "trans", "serial", "item", "part", "license", "licence", "requisition",
    "advertiser external", "agency external", "purchase requisition", "booking", "batch", "check", "cheque",
)  # fmt: skip
MARKS = ("#", "id", "rev", "revision", "# rev", "# revision", "code")
ALONE = ("contract", "invoice", "order", "receipt", "estimate", "reference", "our ref", "your ref", "agency ref",
         "advertiser ref", "est external", "purchase order", "po")  # fmt: skip
"""Also labels without a mark, where nothing but the value's look tells."""

MONEY = {
    "gross total": "gross total", "gross amount": "gross amount", "total gross": "gross total", "gross": "gross amount",
    "total gross amount": "gross total", "grand total": "grand total", "net total": "net total",
    "net amount due": "net amount due", "net amount": "net amount", "net due": "net amount due", "nett total":
    "net total", "total due": "total due", "amount due": "amount due", "balance due": "balance due",
    "total amount due": "total due", "total amount": "total", "amount payable": "total due", "total payable":
    "total due", "total amount payable": "total due", "please pay": "total due", "total": "total", "totals": "total",
    "invoice total": "total", "order total": "total", "contract total": "total", "total price": "total",
    "total cost": "total", "total contract": "total", "contract amount": "total", "contract price": "total",
    "contract value": "total", "order amount": "total", "invoice amount": "total", "total sales": "total",
    "total contract value": "total", "total contract price": "total", "rounded total": "total due",
    "total rounded": "total due", "amount to pay": "total due", "total to pay": "total due", "total sale": "total",
    "subtotal": "subtotal", "sub total": "subtotal", "tax": "tax", "sales tax": "tax", "gst": "tax", "vat": "tax",
    "total tax": "tax", "total gst": "tax", "tax total": "tax", "gst total": "tax",
    "sst": "tax", "service tax": "tax", "service charge": "service charge",
    "discount": "discount", "total discount": "discount", "agency commission": "commission", "commission":
    "commission", "agency comm": "commission", "shipping": "shipping", "freight": "shipping", "deposit": "deposit",
    "cash": "tendered", "change": "change", "change due": "change", "cash tendered": "tendered", "tendered":
    "tendered", "payment": "payment", "paid": "payment", "amount paid": "payment", "rounding": "rounding",
    "rounding adjustment": "rounding", "rounding adj": "rounding", "round adj": "rounding", "visa": "tendered",
    "mastercard": "tendered", "amount": "amount", "rate": "rate", "balance": "balance due", "fee": "fee",
    "net pay": "net amount", "gross pay": "gross amount", "retainer": "retainer", "budget": "budget",
}  # fmt: skip

DATES = {
    "date": "document", "invoice date": "document", "inv date": "document", "bill date": "document",
    "order date": "document", "contract date": "document", "receipt date": "document", "issue date": "document",
    "date of issue": "document", "date issued": "document", "dated": "document", "transaction date": "document",
    "agreement date": "document", "document date": "document", "po date": "document", "purchase order date": "document",
    "date of order": "document", "date of invoice": "document", "date of agreement": "document", "quote date":
    "document", "statement date": "document", "trans date": "document", "date time": "document", "tarikh": "document",
    "effective date": "effective", "effective from": "effective", "commencement date": "effective", "effective":
    "effective", "start date": "start", "begin date": "start", "date from": "start", "from date": "start", "end date":
    "end", "date to": "end", "to date": "end", "expiration date": "expiration", "expiry date": "expiration",
    "termination date": "expiration", "expires": "expiration", "valid until": "expiration", "expires on": "expiration",
    "due date": "due", "payment due": "due", "due by": "due", "payment due date": "due", "delivery date": "delivery",
    "ship date": "delivery", "shipping date": "delivery", "print date": "print", "printed": "print", "printed at":
    "print", "date entered": "entry", "last modified": "modification", "original date rev": "revision",
    "original date revision": "revision", "gen date": "print", "date received": "receipt", "received": "receipt",
    "date filed": "filing", "date of birth": "birth", "air date": "air", "date signed": "signature", "date of initial"
    " registration": "registration", "check date": "payment", "event date": "event", "dd": "delivery",
}  # fmt: skip

PERIODS = {
    **dict.fromkeys((
        "flight dates", "flight date", "flight", "order flight", "contract dates", "schedule dates", "contract period",
        "contract term", "term of contract", "campaign dates", "campaign period", "period of performance",
        "policy period", "coverage period", "period of insurance", "service period", "subscription period",
        "subscription term", "effective dates", "rental period", "lease term", "lease period", "run dates",
        "schedule period", "order dates", "order period", "contract duration", "license period", "term dates",
        "start end date", "start date end date", "contract start end date", "insurance period", "booking period",
    ), "term"),
    **dict.fromkeys(("period", "dates", "term", "period covered", "date range", "time period"), "period"),
    **dict.fromkeys(("invoice period", "billing period", "statement period", "invoice month", "pay period",
                     "reporting period", "six month period ending", "for the six month period ending"), "billing"),
}  # fmt: skip

PARTIES = {
    name: name
    for name in (
        "advertiser", "agency", "client", "customer", "buyer", "purchaser", "seller", "vendor", "supplier", "landlord",
        "lessor", "tenant", "lessee", "borrower", "lender", "insured", "insurer", "contractor", "consultant",
        "employer", "employee", "licensor", "licensee", "registrant", "foreign principal", "payee", "payer",
        "sponsor", "publisher", "station", "distributor", "manufacturer", "principal", "owner", "guarantor",
    )
} | {
    "advertiser name": "advertiser", "agency name": "agency", "client name": "client", "customer name": "customer",
    "name of registrant": "registrant", "registrant name": "registrant", "name of foreign principal":
    "foreign principal", "bill to": "customer", "billed to": "customer", "billing address": "customer", "sold to":
    "customer", "invoice to": "customer", "ship to": "recipient", "deliver to": "recipient", "remit to": "payee",
    "send payment to": "payee", "remit address": "payee", "pay to": "payee", "company name": "company",
    "name of company": "company", "vendor name": "vendor", "supplier name": "supplier", "account name": "customer",
    "policyholder": "insured", "name of insured": "insured", "named insured": "insured", "tenant name": "tenant",
    "buyer name": "contact", "name of licensee": "licensee", "contractor name": "contractor",
}  # fmt: skip

OTHERS = (
    "name", "address", "attention", "attn", "phone", "fax", "phone fax", "tel", "telephone", "email", "product",
    "product desc", "product description", "description", "property", "account executive", "primary ae", "salesperson",
    "sales office", "sales region", "sales rep", "special handling", "billing calendar", "billing cycle",
    "billing type", "bill type", "cash trade", "demographic", "demo", "page", "brand", "comments", "remarks", "terms",
    "payment terms", "cpe", "package deal", "co op", "order type", "acct types", "account types", "entered by",
    "buying contact", "billing contact", "product codes", "product code", "revenue code", "priority",
    "order separation", "new business thru", "unit code", "agency code", "advertiser code", "agy code", "agm",
    "invoice type", "qty", "quantity", "unit price", "item", "items", "line", "length", "type", "spots", "total spots",
    "of spots", "aired spots", "days", "day", "time", "air time", "start time", "end time", "start end time", "week",
    "cashier", "server", "table", "signature", "title", "by", "market", "rating", "ch", "channel", "ad id", "main",
    "billing", "market", "candidate", "estimate", "month", "occupation", "city", "state", "zip", "subject", "re",
    "from", "to", "cc", "sent", "commission %", "product 1", "product 2", "spots week", "weekdays", "weeks",
    "nature of business", "purpose", "separation", "project", "total quantity", "total items", "total qty",
    "total item", "total pages", "total weight", "total hours", "total units", "total savings", "total discount",
    "excess", "points", "accepted agency advertiser", "accepted station", "line start date", "reconciliation",
)  # fmt: skip

WORD = re.compile(r"[a-z]+|\d+|[#%№]")
NUMBER_MARK = {"no": "#", "nos": "#", "num": "#", "number": "#", "nr": "#", "№": "#", "numbers": "#"}
TAIL = frozenset({"usd", "myr", "incl", "inc", "including", "inclusive", "gst", "vat", "tax", "sst", "with", "rounded",
                  "after", "rounding", "local", "currency", "amount", "sales", "payable", "the", "inv", "total", "due",
                  "sale", "price"})  # fmt: skip
"""Words that may follow "total" without changing what it is, with any of two letters: "Total (incl. GST @ 6%)"."""

EXCLUSIVE = frozenset({"excl", "excluding", "exclusive", "before", "exc", "without", "excludes"})


@lru_cache(maxsize=1)
def _lexicon() -> dict[str, Label]:
    """Label by phrase, as `tokens` writes it."""
    found = {phrase: Label("other", phrase) for phrase in OTHERS}
    found |= {noun: Label("reference", noun) for noun in ALONE}
    marked = product((*NUMBERED, *OTHER_NUMBERED), MARKS)
    found |= {f"{noun} {mark}": Label("reference", noun) for noun, mark in marked if mark != "code" or noun == "order"}
    found |= {f"# of {noun}": Label("reference", noun) for noun in NUMBERED}
    found |= {phrase: Label("money", name) for phrase, name in MONEY.items()}
    found |= {phrase: Label("date", name) for phrase, name in DATES.items()}
    found |= {phrase: Label("period", name) for phrase, name in PERIODS.items()}
    return found | {phrase: Label("party", role) for phrase, role in PARTIES.items()}


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[str, ...]:
    """The text's words in lower case without punctuation; the many ways to write "number" are "#"."""
    plain = text.lower().replace("p.o.", "po")
    return tuple(NUMBER_MARK.get(word, word) for word in WORD.findall(plain))


@lru_cache(maxsize=8192)
def label_of(phrase: str) -> Label | None:
    """The label that these tokens are, to the letter."""
    return _lexicon().get(phrase) or _total(phrase)


@lru_cache(maxsize=8192)
def misread(phrase: str) -> Label | None:
    """The label that a long phrase is but for a slip."""
    if len(phrase) < LEAST_FUZZY:
        return None
    match = process.extractOne(phrase, _long(marked="#" in phrase), scorer=fuzz.ratio, score_cutoff=LIKE)
    if not match or (match[0].count(" ") != phrase.count(" ") and match[0].replace(" ", "") != phrase.replace(" ", "")):
        return None
    label = _lexicon()[match[0]]
    return label if label.kind != "party" or len(phrase) >= LEAST_PARTY else None


@lru_cache(maxsize=2)
def _long(*, marked: bool) -> tuple[str, ...]:
    return tuple(phrase for phrase in _lexicon() if len(phrase) >= LEAST_FUZZY - 1 and ("#" in phrase) == marked)


@lru_cache(maxsize=1)
def openers() -> frozenset[str]:
    """The first token of every label."""
    return frozenset(phrase.split()[0] for phrase in _lexicon())


def _total(phrase: str) -> Label | None:
    """A total with what it includes said after it; one that leaves the tax out is a subtotal."""
    words = phrase.split()
    if len(words) < 2 or words[0] not in {"total", "totals", "grand", "nett", "net"}:
        return None
    if not EXCLUSIVE.isdisjoint(words):
        return Label("money", "subtotal")
    said = {word for word in words[1:] if len(word) > 2}
    return Label("money", "total due") if words[0] != "net" and TAIL.issuperset(said) else None
