"""Which words are labels, and where they stand."""

from __future__ import annotations

import pytest
from sheets import sheet

from pipeline.rules.geometry import grid_of
from pipeline.rules.labels import spots_of
from pipeline.rules.lexicon import label_of, misread, tokens


def found(*pieces, **options):
    return [(spot.label.kind, spot.label.name) for spot in spots_of(grid_of(sheet(*pieces, **options).words))]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Invoice No.", "invoice"),
        ("INVOICE NUMBER", "invoice"),
        ("Contract / Revision", "contract"),
        ("P.O. #", "po"),
        ("PO #", "po"),
        ("Grand Total", "grand total"),
        ("Total (incl. GST @ 6%)", "total due"),
        ("TOTAL RM", "total due"),
        ("Total Sales (Excluding GST)", "subtotal"),
        ("Total Items", "total items"),
        ("Total Loading Charges", None),
    ],
)
def test_spellings_of_a_label(text, name):
    """A label is known in its usual spellings; a total that says more is one only if it is still the total."""
    label = label_of(" ".join(tokens(text)))
    assert (label and label.name) == name


def test_a_long_label_may_hold_a_slip():
    """OCR's "Advertieer" is the advertiser; short words and other words that are near are not bent to labels."""
    assert misread("advertieer").name == "advertiser"
    assert misread("date entared").name == "entry"
    assert misread("supplies") is None
    assert misread("dote") is None


def test_no_slips_are_looked_for_in_a_text_layer():
    """What a text layer says is not misread."""
    assert found((5, 1, "Advertieer"), (30, 1, "Acme")) == []
    assert found((5, 1, "Advertieer"), (30, 1, "Acme"), confidence=0.9) == [("party", "advertiser")]


def test_heads_that_run_together_are_two_labels():
    """Columns may stand a blank apart."""
    assert found((5, 1, "Invoice Date Invoice Month")) == [("date", "document"), ("period", "billing")]


def test_an_items_number_before_its_label():
    """Official forms number their items."""
    assert found((5, 1, "1. Name of Registrant"), (60, 1, "2. Registration No.")) == [
        ("party", "registrant"),
        ("reference", "registration"),
    ]


def test_a_second_label_in_a_line_follows_a_value():
    """ "RECEIPT #: CS1 DATE:" has two labels; "TAX TOTAL:" is no total, "My commission expires:" no end of a term."""
    assert found((5, 1, "RECEIPT #: CS00251 DATE: 29/10/2017")) == [("reference", "receipt"), ("date", "document")]
    assert found((5, 1, "TAX TOTAL:"), (40, 1, "1.64")) == [("money", "tax")]
    assert found((5, 1, "My commission expires: August 14, 2026")) == []


def test_a_role_that_ends_a_sentence_is_no_label():
    """Typewritten contracts have their roles at the ends of lines, too."""
    assert found((5, 1, "tenant."), (40, 1, "This certificate")) == []
