"""The days on which somebody must act: notice by, renewal, expiry and payment, each with its rule in words.

Pure: from the record to rely on (`pipeline/reliance.py`) and today's date. A day that can't be computed is not left
out: it says why. How days are counted is stated in `pipeline/days/lengths.py`, and each rule says it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Literal

from pipeline.days.lengths import shifted
from pipeline.days.payments import payments_of
from pipeline.days.renewals import Ending, Notice, Renewal, ending_of, notice_of, renewal_of
from pipeline.reliance import by_person
from schemas.contract import Contract
from schemas.fields import Evidence, FieldValue
from schemas.kinds import CONTRACT_KINDS

__all__ = ["KINDS", "Deadline", "Kind", "Sure", "deadlines_of", "holds_until"]

Kind = Literal["notice", "renewal", "expiry", "payment"]
Sure = Literal["person", "verified", "unverified", "conflict"]
KINDS: tuple[Kind, ...] = ("notice", "renewal", "expiry", "payment")
MOST_PERIODS = 2000  # renewals that are counted before it is given up: 166 years of months
NO_HOLIDAYS = "public holidays are not known here"


@dataclass(frozen=True, slots=True)
class Deadline:
    """One day to act. `due` is an ISO date, or "" where it can't be computed: then `rule` says why.

    `id` tells it from the document's others and stays the same when the day moves. `sure`: said by a person, proven on
    the page, not proven, or read in several ways. `evidence` is all that it follows from, most telling first. `rolls`:
    a next one takes its place when the day has passed.
    """

    id: str
    kind: Kind
    due: str
    rule: str
    sure: Sure
    confidence: float
    evidence: tuple[Evidence, ...]
    rolls: bool = False


@dataclass(frozen=True, slots=True)
class _Period:
    """A term: how often it has renewed before, its last day, and whether it renews again then."""

    count: int
    end: date
    again: bool


@dataclass(frozen=True, slots=True)
class _Terms:
    """How the contract ends, renews and is given notice of."""

    ending: Ending
    renewal: Renewal | None
    notice: Notice | None

    @property
    def rolls(self) -> bool:
        """Whether it renews by itself, time after time."""
        return self.renewal is not None and self.renewal.how == "by itself"


@dataclass(frozen=True, slots=True)
class _Basis:
    """The values a deadline follows from, and whether one of them was read in several ways."""

    values: Sequence[FieldValue]
    conflict: bool = False


def deadlines_of(contract: Contract, today: date) -> list[Deadline]:
    """The document's deadlines, dated ones first, next first."""
    ending, renewal, notice = ending_of(contract), renewal_of(contract), notice_of(contract)
    if ending is None and (_binds(contract) or renewal or notice):
        ending = Ending(None, "no expiration date and no term was found")
    found = list(_payments(contract, today))
    if ending is not None:
        terms = _Terms(ending, renewal, notice)
        found += chain(_ends(terms, today), _notices(terms, today))
    return sorted(found, key=lambda each: (not each.due, each.due))


def holds_until(deadlines: Sequence[Deadline], today: date) -> str:
    """The last ISO date on which the same deadlines would be found; "" when they never change."""
    return min((each.due for each in deadlines if each.rolls and each.due >= today.isoformat()), default="")


def _binds(contract: Contract) -> bool:
    return contract.kind.best is not None and contract.kind.best.value in CONTRACT_KINDS


def _ends(terms: _Terms, today: date) -> Iterator[Deadline]:
    """Expiry, and the day of the next renewal."""
    ending, renewal = terms.ending, terms.renewal
    basis = _Basis(ending.values, ending.conflict)
    if ending.day is None or renewal is None or not terms.rolls:
        rule = f"{ending.how}; {_renews(renewal)}" if ending.day and renewal else ending.how
        yield _deadline("expiry", ending.day, rule, basis)
        return
    basis = _Basis((renewal.value, *ending.values), ending.conflict)
    period = _running(ending.day, renewal, today)
    if period is None:
        yield _deadline("renewal", None, f"{ending.how}; {_renews(renewal)}: too often to be counted", basis)
    elif period.again:
        rule = f"{ending.how}; {_renews(renewal)}{_unless(terms)}{_so_far(period)}"
        yield _deadline("renewal", period.end, rule, basis, rolls=True)
    if renewal.most is not None and (last := shifted(ending.day, renewal.length.times(renewal.most))):
        rule = f"{ending.how}; {_renews(renewal)}, so that it ends on {last} at the latest"
        yield _deadline("expiry", last, rule, basis)


