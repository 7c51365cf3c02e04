"""Normal forms: what a printed value means, and "" where it means nothing for certain."""

import pytest

from pipeline.normalise import date_readings, duration, iso_date, money, number, tidy


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("March 3, 2021", "2021-03-03"),
        ("3rd day of March, 2021", "2021-03-03"),
        ("3 March 2021", "2021-03-03"),
        ("03/03/2021", "2021-03-03"),
        ("3/4/21", "2021-03-04"),
        ("16/09/2017", "2017-09-16"),
        ("2021-03-04", "2021-03-04"),
        ("Sept. 5, 2001", "2001-09-05"),
        ("twenty-first day of June 1999", "1999-06-21"),
        ("1st of      March, 2003", "2003-03-01"),
        ("5th day of August, in the year 2004", "2004-08-05"),
        ("12/31/98", "1998-12-31"),
        ("March l, 2O21", "2021-03-01"),
        ("l2/l5/2O01", "2001-12-15"),
        ("March 32, 2021", ""),
        ("31/31/2020", ""),
        ("March 2021", ""),
        ("3 March", ""),
        ("____ day of March, 2021", ""),
        ("", ""),
        ("1" * 100_000, ""),
    ],
)
def test_iso_date(text: str, iso: str) -> None:
    """Dates in the ways contracts print them; an incomplete or impossible one has no form."""
    assert iso_date(text) == iso


def test_ambiguous_dates_have_two_readings() -> None:
    """03/04/2021 is March or April; what the digits settle has one reading in any order."""
    assert date_readings("03/04/2021") == {"2021-03-04", "2021-04-03"}
    assert date_readings("03/14/2021") == {"2021-03-14"}
    assert iso_date("03/04/2021", "DMY") == "2021-04-03"
    assert date_readings("soon") == frozenset()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("$2,000", "USD 2000.00"),
        ("Two Thousand Dollars ($2,000)", "USD 2000.00"),
        ("Fifty Thousand Dollars", "USD 50000.00"),
        ("$3.5 million", "USD 3500000.00"),
        ("£2m", "GBP 2000000.00"),
        ("EUR 1.250,00", "EUR 1250.00"),
        ("US$ 1,250.50", "USD 1250.50"),
        ("RM 45.30", "MYR 45.30"),
        ("$ 1O0", "USD 100.00"),
        ("$5,000 per month", "USD 5000.00"),
        ("1,000", "XXX 1000.00"),
        ("dollars", ""),
        ("", ""),
    ],
)
def test_money(text: str, plain: str) -> None:
    """Sums with their currency; digits win over words, and no currency is said to be none."""
    assert money(text) == plain


def test_money_takes_the_currency_it_is_told_only_where_none_is_printed() -> None:
    """A currency from elsewhere never replaces a printed one."""
    assert money("1,000", "eur") == "EUR 1000.00"
    assert money("$1,000", "eur") == "USD 1000.00"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("thirty (30) days", "30 days"),
        ("a period of one year", "1 year"),
        ("twelve-month", "12 months"),
        ("sixty days' prior", "60 days"),
        ("90 business days", "90 business days"),
        ("twenty four months", "24 months"),
        ("several years", ""),
        ("", ""),
    ],
)
def test_duration(text: str, length: str) -> None:
    """Lengths of time, with the number in digits or words."""
    assert duration(text) == length


def test_number_in_words() -> None:
    """English numbers in words, or None."""
    assert number("One Hundred Fifty") == 150
    assert number("twenty-five") == 25
    assert number("some") is None


def test_tidy_drops_what_a_reader_cannot_see() -> None:
    """Direction overrides, control characters and odd blanks go; quotes and dashes become plain."""
    assert tidy("“Acme”\u202e\x00 –\u00a0Co\nLtd") == '"Acme" - Co Ltd'
