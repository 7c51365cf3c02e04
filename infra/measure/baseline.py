"""The naive baseline of extraction: one regex a field over the words of the page, what a script of one afternoon does.

It is fixed: figures are compared with it, so it is neither tuned nor improved. It sees the same words as Muniment.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from pipeline.evaluate.goldenset import Asked
from pipeline.evaluate.judge import Answer
from pipeline.normalise import duration, iso_date, money
from pipeline.types import PageText
from schemas.cuad import CATEGORIES

__all__ = ["baseline"]

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
DATE = rf"(?:{MONTHS}) \d{{1,2}}, \d{{4}}|\d{{1,2}}/\d{{1,2}}/\d{{2,4}}"
LENGTH = r"(?:\w+ )?\(?\d+\)? (?:days?|months?|years?)"
NUMBER = r"(?=[\w-]*\d)[\w-]{4,20}"

PATTERNS: dict[str, tuple[re.Pattern[str], Callable[[str], str], int]] = {
    "title": (re.compile(r"^(.{0,60}\bagreement\b.{0,20})$", re.I | re.M), str.strip, 1),
    "parties": (
        re.compile(r"\b((?:[A-Z][\w&.,']{0,20} ){1,5}(?:Inc|LLC|Corporation|Corp|Company|Ltd|L\.P)\b\.?)"),
        str.strip,
        2,
    ),
    "agreement_date": (re.compile(rf"({DATE})"), iso_date, 1),
    "effective_date": (re.compile(rf"({DATE})"), iso_date, 1),
    "expiration_date": (re.compile(rf"(?:expire|terminate|until|through)[^.]{{0,60}}?({DATE})"), iso_date, 1),
    "governing_law": (re.compile(r"laws of (?:the )?(?:State|Commonwealth) of ([A-Z]\w+(?: [A-Z]\w+)?)"), str.strip, 1),
    "term": (re.compile(rf"\b({LENGTH})"), duration, 1),
    "renewal_term": (re.compile(rf"renew[^.]{{0,100}}?({LENGTH})"), duration, 1),
    "notice_period": (re.compile(rf"({LENGTH})[^.]{{0,30}}notice"), duration, 1),
    "amounts": (re.compile(r"(?:[Tt]otal|TOTAL|[Gg]ross)[^\d$]{0,20}(\$?[\d,]{1,15}\.\d\d)"), money, 1),
    "reference_numbers": (re.compile(rf"(?:No\.?|#|Contract|Order) ?:? ?({NUMBER})"), str.strip, 1),
}
"""By field: the pattern, the normal form of its group, and how many values a document may have (the first found)."""

CLAUSES = {
    name: re.compile(re.escape(name.partition("/")[0]).replace(r"\-", "[ -]").replace(r"\ ", "[ -]"), re.I)
    for name in CATEGORIES
}
"""A clause is its category's name on a page."""


def baseline(pages: Sequence[PageText], asked: Asked) -> tuple[Answer, ...]:
    """What the regex of the first of these fields that has one finds in a document."""
    if "clauses" in asked.fields:
        return tuple(_clauses(pages))
    field = next((name for name in asked.fields if name in PATTERNS), None)
    if field is None:
        return ()
    pattern, normal, most = PATTERNS[field]
    texts = [page.text if field == "title" else " ".join(page.text.split()) for page in pages]
    starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
    found: dict[str, Answer] = {}
    for match in pattern.finditer("\n".join(texts)):
        if value := normal(match[1]):
            page = pages[bisect_right(starts, match.start()) - 1].number
            found.setdefault(value, Answer(value, page, match[0]))
        if len(found) == most:
            break
    return tuple(found.values())


def _clauses(pages: Sequence[PageText]) -> Iterator[Answer]:
    for page in pages:
        yield from (Answer(name, page.number) for name, pattern in CLAUSES.items() if pattern.search(page.text))
