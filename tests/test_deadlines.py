"""Deadlines: worked cases of date arithmetic, what is said of them, and what can't be computed."""

from __future__ import annotations

from datetime import date

import pytest
from desk import record, value

from pipeline.days.deadlines import Deadline, deadlines_of, holds_until
from pipeline.days.lengths import length_of, shifted
from schemas.contract import Contract

TODAY = date(2026, 11, 22)
AUTOMATIC = "shall automatically renew for successive terms of one year unless either party gives notice"


def found(contract: Contract, kind: str, today: date = TODAY) -> list[Deadline]:
    return [each for each in deadlines_of(contract, today) if each.kind == kind]


def lease(**fields: object) -> Contract:
    return record(kind="lease", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("day", "length", "sign", "expected"),
    [
        ("2026-01-31", "1 month", 1, "2026-02-28"),
        ("2028-01-31", "1 month", 1, "2028-02-29"),
        ("2026-03-31", "1 month", -1, "2026-02-28"),
        ("2024-02-29", "1 year", 1, "2025-02-28"),
        ("2024-02-29", "4 years", 1, "2028-02-29"),
        ("2026-11-30", "1 quarter", 1, "2027-02-28"),
        ("2024-02-28", "2 days", 1, "2024-03-01"),
        ("2025-02-28", "2 days", 1, "2025-03-02"),
        ("2027-03-31", "60 days", -1, "2027-01-30"),
        ("2028-03-31", "60 days", -1, "2028-01-31"),  # a leap year's February is in between
        ("2026-03-01", "30 calendar days", 1, "2026-03-31"),
        ("2026-11-27", "1 business day", 1, "2026-11-30"),  # a Friday
        ("2026-11-28", "5 business days", 1, "2026-12-04"),  # a Saturday: Monday is the first
        ("2026-11-28", "5 business days", -1, "2026-11-23"),  # Friday is the first
        ("2026-11-25", "10 working days", -1, "2026-11-11"),
        ("9999-12-01", "9999 years", 1, None),
        ("0001-01-02", "2 days", -1, None),
    ],
)
def test_lengths_of_time_are_counted_on_the_calendar(day: str, length: str, sign: int, expected: str | None) -> None:
    """Months end where the month ends, leap years have their day, weekends are left out of business days."""
    counted = length_of(length)
    assert counted is not None
    moved = shifted(date.fromisoformat(day), counted, sign)
    assert (moved.isoformat() if moved else None) == expected


@pytest.mark.parametrize("text", ["", "48 hours", "2 business weeks", "30", "some days", "12345 days"])
def test_what_is_no_length_has_no_length(text: str) -> None:
    """Nothing is guessed from a text that is no normal form of days, weeks, months, quarters or years."""
    assert length_of(text) is None


def test_the_last_day_to_give_notice_of_a_contract_that_renews() -> None:
    """The day, the whole rule in words, how it was counted, that it is a Saturday, and all passages it follows from."""
    contract = lease(
        expiration_date=value("2027-03-31", page=2),
        renewal_term=value("1 year", quote=AUTOMATIC, page=3),
        notice_period=value("60 days", quote="at least sixty (60) days prior to the end of the term", page=1),
    )
    [notice] = found(contract, "notice")
    assert (notice.due, notice.sure, notice.confidence) == ("2027-01-30", "verified", 0.9)
    assert notice.rule.startswith("expires 2027-03-31; renews by itself for 1 year, each time unless notice 60 days")
    assert "60 days counted back from 2027-03-31, that day not counted" in notice.rule
    assert "a Saturday, the working day before is 2027-01-29; public holidays are not known here" in notice.rule
    assert [each.page for each in notice.evidence] == [1, 3, 2]
    [renewal] = found(contract, "renewal")
    assert renewal.due == "2027-03-31"
    assert not found(contract, "expiry")


