"""Orders, invoices, receipts and other forms: what their labels and their totals say, as findings.

Where a label stands close to its value little is left to doubt: what is, is whether the label means the whole paper.
Only pages that are forms are read: prose has labels too ("Term: ..."), and rules of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.normalise import iso_date
from pipeline.rules.geometry import Cell, Grid, grid_of
from pipeline.rules.headings import title_of
from pipeline.rules.identity import kind_of
from pipeline.rules.labels import spots_of
from pipeline.rules.pairs import Pair, pairs_of
from pipeline.rules.parties import COMPANY
from pipeline.rules.printed import dates_in, plain_date
from pipeline.rules.quotes import Page, Printed
from pipeline.rules.receipts import merchant_of, only_date
from pipeline.rules.tables import entries_of
from pipeline.rules.totals import total_of, worth
from pipeline.types import Finding, PageText

__all__ = ["read_forms"]

RAGGED, LEAST_PAIRS = 0.12, 2
"""Share of rows with several cells, and labels with a value, from which a page is read as a form."""

NUMERAL = re.compile(r"\d+")
DAY_FIRST = re.compile(r"\bRM\b|£\s?\d|€\s?\d|₹|\b(?:MYR|SGD|GBP|EUR|AUD|INR|SDN|BHD|GST|VAT|PTY|GMBH|PLC)\b", re.I)
MONTH_FIRST = re.compile(r"\b(?:USD|LLC)\b|,\s?[A-Z]{2}\s\d{5}\b")
CUE = 3
"""Distinct dates with one reading that a country's marks weigh: OCR reads a ruling before a 4 as 14."""

CURRENCY = {r"\bRM\b": "MYR", "£": "GBP", "€": "EUR", "₹": "INR", r"\$": "USD"}
ROUNDING = re.compile(r"\bround(?:ing|ed)\b", re.I)
ACCOUNT = re.compile(r"\s*\(+[\d -]{1,12}\)+$")
"""A customer number in brackets behind a name."""

SIGNING = re.compile(r"(?:By|Its|Title|Signature|Signed)\s?:|Signature\b|/s/|(?:Vice )?President\b", re.I)
SIGNATURE = 5
"""Rows around a bare "Date" in which a signature's labels make it the date of signing."""

OWN = ("contract", "agreement", "lease", "loan", "policy", "invoice", "tax invoice", "order", "insertion order", "io",
       "sales order", "purchase order", "po", "work order", "delivery order", "receipt", "bill", "cash inv", "inv",
       "quotation", "quote", "permit", "claim", "confirmation", "document", "doc", "credit note")  # fmt: skip
"""Whose number the paper is filed under, likeliest first: the contract's, which its invoices name too; then its own,
and an invoice names its order, hardly the reverse."""

PLAIN = {"io": "insertion order", "po": "purchase order", "inv": "invoice", "cash inv": "invoice", "doc": "document"}
TITLE, DOCUMENT_DATE, TERM, PERIOD = 0.9, 0.85, 0.9, 0.7
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
    return [
        list(_read(page, grid, order, first=i == 0)) for i, (page, grid) in enumerate(zip(pages, grids, strict=True))
    ]


def _date_order(grids: Sequence[Grid]) -> str:
    """Whether the document writes the day first: by its dates that have one reading only, and its country's marks."""
    text = "\n".join(cell.text for grid in grids for cell in grid.cells)
    days = {tuple(map(int, NUMERAL.findall(date[0])[:2])) for date in dates_in(text) if date[1]}
    day_first = sum(first > 12 for first, _ in days) + CUE * bool(DAY_FIRST.search(text))
    month_first = sum(second > 12 for _, second in days) + CUE * bool(MONTH_FIRST.search(text))
    return "DMY" if day_first > month_first else "MDY"


def _read(text: PageText, grid: Grid, order: str, *, first: bool) -> Iterator[Finding]:
    if grid.ragged < RAGGED:
        return
    spots = spots_of(grid)
    pairs = pairs_of(grid, spots)
    if len(pairs) < LEAST_PAIRS:
        return
    joined = " ".join(cell.text for cell in grid.cells)
    currency = next((code for sign, code in CURRENCY.items() if re.search(sign, joined)), "")
    form = _Form(Page(text), grid, pairs, order, currency)
    readers = {"reference": _reference, "money": _sum, "date": _date, "period": _period, "party": _party}
    for pair in pairs:
        yield from readers[pair.label.kind](form, pair)
    yield from _own_number(form)
    yield from _receipt(form, grid)
    for entry in entries_of(grid, spots, pairs):
        yield form.page.finding("amounts", entry, worth(entry.text, currency), 0.85, purpose=entry.column)
    if first and (title := title_of(grid, pairs)):
        yield from _title(form, title)
    if total := total_of(pairs, rounded=ROUNDING.search(joined) is not None):
        value = worth(total.pair.text, currency)
        yield form.page.finding("total_amount", total.pair, value, total.confidence)


def _title(form: _Form, title: Cell) -> Iterator[Finding]:
    printed = Printed(title.words, title.text)
    yield form.page.finding("title", printed, title.text, TITLE)
    yield form.page.finding("kind", printed, kind_of(title.text), TITLE)


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
    """Both days of a period, of the contract's term or of what was billed; or the one that could be read."""
    days = [(match, iso_date(plain_date(match), form.order)) for match in dates_in(pair.text)[:2]]
    values = [value for _, value in days]
    if not all(values) or values != sorted(values):
        return
    confidence = _sure(pair, TERM if pair.label.name == "term" else PERIOD) * (1 if len(days) == 2 else UNSURE)
    for match, value in days:
        ends = match is not days[0][0] or match.start() > 0
        day = pair.part(*match.span())
        if pair.label.name == "billing":
            purpose = "billing period ends" if ends else "billing period starts"
            yield form.page.finding("dates", day, value, 0.8, purpose=purpose)
        else:
            yield form.page.finding("expiration_date" if ends else "effective_date", day, value, confidence)


def _party(form: _Form, pair: Pair) -> Iterator[Finding]:
    """A party in its role; the buyer on an order is a company's clerk, unless a company is named."""
    named = pair.part(0, len(ACCOUNT.sub("", pair.text)))
    person = pair.label.name == "buyer" and not COMPANY.search(named.text)
    if pair.label.name != "contact" and not person:
        yield form.page.finding("parties", named, named.text, _sure(pair, 0.8), role=pair.label.name)
