"""The extraction stage from pages to record: routing to extractors, merging, review, clauses with the real embedder."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from written import AGREEMENT, document, page_input, page_text, triage

from pipeline.backends.minilm import MiniLM
from pipeline.backends.protocols import PageInput
from pipeline.backends.rules import RuleExtractor
from pipeline.extract import extract, findings_from_page, local_note, merge, review
from pipeline.models import minilm_path
from pipeline.rules.view import EXTRACTOR
from pipeline.types import FieldStatus, Finding, Route
from schemas.contract import Contract
from schemas.page import PageRecord

Routes = dict[int, Route]


class Reader:
    """A second extractor: it answers with fixed page records, as a model fills them, and notes what it was shown."""

    name = "vlm/tiny"

    def __init__(self, records: dict[int, PageRecord] | None = None) -> None:
        self.records = records or {}
        self.seen: list[int] = []

    def extract(self, pages: Sequence[PageInput]) -> list[list[Finding]]:
        numbers = [page.text.number for page in pages]
        self.seen += numbers
        return [findings_from_page(self.records[n], n, self.name, 0.8) if n in self.records else [] for n in numbers]


def record(date: str, quote: str) -> PageRecord:
    """A page record with an agreement date only."""
    item = {"role": "agreement", "text": date, "iso": "", "legible": True, "quote": quote}
    empty = {"amounts": [], "parties": [], "key_obligations": [], "reference_numbers": []}
    kind = {"kind": "unknown", "title": "", "quote": ""}
    return PageRecord.model_validate({"document_type": kind, "dates": [item], **empty})


def finding(field: str, value: str, page: int = 1, confidence: float = 0.8, **more: object) -> Finding:
    given = {"status": FieldStatus.VERIFIED, "extractor": EXTRACTOR, "quote": value} | more
    return Finding(field, page, value, value, confidence=confidence, **given)  # type: ignore[arg-type]


def contract(*findings: Finding, pages: int = 2, **more: object) -> Contract:
    by_page = {n: [one for one in findings if one.page == n] for n in range(1, pages + 1)}
    return merge(document(pages), by_page, **more)  # type: ignore[arg-type]


def test_extractors_are_chosen_by_route() -> None:
    """Rules see every page that is not blank; the image model sees local pages only; a blank page has no findings."""
    routes = [Route.TEXT, Route.LOCAL, Route.BLANK, Route.FRONTIER]
    pages = [page_input(page_text(AGREEMENT, n)) for n in range(1, 5)]
    reader = Reader()
    found = extract(pages, [triage(n, route) for n, route in enumerate(routes, 1)], [RuleExtractor(), reader])
    assert reader.seen == [2]
    assert found[1] and found[2] and found[4]
    assert found[3] == []


def test_local_note_says_when_no_model_is_there() -> None:
    """Without a generative model the reason says so; with one there is nothing to say."""
    assert "no generative local model" in local_note([RuleExtractor()])
    assert local_note([RuleExtractor(), Reader()]) == ""


def test_a_whole_agreement_becomes_one_verified_record() -> None:
    """From words to record: fields verified, with boxes, and nothing to review."""
    triages = [triage(1)]
    found = extract([page_input(page_text(AGREEMENT))], triages, [RuleExtractor()])
    merged = merge(document(1), found, triages)
    assert merged.kind.best and merged.kind.best.value == "services agreement"
    assert [party.role for party in merged.parties.values] == ["Company", "Consultant"]
    assert merged.agreement_date.status == "verified"
    assert merged.agreement_date.best and merged.agreement_date.best.evidence[0].boxes
    assert merged.amends.status == "absent"
    assert review(merged, triages, 0.5) == {}


def test_readers_who_agree_are_surer() -> None:
    """The same date from rules and model is one value, surer than either, that names both."""
    page = page_text(AGREEMENT)
    model = Reader({1: record("March 3, 2021", "entered into as of March 3, 2021")})
    found = extract([page_input(page)], [triage(1, Route.LOCAL)], [RuleExtractor(), model])
    entry = merge(document(1), found).agreement_date
    assert entry.best
    assert entry.best.extractor == "rules/1 + vlm/tiny"
    assert entry.best.confidence > 0.85
    assert not entry.conflict


def test_a_model_that_misreads_a_digit_does_not_win() -> None:
    """The model's wrong day is kept as unverified, behind the verified one, and is no conflict."""
    model = Reader({1: record("March 8, 2021", "entered into as of March 8, 2021")})
    found = extract([page_input(page_text(AGREEMENT))], [triage(1, Route.LOCAL)], [RuleExtractor(), model])
    entry = merge(document(1), found).agreement_date
    assert [(value.value, value.status) for value in entry.values] == [
        ("2021-03-03", "verified"),
        ("2021-03-08", "unverified"),
    ]
    assert not entry.conflict


