"""What Muniment needs of a destination, held against each kind of server: the loopback server playing them, the server
of MUNIMENT_FRONTIER_URL where one is set, and Claude where MUNIMENT_TEST_CLAUDE_KEY holds a key (a few cents).

    MUNIMENT_FRONTIER_URL=http://gpu1:8000 MUNIMENT_FRONTIER_MODEL=… MUNIMENT_FRONTIER_PROFILE=vllm \\
    MUNIMENT_FRONTIER_KIND=self-hosted pytest tests/test_frontier_contract.py

The pages are made here and belong to nobody.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from frontier_server import KEY, Fault, FrontierServer, frontier_server
from homes import copy_home
from pdfs import AGREEMENT, LEASE, born_digital, scanned
from sqlalchemy import Row, select

from pipeline.frontier.answers import Read
from pipeline.frontier.batches import collect
from pipeline.frontier.client import Asked, FrontierClient
from pipeline.frontier.escalate import EscalationReport, Options, escalate
from pipeline.frontier.profiles import PROFILES
from pipeline.frontier.prompts import page_part
from pipeline.frontier.readings import grounded, readings_of
from pipeline.frontier.requests import grouped
from pipeline.kept import pages_of
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.tables import calls
from pipeline.types import Document, FieldStatus, PageStatus
from pipeline.wiring import Tools, open_tools
from schemas.cuad import CATEGORIES

BUDGET = Decimal("0.50")  # USD for one test: a bound, a real run of all of them costs a few cents on a small model
OWN, CLAUDE = "MUNIMENT_FRONTIER_URL", "Claude"
COUNT = "/v1/messages/count_tokens"
CHEAPEST = "claude-haiku-4-5"


@dataclass(frozen=True)
class Destination:
    """Where to ask: the settings for it, and the loopback server when it is one."""

    settings: dict[str, Any]
    server: FrontierServer | None = None

    def loopback(self) -> FrontierServer:
        """The server that can be told to go wrong; a real one can't."""
        if self.server is None:
            pytest.skip("a real server can't be told to answer wrong")
        return self.server


@pytest.fixture(scope="module", params=[*PROFILES, OWN, CLAUDE])
def destination(request: pytest.FixtureRequest, frontier_environment: dict[str, str]) -> Iterator[Destination]:
    if request.param == OWN:
        yield Destination(_own(frontier_environment))
    elif request.param == CLAUDE:
        yield Destination(_claude())
    else:
        with frontier_server(request.param) as server:
            place = {"frontier_url": server.url, "frontier_key": KEY, "frontier_kind": "self-hosted"}
            yield Destination({**place, "frontier_profile": request.param}, server)


def _own(environment: dict[str, str]) -> dict[str, Any]:
    if OWN not in environment:
        pytest.skip(f"{OWN} is not set: no server of one's own to ask")
    return {name.removeprefix("MUNIMENT_").lower(): value for name, value in environment.items()}


def _claude() -> dict[str, Any]:
    key = os.environ.get("MUNIMENT_TEST_CLAUDE_KEY", "")
    if not key:
        pytest.skip("MUNIMENT_TEST_CLAUDE_KEY is not set: Claude is not asked")
    model = os.environ.get("MUNIMENT_TEST_CLAUDE_MODEL", CHEAPEST)
    place = {"frontier_url": "https://api.anthropic.com", "frontier_kind": "cloud", "frontier_profile": "claude"}
    return {**place, "frontier_key": key, "frontier_model": model}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a scan of three pages and a page with a good text layer, all waiting for the frontier model."""
    folder = tmp_path_factory.mktemp("contract")
    scan = scanned(folder / "scan.pdf", AGREEMENT, LEASE, AGREEMENT, dpi=110)
    words = born_digital(folder / "words.pdf", LEASE)
    with open_tools(load_settings(home=folder / "home", escalate_below=1.0, workers=2)) as tools:
        ingest_paths([scan], "contract", tools)
        ingest_paths([words], "contract", tools)
    return folder / "home"


@pytest.fixture(scope="module")
def tools(destination: Destination, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """That home with the destination as its frontier model; what it asks leaves no trace but the ledger's."""
    with _office(destination, archive, tmp_path_factory.mktemp("contract") / "home") as office:
        yield office


@contextmanager
def _office(destination: Destination, archive: Path, home: Path) -> Iterator[Tools]:
    copy_home(archive, home)
    limits = {"escalate_below": 1.0, "workers": 1, "budget_run": BUDGET}
    with open_tools(load_settings(home=home, **limits, **destination.settings)) as tools:
        tools.policies.set("contract", "cloud")
        yield tools


def document(tools: Tools, name: str) -> Document:
    """The document of that file."""
    return next(one for one in tools.catalog.documents() if one.name == name)


def asked(tools: Tools, name: str, pages: int = 3) -> Asked:
    """The first request about a document's pages, whether they wait or not."""
    one = document(tools, name)
    parts = [page_part(page, tools.frontier.setup.model) for page in pages_of(tools, one)][:pages]
    return Asked(tools.catalog.start_run("escalate"), one.id, one.matter, tuple(parts))


def rows(tools: Tools, request: Asked) -> list[Row[Any]]:
    """What the ledger has of a request."""
    with tools.catalog.database.read() as connection:
        return list(connection.execute(select(calls).where(calls.c.run == request.run).order_by(calls.c.id)).all())


