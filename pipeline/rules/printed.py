"""What a row's words read as: a sum of money, a date, a period, a number, a name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.normalise import date_readings
from pipeline.rules.lexicon import label_of, tokens
from schemas.kinds import KIND_NAMES

__all__ = ["date_in", "dates_in", "name_in", "number_in", "own_name", "period_in", "plain_date", "sum_in", "sums_in"]

Span = tuple[int, int]
SIGN = r"(?:US\s?\$|[CASH]?[AK]?\$|€|£|¥|₹|(?:USD|EUR|GBP|CAD|AUD|CHF|SGD|MYR|INR|HKD|RM)\b)"
SUM = re.compile(
    rf"(?<![\w.,/$-])[(]?(?:{SIGN}\s?(?:\d{{1,3}}(?:[,.]\d{{3}})+|\d{{1,9}})(?:[.,]\d{{2}})?"
    r"|(?:\d{1,3}(?:,\d{3})+|\d{1,9})[.,]\d{2})[)]?(?![\d/%]|[.,-]\d)"
)
SPLIT = re.compile(r"(?:RM\s?|\$\s?)?\d{1,5}\s\d\d")
"""A sum whose point the scan lost: what it is worth is a guess, so its value never stands in its words."""

DATE = re.compile(
    r"(?<![\w/.])(?:\d{1,2}\s?([/.-])\s?\d{1,2}\s?\1\s?(?:20\d\d|19\d\d|\d\d)(?!\d)|(?:19|20)\d\d([/-])\d\d\2\d\d(?!\d)"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?\s?\d{1,2}(?:st|nd|rd|th)?,?\s(?:19|20)\d\d"
    r"|\d{1,2}(?:st|nd|rd|th)?[\s-](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?,?[\s-]"
    r"(?:(?:19|20)\d\d|\d\d)\b|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?!\d))",
    re.I,
)
NUMBER = re.compile(r"(?=[\w./-]*\d)[A-Z0-9][A-Z0-9./-]{1,29}", re.I)
NAME = re.compile(r"[A-Z].{0,78}[\w.)!]|[A-Z]\w", re.S)
DESCRIBED = re.compile(r",\san?\s[A-Z]?[a-z]|,?\s(?:whose|with|having|located|d/b/a|dba\b)|\s\((?=[a-z\"])|;|\s\|")
"""What follows a name and describes it."""

OPENING = re.compile(
    r"(?:this|these|the following|all|any|each|no|please|see|if|to|for|as|in|of|is|are|net|none"
    r"|(?:jan|feb|mar|apr|jun|jul|aug|sep|oct|nov|dec)\w*$)\b",
    re.I,
)
"""No name begins with these."""

LINKS = frozenset({"of", "and", "the", "for", "de", "la", "in", "on", "at", "to", "van", "von", "a", "&", "y", "dba"})
TITLES = frozenset(name for names in KIND_NAMES.values() for name in names if name != "letter")
LABEL_END = frozenset({
    "date", "dates", "revision", "rev", "code", "number", "#", "type", "name", "total", "period", "ref", "estimate",
    "office", "region", "executive", "cycle", "calendar", "address", "phone", "fax", "email", "demographic", "product",
    "description", "attention", "contact", "by", "month", "page", "amount", "rate", "terms",
})  # fmt: skip
"""Last words of labels that the lexicon may lack or OCR may have spoilt."""


HALVES = re.compile(r"\d[\d/]{5,9}(?:\s?-\s?|\s)\d[\d/]{5,9}(?![\w/])")
"""Two runs of digits and slashes as long as dates."""

LEAD = " :.-#|'\"_[{("
NEAR_START, BETWEEN = 8, 12
"""Characters before a date that is a label's value, and between the two of a period."""


def sum_in(text: str) -> Span | None:
    """The first sum: with a currency, or with cents; or all of the text, if it is one that lost its point."""
    found = SUM.search(text) or SPLIT.fullmatch(text)
    return found.span() if found else None


def sums_in(text: str) -> list[re.Match[str]]:
    """All sums in a row's text."""
    return list(SUM.finditer(text))


def dates_in(text: str) -> list[re.Match[str]]:
    """The whole dates in a row's text that name a day of the calendar."""
    return [match for match in DATE.finditer(text) if _possible(match) and date_readings(plain_date(match))]


def _possible(date: re.Match[str]) -> bool:
    """Whether a date in digits has a day and a month where they belong: "1/70/25" is a misreading."""
    first, second = (int(part) for part in re.findall(r"\d+", date[0])[:2]) if date[1] else (1, 1)
    return max(first, second) <= 31 and min(first, second) <= 12


def plain_date(date: re.Match[str]) -> str:
    """The date without the blanks that a scan puts into its digits."""
    return date[0].replace(" ", "") if date[1] else date[0]


def date_in(text: str) -> Span | None:
    """The date that the text begins with."""
    found = dates_in(text[:60])
    return found[0].span() if found and found[0].start() <= NEAR_START else None


def period_in(text: str) -> Span | None:
    """Two dates side by side; or one, beside what was a date before it was misread ("5/48/2020 - 5/24/2020")."""
    found = dates_in(text[:80])
    if len(found) > 1 and found[0].start() <= NEAR_START and found[1].start() - found[0].end() <= BETWEEN:
        return found[0].start(), found[1].end()
    both = HALVES.search(text, 0, 80)
    spoilt = both and len(found) == 1 and both.start() <= NEAR_START and both.start() <= found[0].start() < both.end()
    return both.span() if both and spoilt else None


def number_in(text: str, *, marked: bool) -> Span | None:
    """The number that the text begins with, no date and no sum; without a mark at its label mostly digits."""
    start = len(text) - len(text.lstrip(LEAD))
    match = NUMBER.match(text, start)
    if not match or DATE.match(text, start) or (SUM.match(text, start) and "." in match[0]):
        return None
    end = start + len(match[0].rstrip("./-"))
    digits = sum(c.isdigit() for c in match[0])
    return (start, end) if digits >= (3 if marked else 4) and end - start <= 2 * digits + 6 else None


def name_in(text: str) -> Span | None:
    """The name that the text begins with: capitalised, mostly letters, no label, without what describes it."""
    start = len(text) - len(text.lstrip(LEAD))
    match = NAME.match(text, start)
    if not match or OPENING.match(match[0]) or re.search(r"[$%:?]", match[0]):
        return None
    said = DESCRIBED.split(match[0])[0].rstrip(" ,")
    words = own_name(said).split()
    letters = sum(map(str.isalpha, "".join(words)))
    if letters < max(3, 0.5 * len("".join(words))) or len(words) > 10 or not _capitalised(words):
        return None
    last = tokens(said.split()[-1])
    return None if last and last[-1] in LABEL_END else (start, start + len(" ".join(words)))


def own_name(name: str) -> str:
    """Without another label that runs into it, or the title of the paper."""
    words = name.split()
    for first in range(1, len(words)):
        for size in (3, 2):
            phrase = " ".join(token for word in words[first : first + size] for token in tokens(word))
            if size <= len(words) - first and (label_of(phrase) or phrase in TITLES):
                return " ".join(words[:first])
    return name


def _capitalised(words: Sequence[str]) -> bool:
    """Whether it is written as names are; few words of one are in lower case."""
    counted = [word for word in words if word[0].isalpha() and word.lower() not in LINKS]
    return sum(not word[0].islower() for word in counted) >= 0.75 * len(counted)