def test_a_renewal_is_repeated_until_today_without_drifting() -> None:
    """Each term is counted from the first end: a month-to-month lease from 31 January ends on the last of each month.
    The notice that has passed stays in sight beside the next one."""
    contract = lease(
        expiration_date="2024-01-31",
        renewal_term=value("1 month", quote="continues month-to-month"),
        notice_period=value("10 business days", quote="before any renewal"),
    )
    assert [each.due for each in found(contract, "renewal")] == ["2026-11-30"]
    assert [(each.due, each.id) for each in found(contract, "notice")] == [
        ("2026-11-16", "notice-34"),
        ("2026-12-17", "notice-35"),
    ]
    assert "it has renewed 34 times and does again on 2026-11-30" in found(contract, "renewal")[0].rule
    assert "weekends left out, public holidays are not known here" in found(contract, "notice")[0].rule


@pytest.mark.parametrize(
    ("words", "last"),
    [
        ("shall automatically renew for up to two (2) additional terms of one year each", "2026-03-31"),
        ("shall automatically renew for three successive one-year periods", "2027-03-31"),
        ("shall automatically renew for an additional term of one year", "2025-03-31"),
    ],
)
def test_renewals_that_are_numbered_end(words: str, last: str) -> None:
    """So many renewals and no more: the contract expires then, and a renewal that is over can't be stopped any more."""
    contract = lease(
        expiration_date="2024-03-31",
        renewal_term=value("1 year", quote=words),
        notice_period=value("1 month", quote="prior to the expiration of the term"),
    )
    [expiry] = found(contract, "expiry")
    assert expiry.due == last
    assert all(each.due < last for each in found(contract, "notice"))
    assert not [each for each in deadlines_of(contract, date(2030, 1, 1)) if each.kind in {"notice", "renewal"}]


def test_an_option_to_renew_expires_and_asks_for_notice() -> None:
    """What may be renewed does not renew: it expires, and the notice is what exercises the option."""
    contract = lease(
        expiration_date="2029-12-31",
        renewal_term=value("5 years", quote="Tenant shall have the option to extend the term for five years"),
        notice_period=value("12 months", quote="notice not less than 12 months before the expiration"),
    )
    assert [each.due for each in found(contract, "expiry")] == ["2029-12-31"]
    assert "may be renewed for 5 years if somebody chooses so" in found(contract, "expiry")[0].rule
    assert [each.due for each in found(contract, "notice")] == ["2028-12-31"]
    assert not found(contract, "renewal")


def test_notice_counted_in_months_at_the_end_of_a_month() -> None:
    """A month before 31 March is the last day of February, and the rule says why it is not the 31st."""
    contract = lease(
        expiration_date="2027-03-31",
        renewal_term=value("1 year", quote=AUTOMATIC),
        notice_period=value("1 month", quote="before renewal"),
    )
    assert found(contract, "notice")[0].due == "2027-02-28"
    assert "the last day of its month, which has no day 31" in found(contract, "notice")[0].rule


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"term": "3 years"}, "a term of 3 years from an effective date that was not read"),
        ({"term": "perpetual"}, "the term is perpetual: it runs until it is ended"),
        ({"term": "at will"}, "the term is at will: it runs until it is ended"),
        (
            {"term": value("3 years", confidence=0.4), "effective_date": "2024-01-01"},
            "too unsurely to count with (0.40)",
        ),
        ({"term": value("", raw="the Project")}, "a term of the Project, which is no length of time"),
        ({"term": value("2 years", quote="until the earlier of two years")}, "leaves open (“earlier”)"),
        ({"term": (value("2 years"), value("3 years"))}, "the term was read as 2 years and as 3 years"),
        ({"expiration_date": value("", raw="the end of 2027")}, "reads “the end of 2027”, which is no full date"),
        (
            {"clauses": value("x", "clauses", quote="shall continue until terminated by either party")},
            "until terminated",
        ),
        ({}, "no expiration date and no term was found"),
    ],
)
def test_an_end_that_can_not_be_computed_says_why(fields: dict[str, object], why: str) -> None:
    """No day, and in words what is missing."""
    if "clauses" in fields:
        fields = {"clauses": (fields["clauses"],)}
    [expiry] = found(lease(**fields), "expiry")
    assert expiry.due == ""
    assert why in expiry.rule


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"notice_period": value("48 hours", quote="before renewal")}, "48 hours, which is no length of time"),
        (
            {"notice_period": value("60 days", quote="may terminate on 60 days notice")},
            "names no day to count back from",
        ),
        (
            {"notice_period": value("60 days", quote="before renewal"), "term": "3 years"},
            "notice 60 days before an end that is not known: a term of 3 years from an effective date",
        ),
        (
            {"expiration_date": "2027-03-31", "renewal_term": value("1 year", quote=AUTOMATIC)},
            "renews by itself for 1 year, each time, and no notice period was found",
        ),
    ],
)
def test_a_notice_that_can_not_be_computed_says_why(fields: dict[str, object], why: str) -> None:
    """A lawyer must see that there is a notice to be given even where nobody can say until when."""
    [notice] = found(lease(**fields), "notice")
    assert notice.due == ""
    assert why in notice.rule


