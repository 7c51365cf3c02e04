"""Quotes that stand where the value stands."""

from __future__ import annotations

from sheets import sheet

from pipeline.ground import ground
from pipeline.rules.quotes import Page, Printed
from pipeline.types import FieldStatus


def test_the_label_right_before_is_quoted():
    """Where the label comes right before its value in the reading order."""
    page = Page(sheet((5, 1, "Order # 4711")))
    found = page.finding("reference_numbers", Printed((2,), "4711", (0, 1)), "4711", 0.8, label="order")
    assert (found.quote, found.confidence, found.detail) == ("Order # 4711", 0.8, {"label": "order"})


def test_a_value_printed_twice_is_quoted_with_its_neighbours():
    """So that grounding finds this place and not the first one."""
    text = sheet((5, 1, "Spot $900.00"), (5, 9, "Net $900.00 paid"))
    finding = Page(text).finding("amounts", Printed((3,), "$900.00"), "USD 900.00", 0.8)
    (grounded,) = ground([finding], text)
    assert finding.quote == "Net $900.00"
    assert grounded.status is FieldStatus.VERIFIED
    assert grounded.boxes[0].top > 0.1


def test_scattered_words_are_not_claimed_as_a_quote():
    """Words far apart in the reading order make no verbatim quote, so the value stays unverified."""
    text = sheet((5, 1, "Acme"), *((5, 2 + n, f"word{n} other{n}") for n in range(20)), (12, 1, "Holdings"))
    finding = Page(text).finding("parties", Printed((0, 41), "Acme Holdings"), "Acme Holdings", 0.8)
    assert ground([finding], text)[0].status is FieldStatus.UNVERIFIED


def test_empty_detail_is_left_out():
    """A sum without a purpose has no purpose, not an empty one."""
    assert (
        Page(sheet((5, 1, "$5.00"))).finding("amounts", Printed((0,), "$5.00"), "USD 5.00", 1, purpose="").detail == {}
    )
