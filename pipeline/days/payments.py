"""Days on which something is to be paid: printed due dates, and duties to pay with a day, a rhythm or an interval."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from dateutil.relativedelta import relativedelta

from pipeline.days.lengths import length_of, shifted
from pipeline.normalise import ORDINALS, duration
from pipeline.report import clip
from pipeline.rules.dates import date_spans
from schemas.contract import Contract, Obligation
from schemas.fields import Entry, FieldValue

__all__ = ["Payment", "payments_of"]

SHOWN = 110  # characters of a duty in a sentence about it

DUE = re.compile(r"\b(?:due|pay\w*|instal+ment)", re.I)
PAYING = re.compile(r"\b(?:pay|pays|paid|payments?|remit\w*|reimburse\w*|rents?|fees?|instal+ments?|royalt\w+)\b", re.I)
RHYTHM = re.compile(
    r"\b(?P<day>first|last|\d{1,2}(?:st|nd|rd|th)|" + "|".join(ORDINALS) + r")\s(?:business\s)?(?:calendar\s)?day\sof\s"
    r"(?:each|every)\s(?:and\severy\s)?(?:calendar\s)?(?P<unit>month|quarter)\b",
    re.I,
)
FROM = re.compile(
    r"\b(?:after|from|following|of)\s(?:the\s)?(?:(?P<effective>effective\sdate)|(?P<agreed>date\s(?:hereof|of\sthis))"
    r"|(?P<ended>expiration|termination|expiry|end)\b)",
    re.I,
)
BEFORE_DAY = re.compile(r"\b(?:before|prior|preceding|in advance)\b", re.I)


@dataclass(frozen=True, slots=True)
class Payment:
    """A day (None: it can't be computed), in words why that day or why none, and what it follows from."""

    day: date | None
    rule: str
    values: tuple[FieldValue, ...]
    repeats: bool = False


def payments_of(contract: Contract, today: date) -> Iterator[Payment]:
    """What is to be paid when; of a rhythm, the next day from `today` within the term."""
    for each in contract.dates.values:
        if each.value and DUE.search(each.purpose):
            rule = f"given as the day something is {clip(each.purpose, 40)}"
            yield Payment(date.fromisoformat(each.value), rule, (each,))
    for duty in contract.obligations.values:
        if PAYING.search(duty.what or duty.raw):
            yield from _duty(contract, duty, today)


def _duty(contract: Contract, duty: Obligation, today: date) -> Iterator[Payment]:
    said = clip(f"{duty.who}: {duty.what}" if duty.who else duty.what or duty.raw, SHOWN)
    printed = [value for _, value in date_spans(duty.by_when)]
    if printed:
        yield Payment(date.fromisoformat(printed[0]), said, (duty,))
    elif rhythm := RHYTHM.search(f"{duty.what} {duty.by_when}"):
        yield _repeated(contract, duty, rhythm, today)
    elif duty.by_when and duration(duty.by_when):
        yield _counted(contract, duty, said)


def _repeated(contract: Contract, duty: Obligation, rhythm: re.Match[str], today: date) -> Payment:
    """The next day of the rhythm that lies within the term."""
    said = clip(f"{duty.who}: {duty.what}" if duty.who else duty.what, SHOWN)
    number, start, end = _day(rhythm["day"]), _known(contract.effective_date), _known(contract.expiration_date)
    if "business" in rhythm[0].lower():
        why = f"{said}: the business days of a month hang on public holidays, which are not known here"
        return Payment(None, why, (duty,))
    quarters = (3, 6, 9, 12) if number == 31 else (1, 4, 7, 10)
    months = quarters if rhythm["unit"].lower() == "quarter" else range(1, 13)
    day = max(today, start or today)
    while True:
        due = date(day.year, day.month, 1) + relativedelta(day=number)
        if due >= max(today, start or today) and due.month in months:
            break
        day = date(day.year, day.month, 1) + relativedelta(months=1)
    over = f"{said}: the term is over" if end and due > end else ""
    return Payment(None if over else due, over or f"{said}; the next such day", (duty,), repeats=not over)


def _counted(contract: Contract, duty: Obligation, said: str) -> Payment:
    """An interval from a day that the record knows."""
    origin, length = FROM.search(duty.by_when), length_of(duration(duty.by_when))
    if origin is None or length is None:
        return Payment(None, f"{said}: counted from an event whose day is not known", (duty,))
    names = {"effective": "effective_date", "agreed": "agreement_date", "ended": "expiration_date"}
    name = names[str(origin.lastgroup)]
    entry: Entry[FieldValue] = getattr(contract, name)
    start, what = _known(entry), name.replace("_", " ")
    day = shifted(start, length) if start else None
    if day is None or entry.best is None or BEFORE_DAY.search(duty.by_when):
        return Payment(None, f"{said}: counted from the {what}, which was not read", (duty,))
    return Payment(day, f"{said}; counted from the {what} {start}, that day not counted", (duty, entry.best))


def _known(entry: Entry[FieldValue]) -> date | None:
    return date.fromisoformat(entry.best.value) if entry.best and entry.best.value and not entry.conflict else None


def _day(text: str) -> int:
    """The day of a month; 31 for the last, which relativedelta clips to the month's own."""
    word = text.lower()
    if word == "last":
        return 31
    return ORDINALS.index(word) + 1 if word in ORDINALS else min(31, int(word[:-2]))