def _notices(terms: _Terms, today: date) -> Iterator[Deadline]:
    """The last day to give notice, of the term that runs and, where that has passed, of the next."""
    ending, renewal, notice = terms.ending, terms.renewal, terms.notice
    if notice is None:
        if renewal and terms.rolls:
            why = f"{_renews(renewal)}, and no notice period was found"
            yield _deadline("notice", None, why, _Basis((renewal.value,)))
        return
    values = (notice.value, *((renewal.value,) if renewal else ()), *ending.values)
    basis = _Basis(values, ending.conflict or notice.conflict)
    if why := _no_notice(terms, notice):
        yield _deadline("notice", None, why, basis)
        return
    for period in _periods(terms, today):
        day = shifted(period.end, notice.length, -1) if notice.length else None
        if day is None:
            return
        rule = f"{_until(ending, period)}; {_renews(renewal)}{_unless(terms)}: notice by {day}"
        rule += f" ({_counting(period.end, day, notice)})"
        yield _deadline("notice", day, rule, basis, terms.rolls, period.count)
        if day >= today:
            return


def _no_notice(terms: _Terms, notice: Notice) -> str:
    """Why there is no day to give notice by; "" when there is one."""
    if notice.length is None:
        return f"a notice of {notice.text}, which is no length of time that can be counted in days"
    if not notice.for_renewal and terms.renewal is None:
        return f"it may be ended on {notice.text} notice, and the passage names no day to count back from"
    return "" if terms.ending.day else f"notice {notice.text} before an end that is not known: {terms.ending.how}"


def _running(first: date, renewal: Renewal, today: date) -> _Period | None:
    """The term that runs today, counted from the first one's end so that short months don't shift the later ones."""
    for count in range(MOST_PERIODS):
        end = shifted(first, renewal.length.times(count))
        if end is None:
            return None
        if renewal.most is not None and count >= renewal.most:
            return _Period(count, end, again=False)
        if end >= today:
            return _Period(count, end, again=True)
    return None


def _periods(terms: _Terms, today: date) -> Iterator[_Period]:
    """The term that runs and the next one, as far as each renews unless somebody stops it; the only one of a contract
    that does not renew by itself."""
    first, renewal = terms.ending.day, terms.renewal
    if first is None:
        return
    if renewal is None or not terms.rolls:
        yield _Period(0, first, again=False)
        return
    running = _running(first, renewal, today)
    if running is None or not running.again:
        return
    yield running
    count = running.count + 1
    end = shifted(first, renewal.length.times(count))
    if end is not None and (renewal.most is None or count < renewal.most):
        yield _Period(count, end, again=True)


def _renews(renewal: Renewal | None) -> str:
    if renewal is None:
        return "no renewal was read"
    if renewal.how == "by itself":
        often = {None: "each time", 1: "once"}.get(renewal.most, f"up to {renewal.most} times")
        return f"renews by itself for {renewal.text}, {often}"
    if renewal.how == "by choice":
        return f"may be renewed for {renewal.text} if somebody chooses so"
    return f"may renew for {renewal.text} (the passage does not say whether by itself)"


def _unless(terms: _Terms) -> str:
    if terms.notice is None or terms.notice.length is None:
        return ""
    return f"{' unless' if terms.rolls else ','} notice {terms.notice.text} before"


def _times(period: _Period) -> str:
    return "once" if period.count == 1 else f"{period.count} times"


def _so_far(period: _Period) -> str:
    renewed = f"; if nobody gave notice it has renewed {_times(period)} and does again on {period.end}"
    return renewed if period.count else ""


def _until(ending: Ending, period: _Period) -> str:
    return f"{ending.how}; renewed {_times(period)} it runs until {period.end}" if period.count else ending.how


def _counting(end: date, day: date, notice: Notice) -> str:
    """How the day was counted, and what a lawyer should look out for on it."""
    said = [f"{notice.text} counted back from {end}, that day not counted"]
    assert notice.length is not None
    if notice.length.business:
        said.append(f"weekends left out, {NO_HOLIDAYS}")
    elif notice.length.months and day.day != end.day:
        said.append(f"the last day of its month, which has no day {end.day}")
    if day.weekday() > 4:
        friday = day - timedelta(days=day.weekday() - 4)
        said.append(f"a {day:%A}, the working day before is {friday}; {NO_HOLIDAYS}")
    if not notice.for_renewal:
        said.append("its passage speaks of ending the contract, not of its renewal")
    return "; ".join(said)


def _payments(contract: Contract, today: date) -> Iterator[Deadline]:
    for position, payment in enumerate(payments_of(contract, today)):
        basis = _Basis(payment.values)
        yield _deadline("payment", payment.day, payment.rule, basis, payment.repeats, position)


def _deadline(kind: Kind, day: date | None, rule: str, basis: _Basis, rolls: bool = False, count: int = 0) -> Deadline:
    return Deadline(
        id=f"{kind}-{count}" if count else kind,
        kind=kind,
        due=day.isoformat() if day else "",
        rule=rule,
        sure=_sure(basis),
        confidence=round(min((value.confidence for value in basis.values), default=0.0), 3),
        evidence=tuple(dict.fromkeys(each for value in basis.values for each in value.evidence)),
        rolls=rolls,
    )


def _sure(basis: _Basis) -> Sure:
    if basis.conflict:
        return "conflict"
    if basis.values and all(map(by_person, basis.values)):
        return "person"
    return "verified" if basis.values and all(value.status == "verified" for value in basis.values) else "unverified"
