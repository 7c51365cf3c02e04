"""The rule extractor on pages written here: what it finds, what it leaves, and what hostile text costs."""

import time

import pytest
from written import AGREEMENT, page_input, page_text

from pipeline.backends.rules import RuleExtractor
from pipeline.extract import extract
from pipeline.rules.identity import kind_of
from pipeline.rules.jurisdictions import jurisdiction
from pipeline.rules.view import view_of
from pipeline.types import FieldStatus, Finding

Found = dict[str, list[Finding]]


def read(*pages: str, confidence: float = 1.0) -> Found:
    """The grounded findings of a document with these pages, by field."""
    inputs = [page_input(page_text(text, number, confidence)) for number, text in enumerate(pages, 1)]
    by_field: Found = {}
    for findings in extract(inputs, [], [RuleExtractor()]).values():
        for finding in findings:
            by_field.setdefault(finding.field, []).append(finding)
    return by_field


def values(found: Found, field: str) -> list[str]:
    return [finding.value for finding in found.get(field, [])]


def noisy(text: str) -> str:
    """The text as bad OCR gives it back."""
    return (
        text.replace("Effective", "Effectlve").replace("Freight", "Frelght").replace("2021", "2O21").replace("rn", "m")
    )


@pytest.fixture(scope="module")
def agreement() -> Found:
    return read(AGREEMENT)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("title", ["SERVICES AGREEMENT"]),
        ("kind", ["services agreement"]),
        ("agreement_date", ["2021-03-03"]),
        ("effective_date", ["2021-03-03"]),
        ("expiration_date", ["2023-03-02"]),
        ("parties", ["Halden Freight, Inc.", "Birch & Lowe LLP"]),
        ("amounts", ["USD 2000.00"]),
        ("reference_numbers", ["MSA-2021-0147"]),
        ("term", ["2 years"]),
        ("renewal_term", ["1 year"]),
        ("notice_period", ["60 days"]),
        ("governing_law", ["New York"]),
        ("signatories", ["Ada Quill", "Tom Reed"]),
    ],
)
def test_fields_of_an_agreement(agreement: Found, field: str, expected: list[str]) -> None:
    """Each field of a plain services agreement is found, and found once."""
    assert values(agreement, field) == expected


def test_everything_found_in_clean_text_is_verified(agreement: Found) -> None:
    """What the rules quote stands on the page, so grounding confirms all of it, with boxes."""
    for findings in agreement.values():
        for finding in findings:
            assert finding.status is FieldStatus.VERIFIED, finding
            assert finding.boxes


def test_details_of_an_agreement(agreement: Found) -> None:
    """Roles, purposes, titles and the parts of an obligation are kept beside the value."""
    assert [party.detail for party in agreement["parties"]] == [{"role": "Company"}, {"role": "Consultant"}]
    assert agreement["amounts"][0].detail == {"purpose": "a monthly fee"}
    assert agreement["reference_numbers"][0].detail == {"label": "contract"}
    assert [one.detail for one in agreement["signatories"]] == [{"title": "President"}, {"title": "Managing Partner"}]
    duty = next(one for one in agreement["obligations"] if "monthly fee" in one.raw)
    assert duty.detail["who"] == "The Company"
    assert duty.detail["by_when"].startswith("within thirty (30) days after receipt")


