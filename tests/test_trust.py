"""What may be called verified, and that the rest says why not and is kept."""

import pytest

from pipeline.extract import merge, review
from pipeline.report import contract_text
from pipeline.rules.view import EXTRACTOR
from pipeline.trust import CONTRADICTED, NOT_ON_PAGE
from pipeline.types import Box, Document, FieldStatus, Finding, Route, Signals, TextSource, Triage
from schemas.contract import Contract

SIGNALS = Signals(0.1, 0.8, 200, 0, 0, 100, TextSource.LAYER, 1.0)
DOCUMENT = Document("d", "m", "d.pdf", "", page_count=3)


def finding(field: str, value: str, confidence: float, page: int = 1, status: str = "verified") -> Finding:
    quote = f"governed by the laws of {value}, page {page}"
    return Finding(
        field, page, value, value, quote, confidence, EXTRACTOR, boxes=(Box(0, 0, 1, 1),), status=FieldStatus(status)
    )


def record(*found: Finding) -> Contract:
    return merge(DOCUMENT, {page: [each for each in found if each.page == page] for page in (1, 2, 3)})


@pytest.mark.parametrize(
    ("field", "confidence", "status"),
    [
        ("governing_law", 0.85, "verified"),
        ("governing_law", 0.5, "unverified"),
        ("parties", 0.85, "verified"),
        ("parties", 0.55, "unverified"),
        ("amounts", 0.3, "verified"),
    ],
)
def test_a_loose_rule_does_not_verify(field: str, confidence: float, status: str) -> None:
    """The quote stands on the page, but only a rule that is nearly always right makes it a verified value."""
    value = getattr(record(finding(field, "Delaware", confidence)), field).best
    assert (value.status, value.doubt == "") == (status, status == "verified")


def test_a_conflict_keeps_both_with_their_evidence_and_verifies_neither() -> None:
    """Two laws on two pages: both stay, each with its page, and the conflict is shown."""
    entry = (
        contract := record(finding("governing_law", "Ohio", 0.85), finding("governing_law", "Texas", 0.8, 3))
    ).governing_law
    assert entry.conflict
    assert [(v.value, v.status, v.doubt, v.evidence[0].page) for v in entry.values] == [
        ("Ohio", "unverified", CONTRADICTED, 1),
        ("Texas", "unverified", CONTRADICTED, 3),
    ]
    shown = [line for line in contract_text(contract).splitlines() if "governing_law" in line]
    assert len(shown) == 2
    assert all("unverified (conflict)" in line for line in shown)
    assert "page 1" in shown[0] and "page 3" in shown[1]


def test_a_conflict_leads_to_review_of_both_pages() -> None:
    """Both pages wait, with the reason, though no kind of document must have this field."""
    contract = record(finding("expiration_date", "2027-03-31", 0.65), finding("expiration_date", "2028-03-31", 0.65, 3))
    routed = [Triage(page, Route.TEXT, (), SIGNALS) for page in (1, 2, 3)]
    reason = ("expiration date was read in two ways",)
    assert review(contract, routed, 0.5) == {1: reason, 3: reason}


def test_a_weak_second_value_takes_nothing_from_the_first() -> None:
    """A much less sure reading stays beside a verified value without contradicting it."""
    entry = record(finding("governing_law", "Ohio", 0.85), finding("governing_law", "Texas", 0.4, 2)).governing_law
    assert [(v.value, v.status) for v in entry.values] == [("Ohio", "verified"), ("Texas", "unverified")]
    assert not entry.conflict


def test_what_stands_on_the_page_comes_before_what_does_not() -> None:
    """A surer reading that the page does not bear is kept behind an unsure one that it does."""
    entry = record(
        finding("effective_date", "2021-03-03", 0.5), finding("effective_date", "2021-03-08", 0.9, status="unverified")
    ).effective_date
    assert [v.value for v in entry.values] == ["2021-03-03", "2021-03-08"]
    assert entry.values[1].doubt == NOT_ON_PAGE