def test_of_several_readings_the_earliest_day_is_taken() -> None:
    """Whoever acts by the earliest day is safe; the deadline says that it was read in several ways."""
    contract = lease(
        expiration_date=(value("2028-03-31"), value("2027-03-31")),
        renewal_term=value("1 year", quote=AUTOMATIC),
        notice_period=(value("30 days", quote="before renewal"), value("90 days", quote="before renewal")),
    )
    [notice] = found(contract, "notice")
    assert (notice.due, notice.sure) == ("2026-12-31", "conflict")
    assert "read as 2027-03-31 and as 2028-03-31; the earliest is taken" in notice.rule


def duty(what: str, by_when: str = "") -> object:
    return (value(what, "obligations", who="Tenant", what=what, by_when=by_when),)


@pytest.mark.parametrize(
    ("what", "by_when", "due", "says"),
    [
        ("pay rent on the first day of each month", "", "2026-12-01", "the next such day"),
        ("pay fees on the last day of each calendar quarter", "", "2026-12-31", "the next such day"),
        ("pay the fee", "no later than December 24, 2026", "2026-12-24", "pay the fee"),
        ("pay the fee", "within thirty (30) days after the Effective Date", "2026-12-01", "that day not counted"),
        ("pay the fee", "within thirty (30) days of the invoice", "", "an event whose day is not known"),
        ("pay rent on the first business day of each month", "", "", "public holidays, which are not known"),
    ],
)
def test_payments_have_their_day_or_say_why_not(what: str, by_when: str, due: str, says: str) -> None:
    """A rhythm, a printed day, or an interval from a day the record knows; an interval from an event has none."""
    [payment] = found(lease(obligations=duty(what, by_when), effective_date="2026-11-01"), "payment")
    assert payment.due == due
    assert says in payment.rule


def test_a_rhythm_ends_with_the_term() -> None:
    """No rent is due after the lease."""
    contract = lease(obligations=duty("pay rent on the first day of each month"), expiration_date="2026-11-30")
    [payment] = found(contract, "payment")
    assert (payment.due, "the term is over" in payment.rule) == ("", True)


def test_printed_due_dates_are_payments() -> None:
    """A date read as the day something is due; a signature's is not."""
    dates = (value("2026-12-15", "dates", purpose="due"), value("2020-01-01", "dates", purpose="signature"))
    assert [each.due for each in found(record(kind="invoice", dates=dates), "payment")] == ["2026-12-15"]
    assert not found(record(kind="invoice", dates=dates), "expiry")  # an invoice has no term to ask for


def test_deadlines_hold_until_the_next_one_that_rolls_has_passed() -> None:
    """What is kept ready is made anew in time, and what can't change is never made anew."""
    contract = lease(
        expiration_date="2027-03-31",
        renewal_term=value("1 year", quote=AUTOMATIC),
        notice_period=value("60 days", quote="before renewal"),
    )
    until = holds_until(deadlines_of(contract, TODAY), TODAY)
    assert until == "2027-01-30"
    assert deadlines_of(contract, date.fromisoformat(until)) == deadlines_of(contract, TODAY)
    assert deadlines_of(contract, date(2027, 1, 31)) != deadlines_of(contract, TODAY)
    assert holds_until(deadlines_of(lease(expiration_date="2027-03-31"), TODAY), TODAY) == ""
