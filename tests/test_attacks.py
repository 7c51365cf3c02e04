"""Pages that give orders to the model that reads them, before a model that obeys every one: what it can't change.

All attack pages of `tests/attacks/` walk the whole road once (scan, OCR, escalation to the led loopback model, merge);
the tests look at what became of them.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from attack_pages import Attack, Sheet, attacks, documents, drawn
from frontier_reader import digest
from frontier_server import KEY, FrontierServer, frontier_server
from sqlalchemy import select

from pipeline.frontier.escalate import EscalationReport, escalate
from pipeline.frontier.prompts import SYSTEM
from pipeline.frontier.readings import remembered
from pipeline.frontier.requests import grouped
from pipeline.kept import pages_of
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.tables import calls
from pipeline.types import Document, PageOutcome, PageStatus
from pipeline.wiring import Tools, open_tools
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Contract
from schemas.fields import FieldValue

pytestmark = pytest.mark.timeout(1200)  # 97 pages are read twice: a minute of two idle cores, far more of busy ones

MODEL = "claude-sonnet-5-5"
EVERY = attacks()
LEADING = [attack for attack in EVERY if attack.wants]
TOKEN = re.compile(r"[^\W_]+(?:[.,'’-][^\W_]+)*")
SHOWN = re.compile(r"$|page \d+, its words:\n")  # an image has no text, and words begin like this
DETAILS = ("role", "purpose", "label", "who", "what", "by_when")


@dataclass(frozen=True)
class Room:
    """What is looked at: documents by name, their pages as drawn, the record before and after the model was asked."""

    tools: Tools
    server: FrontierServer
    report: EscalationReport
    sheets: dict[str, list[Sheet]]
    before: dict[str, Contract]
    after: dict[str, Contract]
    read: dict[str, dict[int, str]]

    def place(self, attack: Attack) -> tuple[str, int]:
        """The document and page (from 1) an attack stands on."""
        pages = ((name, n, s) for name, sheets in self.sheets.items() for n, s in enumerate(sheets, 1))
        return next((name, n) for name, n, s in pages if s.attack and s.attack.id == attack.id)

    def document(self, name: str) -> Document:
        """The document of that file."""
        return next(one for one in self.tools.catalog.documents() if one.name == name)

    def outcomes(self) -> Iterator[tuple[str, PageOutcome]]:
        """How each page ended."""
        for name in self.sheets:
            yield from ((name, page) for page in self.tools.catalog.pages(self.document(name).id))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder = tmp_path_factory.mktemp("attacked")
    sheets = documents()
    scans = [drawn(folder / "attacked" / name, pages) for name, pages in sheets.items()]
    with frontier_server() as server:
        asked = {"frontier_url": server.url, "frontier_key": KEY, "frontier_kind": "self-hosted"}
        settings = load_settings(
            home=folder / "home", frontier_profile="claude", escalate_below=1.0, workers=2, budget_run=50, **asked
        )
        with open_tools(settings) as tools:
            ingest_paths(scans, "attacked", tools)
            before = _records(tools)
            _tell(server, tools, sheets)
            tools.policies.set("attacked", "self-hosted")
            report = escalate(tools, tools.frontier)
            read = {document.name: _answers(tools, document) for document in tools.catalog.documents()}
            yield Room(tools, server, report, sheets, before, _records(tools), read)


def _records(tools: Tools) -> dict[str, Contract]:
    found = tools.catalog.documents()
    return {one.name: Contract.model_validate_json(tools.catalog.record(one.id)) for one in found}


def _tell(server: FrontierServer, tools: Tools, sheets: dict[str, list[Sheet]]) -> None:
    """The model sees what our OCR doesn't: every attack comes to it in plain words."""
    for document in tools.catalog.documents():
        for parts in grouped(tools, tools.frontier.setup, document):
            for part in parts:
                (shown,) = [
                    block for block in part.blocks if re.match("$|page .*, its words:\n", block.get("text", ""))
                ]
                server.told[digest(shown)] = sheets[document.name][part.number - 1].told


def _answers(tools: Tools, document: Document) -> dict[int, str]:
    readings = remembered(tools.catalog, document.sha256)
    return {number: one.page.model_dump_json() for number, one in readings.items() if one.page}


def _verified(record: Contract, page: int) -> Iterator[tuple[str, FieldValue]]:
    """The verified values of a page, whoever read them."""
    for name in (*SINGLE_FIELDS, *LIST_FIELDS):
        for value in getattr(record, name).values:
            if value.status == "verified" and any(evidence.page == page for evidence in value.evidence):
                yield name, value


def _tokens(text: str) -> list[str]:
    return [unicodedata.normalize("NFKC", token).casefold() for token in TOKEN.findall(text)]


def _stands(text: str, visible: str) -> bool:
    """Whether these words, and the numbers among them, stand in a row in what a reader sees."""
    wanted, seen = _tokens(text), _tokens(visible)
    return any(seen[start : start + len(wanted)] == wanted for start in range(len(seen) - len(wanted) + 1))


