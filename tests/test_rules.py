"""The rule extractor on pages written here: what it finds, what it leaves, and what hostile text costs."""

import time

import pytest
from written import AGREEMENT, page_input, page_text

from pipeline.backends.rules import RuleExtractor
from pipeline.extract import extract
from pipeline.rules.identity import kind_of
from pipeline.rules.jurisdictions import jurisdiction
from pipeline.rules.view import view_of
from pipeline.types import Box, FieldStatus, Finding, PageText, TextSource, Word

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
        ("This Agreement shall continue until the second anniversary of the Effective Date.", "term", "2 years"),
        ("obligations hereunder shall terminate on the 18-month anniversary of the date hereof", "term", "18 months"),
        (
            "bound by its obligations of confidentiality for a period of two years from the date hereof",
            "term",
            "2 years",
        ),
        ("shall continue automatically for successive annual periods thereafter", "renewal_term", "1 year"),
        ("thereafter this Agreement shall continue from month to month until ended", "renewal_term", "1 month"),
        ("“Effective Date” means the date of installation, i.e. December 10, 1993.", "effective_date", "1993-12-10"),
        ('dated as of the 5" day of February, 2020', "agreement_date", "2020-02-05"),
        ("shall commence on September 10; 2015 and", "effective_date", "2015-09-10"),
        ("governed by the laws-of the State of California", "governing_law", "California"),
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
        "amends the Master Services " * 4_000,
        "obligations for a period of " * 4_000,
        "term shall until the second " * 4_000,
        "renew thereafter continue on " * 3_000,
        "EMPLOYEE:\n" * 9_000,
        "By:\nInc. \n" * 9_000,
        "between A, and B, and " * 4_000,
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


FILLER = "These further words make the page long enough to be one that opens a document, and they name nobody at all."

LEASE_COVER = (
    "OFFICE LEASE between HALDEN SQUARE PROPERTIES, L.P. as Landlord and ORRIN INSTRUMENTS, INC. as Tenant\n"
    "Premises: Suite 700, One Halden Square, Boston, Massachusetts Lease No. PSP-0700-19\n"
    "BASIC LEASE INFORMATION Lease date September 16, 2019 Landlord Halden Square Properties, L.P., a limited\n"
    "partnership Commencement Date January 1, 2020 Expiration Date December 31, 2029\n"
    "Brokers Fenwick & Dole, Inc. and Copley Realty Advisors LLC\n"
)


def test_a_lease_cover_names_its_two_parties() -> None:
    """Brokers are no parties, and no name begins with a company's form, a year or a role."""
    assert values(read(LEASE_COVER), "parties") == ["HALDEN SQUARE PROPERTIES, L.P.", "ORRIN INSTRUMENTS, INC."]


def test_dates_of_a_lease_cover() -> None:
    """In a row of labels each date belongs to the label before it."""
    found = read(LEASE_COVER)
    assert values(found, "effective_date") == ["2020-01-01"]
    assert values(found, "expiration_date") == ["2029-12-31"]
    assert values(found, "agreement_date") == ["2019-09-16"]


def test_a_name_cut_by_a_form_is_begun_anew() -> None:
    """What is left of another name is not part of the next one."""
    text = 'We, the undersigned, a Delaware Corporation, and Xylo Technology Limited (the "Vendor") agree as follows.'
    assert values(read(f"{text}\n{FILLER}"), "parties") == ["Xylo Technology Limited"]


def test_a_company_named_in_prose_is_no_addressee() -> None:
    """A line of prose that happens to begin with "from" is no label; "From:" is one."""
    assert values(read(f"{FILLER}\nfrom Copley Realty Advisors LLC that states an opinion"), "parties") == []
    labelled = read(f"FACSIMILE\nFrom: Copley Realty Advisors LLC\n{FILLER}")
    assert values(labelled, "parties") == ["Copley Realty Advisors LLC"]


def test_letterhead_that_shares_its_line_with_the_title() -> None:
    """OCR joins a letterhead and the word INVOICE beside it; the company is still the sender."""
    assert values(read(f"Brightwell Paper LLC INVOICE\n{FILLER}"), "parties") == ["Brightwell Paper LLC"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Notary Public My commission expires: August 14, 2026", "expiration_date"),
        ("the undersigned executed this Lease before me. My commission expires August 14, 2026", "expiration_date"),
        ("The following rates apply until December 31, 2025 and may then be raised", "expiration_date"),
        ("Under this Lease rent has been paid through October 31, 2028.", "expiration_date"),
        ("Until March 31, 2027 Provider shall not sell the module", "expiration_date"),
        ('In this Agreement the words "until March 31, 2027" are replaced by others', "expiration_date"),
        ("Tenant may terminate this Lease effective December 31, 2026 by notice", "effective_date"),
        ("grateful to have this letter back, signed, by October 30, 2028.", "agreement_date"),
        ("Date: 1/70/25 and no more", "dates"),
        ("Tenant may terminate this Lease by notice within thirty (30) days after receipt", "notice_period"),
        ("the tenant shall renew by notice not more than eighteen (18) months before the end", "notice_period"),
        ("If Tenant holds over, the term is at sufferance and rent is doubled for the first two months.", "term"),
    ],
)
def test_weak_look_alikes_are_left_alone(text: str, field: str) -> None:
    """What expires, takes effect or lasts is the contract, or it isn't the contract's field."""
    assert values(read(text), field) == []


