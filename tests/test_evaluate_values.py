"""Sameness of values, by the type of their field."""

from __future__ import annotations

import time

import pytest

from pipeline.evaluate.values import same_value


@pytest.mark.parametrize(
    ("field", "expected", "found"),
    [
        ("effective_date", "2020-01-31", "2020-01-31"),
        ("effective_date", "January 31, 2020", "2020-01-31"),
        ("amounts", "USD 1250.00", "USD 1250.00"),
        ("amounts", "$1,250", "USD 1250.00"),
        ("amounts", "1250.00", "MYR 1250.00"),
        ("amounts", "1250.00", "XXX 1250.00"),
        ("term", "1 year", "12 months"),
        ("notice_period", "thirty (30) days", "30 days"),
        ("notice_period", "2 weeks", "14 days"),
        ("parties", "Acme Instruments, Inc.", "ACME INSTRUMENTS INCORPORATED"),
        ("parties", "St. Denis J. Villere and Company L.L.C.", "St. Denis J. Villere & Company, LLC"),
        ("parties", "Harborline Logistics, Inc.", "Harborlinc Logistics, Inc"),
        ("parties", "The Limited", "The Limited"),
        ("governing_law", "State of Delaware", "Delaware"),
        ("governing_law", "Commonwealth of Virginia", "Virginia, USA"),
        ("clauses", "Cap On Liability", "Cap on liability"),
        ("reference_numbers", "MSA-2024-0117", "MSA 2024-0117"),
        ("title", "Master Services Agreement", "MASTER SERVICES AGREEMENT"),
    ],
)
def test_the_same(field: str, expected: str, found: str) -> None:
    """Other spellings of a value are right."""
    assert same_value(field, expected, found)


@pytest.mark.parametrize(
    ("field", "expected", "found"),
    [
        ("effective_date", "2020-01-31", "2020-01-13"),
        ("effective_date", "2020-01-31", ""),
        ("effective_date", "soon", "soon"),
        ("amounts", "USD 1250.00", "USD 1250.50"),
        ("amounts", "USD 1250.00", "EUR 1250.00"),
        ("amounts", "USD 1250.00", "XXX 1250.00"),
        ("amounts", "1250.00", "no sum"),
        ("term", "1 month", "30 days"),
        ("notice_period", "10 business days", "10 days"),
        ("term", "for ever", "for ever"),
        ("parties", "Acme Fund II, L.P.", "Acme Fund III, L.P."),
        ("parties", "Area 51 Holdings", "Area 52 Holdings"),
        ("parties", "IBM", "IBN"),
        ("parties", "Acme Holdings", "Acme"),
        ("parties", "Inc.", "LLC"),
        ("governing_law", "Virginia", "West Virginia"),
        ("governing_law", "England and Wales", "England"),
        ("governing_law", "", ""),
        ("clauses", "Non-Compete", "Non-Disparagement"),
        ("reference_numbers", "4377405", "4377406"),
        ("reference_numbers", "1010", "IOIO"),
        ("title", "Amendment No. 1", "Amendment No. 2"),
        ("title", "Agreement", "Joint Venture Agreement"),
    ],
)
def test_not_the_same(field: str, expected: str, found: str) -> None:
    """A number, a unit, a currency or a name that differs is wrong."""
    assert not same_value(field, expected, found)


@pytest.mark.parametrize("field", ["parties", "title", "amounts", "term", "effective_date", "governing_law"])
def test_hostile_lengths_do_not_stall(field: str) -> None:
    """A value of 100 kB is compared in no time: what was read may be anything."""
    start = time.process_time()
    for text in ("1" * 100_000, "a " * 50_000, "state of the " * 8000):
        same_value(field, text, text + "x")
    assert time.process_time() - start < 5
