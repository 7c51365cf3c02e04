"""When two values of a field are the same: by the type of the field, and more strictly than the pipeline merges.

Dates, sums, lengths of time, categories and reference numbers must be equal in their normal form; places too,
without "State of" and the like; names and titles may differ in their spelling, but not in a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from rapidfuzz import fuzz

from pipeline.normalise import date_readings, duration, iso_date, money, tidy

__all__ = ["same_text", "same_value"]

NEAR_NAME, NEAR_TEXT = 90.0, 85.0
"""The least likeness (0..100) of names without their company form, and of titles and sentences."""

SHORT_NAME = 8
"""Letters under which a name allows no slip."""

MAX_TEXT = 2000
"""Characters of a title or sentence that are compared."""

ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
COMPANY_FORM = re.compile(
    r"\b(?:incorporated|inc|corporation|corp|company|co|limited|ltd|llc|llp|lp|lllp|plc|na|gmbh|ag|sa|nv|bv|the)\b"
)
NUMBERING = re.compile(r"\b(?:\d+|[ivx]+)\b")
OF_PLACE = re.compile(
    r"^(?:the )?(?:(?:state|commonwealth|province|republic|kingdom|territory|people s republic) of )?(?:the )?"
)
LENGTH = re.compile(r"(\d+) ((?:\w+ )?)(hour|day|week|month|quarter|year)s?")
IN_MONTHS, IN_DAYS = {"month": 1, "quarter": 3, "year": 12}, {"day": 1, "week": 7}


def same_value(field: str, expected: str, found: str) -> bool:
    """Whether `found` is what the golden file expects of this field of the schema."""
    return _SAME.get(field, same_text)(expected, found)


def same_text(one: str, other: str) -> bool:
    """Titles, sentences: alike but for small slips; the numbers in them are the same."""
    first, second = _plain(one), _plain(other)
    if NUMBERING.findall(first) != NUMBERING.findall(second):
        return False
    return first == second or (bool(first and second) and fuzz.ratio(first, second) >= NEAR_TEXT)


def _same_name(one: str, other: str) -> bool:
    first, second = _name(one), _name(other)
    if sorted(NUMBERING.findall(first)) != sorted(NUMBERING.findall(second)):
        return False
    joined, beside = first.replace(" ", ""), second.replace(" ", "")
    if joined == beside:
        return bool(joined)
    return min(len(joined), len(beside)) >= SHORT_NAME and fuzz.ratio(joined, beside) >= NEAR_NAME


def _name(text: str) -> str:
    """The name without its company form; one that is nothing else ("The Limited") keeps it."""
    plain = _plain(text.replace("&", " and ").replace(".", "").replace("'", "").replace("’", ""))
    return " ".join(COMPANY_FORM.sub(" ", plain).split()) or plain


def _same_date(expected: str, found: str) -> bool:
    dates = {expected} if ISO.fullmatch(expected) else date_readings(expected)
    return bool(dates) and (found if ISO.fullmatch(found) else iso_date(found)) in dates


def _same_sum(expected: str, found: str) -> bool:
    """A golden sum without a currency is right in any; one found without is right only for such a sum."""
    wanted, given = _sum(expected), _sum(found)
    if wanted is None or given is None or wanted[1] != given[1]:
        return False
    return wanted[0] in ("XXX", given[0])


def _sum(text: str) -> tuple[str, Decimal] | None:
    currency, _, amount = money(text).partition(" ")
    return (currency, Decimal(amount)) if amount else None


def _same_place(one: str, other: str) -> bool:
    return bool(_place(one)) and _place(one) == _place(other)


def _place(text: str) -> str:
    """ "Commonwealth of Virginia, USA" is virginia."""
    return OF_PLACE.sub("", _plain(text.partition(",")[0]))


def _same_length(one: str, other: str) -> bool:
    return _length(one) is not None and _length(one) == _length(other)


def _length(text: str) -> tuple[int, str] | None:
    """1 year is 12 months, 1 week 7 days; a month is no number of days, a business day no day."""
    match = LENGTH.fullmatch(duration(text))
    if match is None:
        return None
    count, which, unit = int(match[1]), match[2], match[3]
    for base, sizes in (("months", IN_MONTHS), ("days", IN_DAYS)):
        if unit in sizes and not which:
            return count * sizes[unit], base
    return count, which + unit


def _same_number(one: str, other: str) -> bool:
    """Reference numbers: every letter and digit the same."""
    first, second = ("".join(filter(str.isalnum, tidy(text).casefold())) for text in (one, other))
    return bool(first) and first == second


def _same_label(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", tidy(text[:MAX_TEXT]).casefold()))


_SAME: dict[str, Callable[[str, str], bool]] = {
    **dict.fromkeys(("agreement_date", "effective_date", "expiration_date", "dates"), _same_date),
    **dict.fromkeys(("term", "renewal_term", "notice_period"), _same_length),
    **dict.fromkeys(("parties", "signatories"), _same_name),
    **dict.fromkeys(("kind", "clauses"), _same_label),
    **dict.fromkeys(("amounts", "total_amount"), _same_sum),
    "governing_law": _same_place,
    **dict.fromkeys(("reference_numbers", "document_number"), _same_number),
}
