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
LENGTH = r"(?:\b\w{1,15} )?(?<!\d)\(?\d{1,3}\)? (?:days?|months?|years?)"
NUMBER = r"(?=[\w-]*\d)[\w-]{4,20}"
SUM = r"\$? ?[\d,]{1,15}\.\d\d"

PATTERNS: dict[str, tuple[str, int]] = {
    "title": (r"(?im)^(.{0,60}\bagreement\b.{0,20})$", 1),
    "parties": (r"\b((?:[A-Z][\w&.,']{0,20} ){1,5}(?:Inc|LLC|Corporation|Corp|Company|Ltd|L\.P)\b\.?)", 2),
    "agreement_date": (rf"({DATE})", 1),
    "effective_date": (rf"({DATE})", 1),
    "expiration_date": (rf"(?:expire|terminate|until|through)[^.]{{0,60}}?({DATE})", 1),
    "governing_law": (r"laws of (?:the )?(?:State|Commonwealth) of ([A-Z]\w+(?: [A-Z]\w+)?)", 1),
    "term": (rf"\b({LENGTH})", 1),
    "renewal_term": (rf"renew[^.]{{0,100}}?({LENGTH})", 1),
    "notice_period": (rf"({LENGTH})[^.]{{0,30}}notice", 1),
    "amounts": (rf"(?i)(?:total|gross)[^\d$]{{0,20}}({SUM})", 1),
    "reference_numbers": (rf"(?:No\.?|#|Contract|Order) ?:? ?({NUMBER})", 1),
}
"""By field: the pattern, and how many values a document may have; the first ones found are taken."""

LABELLED = {"parties": r"[A-Z][^\n]{2,50}", "amounts": SUM, "reference_numbers": NUMBER}
"""What a value looks like that stands behind its label, for keys with words ("amounts:gross|total")."""

NORMAL: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("agreement_date", "effective_date", "expiration_date"), iso_date),
    **dict.fromkeys(("term", "renewal_term", "notice_period"), duration),
    "amounts": money,
}
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
    pattern, most = PATTERNS[field]
    if asked.words:
        label = "|".join(map(re.escape, asked.words))
        pattern, most = rf"(?i:{label})\b[^\d\n$]{{0,20}}?({LABELLED.get(field, DATE)})", 1
    by_line = field == "title" or (field == "parties" and asked.words)
    texts = [page.text if by_line else " ".join(page.text.split()) for page in pages]
    starts = list(accumulate((len(text) + 1 for text in texts), initial=0))
    whole = ("\n" if by_line else " ").join(texts)  # a match may run over the end of a page
    found: dict[str, Answer] = {}
    for match in re.finditer(pattern, whole):
        if len(found) < most and (value := NORMAL.get(field, str.strip)(match[1])):
            page = pages[bisect_right(starts, match.start()) - 1].number
            found.setdefault(value, Answer(value, page, match[0]))
    return tuple(found.values())


def _clauses(pages: Sequence[PageText]) -> Iterator[Answer]:
    for page in pages:
        yield from (Answer(name, page.number) for name, pattern in CLAUSES.items() if pattern.search(page.text))