def test_the_shorter_bound_is_the_notice_period() -> None:
    """Of "not less than 12 and not more than 18 months" the first is what must be given."""
    text = (
        "Tenant may extend the Term by written notice given not less than twelve (12) months and not more than "
        "eighteen (18) months before the Expiration Date."
    )
    assert values(read(text), "notice_period") == ["12 months"]


def test_notice_in_a_special_case_is_less_sure() -> None:
    """Notice to end the contract at will outranks notice that hangs on a condition."""
    found = read(
        "Either party may terminate this Agreement upon ninety (90) days' notice. If control of the Company changes, "
        "the Consultant may terminate this Agreement upon fifteen (15) days' notice."
    )
    at_will, special = found["notice_period"]
    assert (at_will.value, special.value) == ("90 days", "15 days")
    assert special.confidence < 0.8 * at_will.confidence


@pytest.mark.parametrize(
    "raw",
    [
        "Tenant shall pay a rent of $8,400.00 each month",
        "Landlord shall furnish heat from 7:30 a.m. to 6 p.m. daily",
        "Customer shall pay the annual fee",
        "The receiving Party shall protect the secrets it is told",
    ],
)
def test_an_obligation_is_whole(raw: str) -> None:
    """It runs from the actor, not from capital words before it, to the end of the sentence, points inside included."""
    (duty,) = read(f"From the Go-Live Date {raw}. 2.7 More is said.")["obligations"]
    assert (duty.raw, duty.status) == (raw, FieldStatus.VERIFIED)


def test_a_long_obligation_is_cut_between_words() -> None:
    """A sum is never cut in two, so that what is kept can be verified."""
    for shift in range(12):
        text = "Tenant shall pay in these amounts " + "x" * shift + " $63,702.50" * 60
        (duty,) = read(text)["obligations"]
        assert duty.raw.endswith("$63,702.50"), duty.raw[-20:]
        assert duty.status is FieldStatus.VERIFIED


def test_a_definition_is_no_obligation() -> None:
    """What a defined term means obliges nobody."""
    assert "obligations" not in read("“Deliverables” means the work that Provider is required to deliver in time.")


def printed(*lines: tuple[float, str]) -> PageText:
    """A page whose lines stand at these heights, in fractions of the page."""
    words = tuple(
        Word(word, Box(0.01 * n, top, 0.01 * n + 0.009, top + 0.012), 1.0, m)
        for m, (top, text) in enumerate(lines)
        for n, word in enumerate(text.split())
    )
    return PageText(2, words, TextSource.OCR, 1.0, "en")


def test_running_headers_and_footers_end_sentences() -> None:
    """A quote neither begins in the header nor ends in the footer, and what they say is still read."""
    page = printed(
        (0.05, "Contract No. MSA-2024-0117 Services Agreement"),
        (0.10, "Customer shall pay the fee of $500.00 on"),
        (0.12, "the first day of each month. Provider shall deliver to Customer a report no later than"),
        (0.94, "Halden / Birch - Confidential Page 2 of 11"),
    )
    (findings,) = RuleExtractor().extract([page_input(page)])
    pay, deliver = (one for one in findings if one.field == "obligations")
    assert pay.quote == "Customer shall pay the fee of $500.00 on the first day of each month."
    assert deliver.quote == "Provider shall deliver to Customer a report no later than"
    assert [one.quote for one in findings if one.field == "reference_numbers"] == [
        "Contract No. MSA-2024-0117 Services Agreement"
    ]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("a fee of $412,880.00. 2.7 Holding over.", ["a fee of $412,880.00.", "2.7 Holding over."]),
        ('until March 31, 2028." 1.3 The fee', ['until March 31, 2028."', "1.3 The fee"]),
        ("rates in Schedule A. Provider may", ["rates in Schedule A.", "Provider may"]),
        ("as Section 2.7 says. ' 2.2 Term", ["as Section 2.7 says.", "' 2.2 Term"]),
        ("on the same terms,\n5.1 The cap", ["on the same terms,", "5.1 The cap"]),
        ("as stated in Section\n3.2 Provider may", ["as stated in Section 3.2 Provider may"]),
        ("Halden Freight, Inc. Agrees to $3.50 per No. 7", ["Halden Freight, Inc. Agrees to $3.50 per No. 7"]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    """Sums and years end sentences, sections begin them, abbreviations and citations do neither."""
    view = view_of(page_text(text))
    assert [view.text[slice(*span)].strip() for span in view.sentences] == sentences
