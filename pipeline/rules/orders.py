"""Orders, invoices, receipts and other forms: what their labels and their totals say, as findings.

Where a label stands close to its value little is left to doubt: what is, is whether the label means the whole paper.
Only pages that are forms are read: prose has labels too ("Term: ..."), and rules of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.normalise import iso_date
from pipeline.rules.geometry import Grid, grid_of
from pipeline.rules.pairs import Pair, pairs_of
from pipeline.rules.parties import COMPANY
from pipeline.rules.printed import dates_in, plain_date
from pipeline.rules.quotes import Page
from pipeline.rules.receipts import merchant_of, only_date
from pipeline.rules.totals import total_of, worth
from pipeline.types import Finding, PageText

__all__ = ["read_forms"]

RAGGED, LEAST_PAIRS = 0.12, 2
"""Share of rows with several cells, and labels with a value, from which a page is read as a form."""

DAY_FIRST = re.compile(r"\bRM\b|MYR|SGD|£|€|GBP|EUR|AUD|INR|₹|\b(?:SDN|BHD|GST|VAT|PTY|LTD|GMBH|PLC)\b", re.I)
MONTH_FIRST = re.compile(r"\b(?:USD|LLC)\b|,\s?[A-Z]{2}\s\d{5}\b")
DIGITS = re.compile(r"\b(\d{1,2})\s?[/.-]\s?(\d{1,2})\s?[/.-]\s?\d{2,4}\b")
CURRENCY = (("RM", "MYR"), ("£", "GBP"), ("€", "EUR"), ("₹", "INR"), ("$", "USD"))
ROUNDING = re.compile(r"\bround(?:ing|ed)\b", re.I)
ACCOUNT = re.compile(r"\s*\(+[\d -]{1,12}\)+$")
"""A customer number in brackets behind a name."""

SIGNING = re.compile(r"(?:By|Name|Title|Its|Signature|Signed)\s?:|Signature\b|/s/", re.I)
SIGNATURE = 5
"""Rows around a bare "Date" in which a signature's labels make it the date of signing."""

OWN = ("contract", "agreement", "lease", "loan", "policy", "invoice", "tax invoice", "order", "insertion order", "io",
       "sales order", "purchase order", "po", "work order", "delivery order", "receipt", "bill", "cash inv", "inv",
       "quotation", "quote", "permit", "claim", "confirmation", "document", "doc", "credit note")  # fmt: skip
"""Whose number the paper is filed under, likeliest first: the contract's, which its invoices name too; then its own,
and an invoice names its order, hardly the reverse."""

PLAIN = {"io": "insertion order", "po": "purchase order", "inv": "invoice", "cash inv": "invoice", "doc": "document"}
DOCUMENT_DATE, TERM, PERIOD = 0.85, 0.9, 0.7
UNSURE = 0.75
"""Factor of a confidence whose label was read with a slip."""


@dataclass(frozen=True)
class _Form:
    """A page that is a form, with what it says of how to read its dates and sums."""

    page: Page
    grid: Grid
    pairs: tuple[Pair, ...]
    order: str
    currency: str

    def signed_by(self, pair: Pair) -> bool:
        """Whether the label stands in a signature block."""
        number = self.grid.number(pair.spot.cell)
        near = self.grid.rows[max(0, number - SIGNATURE) : number + SIGNATURE]
        return any(SIGNING.match(cell.text) for row in near for cell in row)


def read_forms(pages: Sequence[PageText]) -> list[list[Finding]]:
    """The findings of each page of one document, in order; none for a page that isn't a form."""
    grids = [grid_of(page.words) for page in pages]
    order = _date_order(grids)
    return [list(_read(page, grid, order)) for page, grid in zip(pages, grids, strict=True)]


def _date_order(grids: Sequence[Grid]) -> str:
    """Whether the document writes the day first: by a date that has one reading only, else by its country's marks."""
    text = "\n".join(cell.text for grid in grids for cell in grid.cells)
    days = [(int(match[1]), int(match[2])) for match in DIGITS.finditer(text)]
    first, second = sum(12 < a < 32 for a, _ in days), sum(12 < b < 32 for _, b in days)
    if first != second:
        return "DMY" if first > second else "MDY"
    return "DMY" if DAY_FIRST.search(text) and not MONTH_FIRST.search(text) else "MDY"


