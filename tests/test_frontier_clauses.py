"""From answers to the document's record: clauses over a page break, answers in doubt, images that are gone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from frontier_replies import EMPTY, Replies, amount, answer, clause, message, page, replies
from pdfs import born_digital, scanned

from pipeline.frontier.answers import Failed
from pipeline.frontier.batches import Call
from pipeline.frontier.escalate import Options, escalate
from pipeline.frontier.ledger import Budget, Planned
from pipeline.frontier.profiles import PROFILES
from pipeline.frontier.readings import FrontierReading, findings_of, keep, readings_of
from pipeline.frontier.requests import requests_for
from pipeline.frontier.results import take
from pipeline.frontier.submit import submit
from pipeline.frontier.work import EscalationReport, conclude
from pipeline.ground import WHOLE
from pipeline.kept import pages_of
from pipeline.merge import merge
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.trust import NOT_MEASURED, NOT_ON_PAGE
from pipeline.types import Document, FieldStatus, Finding, PageStatus
from pipeline.wiring import Tools, open_tools
from schemas.contract import Clause, Contract
from schemas.frontier import FrontierPage

HEAD = "This Agreement shall be governed by and construed in accordance with"
TAIL = "the laws of the State of New York, without regard to its conflict of laws principles."
PAGES = (
    f"SERVICES AGREEMENT\n\n2. Fees. Client shall pay a fee of USD 12,500.00.\n\n5. Governing Law. {HEAD}\n\n- 1 -",
    f"Services Agreement\n\n{TAIL}\n\n6. Notices. Notices are sent by post to the address above.\n\n- 2 -",
)
FEE = amount("USD 12,500.00", "pay a fee of USD 12,500.00")
DOUBT = "it comes from an answer that can be used only in part (the answer breaks the schema in 2 places)"


@pytest.fixture(scope="module")
def server() -> Iterator[Replies]:
    with replies() as state:
        yield state


@pytest.fixture(scope="module")
def tools(tmp_path_factory, server) -> Iterator[Tools]:
    """A contract of four pages in each of two matters, and a scan that waits in a third."""
    folder = tmp_path_factory.mktemp("office")
    configured = {"frontier_url": server.url, "frontier_kind": "self-hosted", "escalate_below": 1.0, "workers": 1}
    with open_tools(load_settings(home=folder / "home", **configured)) as tools:
        for matter in ("whole", "doubt"):
            own = f"{PAGES[1]}\n\nMatter {matter}."  # answers hang on the content, whatever the matter
            pages = (PAGES[0], own, "Schedule A. The warehouses.", "Schedule B. The prices.")
            ingest_paths([born_digital(folder / matter / "deal.pdf", *pages)], matter, tools)
        ingest_paths([scanned(folder / "gone" / "scan.pdf", "A short note about the fee.")], "gone", tools)
        yield tools


def reading(number: int, doubt: str = "", **parts: object) -> FrontierReading:
    return FrontierReading("m", "self-hosted", FrontierPage.model_validate(page(number, **parts)), doubt=doubt)


def answered(tools: Tools, matter: str, *answers: FrontierReading) -> Contract:
    """The record of the matter's document once these are the answers to its pages."""
    (document,) = tools.catalog.documents([matter])
    keep(tools.catalog, document.sha256, dict(enumerate(answers, 1)))
    conclude(tools, document)
    return Contract.model_validate_json(tools.catalog.record(document.id))


def read_by_model(contract: Contract) -> list[Clause]:
    return [value for value in contract.clauses.values if value.extractor == "m"]


def test_a_clause_over_a_page_break_comes_out_whole_and_an_invented_rest_unverified(tools):
    """The whole passage with its summary, a quote and boxes on both pages, proven to stand there (that its reader was
    never measured is another doubt); one that goes on as no page does says that it stands nowhere."""
    rest = "the laws of the State of Delaware, and Provider waives every claim it has."
    invented = clause(HEAD, continues=rest, category="Warranty Duration")
    contract = answered(tools, "whole", reading(1, clauses=[clause(HEAD, continues=TAIL), invented]), reading(2))
    found, doubted = read_by_model(contract)
    assert found.raw == f"{HEAD} {TAIL}" and found.category == "Governing Law"
    assert found.summary == "Which law governs." and found.doubt in ("", NOT_MEASURED)
    assert [(place.page, place.quote) for place in found.evidence] == [(1, HEAD), (2, TAIL)]
    assert all(place.boxes for place in found.evidence)
    assert (doubted.status, doubted.doubt, doubted.raw) == ("unverified", NOT_ON_PAGE, f"{HEAD} {rest}")
    (document,) = tools.catalog.documents(["whole"])
    parts = [(one.value, one.page, one.status) for one in tools.catalog.findings(document.id) if one.extractor == "m"]
    assert sorted(parts) == [
        ("Governing Law", 1, "verified"),
        ("Governing Law", 2, "verified"),
        ("Warranty Duration", 1, "unverified"),
        ("Warranty Duration", 2, "unverified"),
    ]


def test_a_reader_that_saw_the_page_alone_agrees_with_one_that_read_on():
    """Rules found the clause as far as the page goes, the model whole: one clause, the whole, with both pages."""
    detail = {"category": "Governing Law", "summary": "s", WHOLE: f"{HEAD} {TAIL}"}
    rules = Finding("clauses", 1, HEAD, "Governing Law", HEAD, 0.9, "rules/1", detail={"category": "Governing Law"})
    model = [replace(rules, page=n, raw=detail[WHOLE], quote=q, extractor="m", detail=detail, confidence=0.8)
             for n, q in ((1, HEAD), (2, TAIL))]  # fmt: skip
    found = [replace(finding, status=FieldStatus.VERIFIED) for finding in (rules, *model)]
    document = Document("d", "m", "d.pdf", "", page_count=2)
    (value,) = merge(document, {1: found[:2], 2: found[2:]}).clauses.values
    assert value.raw == detail[WHOLE] and {place.page for place in value.evidence} == {1, 2}
    assert value.extractor == "m + rules/1" and value.summary == "s"


