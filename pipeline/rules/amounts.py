"""Sums of money: a currency sign or word and a number, and what the sentence or line says it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from pipeline.normalise import money
from pipeline.rules.view import PageView, Span
from pipeline.types import Finding

__all__ = ["find_amounts"]

SIGN = (
    r"(?:US\s?\$|U\.S\.\s?\$|CA?\$|AU?\$|HK\$|NZ\$|S\$|\$|€|£|¥|₹"
    r"|\b(?:USD|EUR|GBP|CAD|AUD|CHF|JPY|RMB|CNY|INR|HKD|SGD|RM)\b)"
)
GROUPED = r"\d[\dOol]{0,2}(?:[,.]\s?[\dOol]{3}){1,4}(?:[.,]\s?\d{2})?"
NUMERAL = rf"(?:{GROUPED}|\d[\dOol]{{0,11}}(?:[.,]\d{{1,4}})?|\.\d{{2}})"
SCALE = r"(?:\s?(?:thousand|million|billion|[MmKkBb]n?)\b)?"
UNIT = r"(?:U\.?S\.?\s)?(?:[Dd]ollars|DOLLARS|[Ee]uros|[Pp]ounds|[Rr]upees|USD|EUR|GBP|CHF)\b"
AMOUNT = re.compile(rf"{SIGN}\s?{NUMERAL}{SCALE}(?![\d%])|(?<![\d.,]){NUMERAL}{SCALE}\s{UNIT}")
LABELLED = re.compile(
    r"\b((?:sub|grand\s|net\s|gross\s)?total|amount(?: due| payable)?|balance(?: due)?|gross amount|net amount"
    rf"|tax|rent|fee|price)(?:\sinc\w*\.?)?(?:\sof)?(?:\s[a-z]{{3}}(?:\s?@\s?\d%)?)?(?:\s?\([a-z]+\))?\s?:?"
    rf"\s({GROUPED}|\d{{1,12}}[.,]\d{{2}})(?![\d%])",
    re.IGNORECASE,
)
PURPOSE = re.compile(
    r"\b((?:[a-z]+ ){0,2}(?:fees?|price|rent|deposit|royalt(?:y|ies)|salary|compensation|payments?|retainer|commission"
    r"|consideration|premium|penalt(?:y|ies)|damages|liability|insurance|coverage|purchase|budget|cost|charges?|total"
    r"|amount due|balance|subtotal|tax|principal|loan|investment|bonus|expenses?|value|rate))\b",
    re.IGNORECASE,
)

MAX_SUMS = 1000
"""Sums of a page that are read: more than any page of figures has."""

LEAD = 30
"""Characters before a sum that begins its sentence, as in a column of sums, where its label may stand."""


def find_amounts(view: PageView) -> Iterator[Finding]:
    """Every sum on the page, each place once."""
    taken: list[Span] = []
    for match in islice(AMOUNT.finditer(view.text), MAX_SUMS):
        if value := money(match[0]):
            taken.append(match.span())
            yield view.finding("amounts", match.span(), value, 0.85, purpose=_purpose(view, match.span()))
    for match in islice(LABELLED.finditer(view.text), MAX_SUMS):
        span = match.span(2)
        if not any(start < span[1] and span[0] < end for start, end in taken) and (value := money(match[2])):
            yield view.finding("amounts", span, value, 0.6, purpose=match[1].lower())


def _purpose(view: PageView, span: Span) -> str:
    """The nearest word for a payment, before the sum in its sentence or else right after it."""
    start = view.sentence(span[0])[0]
    start = start if span[0] - start > 3 else start - LEAD
    before = list(PURPOSE.finditer(view.text, max(0, start, span[0] - 150), span[0]))
    after = PURPOSE.search(view.text, span[1], min(len(view.text), span[1] + 60))
    found = before[-1] if before else after
    return found[1].lower() if found else ""