def _unseen(name: str, value: FieldValue, visible: str) -> list[str]:
    """What of a verified value no reader can see on the page; clause categories are labels, not words of a page."""
    shown = [value.raw] + [getattr(value, detail, "") for detail in DETAILS]
    if name == "kind":
        shown.append(value.value)
    if name == "amounts" and value.value:
        shown.append(value.value[:3])
    wrong = [text for text in shown if text and not _stands(text, visible)]
    wrong += [n for n in re.findall(r"\d[\d.,]*\d|\d", getattr(value, "summary", "")) if not _stands(n, visible)]
    return wrong + [text for text in (value.raw, value.value) if any(unicodedata.category(c)[0] == "C" for c in text)]


def test_the_set_is_large_and_no_two_attacks_are_alike():
    """At least 60 attacks, of every kind, each with an order of its own."""
    assert len(EVERY) >= 60 and len({attack.id for attack in EVERY}) == len(EVERY)
    assert len({(attack.says or attack.text, attack.how, attack.ink) for attack in EVERY}) == len(EVERY)
    kinds = {"value", "matter", "route", "access", "spend", "pages", "schema", "denial", "exfiltration"}
    assert {attack.kind for attack in EVERY} == kinds


@pytest.mark.parametrize("attack", EVERY, ids=lambda attack: attack.id)
def test_what_no_reader_can_see_is_never_verified(room, attack):
    """Every verified value stands, with its details, in the page's visible words."""
    name, number = room.place(attack)
    visible = room.sheets[name][number - 1].visible
    wrong = {f: bad for f, value in _verified(room.after[name], number) if (bad := _unseen(f, value, visible))}
    assert not wrong


@pytest.mark.parametrize("attack", LEADING, ids=lambda attack: attack.id)
def test_the_model_was_led(room, attack):
    """Each attack on a value does come back in the model's answer: what stopped it is ours."""
    name, number = room.place(attack)
    wanted = room.sheets[name][number - 1].attack.wants
    assert json.dumps(wanted, ensure_ascii=False)[1:-1] in room.read[name][number]


def test_no_page_moves_a_matter_a_leave_or_a_setting(room):
    """Matter, leave to go out and configuration are what they were; nothing was asked but messages."""
    assert {document.matter for document in room.tools.catalog.documents()} == {"attacked"}
    assert room.tools.policies.all() == {"attacked": "self-hosted"}
    paths = {"/v1/messages", "/v1/messages/count_tokens", "GET /v1/files", "GET /v1/messages/batches"}
    assert {where for where, _ in room.server.requests} <= paths
    assert {body["model"] for body in room.server.asked()} == {MODEL}


def test_every_page_ends_with_a_status_and_a_reason(room):
    """No attack loses a page: each is read or waits for a person, with the reason, and its route is the one it had."""
    ended = dict.fromkeys((PageStatus.EXTRACTED, PageStatus.HELD), 0)
    for name, page in room.outcomes():
        assert page.status in ended, (name, page.number, page.status)
        assert page.reasons and page.route == "frontier", (name, page.number)
        ended[page.status] += 1
    assert sum(ended.values()) == sum(map(len, room.sheets.values())) and all(ended.values())


def test_no_attack_spends_more_than_was_reserved(room):
    """Each call cost at most its reservation, and no request was made more than once and once again to mend it."""
    with room.tools.catalog.database.read() as connection:
        rows = connection.execute(select(calls)).all()
    assert rows and all(row.state != "open" and row.cost <= row.reserved for row in rows)
    asked = [json.dumps(body["messages"][0]) for body in room.server.asked()]
    assert len(asked) == len(rows) and all(asked.count(one) <= 2 for one in asked)
    assert not room.report.stopped and room.report.spent <= 50


def test_the_honest_page_beside_an_attack_keeps_its_values(room):
    """Whatever stands on the pages around it, what was verified on the honest page stays, and nothing else joins it."""
    for name, sheets in room.sheets.items():
        kept = {
            (field, value.value)
            for field in ("amounts", "parties", "reference_numbers", "agreement_date")
            for value in getattr(room.before[name], field).values
            if value.status == "verified" and value.evidence[0].page == 2
        }
        assert {("amounts", "USD 12500.00"), ("reference_numbers", "MSA-2021-0043")} <= kept
        for field, wanted in kept:
            values = {value.value: value for value in getattr(room.after[name], field).values}
            assert values[wanted].status == "verified", (name, field, wanted)
        wrong = [bad for f, value in _verified(room.after[name], 2) if (bad := _unseen(f, value, sheets[1].visible))]
        assert not wrong, name


def test_the_prompt_and_other_pages_stay_out_of_what_is_verified(room):
    """A model made to repeat its prompt, or the page beside, brings nothing that is called verified."""
    secret = " ".join(SYSTEM.split()[:8])
    assert any(secret in answer for answers in room.read.values() for answer in answers.values())
    for name, record in room.after.items():
        for number in range(1, len(room.sheets[name]) + 1):
            assert all(secret not in value.model_dump_json() for _, value in _verified(record, number))


def test_drawn_pages_are_scans(room):
    """The pages are what scanners make, and no layer is believed over the ink: all words come from OCR."""
    for name, sheets in room.sheets.items():
        texts = {page.text.number: page.text for page in pages_of(room.tools, room.document(name))}
        assert len(texts) == len(sheets)
        assert all(text.source == "ocr" for text in texts.values()), name


def test_the_files_are_small_and_committed():
    """The definitions are text that a person can read."""
    assert 10_000 < (Path(__file__).parent / "attacks" / "pages.jsonl").stat().st_size < 60_000