def test_noise_of_ocr_costs_confidence_not_the_fields() -> None:
    """The same agreement misread still gives its fields, less surely."""
    clean, bad = read(AGREEMENT), read(noisy(AGREEMENT), confidence=0.7)
    for field in ("kind", "agreement_date", "governing_law", "term", "amounts"):
        assert values(bad, field) == values(clean, field)
    assert values(bad, "parties")[0] == "Halden Frelght, Inc."
    assert bad["agreement_date"][0].confidence == pytest.approx(0.7 * clean["agreement_date"][0].confidence, abs=0.01)


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("made this 3rd day of March, 2021 by the parties", "agreement_date", "2021-03-03"),
        ("entered into on May 20, 1992, is between", "agreement_date", "1992-05-20"),
        ("This Lease dated 3 March 2021", "agreement_date", "2021-03-03"),
        ("Invoice Date: 03/14/2021 and more", "agreement_date", "2021-03-14"),
        ("effective as of June 1, 1998.", "effective_date", "1998-06-01"),
        ("commencing on the 1st of March, 2003,", "effective_date", "2003-03-01"),
        ("on January 1, 2010 (the “Effective Date”)", "effective_date", "2010-01-01"),
        ("shall remain in effect until February 28, 2004 unless", "expiration_date", "2004-02-28"),
        ("expires on December 31, 2022 at midnight", "expiration_date", "2022-12-31"),
        ("payment due on 4/30/21", "dates", "2021-04-30"),
        ("governed by the laws of the Commonwealth of Pennsylvania", "governing_law", "Pennsylvania"),
        ("construed in accordance with the laws of New Ycrk, USA", "governing_law", "New York"),
        ("shall be governed by English law or governed by Delaware law", "governing_law", "Delaware"),
        ("governed by the laws of the United States and the State of Indiana", "governing_law", "Indiana"),
        ("California law shall in all respects govern", "governing_law", "California"),
        ("this Agreement shall terminate three (3) years from the Effective Date", "term", "3 years"),
        ("renewed for successive one-year terms, extended for an additional two (2) years", "renewal_term", "2 years"),
        ("terminate this Agreement upon ninety (90) days prior written notice", "notice_period", "90 days"),
        ("Purchase Order No. 4711-B", "reference_numbers", "4711-B"),
        ("PO # 88123", "reference_numbers", "88123"),
        ("Invoice Number: INV-2021-009", "reference_numbers", "INV-2021-009"),
        ("Total: 1,234.50", "amounts", "XXX 1234.50"),
        ("the sum of 10,000 dollars", "amounts", "USD 10000.00"),
        ("liability up to US$ 2.5 million", "amounts", "USD 2500000.00"),
        ("By: /s/ Jane A. Roe", "signatories", "Jane A. Roe"),
    ],
)
def test_one_phrase(text: str, field: str, expected: str) -> None:
    """Single phrases as contracts, orders and invoices print them."""
    filler = "The following words make this a page of text that is long enough to be an opening page of a document."
    assert expected in values(read(f"{text}\n{filler}"), field)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("amends that certain Lease dated March 1, 2019 as follows", "agreement_date"),
        ("Section 12.4 and Article 7", "amounts"),
        ("Phone No. 12", "reference_numbers"),
        ("the laws of physics apply in Ohio", "governing_law"),
        ("remedies shall be governed by reason", "governing_law"),
        ("may cure such breach within thirty (30) days", "notice_period"),
        ("ten percent 10% of", "amounts"),
        ("March 32, 2021 and 31/31/2020", "dates"),
    ],
)
def test_what_is_left_alone(text: str, field: str) -> None:
    """Look-alikes are not taken for the field."""
    assert values(read(text), field) == []


@pytest.mark.parametrize(
    ("text", "parties"),
    [
        (
            'THIS AGREEMENT is by and among ASHWORTH, INC. (the "Company"), JAMES W. NANTZ III ("Nantz") and '
            'NANTZ COMMUNICATIONS, INC. ("NCI"), WHEREAS',
            ["ASHWORTH, INC.", "JAMES W. NANTZ III", "NANTZ COMMUNICATIONS, INC."],
        ),
        (
            "between TENNESSEE GAS PIPELINE COMPANY, a Delaware Corporation, hereinafter referred to as “Transporter” "
            "and LOUISVILLE GAS AND ELECTRIC COMPANY, a Kentucky Corporation, hereinafter referred to as “Shipper.”",
            ["TENNESSEE GAS PIPELINE COMPANY", "LOUISVILLE GAS AND ELECTRIC COMPANY"],
        ),
        (
            'by and between Kubient Inc., with offices located at 330 7th Avenue, New York, NY 10001 ("Kubient") and '
            "The Associated Press, a New York corporation located at 200 Liberty Street, New York, NY 10281 "
            '(the "Customer").',
            ["Kubient Inc.", "The Associated Press"],
        ),
        (
            'between salesforce.com, inc. (the "Company") and Patricia Sueltz (the "Employee"), WHEREAS',
            ["salesforce.com, inc.", "Patricia Sueltz"],
        ),
    ],
)
def test_parties_of_real_shapes(text: str, parties: list[str]) -> None:
    """Names in capitals, with "and" inside, with addresses between, of persons."""
    assert (
        values(read("AGREEMENT\n" + text + " the parties agree to what follows in the sections below"), "parties")
        == parties
    )


def test_an_amendment_names_what_it_changes() -> None:
    """The kind is amendment, whatever it amends; the amended contract is named; its date isn't taken as this one's."""
    found = read(
        "FIRST AMENDMENT TO OFFICE LEASE\nThis First Amendment is entered into as of May 2, 2022 and amends that "
        "certain Office Lease dated March 1, 2019 between the parties, who agree to the following changes of its terms."
    )
    assert values(found, "kind") == ["amendment"]
    assert values(found, "amends") == ["Office Lease"]
    assert values(found, "agreement_date") == ["2022-05-02"]


