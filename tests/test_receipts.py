"""Who issued a receipt, and when."""

from __future__ import annotations

from sheets import sheet

from pipeline.rules.geometry import grid_of
from pipeline.rules.pairs import pairs_of
from pipeline.rules.receipts import merchant_of, only_date

TILL = [(5, 20, "CASHIER: 7"), (5, 22, "TOTAL"), (40, 22, "5.90"), (5, 23, "CASH"), (40, 23, "10.00"),
        (5, 24, "CHANGE"), (40, 24, "4.10"), (5, 26, "THANK YOU")]  # fmt: skip


def merchant(*pieces):
    grid = grid_of(sheet(*pieces, *TILL).words)
    return merchant_of(grid, pairs_of(grid))


def test_the_company_before_the_shop():
    """The form of company tells the owner from the sign over the door."""
    found = merchant((5, 1, "SIMPLIFIED TAX INVOICE"), (5, 2, "AA PHARMACY"), (5, 3, "SUBANG HEALTHCARE SDN BHD"))
    assert (found.text, found.confidence) == ("SUBANG HEALTHCARE SDN BHD", 0.75)


def test_the_registration_number_is_not_in_the_name():
    """Nor specks before it, nor the paper's title beside it."""
    found = merchant((2, 1, "'"), (5, 1, "GARDENIA BAKERIES (KL) SDN BHD (139386 X)"), (70, 1, "INVOICE"))
    assert found.text == "GARDENIA BAKERIES (KL) SDN BHD"


def test_a_name_without_a_form_is_less_sure():
    """A first line in capitals is likely the name; an address or a number isn't."""
    assert merchant((5, 1, "PAPER MOON")).confidence == 0.5
    assert merchant((5, 1, "NO 12 JALAN IPOH"), (5, 2, "TEL: 03-6258 7191")) is None


def test_a_letter_is_no_receipt():
    """A company at the head of a page without a till's words is no merchant."""
    grid = grid_of(sheet((5, 1, "Acme Ltd"), (5, 5, "Dear Sir"), (5, 7, "Total"), (40, 7, "$5.00")).words)
    assert merchant_of(grid, pairs_of(grid)) is None


def test_a_date_without_a_label():
    """Surer where the page has no other."""
    one = only_date(grid_of(sheet((5, 20, "18-10-17 15:16 SH01")).words))
    assert (one.text, one.confidence) == ("18-10-17", 0.7)
    two = only_date(grid_of(sheet((5, 20, "18-10-17 15:16"), (5, 30, "01-11-17")).words))
    assert (two.text, two.confidence) == ("18-10-17", 0.4)
    assert only_date(grid_of(sheet((5, 1, "no date")).words)) is None
