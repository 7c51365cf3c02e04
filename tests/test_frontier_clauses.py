"""From answers to the document's record: clauses over a page break, answers in doubt, images that are gone."""

import json
from collections.abc import Iterator

import pytest
from frontier_replies import EMPTY, Replies, amount, clause, page, replies
from pdfs import born_digital, scanned

from pipeline.frontier.escalate import Options, escalate
from pipeline.frontier.readings import FrontierReading, findings_of, keep
from pipeline.frontier.requests import grouped
from pipeline.frontier.work import conclude
from pipeline.ground import WHOLE
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.trust import NOT_ON_PAGE
from pipeline.types import PageStatus
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
    """The whole passage with its summary, verified, with a quote and boxes on both pages; one that goes on as no page
    does is kept as it was told, and says why it is doubted, though its beginning stands on the page."""
    rest = "the laws of the State of Delaware, and Provider waives every claim it has."
    invented = clause(HEAD, continues=rest, category="Warranty Duration")
    contract = answered(tools, "whole", reading(1, clauses=[clause(HEAD, continues=TAIL), invented]), reading(2))
    found, doubted = read_by_model(contract)
    assert found.raw == f"{HEAD} {TAIL}" and found.category == "Governing Law"
    assert found.summary == "Which law governs." and (found.status, found.doubt) == ("verified", "")
    assert [(place.page, place.quote) for place in found.evidence] == [(1, HEAD), (2, TAIL)]
    assert all(place.boxes for place in found.evidence)
    assert (doubted.status, doubted.doubt, doubted.raw) == ("unverified", NOT_ON_PAGE, f"{HEAD} {rest}")


def test_nothing_of_an_answer_in_doubt_is_verified(tools):
    """What stands word for word on the page is kept, unverified, with the reason; the page's own reasons name it."""
    contract = answered(tools, "doubt", reading(1, DOUBT, amounts=[FEE], clauses=[clause(HEAD, continues=TAIL)]))
    model = [*read_by_model(contract), *(value for value in contract.amounts.values if value.extractor == "m")]
    assert model and {(value.status, value.doubt) for value in model} <= {("unverified", DOUBT)}
    (document,) = tools.catalog.documents(["doubt"])
    assert [f.status for f in tools.catalog.findings(document.id) if f.extractor == "m"] == ["unverified"] * 3


def test_pages_whose_answer_failed_are_asked_about_alone(tools):
    """What spoiled the answer to several pages spoils none but its own the second time."""
    (document,) = tools.catalog.documents(["doubt"])
    failed = FrontierReading("m", "self-hosted", failed="the model refused to read the page")
    keep(tools.catalog, document.sha256, dict.fromkeys((2, 3, 4), failed))
    assert list(grouped(tools, tools.frontier.setup, document)) == []
    groups = list(grouped(tools, tools.frontier.setup, document, again=True))
    assert [tuple(part.number for part in group) for group in groups] == [(2,), (3,), (4,)]


def test_a_page_whose_image_is_gone_is_held_with_the_reason(tools, server):
    """A 0-byte image in the store: no request, no crash; the page waits for a person and says why."""
    (document,) = tools.catalog.documents(["gone"])
    assert tools.catalog.pages(document.id)[0].status is PageStatus.AWAITING
    tools.policies.set("gone", "self-hosted")
    (image,) = [page.image_path for page in tools.pages_of(document)]
    image.chmod(0o600)
    image.write_bytes(b"")
    report = escalate(tools, tools.frontier, Options(matters=("gone",)))
    assert not server.asked and list(report.failed) == [f"{document.id} page 1"]
    (outcome,) = tools.catalog.pages(document.id)
    assert outcome.status is PageStatus.HELD
    assert "the stored image of the page can't be sent: it is empty" in outcome.reasons[-1]


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