INVOICE = """\
Brightwell Paper LLC
88 Pine Road
INVOICE
Invoice No. INV-2025-0917
Invoice date: July 21, 2025
Due date: August 20, 2025
Bill to
Harbor Tools, Inc.
Accounts Payable
Contract No. MSA-2024-0117
Purchase Order PO-48213
07/14/2025
Paper, forty boxes $47,200.00
Balance due $47,200.00
"""


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("kind", ["invoice"]),
        ("agreement_date", ["2025-07-21"]),
        ("parties", ["Brightwell Paper LLC", "Harbor Tools, Inc."]),
        ("reference_numbers", ["INV-2025-0917", "MSA-2024-0117", "PO-48213"]),
        ("amounts", ["USD 47200.00", "USD 47200.00"]),
        ("dates", ["2025-08-20", "2025-07-14"]),
    ],
)
def test_fields_of_an_invoice(field: str, expected: list[str]) -> None:
    """Letterhead, labels above values and codes without "No." are read as invoices print them."""
    assert values(read(INVOICE), field) == expected


def test_an_amendment_that_names_itself_is_dated() -> None:
    """An amendment: "This Amendment No. 1 (this “Amendment”)" is this paper, the agreement it amends is another."""
    found = read(
        "AMENDMENT NO. 1\nTO MASTER SERVICES AGREEMENT\nThis Amendment No. 1 (this “Amendment”) is entered into as of "
        "November 18, 2024 between Harbor Tools, Inc. (“Customer”) and Brightwell Paper LLC (“Provider”), and amends "
        "the Master Services Agreement between them dated March 4, 2024, Contract No. MSA-2024-0117."
    )
    assert values(found, "agreement_date") == ["2024-11-18"]
    assert values(found, "kind") == ["amendment"]


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("MUTUAL NON-DISCLOSURE AGREEMENT", "nda"),
        ("Mutual Confidentiality Agreement", "nda"),
        ("SECOND AMENDMENT TO SERVICES AGREEMENT", "amendment"),
        ("MASTER SERVICES AGREEMENT", "services agreement"),
        ("MASTFR SERVICES AGREFMENT", "services agreement"),
        ("STATEMENT OF WORK NO. 3", "statement of work"),
        ("PURCHASE ORDER", "purchase order"),
        ("TAX INVOICE", "invoice"),
        ("Office Lease", "lease"),
        ("EXHIBIT B FEE SCHEDULE", "schedule"),
        ("SOFTWARE LICENSE AND MAINTENANCE AGREEMENT", "maintenance agreement"),
        ("Release and hold harmless", "unknown"),
        ("", "unknown"),
    ],
)
def test_kind_of_title(title: str, kind: str) -> None:
    """The longest name in the title decides; a letter misread here and there doesn't matter."""
    assert kind_of(title) == kind


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("New York, without regard", "New York"),
        ("Ncw York", "New York"),
        ("England and Wales", "England and Wales"),
        ("Foo", ""),
    ],
)
def test_jurisdiction(text: str, place: str) -> None:
    """The place at the start of the text, OCR-tolerant; the longer name wins."""
    assert jurisdiction(text) == place


def test_cover_page_does_not_hide_the_opening() -> None:
    """With a cover before it, date and parties come from the second page."""
    cover = "EXHIBIT 10.65\nRATE FT-A AGREEMENT of the parties\n" + "and further words on the cover page " * 4
    found = read(cover, AGREEMENT)
    assert values(found, "agreement_date")[0] == "2021-03-03"
    assert "Halden Freight, Inc." in values(found, "parties")


def test_blank_and_tiny_pages() -> None:
    """A document without words, or with one, gives nothing and no error."""
    assert read("") == {}
    assert read("x") == {}
    assert RuleExtractor().extract([]) == []


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "between " * 20_000,
        'a (the "B") and ' * 5_000,
        "shall " * 20_000,
        "the Company shall " * 6_000,
        "1,000 " * 20_000,
        "$1 " * 20_000,
        "Contract No. " * 8_000,
        "thirty (30) days notice " * 4_000,
        "<script>alert('March 3, 2021')</script> " * 1_000,
        "\u202e12 ,3 hcraM\u202c " * 2_000,
        "governed by laws " * 6_000,
        "Name: " * 10_000 + "By:",
        "(" * 50_000,
    ],
)
def test_hostile_pages_cost_little(text: str) -> None:
    """No page makes a rule run away: endless lines, repeated cues, markup, direction overrides."""
    started = time.perf_counter()
    RuleExtractor().extract([page_input(page_text(text))])
    assert time.perf_counter() - started < 10


def test_view_keeps_the_words_verbatim() -> None:
    """Quotes are cut from the words as printed: curly quotes stay, direction overrides don't."""
    view = view_of(page_text("the “Com\u202epany” shall pay"))
    assert view.text == 'the "Company" shall pay'
    assert view.source == "the “Company” shall pay"
    assert view.quote((4, 13)) == "the “Company” shall pay"


def test_name_says_what_shapes_the_findings() -> None:
    """Findings are remembered under the rules' version."""
    assert RuleExtractor().name == "rules/1"