def test_nothing_of_an_answer_in_doubt_is_verified(tools):
    """What stands word for word on the page is kept, unverified, with the reason; the page's own reasons name it."""
    contract = answered(tools, "doubt", reading(1, DOUBT, amounts=[FEE], clauses=[clause(HEAD, continues=TAIL)]))
    model = [*read_by_model(contract), *(value for value in contract.amounts.values if value.extractor == "m")]
    assert model and {(value.status, value.doubt) for value in model} <= {("unverified", DOUBT)}
    (document,) = tools.catalog.documents(["doubt"])
    assert [f.status for f in tools.catalog.findings(document.id) if f.extractor == "m"] == ["unverified"] * 3


def test_pages_whose_answer_failed_are_asked_about_alone(tools):
    """What spoiled the answer to several pages spoils none but its own the second time."""
    setup = replace(tools.frontier.setup, profile=PROFILES["claude"])
    (document,) = tools.catalog.documents(["doubt"])

    def groups() -> list[tuple[int, ...]]:
        found = requests_for(tools, setup, document, {1, 2, 3, 4})
        return [tuple(part.number for part in group) for group in found]

    assert groups() == [(1, 2, 3), (4,)]
    failed = FrontierReading(setup.model.id, "self-hosted", failed="the model refused to read the page")
    keep(tools.catalog, document.sha256, {2: failed, 4: failed})
    assert groups() == [(2,), (4,), (1, 3)]


def test_a_page_whose_image_is_gone_is_held_with_the_reason(tools, server):
    """A 0-byte image in the store: no request, no crash; the page waits for a person and says why."""
    (document,) = tools.catalog.documents(["gone"])
    assert tools.catalog.pages(document.id)[0].status is PageStatus.AWAITING
    tools.policies.set("gone", "self-hosted")
    (image,) = [page.image_path for page in pages_of(tools, document)]
    image.chmod(0o600)
    image.write_bytes(b"")
    report = escalate(tools, tools.frontier, Options(matters=("gone",)))
    assert not server.asked and list(report.failed) == [f"{document.id} page 1"]
    (outcome,) = tools.catalog.pages(document.id)
    assert outcome.status is PageStatus.HELD
    assert "the stored image of the page can't be sent: it is empty" in outcome.reasons[-1]


def test_a_batch_holds_a_page_whose_image_is_gone_too(tools, server):
    """Nothing is reserved, uploaded or sent for it: the page keeps its reason."""
    report = EscalationReport(tools.catalog.start_run("escalate"))
    assert submit(tools, tools.frontier, Options(matters=("gone",), again=True), report) == []
    (reason,) = report.failed.values()
    assert "can't be sent: it is empty" in reason and not server.asked and tools.ledger.spent(report.run) == 0


def test_a_batch_result_that_does_not_say_what_it_used_is_kept_and_counts_in_full(tools):
    """The answer stands; its cost is unknown, so what was reserved for it counts."""
    from anthropic.types.messages import MessageBatchIndividualResponse

    report = EscalationReport(tools.catalog.start_run("escalate"))
    (document,) = tools.catalog.documents(["whole"])
    most = Planned(report.run, document.id, "whole", (3,), "host", "m", Decimal("0.5"), "7")
    call = Call(tools.ledger.reserve(most, Budget()), document.id, (3,), tools.frontier.setup.model.id)
    result = {"type": "succeeded", "message": message(answer(3), usage=None)}
    response = MessageBatchIndividualResponse.construct(custom_id="x", result=result)
    take(tools, tools.frontier, call, response, report)
    assert (report.answered, report.failed) == (1, {}) and tools.ledger.spent(report.run) == Decimal("0.5")


def test_what_a_batch_brought_is_used_as_far_as_it_can_be(tools):
    """An answer that broke the schema: its usable page in doubt, the other with the reason; one cut: nothing of it."""
    setup = tools.frontier.setup
    said = json.dumps({"pages": [page(1, amounts=[FEE]), {"page": 2}]})
    broken = Failed("schema", "the answer breaks the schema in 2 places", True, said)
    first, second = readings_of(setup, broken, (1, 2)).values()
    assert first.page and first.doubt == DOUBT and second.page is None and second.failed == broken.reason
    cut = readings_of(setup, Failed("truncated", "the answer was cut off", text=said), (1, 2))
    assert [(one.page, one.failed) for one in cut.values()] == [(None, "the answer was cut off")] * 2


def test_a_clause_that_ends_on_its_page_has_one_part():
    """No continuation, or one of blanks: a plain finding, as before."""
    for rest in ("", "  "):
        (found,) = findings_of(reading(1, clauses=[clause(HEAD, continues=rest)]), 1)
        assert WHOLE not in found.detail and found.raw == HEAD
    assert findings_of(reading(1, clauses=[clause(" ", continues=TAIL)]), 1) == []


def test_an_answer_kept_before_there_were_continuations_is_still_read():
    """A kept page without the newer key, and a model that leaves it out, mean that the clause ends there."""
    old = {"page": 1, "readable": True, "record": EMPTY, "clauses": [clause(HEAD)]}
    assert FrontierPage.model_validate_json(json.dumps(old)).clauses[0].continues == ""