def test_conflicts_keep_both_values_and_their_evidence() -> None:
    """Two believable readings of a single field are both kept, with their pages, and flagged."""
    merged = contract(finding("governing_law", "Ohio"), finding("governing_law", "Texas", page=2, confidence=0.75))
    assert merged.governing_law.conflict
    assert [(v.value, v.evidence[0].page) for v in merged.governing_law.values] == [("Ohio", 1), ("Texas", 2)]


def test_a_conflict_needs_comparable_evidence() -> None:
    """A second value with much weaker evidence is kept without a conflict, though it might be believed by itself."""
    weak = contract(
        finding("expiration_date", "2027-03-31", confidence=0.7), finding("expiration_date", "2026-08-14", 2, 0.54)
    )
    assert not weak.expiration_date.conflict
    equal = contract(
        finding("expiration_date", "2027-03-31", confidence=0.7), finding("expiration_date", "2026-08-14", 2, 0.6)
    )
    assert equal.expiration_date.conflict


def test_a_weak_second_reading_is_no_conflict() -> None:
    """A much less sure value is kept but doesn't make a conflict."""
    merged = contract(finding("governing_law", "Ohio"), finding("governing_law", "Texas", confidence=0.3))
    assert not merged.governing_law.conflict
    assert len(merged.governing_law.values) == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Acme, Inc.", "ACME INC", True),
        ("Acme Corporation", "Acrne Corporation", True),
        ("Halden Freight, Inc.", "Halden Frelght Incorporated", True),
        ("Acme Holdings LLC", "Apex Holdings LLC", False),
        ("Ann Lee", "Ann Lea", False),
    ],
)
def test_names_are_matched_through_form_and_noise(one: str, other: str, same: bool) -> None:
    """A party named twice is one party, though spelt with another form or an OCR slip; others stay apart."""
    merged = contract(finding("parties", one), finding("parties", other, page=2))
    assert (len(merged.parties.values) == 1) is same


def test_details_and_evidence_are_joined() -> None:
    """One value takes its details from whoever has them, and keeps the evidence of both pages, best first."""
    first = finding("parties", "Acme Inc.", confidence=0.6)
    second = finding("parties", "Acme Inc.", page=2, confidence=0.8, detail={"role": "Tenant", "unknown": "x"})
    party = contract(first, second).parties.values[0]
    assert party.role == "Tenant"
    assert [evidence.page for evidence in party.evidence] == [2, 1]


def test_absent_and_unreadable_are_different_answers() -> None:
    """Not found on pages that were read is absent; with an unread page nobody knows; an illegible one says so."""
    assert contract().renewal_term.status == "absent"
    hard = [triage(1), triage(2, Route.FRONTIER, confidence=0.2)]
    unread = contract(finding("governing_law", "Ohio"), triages=hard)
    assert (unread.renewal_term.status, unread.governing_law.status) == ("unreadable", "verified")
    assert unread.unread_pages == (2,)
    assert merge(document(3), {1: [], 2: []}).unread_pages == (3,)
    seen = Finding("effective_date", 1, "", "", "on ___", 0.0, "vlm", status=FieldStatus.UNREADABLE)
    assert contract(seen).effective_date.status == "unreadable"


def test_a_page_that_ocr_read_well_is_not_unread() -> None:
    """A dense table waits for the frontier model, but its words were read: absence is known."""
    assert contract(triages=[triage(1), triage(2, Route.FRONTIER, confidence=0.9)]).unread_pages == ()


COMPLETE = (
    finding("kind", "services agreement"),
    finding("parties", "Acme Inc."),
    finding("agreement_date", "2021-03-03"),
)


@pytest.mark.parametrize(
    ("findings", "page", "reason"),
    [
        (COMPLETE[:2], 1, "no agreement date or effective date found, which a services agreement should have"),
        ((COMPLETE[0], COMPLETE[2]), 1, "no parties found"),
        (
            (*COMPLETE[:2], finding("effective_date", "2021-03-03", 2, status=FieldStatus.UNVERIFIED)),
            2,
            "word for word",
        ),
        ((*COMPLETE[:2], finding("agreement_date", "2021-03-03", 2, 0.4)), 2, "unsure (0.63, 0.70 needed)"),
        ((*COMPLETE, finding("agreement_date", "2021-04-04", 2)), 2, "read in two ways"),
        ((finding("kind", "nda"),), 1, "which an nda should have"),
        ((finding("kind", "invoice"), *COMPLETE[1:]), 1, "no amounts found, which an invoice should have"),
    ],
)
def test_review_escalates_with_a_reason(findings: tuple[Finding, ...], page: int, reason: str) -> None:
    """A required field that is absent, unverified, unsure or in conflict sends its page on, and says why."""
    reasons = review(contract(*findings), [triage(1), triage(2)], 0.7)
    assert any(reason in text for text in reasons[page])


