"""Titles of forms."""

from __future__ import annotations

import pytest
from sheets import sheet

from pipeline.rules.geometry import grid_of
from pipeline.rules.headings import title_of
from pipeline.rules.pairs import pairs_of


def title(*pieces):
    grid = grid_of(sheet(*pieces).words)
    found = title_of(grid, pairs_of(grid))
    return found and found.text


@pytest.mark.parametrize("text", ["INVOICE", "Purchase Order", "OFFICIAL BILLING INVOICE", "-TAX INVOICE-", "CONTRACT"])
def test_a_cell_that_names_a_kind(text):
    """With at most the words before it that titles have."""
    assert title((5, 1, "WXYZ-TV"), (60, 1, text)) == text


@pytest.mark.parametrize("text", ["Order #", "Contract Dates", "invoice", "ORDER FOR SOAP", "Invoice:"])
def test_a_label_is_no_title(text):
    """Nor a word in lower case, nor one with more to say."""
    assert title((5, 1, "WXYZ-TV"), (60, 1, text)) is None


def test_a_label_with_its_value_is_no_title():
    """ "Contract 4377405" bears a number, the title stands elsewhere."""
    assert title((60, 1, "Contract"), (75, 1, "4377405"), (5, 4, "INVOICE")) == "INVOICE"


def test_at_the_foot_only_with_a_qualifier():
    """One word at the foot may be anything."""
    assert title((5, 55, "CONFIRMATION CONTRACT")) == "CONFIRMATION CONTRACT"
    assert title((5, 55, "CONTRACT")) is None
