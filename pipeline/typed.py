"""What a person types as a field's value, brought into the field's normal form; or, in one line, what is wrong with it.

Nothing is guessed: a date that can be read in two ways is refused, and so is a length or a sum without its unit.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.days.renewals import AT_WILL
from pipeline.errors import UsageError
from pipeline.normalise import date_readings, duration, money, tidy
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS
from schemas.cuad import CATEGORIES
from schemas.kinds import KINDS, UNKNOWN

__all__ = ["LONGEST", "choices", "hint", "typed"]

LONGEST = 2000
"""Characters of a value."""

_HINTS = {
    **dict.fromkeys(("agreement_date", "effective_date", "expiration_date", "dates"), "a date, as 2027-03-31"),
    **dict.fromkeys(("renewal_term", "notice_period"), "a length of time, as 60 days, 10 business days or 1 year"),
    "term": "a length of time, as 3 years; or perpetual, or at will",
    **dict.fromkeys(("amounts", "total_amount"), "a sum with its currency, as USD 1250.00"),
    "governing_law": "the state or country alone, as Delaware",
    "parties": "the full name, as printed",
}


def hint(field: str) -> str:
    """What is asked for, in a few words; "" where anything will do."""
    return _HINTS.get(field, "")


def choices(field: str) -> tuple[str, ...]:
    """The words a field may hold; empty where it may hold any."""
    return {"kind": tuple(kind for kind in KINDS if kind != UNKNOWN), "clauses": CATEGORIES}.get(field, ())


def typed(field: str, text: str) -> str:
    """The normal form. `UsageError` for a field the schema does not have, and for what is no value of it."""
    if field not in SINGLE_FIELDS and field not in LIST_FIELDS:
        raise UsageError("the schema has no such field")
    if len(text) > LONGEST:
        raise UsageError(f"a value has at most {LONGEST} characters")
    plain = tidy(text)
    if not plain:
        raise UsageError("type the value, or say that it is absent or unreadable")
    if words := choices(field):
        return _chosen(plain, words)
    return _FORMS.get(field, _as_it_is)(plain)


def _as_it_is(text: str) -> str:
    return text


def _date(text: str) -> str:
    readings = sorted(date_readings(text))
    if len(readings) > 1:
        raise UsageError(f"this date can be {' or '.join(readings)}: type the one that is meant")
    if not readings:
        raise UsageError("this is no date with day, month and year: type it as 2027-03-31")
    return readings[0]


def _length(text: str) -> str:
    found = duration(text)
    if not found:
        raise UsageError("this is no length of time: type it as 60 days, 10 business days or 1 year")
    return found


def _term(text: str) -> str:
    return text.lower() if text.lower() in AT_WILL else _length(text)


def _sum(text: str) -> str:
    found = money(text)
    if not found:
        raise UsageError("this is no sum of money: type it as USD 1250.00")
    if found.startswith("XXX"):
        raise UsageError(f"in which currency? Type it as USD {found.removeprefix('XXX ')}")
    return found


def _chosen(text: str, words: tuple[str, ...]) -> str:
    found = next((word for word in words if word.casefold() == text.casefold()), None)
    if found is None:
        raise UsageError("this is none of the words the field may hold: choose one of the list")
    return found


_FORMS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("agreement_date", "effective_date", "expiration_date", "dates"), _date),
    **dict.fromkeys(("renewal_term", "notice_period"), _length),
    "term": _term,
    **dict.fromkeys(("amounts", "total_amount"), _sum),
}
