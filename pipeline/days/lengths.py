"""Lengths of time counted on the calendar: days, weeks, months, quarters, years and business days.

The counting, stated once for the whole house. A time that runs *from* a day leaves that day out: 30 days from 1 March
end on 31 March, a year from 5 February on the next 5 February. A time *before* a day leaves that day out too: 60 days
before 31 March 2027 is 30 January 2027, and "at least 60 days before" is that day or an earlier one. A month has as
many days as it has: where it lacks the day, its last one counts (31 January and a month: 28 or 29 February). Business
days leave out Saturdays and Sundays only: the public holidays of a place are not known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

__all__ = ["Length", "length_of", "shifted"]

_LENGTH = re.compile(
    r"(\d{1,4}) (?:(calendar|consecutive|full|business|working|banking) )?(day|week|month|quarter|year)s?"
)
_MONTHS, _DAYS = {"month": 1, "quarter": 3, "year": 12}, {"day": 1, "week": 7}
_BUSINESS = {"business", "working", "banking"}


@dataclass(frozen=True, slots=True)
class Length:
    """`months` and `days` of the calendar, or `days` of business; the others are 0."""

    months: int = 0
    days: int = 0
    business: bool = False

    def times(self, count: int) -> Length:
        """So many of them on end. From the end of January, two months at once reach the end of March; a month and
        a month more would stop at its 28th."""
        return Length(self.months * count, self.days * count, self.business)


def length_of(text: str) -> Length | None:
    """The length that a normal form says ("30 days", "1 year", "10 business days"); None for any other text."""
    match = _LENGTH.fullmatch(text)
    if match is None:
        return None
    count, business, unit = int(match[1]), match[2] in _BUSINESS, match[3]
    if business:
        return Length(days=count, business=True) if unit == "day" else None
    if unit in _DAYS:
        return Length(days=count * _DAYS[unit])
    return Length(months=count * _MONTHS[unit])


def shifted(day: date, length: Length, sign: int = 1) -> date | None:
    """The day this length after (`sign` 1) or before (-1) a day; None beyond the calendar's years 1 to 9999."""
    from dateutil.relativedelta import relativedelta

    try:
        if length.business:
            return _business(day, sign * length.days)
        moved: date = day + relativedelta(months=sign * length.months)
        return moved + timedelta(days=sign * length.days)
    except (OverflowError, ValueError):
        return None


def _business(day: date, count: int) -> date:
    """Counted from a weekend, the next working day in the direction of counting is the first."""
    import numpy as np

    found = np.busday_offset(np.datetime64(day), count, roll="backward" if count > 0 else "forward")
    return date.fromisoformat(str(found))
