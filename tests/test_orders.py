"""Forms to findings: fields, confidence, and quotes that grounding finds at the very place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from sheets import sheet

from pipeline.backends.protocols import PageInput
from pipeline.backends.rules import RuleExtractor
from pipeline.ground import ground
from pipeline.rules.orders import read_forms
from pipeline.types import Affine, FieldStatus, PageImage

IMAGE = PageImage(1, "0" * 64, "image/png", 1, 1, 200.0, Affine())
CONTRACT = [
    (5, 1, "WXYZ-TV"), (60, 1, "CONTRACT"),
    (5, 3, "Contract / Revision"), (40, 3, "Alt Order #"), (5, 4, "1969355"), (40, 4, "09833451"),
    (5, 6, "Advertiser"), (40, 6, "Original Date / Revision"), (5, 7, "Citizens for Maine"), (40, 7, "01/06/20"),
    (5, 9, "Contract Dates"), (40, 9, "Estimate #"), (5, 10, "01/07/20 - 01/21/20"), (40, 10, "1432"),
    (5, 14, "Time Period"), (25, 14, "# of Spots"), (45, 14, "Gross Amount"), (62, 14, "Agency Comm."),
    (80, 14, "Net Amount"),
    (5, 15, "12/30/19 - 01/07/20"), (25, 15, "4"), (45, 15, "$600.00"), (62, 15, "($90.00)"), (80, 15, "$510.00"),
    (5, 16, "01/08/20 - 01/21/20"), (25, 16, "2"), (45, 16, "$300.00"), (62, 16, "($45.00)"), (80, 16, "$255.00"),
    (5, 17, "Totals"), (25, 17, "6"), (45, 17, "$900.00"), (62, 17, "($135.00)"), (80, 17, "$765.00"),
]  # fmt: skip


def findings(page):
    return ground(read_forms([page])[0], page)


def values(found, field):
    return [finding.value for finding in found if finding.field == field]


@pytest.mark.parametrize("scrambled", [False, True])
def test_a_contract_form(scrambled):
    """Number, advertiser, term and total, each verified, whatever the order of the words."""
    found = findings(sheet(*CONTRACT, scrambled=scrambled))
    assert values(found, "document_number") == ["1969355"]
    assert values(found, "effective_date") == ["2020-01-07"]
    assert values(found, "expiration_date") == ["2020-01-21"]
    assert values(found, "total_amount") == ["USD 900.00"]
    assert [(f.value, f.detail) for f in found if f.field == "parties"] == [
        ("Citizens for Maine", {"role": "advertiser"})
    ]
    assert {finding.status for finding in found} == {FieldStatus.VERIFIED}


def test_the_evidence_is_the_labelled_place():
    """A sum that stands on the page more than once is shown where its label stands."""
    page = sheet(
        (5, 1, "Spot"), (60, 1, "$900.00"), (5, 2, "Order #"), (30, 2, "4711"),
        (5, 9, "Gross Total"), (60, 9, "$900.00"),
    )  # fmt: skip
    (total,) = [finding for finding in findings(page) if finding.field == "total_amount"]
    assert total.quote == "Gross Total $900.00"
    assert all(box.top > 0.1 for box in total.boxes)


def test_a_receipt_day_first():
    """A country that writes the day first is known by its currency; the total is in it."""
    page = sheet(
        (5, 1, "KEDAI BUKU SDN BHD"), (5, 3, "TAX INVOICE"), (5, 5, "DATE:"), (30, 5, "04/05/2018"),
        (5, 7, "CASHIER"), (30, 7, "LST"), (5, 9, "TOTAL"), (30, 9, "RM 5.90"), (5, 10, "CASH"), (30, 10, "RM 6.00"),
        (5, 12, "THANK YOU"),
    )  # fmt: skip
    found = findings(page)
    assert values(found, "agreement_date") == ["2018-05-04"]
    assert values(found, "total_amount") == ["MYR 5.90"]
    assert [(f.value, f.detail) for f in found if f.field == "parties"] == [("KEDAI BUKU SDN BHD", {"role": "seller"})]


def test_one_clear_date_tells_the_order_of_the_others():
    """25/12/2019 can only be the 25th, so 04/05/2020 is in May."""
    page = sheet((5, 1, "Invoice Date"), (30, 1, "04/05/2020"), (5, 2, "Due Date"), (30, 2, "25/12/2019"))
    assert values(findings(page), "agreement_date") == ["2020-05-04"]


def test_prose_is_left_to_the_rules_for_prose():
    """A page of whole lines is no form, even with labels."""
    page = sheet(*((5, n, f"Term: the parties agree on line {n} from 01/01/20 - 01/31/20") for n in range(20)))
    assert read_forms([page]) == [[]]


def test_what_is_billed_is_not_the_term():
    """An invoice's period is kept as a date of its own; a date in a signature block is the signing's."""
    page = sheet(
        (5, 1, "Invoice Period"), (40, 1, "12/30/19 - 01/20/20"), (5, 3, "Order #"), (40, 3, "378700"),
        (5, 20, "Signature:"), (40, 20, "Date:"), (50, 20, "02/01/20"),
    )  # fmt: skip
    found = findings(page)
    assert not values(found, "effective_date") + values(found, "expiration_date") + values(found, "agreement_date")
    assert {f.detail["purpose"] for f in found if f.field == "dates"} == {
        "billing period starts", "billing period ends", "signature"
    }  # fmt: skip


def test_a_misread_label_and_unsure_words_lower_the_confidence():
    """So that what may be wrong can be told from what is right."""
    clear = findings(sheet((5, 1, "Advertiser"), (40, 1, "Acme Corp"), (5, 3, "Order #"), (40, 3, "378700")))
    blurred = findings(
        sheet((5, 1, "Advertieer"), (40, 1, "Acme Corp"), (5, 3, "Order #"), (40, 3, "378700"), confidence=0.8)
    )
    sure, unsure = (next(f.confidence for f in found if f.field == "parties") for found in (clear, blurred))
    assert sure == 0.8
    assert unsure == pytest.approx(0.8 * 0.75 * 0.8)


def test_a_period_that_ends_before_it_starts_is_misread():
    """Nothing is claimed then."""
    page = sheet((5, 1, "Flight Dates"), (40, 1, "01/20/20 - 01/14/20"), (5, 3, "Order #"), (40, 3, "378700"))
    assert not values(findings(page), "effective_date")


def test_half_a_period_is_kept_unsure():
    """Where one date was misread the other one still tells its end of the term."""
    page = sheet((5, 1, "Flight Dates"), (40, 1, "5/48/2020 - 5/24/2020"), (5, 3, "Order #"), (40, 3, "378700"))
    (end,) = [finding for finding in findings(page) if finding.field.endswith("ion_date")]
    assert (end.field, end.value, end.confidence) == ("expiration_date", "2020-05-24", pytest.approx(0.675))


def test_the_extractor_reads_forms_too():
    """The rules' findings of a page include the form's."""
    page = sheet(*CONTRACT)
    (found,) = RuleExtractor().extract([PageInput(IMAGE, Path("page.png"), page)])
    assert "USD 900.00" in values(found, "total_amount")
    assert {f.value: f.detail.get("purpose") for f in found if f.field == "amounts"}["USD 600.00"] == "gross amount"


def test_an_empty_page_and_a_huge_one():
    """No words, no findings; a page of a hundred thousand words is cut, and read in a moment."""
    assert read_forms([sheet()]) == [[]]
    pieces = [(5 + 3 * (n % 30), n // 30 % 60, "Total $1.00") for n in range(50_000)]
    page = sheet(*pieces)
    started = time.process_time()
    read_forms([page])
    assert time.process_time() - started < 5