@pytest.mark.parametrize(
    "findings",
    [
        COMPLETE,
        (*COMPLETE[:2], finding("effective_date", "2021-03-03")),
        (finding("kind", "schedule"),),
        (),
        (finding("kind", "letter"), COMPLETE[2]),
        (*COMPLETE, finding("renewal_term", "1 year", confidence=0.1), finding("amounts", "USD 5.00", confidence=0.1)),
    ],
)
def test_review_leaves_what_its_kind_may_lack(findings: tuple[Finding, ...]) -> None:
    """Nothing is escalated for a field that this kind of document may well lack, or that is not required."""
    assert review(contract(*findings), [triage(1), triage(2)], 0.5) == {}


def test_review_names_no_blank_page_and_waits_for_unread_ones() -> None:
    """An absent field points at the first page with ink; while a page is unread, that page waits already."""
    lacking = (COMPLETE[0], COMPLETE[2])
    assert list(review(contract(*lacking), [triage(1, Route.BLANK), triage(2)], 0.5)) == [2]
    hard = [triage(1), triage(2, Route.FRONTIER, confidence=0.1)]
    assert review(contract(*lacking, triages=hard), hard, 0.5) == {}


@pytest.fixture(scope="module")
def embedder() -> MiniLM:
    return MiniLM(minilm_path())


def test_clauses_by_meaning_are_verbatim(embedder: MiniLM) -> None:
    """With the real text model, clauses come as category and verbatim passage, verified on the page."""
    found = extract([page_input(page_text(AGREEMENT))], [triage(1)], [RuleExtractor(embedder)])
    clauses = {f.detail["category"]: f for f in found[1] if f.field == "clauses"}
    assert {"Governing Law", "Anti-Assignment", "Renewal Term"} <= set(clauses)
    assert not {"Insurance", "Non-Compete", "Source Code Escrow"} & set(clauses)
    assert "State of New York" in clauses["Governing Law"].raw
    assert {clause.status for clause in clauses.values()} == {FieldStatus.VERIFIED}
    assert RuleExtractor(embedder).name == f"rules/1+{embedder.name}"


NEARBY = """\
ARTICLE 13. GENERAL
13.1 Governing law.
This Agreement is governed by the laws of the State of New York, without regard to conflict of laws rules.
13.2 Insurance and other matters of this Agreement. The sum is due on May 5, 2021.
13.3 Certificates shall be delivered to the other party ten days before each renewal of the policy.
13.4 After a failure Customer may extend the period for correction or accept the work as it then stands.
13.5 Provider shall maintain commercial general liability insurance of not less than $2,000,000 per occurrence.
"""


def test_headings_and_neighbours_are_no_clauses(embedder: MiniLM) -> None:
    """A heading alone is no clause, nor is a sentence that renews a policy or extends a deadline a renewal term."""
    found = extract([page_input(page_text(NEARBY))], [triage(1)], [RuleExtractor(embedder)])
    clauses = [(f.detail["category"], f.raw.split()[0]) for f in found[1] if f.field == "clauses"]
    assert ("Governing Law", "This") in clauses
    assert ("Insurance", "13.5") in clauses
    assert not {"ARTICLE", "13.1", "13.2", "13.4"} & {first for _, first in clauses}
    assert "Renewal Term" not in dict(clauses)


def test_clauses_are_surer_than_not(embedder: MiniLM) -> None:
    """Passages that are more likely wrong than right are left out: clean print gives no confidence under a half."""
    found = extract([page_input(page_text(AGREEMENT + NEARBY))], [triage(1)], [RuleExtractor(embedder)])
    assert all(f.confidence >= 0.5 for f in found[1] if f.field == "clauses")


CORPUS = Path(__file__).parents[1].parent / "shared" / "corpora" / "cuad" / "txt"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="shared corpora are not here")
def test_real_contracts_give_parties_and_dates() -> None:
    """Of ten real contracts (text, first 400 lines) most give parties and a date, and all that is found is proven."""
    good = 0
    for path in sorted(CORPUS.glob("*.txt"))[:10]:
        lines = path.read_text(errors="replace").splitlines()[:400]
        pages = [page_input(page_text("\n".join(lines[n : n + 50]), 1 + n // 50)) for n in range(0, len(lines), 50)]
        found = extract(pages, [], [RuleExtractor()])
        merged = merge(document(len(pages)), found)
        good += bool(merged.parties.values) and bool(merged.agreement_date.values or merged.effective_date.values)
        flat = [finding for findings in found.values() for finding in findings]
        assert sum(f.status is FieldStatus.VERIFIED for f in flat) >= 0.95 * len(flat)
    assert good >= 6