def test_a_scanned_page_is_read(tools, destination):
    """A page sent as an image comes back as an answer that satisfies the schema, under its own number."""
    request = asked(tools, "scan.pdf", pages=1)
    assert [block["type"] for block in request.parts[0].blocks] == ["text", "image"]
    outcome = tools.frontier.ask(request)
    assert isinstance(outcome, Read) and outcome.pages.keys() == {1} and outcome.pages[1].readable
    assert outcome.pages[1].record.amounts or destination.server is None


def test_a_page_of_good_words_is_read_without_its_image(tools, destination):
    """A good text layer goes as words: no image is sent, and the answer is the same kind of thing."""
    request = asked(tools, "words.pdf")
    assert [block["type"] for block in request.parts[0].blocks] == ["text", "text"]
    outcome = tools.frontier.ask(request)
    assert isinstance(outcome, Read) and outcome.pages.keys() == {1}


def test_as_many_pages_go_into_a_request_as_the_server_takes(tools, destination):
    """Waiting pages are grouped by the profile's number of images, and each comes back under its own number."""
    setup = tools.frontier.setup
    groups = list(grouped(tools, setup, document(tools, "scan.pdf")))
    assert [len(group) for group in groups] == ([3] if setup.profile.images >= 3 else [1, 1, 1])
    one = document(tools, "scan.pdf")
    outcome = tools.frontier.ask(Asked(tools.catalog.start_run("escalate"), one.id, one.matter, groups[0]))
    assert isinstance(outcome, Read) and sorted(outcome.pages) == [part.number for part in groups[0]]


def test_what_a_call_can_cost_is_known_before_it_is_made(tools, destination):
    """The reservation is at least the cost, by counted tokens where the server counts, by estimated ones elsewhere."""
    request = asked(tools, "scan.pdf", pages=1)
    before = len(destination.server.asked(COUNT)) if destination.server else 0
    tools.frontier.ask(request)
    (row,) = rows(tools, request)
    assert 0 <= row.cost <= row.reserved
    if destination.server:
        assert len(destination.server.asked(COUNT)) - before == tools.frontier.setup.profile.counting


def test_usage_is_kept_and_the_ledger_settled(tools, destination):
    """The tokens the server says it used are written down and priced; nothing stays open."""
    request = asked(tools, "scan.pdf", pages=1)
    tools.frontier.ask(request)
    (row,) = rows(tools, request)
    usage = json.loads(row.usage)
    assert row.state == "settled" and usage["output_tokens"] > 0
    assert usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"] > 0
    assert (row.cost > 0) is (tools.frontier.setup.model.output > 0)


def test_a_wrong_answer_is_mended_once(tools, destination):
    """An answer that breaks the schema is sent back with what was wrong; both calls are paid and written down."""
    server = destination.loopback()
    server.faults = [Fault(how="schema")]
    request = asked(tools, "scan.pdf", pages=1)
    assert isinstance(tools.frontier.ask(request), Read)
    assert [row.state for row in rows(tools, request)] == ["failed", "settled"]
    assert all(row.cost for row in rows(tools, request))
    first, second = server.asked()[-2:]
    assert len(second["messages"]) == 3 and second["messages"][0] == first["messages"][0]


def test_clauses_come_with_a_summary(tools, destination):
    """A clause has its category, a summary in the model's words and the passage itself, which is found on the page."""
    request = asked(tools, "scan.pdf", pages=1)
    outcome = tools.frontier.ask(request)
    assert isinstance(outcome, Read)
    texts = {page.text.number: page.text for page in pages_of(tools, document(tools, "scan.pdf"))}
    readings = readings_of(tools.frontier.setup, outcome, request.numbers)
    clauses = [finding for finding in grounded(readings, texts)[1] if finding.field == "clauses"]
    assert clauses and all(one.value in CATEGORIES and one.detail["summary"] for one in clauses)
    assert any(one.status is FieldStatus.VERIFIED and one.boxes for one in clauses)


def test_what_waits_is_worked_off_in_a_batch_or_else_at_once(destination, archive, home):
    """With batches the answers come by one and no file is left; without them by direct calls."""
    with _office(destination, archive, home) as tools:
        model, one, before = tools.frontier, document(tools, "scan.pdf"), _messages(destination)
        report = escalate(tools, model, Options(documents=(one.id,)), batch=True)
        if model.setup.profile.batches:
            if destination.server is None:
                assert report.under_way == 1  # a real batch may take a day: it was taken
                return
            assert report.answered == 0 and _messages(destination) == before and destination.server.files
            report = EscalationReport(tools.catalog.start_run("escalate"))
            collect(tools, model, report)
            assert destination.server.files == {}
        assert report.answered == 3 and report.failed == {}
        assert {page.status for page in tools.catalog.pages(one.id)} == {PageStatus.EXTRACTED}


def _messages(destination: Destination) -> int:
    return len(destination.server.asked()) if destination.server else 0


def test_a_server_that_does_less_than_it_is_said_to_is_used_all_the_same(tools, destination):
    """A profile that promises too much costs refusals or a mending, not the pages."""
    destination.loopback()
    claimed = replace(tools.frontier.setup, profile=replace(PROFILES["claude"], files=False, batches=False))
    client = FrontierClient(claimed, tools.ledger, tools.policies)
    assert isinstance(client.ask(asked(tools, "scan.pdf", pages=1)), Read)
    client.close()
