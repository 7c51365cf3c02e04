"""Which sum of a page is its total."""

from __future__ import annotations

import pytest
from sheets import sheet

from pipeline.rules.geometry import grid_of
from pipeline.rules.pairs import pairs_of
from pipeline.rules.totals import total_of, worth


def total(*lines, rounded=False):
    pieces = [((50, 85)[side], 2 * row, text) for row, line in enumerate(lines) for side, text in enumerate(line)]
    return total_of(pairs_of(grid_of(sheet(*pieces).words)), rounded=rounded)


def test_gross_before_net():
    """What a contract is worth is said before the commission is taken off."""
    found = total(("Gross Total", "$730.00"), ("Agency Commission", "$109.50"), ("Net Amount Due", "$620.50"))
    assert (found.pair.text, found.confidence) == ("$730.00", 0.9)


def test_a_total_without_tax_is_none():
    """The total that leaves the tax out is a subtotal."""
    found = total(("Total (Excl. GST)", "25.56"), ("GST", "1.53"), ("Total (Inc. GST)", "27.09"))
    assert found.pair.text == "27.09"
    assert total(("Total Excluding Tax", "25.56")) is None


def test_the_total_after_rounding_is_paid():
    """Cash is rounded; without a word of rounding two totals near each other stay apart."""
    lines = [("Grand Total :", "87.08"), ("Rounding Adjustment:", "0.02"), ("Net Total :", "87.10")]
    assert total(*lines, rounded=True).pair.text == "87.10"
    assert total(lines[0], lines[2]).pair.text == "87.08"


def test_the_largest_of_like_totals():
    """Each part of a bill may have a total of its own."""
    assert total(("Total", "14.35"), ("Total", "41.44"), ("Total", "27.09")).pair.text == "41.44"


def test_a_total_less_than_its_part_is_doubted():
    """A digit that OCR lost shows in the subtotal."""
    assert total(("Subtotal", "39.00"), ("Total", "0.18")).confidence == pytest.approx(0.4)


def test_no_total():
    """Cash and change are no totals, nor is a page without sums."""
    assert total(("Cash", "50.00"), ("Change", "8.00")) is None
    assert total_of((), rounded=False) is None


def test_a_sum_that_lost_its_point():
    """Its worth is guessed; the words do not say it, so it can't be verified."""
    assert worth("6 00", "MYR") == "MYR 6.00"
    assert worth("$1,250.00") == "USD 1250.00"
