"""Dates that stand nowhere: worked cases of the arithmetic, pointers followed, and what is left alone."""

import pytest
from written import page_input, page_text

from pipeline.backends.rules import RuleExtractor
from pipeline.derive import end_date
from pipeline.extract import extract, merge
from pipeline.report import contract_text
from pipeline.types import Document
from schemas.contract import Contract

OPENING = """SERVICES AGREEMENT
This Services Agreement is made as of {date} between Halden Freight, Inc. (“Company”) and Birch & Lowe LLP
(“Consultant”).{more}"""


def record(*pages: str) -> Contract:
    inputs = [page_input(page_text(text, number)) for number, text in enumerate(pages, 1)]
    return merge(Document("d", "m", "d.pdf", "", page_count=len(pages)), extract(inputs, [], [RuleExtractor()]))


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2020-02-05", "1 year", "2021-02-05"),
        ("2015-09-10", "5 years", "2020-09-10"),
        ("2019-05-01", "6 months", "2019-11-01"),
        ("2019-08-31", "6 months", "2020-02-29"),
        ("2020-02-29", "1 year", "2021-02-28"),
        ("2020-02-29", "4 years", "2024-02-29"),
        ("2020-11-30", "3 months", "2021-02-28"),
        ("2021-01-01", "2 quarters", "2021-07-01"),
        ("2021-12-15", "18 months", "2023-06-15"),
        ("2021-12-15", "30 days", "2022-01-14"),
        ("2024-02-28", "2 weeks", "2024-03-13"),
        ("2021-12-15", "10 business days", ""),
        ("2021-12-15", "for ever", ""),
        ("9999-01-01", "9999 years", ""),
    ],
)
def test_worked_cases(start: str, length: str, end: str) -> None:
    """A time ends on its anniversary, or on the last day of a month that is too short; no length gives no date."""
    assert end_date(start, length) == end


def test_the_end_is_computed_and_shows_both_passages() -> None:
    """Term and beginning stand on different pages; the end has the evidence of both and is never verified."""
    found = record(
        OPENING.format(date="May 3, 2019", more=" It is effective as of June 1, 2019 (the “Effective Date”)."),
        "2. TERM\nThis Agreement shall continue for a period of five (5) years from the Effective Date.",
    )
    end = found.expiration_date.best
    assert end is not None
    assert (end.value, end.status, end.extractor) == ("2024-06-01", "unverified", "derived")
    assert [each.page for each in end.evidence] == [2, 1]
    assert end.derived == "effective date 2019-06-01 and 5 years"
    assert "computed from effective date 2019-06-01 and 5 years" in contract_text(found)


def test_a_term_from_the_date_of_the_agreement_is_counted_from_there() -> None:
    """ "From the date hereof" is the date the paper bears, though it takes effect on another."""
    found = record(
        OPENING.format(date="May 3, 2019", more=" It is effective as of June 1, 2019 (the “Effective Date”)."),
        "The term of this Agreement shall be two (2) years from the date hereof, and then it ends.",
    )
    assert found.expiration_date.best is not None
    assert found.expiration_date.best.value == "2021-05-03"


@pytest.mark.parametrize(
    "term",
    [
        "The term of this Agreement shall be the sooner of six (6) months from the Effective Date, or replacement.",
        "The obligations of confidentiality survive for three (3) years after the termination of this Agreement.",
        "Either party may terminate upon thirty (30) days prior written notice to the other party.",
    ],
)
def test_an_open_end_is_not_computed(term: str) -> None:
    """What ends sooner, later or after something else has no date yet."""
    assert record(OPENING.format(date="May 3, 2019", more=""), term).expiration_date.status == "absent"


def test_a_printed_end_is_not_replaced() -> None:
    """The page gives the date: nothing is computed beside it."""
    term = "This Agreement shall continue for two (2) years from the Effective Date and shall expire on May 2, 2021."
    found = record(OPENING.format(date="May 3, 2019", more=""), term)
    assert [value.value for value in found.expiration_date.values] == ["2021-05-02"]
    assert found.expiration_date.best is not None
    assert found.expiration_date.best.derived == ""


@pytest.mark.parametrize(
    ("pointer", "pages"),
    [
        ("This Agreement is effective as of the date first above written.", [2, 1]),
        ("This Agreement shall commence on the date first set forth above and go on.", [2, 1]),
        ("“Effective Date” means the date hereof, and “Term” has the meaning of Section 2.", [2, 1]),
    ],
)
def test_an_effective_date_by_pointer(pointer: str, pages: list[int]) -> None:
    """The effective date is where the words point, with both passages as evidence."""
    found = record(OPENING.format(date="May 3, 2019", more=""), pointer)
    effective = found.effective_date.best
    assert effective is not None
    assert (effective.value, effective.status) == ("2019-05-03", "unverified")
    assert [each.page for each in effective.evidence] == pages
    assert "which is 2019-05-03" in effective.derived


def test_upon_the_last_signature() -> None:
    """Of two signature dates the later one makes the contract effective."""
    found = record(
        OPENING.format(date="____, 2019", more=" It becomes effective upon the last signature below."),
        "IN WITNESS WHEREOF\nBy: /s/ Ada Quill\nDate: May 6, 2019\nBy: /s/ Tom Reed\nDate: May 9, 2019",
    )
    assert found.effective_date.best is not None
    assert found.effective_date.best.value == "2019-05-09"


def test_a_pointer_that_leads_nowhere_gives_no_date() -> None:
    """Nothing is guessed while the date it means is not known."""
    assert not record("This Agreement is effective as of the date first above written." * 3).effective_date.values