def _read(text: PageText, grid: Grid, order: str) -> Iterator[Finding]:
    if grid.ragged < RAGGED or len(pairs := pairs_of(grid)) < LEAST_PAIRS:
        return
    joined = " ".join(cell.text for cell in grid.cells)
    currency = next((code for sign, code in CURRENCY if sign in joined), "")
    form = _Form(Page(text), grid, pairs, order, currency)
    readers = {"reference": _reference, "money": _sum, "date": _date, "period": _period, "party": _party}
    for pair in pairs:
        yield from readers[pair.label.kind](form, pair)
    yield from _own_number(form)
    yield from _receipt(form, grid)
    if total := total_of(pairs, rounded=ROUNDING.search(joined) is not None):
        value = worth(total.pair.text, currency)
        yield form.page.finding("total_amount", total.pair, value, total.confidence)


def _receipt(form: _Form, grid: Grid) -> Iterator[Finding]:
    """What a receipt says without a label: who issued it, and when."""
    if merchant := merchant_of(grid, form.pairs):
        yield form.page.finding("parties", merchant, merchant.text, merchant.confidence, role="seller")
        dated = any(pair.label.kind == "date" and pair.label.name == "document" for pair in form.pairs)
        if not dated and (day := only_date(grid)):
            yield form.page.finding("agreement_date", day, iso_date(day.plain, form.order), day.confidence)


def _sure(pair: Pair, confidence: float) -> float:
    return confidence if pair.spot.exact else confidence * UNSURE


def _reference(form: _Form, pair: Pair) -> Iterator[Finding]:
    label = PLAIN.get(pair.label.name, pair.label.name)
    yield form.page.finding("reference_numbers", pair, pair.text.upper(), _sure(pair, 0.85), label=label)


def _own_number(form: _Form) -> Iterator[Finding]:
    """The number of the paper itself."""
    named = [pair for pair in form.pairs if pair.label.kind == "reference" and pair.label.name in OWN]
    if named:
        best = min(named, key=lambda pair: OWN.index(pair.label.name))
        yield form.page.finding("document_number", best, best.text.upper(), _sure(best, 0.85))


def _sum(form: _Form, pair: Pair) -> Iterator[Finding]:
    value = worth(pair.text, form.currency)
    yield form.page.finding("amounts", pair, value, _sure(pair, 0.85), purpose=pair.label.name)


def _date(form: _Form, pair: Pair) -> Iterator[Finding]:
    name = pair.label.name
    value = next((iso_date(plain_date(match), form.order) for match in dates_in(pair.text)), "")
    fields = {"document": "agreement_date", "effective": "effective_date", "expiration": "expiration_date"}
    if not value:
        return
    if name == "document" and pair.spot.last - pair.spot.first == 1 and form.signed_by(pair):
        name = "signature"
    if field := fields.get(name):
        yield form.page.finding(field, pair, value, _sure(pair, DOCUMENT_DATE))
    else:
        yield form.page.finding("dates", pair, value, _sure(pair, 0.8), purpose=name)


def _period(form: _Form, pair: Pair) -> Iterator[Finding]:
    """Both days of a period: of the contract's term, or of what was billed."""
    first, second = dates_in(pair.text)[:2]
    start, end = (iso_date(plain_date(match), form.order) for match in (first, second))
    if not start or not end or start > end:
        return
    confidence = _sure(pair, TERM if pair.label.name == "term" else PERIOD)
    for match, value, field in ((first, start, "effective_date"), (second, end, "expiration_date")):
        day = pair.part(*match.span())
        if pair.label.name == "billing":
            purpose = "billing period starts" if match is first else "billing period ends"
            yield form.page.finding("dates", day, value, 0.8, purpose=purpose)
        else:
            yield form.page.finding(field, day, value, confidence)


def _party(form: _Form, pair: Pair) -> Iterator[Finding]:
    """A party in its role; the buyer on an order is a company's clerk, unless a company is named."""
    named = pair.part(0, len(ACCOUNT.sub("", pair.text)))
    person = pair.label.name == "buyer" and not COMPANY.search(named.text)
    if pair.label.name != "contact" and not person:
        yield form.page.finding("parties", named, named.text, _sure(pair, 0.8), role=pair.label.name)
