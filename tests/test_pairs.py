"""Labels and the values beside and below them."""

from __future__ import annotations

from sheets import sheet

from pipeline.rules.geometry import grid_of
from pipeline.rules.pairs import pairs_of


def read(*pieces, **options):
    pairs = pairs_of(grid_of(sheet(*pieces, **options).words))
    return [(pair.label.name, pair.text, pair.place) for pair in pairs]


def test_value_in_the_cell_to_the_right_and_below():
    """The three places where forms put a value."""
    assert read((5, 1, "Invoice No: 4711-2")) == [("invoice", "4711-2", "inline")]
    assert read((5, 1, "Invoice Date"), (40, 1, "01/26/20")) == [("document", "01/26/20", "right")]
    assert read((5, 1, "Advertiser"), (5, 2, "Amy for America")) == [("advertiser", "Amy for America", "below")]


def test_order_of_the_words_does_not_matter():
    """A PDF may give all labels first and all values after; only the boxes tell."""
    pieces = [
        (5, 1, "Advertiser"), (30, 1, "Product"), (60, 1, "Order #"),
        (5, 2, "Amy for America"), (30, 2, "Soap"), (60, 2, "378700"),
        (5, 4, "Flight Dates"), (60, 4, "Deal #"), (5, 5, "01/14/20 - 01/20/20"),
    ]  # fmt: skip
    expected = [
        ("advertiser", "Amy for America", "below"),
        ("order", "378700", "below"),
        ("term", "01/14/20 - 01/20/20", "below"),
    ]
    assert read(*pieces) == expected
    assert read(*pieces, scrambled=True) == expected


def test_two_columns_keep_their_own_values():
    """In a two-column form a label never takes the value of the other column's label."""
    pieces = [
        (5, 1, "Landlord:"), (50, 1, "Tenant:"),
        (5, 2, "Pine Properties LLC"), (50, 2, "Acme Instruments, Inc."),
        (5, 4, "Lease Date:"), (50, 4, "Due Date:"), (65, 4, "03/01/2020"),
    ]  # fmt: skip
    assert read(*pieces, scrambled=True) == [
        ("landlord", "Pine Properties LLC", "below"),
        ("tenant", "Acme Instruments, Inc.", "below"),
        ("due", "03/01/2020", "right"),
    ]


def test_an_empty_field_takes_nothing():
    """The next label ends the search, to the right and below; what is far away is another's."""
    assert read((5, 1, "Agency"), (30, 1, "Product"), (45, 1, "Soap"), (5, 2, "Advertiser"), (5, 9, "Some Name")) == []


def test_a_value_must_read_as_its_label_asks():
    """A date label takes no name, a number's label no date."""
    assert read((5, 1, "Invoice Date"), (40, 1, "Standard")) == []
    assert read((5, 1, "Order #"), (40, 1, "01/26/20")) == []


def test_heads_of_a_table_ask_for_lines_not_for_the_document():
    """Start and end dates, rates and amounts of lines are not the contract's; particular labels are."""
    heads = [
        (5, 1, "Line"),
        (15, 1, "Start Date"),
        (30, 1, "End Date"),
        (45, 1, "Rate"),
        (60, 1, "Type"),
        (75, 1, "Amount"),
    ]
    values = [
        (5, 2, "1"),
        (15, 2, "01/15/20"),
        (30, 2, "01/20/20"),
        (45, 2, "$150.00"),
        (60, 2, "NM"),
        (75, 2, "$150.00"),
    ]
    assert read(*heads, *values) == []
    particular = [
        (5, 1, "PO Number"),
        (20, 1, "Order Date"),
        (40, 1, "Terms"),
        (55, 1, "Ship Date"),
        (75, 1, "Quote No."),
    ]
    beneath = [(5, 2, "48213"), (20, 2, "02/07/2025"), (40, 2, "Net"), (55, 2, "02/09/2025"), (75, 2, "7711")]
    assert [pair[0] for pair in read(*particular, *beneath)] == ["po", "document", "delivery", "quote"]


def test_a_column_of_dates_is_no_value():
    """A label with a like value under its value heads a column."""
    assert read((5, 1, "Effective Date"), (5, 2, "01/15/20"), (5, 3, "02/15/20")) == []


def test_a_total_pushed_down_by_a_wrapped_label_gets_its_sum():
    """The sum beside the label above a total without one is the total's, marked as unsure."""
    pairs = pairs_of(grid_of(sheet((60, 1, "Freight"), (80, 1, "$49,714.88"), (60, 2, "TOTAL")).words))
    assert [(pair.label.name, pair.text, pair.spot.exact) for pair in pairs] == [("total", "$49,714.88", False)]


def test_name_beside_a_partys_label_is_the_partys():
    """Forms head a block with the role and ask for its name inside."""
    assert read((5, 1, "Advertiser"), (20, 1, "Name:"), (30, 1, "Citizens for Maine")) == [
        ("advertiser", "Citizens for Maine", "right")
    ]


def test_values_of_ocr_words_are_found_with_slips_in_labels():
    """A misread label still finds its value, and says that it was misread."""
    (pair,) = pairs_of(grid_of(sheet((5, 1, "Advertieer"), (30, 1, "Acme Corp"), confidence=0.9).words))
    assert (pair.label.name, pair.text, pair.spot.exact) == ("advertiser", "Acme Corp", False)
