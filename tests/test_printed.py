"""What the words of a row read as."""

from __future__ import annotations

import time

import pytest

from pipeline.rules.printed import date_in, dates_in, name_in, number_in, own_name, period_in, sum_in


def cut(text, span):
    return text[slice(*span)] if span else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$4,190.00", "$4,190.00"),
        ("RM 5,90 SR", "RM 5,90"),
        ("37 $8,400.00 $7,140.00", "$8,400.00"),
        ("($135.00)", "($135.00)"),
        ("$5,200", "$5,200"),
        ("6 00", "6 00"),
        ("12.5%", None),
        ("04.05.18", None),
        ("00:15:00", None),
        ("1234", None),
        ("5.00.1", None),
    ],
)
def test_sums_have_a_currency_or_cents(text, expected):
    """A bare number, a share, a date or a time is no sum of money."""
    assert cut(text, sum_in(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("29/12/2017 11:41", "29/12/2017"),
        ("18-10- 17 15:16", "18-10- 17"),
        ("20180428/191204", "20180428"),
        (": May 5, 2020", "May 5, 2020"),
        ("15-MAR-2018", "15-MAR-2018"),
        ("1/70/25", None),
        ("28/08/7017", None),
        ("invoiced on or after 1/2/2020", None),
    ],
)
def test_a_value_begins_with_its_date(text, expected):
    """Dates are whole, of the calendar, and where the value begins."""
    assert cut(text, date_in(text)) == expected


def test_a_period_is_two_dates_side_by_side():
    """With a dash, a "to" or nothing but a blank between; one of them may be misread, one alone is none."""
    for text in ("01/14/20 - 01/20/20", "06/02/20-06/08/20", "3/2/2020 to 3/8/2020", "02/19/20 02/25/20"):
        assert cut(text, period_in(text)) == text
        assert len(dates_in(text)) == 2
    assert period_in("01/14/20") is None
    assert period_in("5/48/2020 - 5/24/2020") == (0, 21)
    assert period_in("5/48/2020") is None
    assert period_in("01/14/20 was the day on which and not 01/20/20") is None


def test_numbers_hold_digits_and_are_no_dates_or_sums():
    """A number without a mark at its label is of digits mostly."""
    assert cut("378700-1 3", number_in("378700-1 3", marked=True)) == "378700-1"
    assert cut("17117}", number_in("17117}", marked=True)) == "17117"
    assert number_in("01/26/20", marked=True) is None
    assert number_in("4,190.00", marked=True) is None
    assert number_in("42", marked=False) is None
    assert number_in("Standard", marked=True) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Citizens for a United New Mexico", "Citizens for a United New Mexico"),
        ("POL/Amy Klobuchar/President", "POL/Amy Klobuchar/President"),
        ("Pemberton Square Properties, L.P., a Massachusetts limited partnership", "Pemberton Square Properties, L.P."),
        ("Harborline Logistics, Inc. Contract No. MSA-1", "Harborline Logistics, Inc."),
        ("This certificate is given", None),
        ("CREDIT OF $2,118.40 FOR 2027", None),
        ("Original Date / Revision", None),
        ("the reader of this", None),
        ("09736523", None),
    ],
)
def test_names_are_capitalised_and_no_labels(text, expected):
    """A name ends where its description or another label begins; a sentence, a sum and a label are none."""
    assert cut(text, name_in(text)) == expected


def test_own_name_drops_the_papers_title():
    """A letterhead may share its line with the name of the paper."""
    assert own_name("HARBORLINE LOGISTICS, INC. PURCHASE ORDER") == "HARBORLINE LOGISTICS, INC."


@pytest.mark.parametrize("hostile", ["1," * 50_000, "A " * 50_000, "1/1/" * 25_000, "(" * 100_000, "9" * 100_000])
def test_hostile_text_takes_no_time(hostile):
    """No expression here backtracks without bound."""
    started = time.process_time()
    for read in (sum_in, date_in, period_in, name_in):
        read(hostile)
    number_in(hostile, marked=True)
    assert time.process_time() - started < 2
