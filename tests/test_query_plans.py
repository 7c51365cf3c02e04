"""What is asked with a page view, a search, a document or a poll reads no table through that grows with the firm.

A small home lives: files are dropped, taken in and worked off, people look at every page of the web application. Each
SQL statement of that life is then explained by SQLite, whose plans hang on no statistics here: they are those of a
large home.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any

import pytest
from desk import put, value
from fastapi.testclient import TestClient
from pdfs import born_digital
from sqlalchemy import Engine, event
from test_amendments import AGREEMENT, AMENDMENT

from infra.measure.web_requests import request, routes
from pipeline.access.sessions import csrf_of
from pipeline.corrections import Correction
from pipeline.frontier.ledger import Budget, Planned
from pipeline.frontier.waits import Waits
from pipeline.inbox.watch import Watcher
from pipeline.run import work_off
from pipeline.settings import load_settings
from pipeline.tables import metadata
from pipeline.types import Document
from pipeline.web.app import create_app
from pipeline.web.callers import callers_of
from pipeline.wiring import Tools, open_tools

PASSWORD = "a horse of another colour"
REQUESTS = 2  # to each route, their parameters drawn
MATTERS = ("harbor", "acme", "dune")

SMALL = {"users", "tokens", "subjects", "sessions", "attempts", "leases", "matters", "retention"}
"""Tables with a row a person, a matter, or what is swept as it ends; every other one grows with what comes in."""

NARROW = {"rowid", "id", "document", "sha256", "key", "name_key", "target", "earlier", "user", "run", "who"}
"""Columns of which one value names one thing, or what one person or run did. One matter is narrow, too; all those of a
caller may be the whole firm."""

BY_STATUS = "documents USING INDEX documents_by_status (status=?)"
BY_MATTER = "documents USING COVERING INDEX documents_by_matter (matter=?)"

ALLOWED = {
    # what waits for a person or a run: it grows with the work that is left undone
    (BY_STATUS, "documents.status = ? ORDER BY documents.received"): "received, and not worked off yet",
    (BY_STATUS, "GROUP BY documents.status, documents.reason"): "held, rejected or received, and why",
    (BY_STATUS, "min(documents.received)"): "the oldest that waits",
    (BY_STATUS, "told.document"): "held or rejected, and people were told or not; once a minute",
    ("SCAN told", "DELETE FROM told"): "likewise",
    ("INDEX tallies_waiting (status=?", "tallies.reason"): "pages that wait, and why",
    ("USING INDEX batches_by_state (state=?)", "batches.state IN"): "batches under way",
    ("notices_by_due (due>?)", "count(*)"): "notices not sent yet",
    ("digests_by_version (version", "UNION ALL"): "digests that whoever looks next makes anew",
    # the last hours or days, or a kind of which there is one a night
    ("runs_by_time (started>?)", "runs"): "the runs of three days",
    ("calls_by_time (started>?)", "calls"): "the calls of today, or since the oldest batch under way",
    ("calls_by_matter (matter=? AND started>?)", "calls"): "the calls of a month",
    ("runs_by_kind (kind=?)", "runs.kind = ?"): "nightly runs, or escalations",
    # lists that are walked in the order of an index until the page is full
    ("SCAN doubts USING INDEX doubts_by_rank", "LIMIT"): "the queue; to its end for who has next to nothing in it",
    ("deadlines USING INDEX deadlines_by_day (due", "LIMIT"): "deadlines; likewise",
    (BY_MATTER, "documents.id IN (SELECT documents.id"): "the list of documents: ids from an index alone",
    # sums that a page shows, each from an index alone
    (BY_MATTER, "count(*)"): "documents by matter, status or day",
    ("tallies_whole", "sum(tallies.pages)"): "pages by status",
    ("COVERING INDEX documents_by_status", "count(*)"): "documents by status",
    ("documents_indexed", "count(*)"): "documents in the index",
    ("COVERING INDEX doubts_by_rank", "count(*)"): "the queue",
    ("COVERING INDEX deadlines_by_day (due", "count(*)"): "deadlines",
    ("COVERING INDEX runs_by_kind", "count(*)"): "runs by kind and end, once in five seconds at most",
    ("documents_by_matter", "WITH RECURSIVE there"): "one search for each matter there is",
    # asked for expressly, by few
    ("audit", "FROM audit WHERE"): "an administrator's question to the log, and its verification",
    ("SCAN grants", "FROM grants WHERE 1 = 1"): "the list of all people",
    ("corrections_by_matter (matter=?)", "SELECT DISTINCT corrections.document"): "the export of a golden set",
    ("documents_by_matter (matter=?)", "IN (?, ?, ?) ORDER BY documents.received, documents.id"): "the same",
}
"""Parts of a step and of its statement that may read more, and what they read."""


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sqlite3.Connection, dict[str, Any]]]:
    """The catalog of a home that lived, and its statements, each with parameters."""
    settings = load_settings(
        home=tmp_path_factory.mktemp("plans"), settle_seconds=0.1, poll_seconds=0.02, workers=1, min_free_mb=16,
        frontier_url="http://127.0.0.1:9", frontier_kind="self-hosted", frontier_prices="1/1",
    )  # fmt: skip
    with open_tools(settings) as tools:
        tools.catalog.meta("")  # migrated before anybody listens
        with _listening() as statements:
            _live(tools)
        tools.release_index()
    with closing(sqlite3.connect(settings.root / "catalog.sqlite")) as connection:
        yield connection, statements


@pytest.mark.skipif(
    sqlite3.sqlite_version_info[:2] != (3, 40), reason="ALLOWED is written in the words of SQLite 3.40's plans"
)
def test_no_hot_statement_reads_a_table_through(heard: tuple[sqlite3.Connection, dict[str, Any]]) -> None:
    """Every step over a growing table is a search for one thing, or is named above with its reason."""
    connection, statements = heard
    assert len(statements) > 100, "the home did not live"
    wide = [(step, " ".join(text.split())) for text, row in statements.items() for step in _wide(connection, text, row)]
    needed = {each: _allowing(*each) for each in wide}
    assert [each for each, allowing in needed.items() if not allowing] == []
    assert ALLOWED.keys() - set().union(*needed.values()) == set(), "allowed, and nothing needs it"


def test_a_statement_that_reads_a_table_through_is_seen(heard: tuple[sqlite3.Connection, dict[str, Any]]) -> None:
    """Pairs alone, as searches once asked for stage results, are found by walking over the pages of the firm."""
    pairs = "SELECT payload FROM documents JOIN results ON results.sha256 = documents.sha256 WHERE stage = 'read' AND "
    pairs += "(documents.id, results.page) IN (VALUES ('a', 1), ('b', 2), ('c', 3))"
    assert _wide(heard[0], pairs, ()) == ["SCAN results"]
    assert _wide(heard[0], "SELECT id FROM documents WHERE status = 'done'", ())
    assert _wide(heard[0], "SELECT id FROM documents WHERE id LIKE 'ab%'", ())
    assert not _wide(heard[0], "SELECT id FROM documents WHERE id >= 'ab' AND id < 'abg'", ())


# ---- the life of a home


@contextmanager
def _listening() -> Iterator[dict[str, Any]]:
    """The statements that are executed meanwhile, lists of parameters made as long as each other."""
    found: dict[str, Any] = {}

    def hear(_connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, many: bool) -> None:
        found.setdefault(text, parameters[0] if many else parameters)

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", hear)


def _live(tools: Tools) -> None:
    folder = tools.settings.inbox_dir / "harbor"
    folder.mkdir(parents=True)
    number = " (Contract No. MSA-2024-0117)"
    born_digital(folder / "agreement.pdf", *[AGREEMENT.format(date="March 4, 2024")] * 4)
    born_digital(folder / "amendment.pdf", AMENDMENT.format(number=number))
    documents: list[Document] = []
    Watcher(tools, documents.extend, lambda _: None).run(once=True)
    work_off(tools)
    doubtful = value("Ohio", doubt="loose", confidence=0.5)
    documents += [put(tools, "held.pdf", matter, held=2, governing_law=doubtful) for matter in MATTERS[1:]]
    _spend(tools)
    tools.accounts.add("Root", PASSWORD, admin=True, first=True)
    [first, *_] = tools.digests.queue(MATTERS)
    said = Correction(first.document, first.doubt.field, first.doubt.key, "accepted", "Root", value="Ohio")
    tools.corrections.record(said)
    _look(tools, [document.id for document in documents])


def _spend(tools: Tools) -> None:
    """A call of a budget, and why a page waits, with everything that is asked on the way."""
    tools.policies.set("acme", "self-hosted")
    call = Planned(1, "d", "acme", (1,), "h", "m", Decimal("0.1"))
    tools.ledger.settle(tools.ledger.reserve(call, Budget(Decimal(9), Decimal(9), Decimal(9))), Decimal("0.1"), {})
    tools.batches.prepare("acme", "h")
    assert Waits(tools).of("d", "acme", 1)


def _look(tools: Tools, documents: list[str]) -> None:
    """Each page of the web application, as an administrator who may see every matter asks for it."""
    app = create_app(tools, callers_of(tools))
    with TestClient(app, base_url="http://localhost", follow_redirects=False) as client:
        for route in routes(app):
            drawn = random.Random(route.name)  # of its own: a new route changes no other's requests
            for _ in range(REQUESTS):
                asked = request(route, _aimed(documents), drawn)
                _ask(tools, client, asked.method, asked.url, content=asked.content, headers=asked.headers)
        _ask(tools, client, "GET", "/api/search?q=services+platform")
        for reason in _ask(tools, client, "GET", "/api/operations").json()["waiting"]:
            _ask(tools, client, "GET", reason["address"])
    for name in (documents[0][:6], "agreement.pdf"):
        tools.catalog.document(name)


def _ask(tools: Tools, client: TestClient, method: str, url: str, **more: Any) -> Any:
    """Signed in anew where a request before ended that, with every matter granted where one took some away."""
    root = tools.accounts.user("Root").id
    if not tools.grants.every_matter(root):
        for grant in tools.grants.of(root):
            tools.grants.withdraw(root, grant.matter)
        tools.grants.set(root, "*", allowed=True)
    if tools.sessions.by_cookie(client.cookies.get("muniment", "")) is None:
        client.cookies = {"muniment": tools.sessions.open(root)}
    headers = more.pop("headers", {}) | {"x-csrf-token": csrf_of(client.cookies["muniment"])}
    answer = client.request(method, url, headers=headers, **more)
    assert answer.status_code < 500, f"{method} {url}"
    return answer


def _aimed(documents: list[str]) -> Any:
    def aim(name: str, schema: dict[str, Any], drawn: random.Random) -> Any:
        if schema.get("type") == "array":
            return [aim(name, schema.get("items", {}), drawn)]
        if schema.get("type") in ("integer", "number"):
            return drawn.choice((1, 2))
        if any(part in name for part in ("dated", "since", "through")):
            return drawn.choice(("2020-01-01", "2030-01-01"))
        pools = {"document": documents, "matter": MATTERS, "password": [PASSWORD + "s"]}
        return drawn.choice(schema.get("enum") or pools.get(name, ("services", "Root", "true")))

    return aim


# ---- plans


def _wide(connection: sqlite3.Connection, text: str, parameters: Any) -> list[str]:
    """The steps of the statement's plan that may read a growing table through."""
    if not re.match(r"(?i)\s*(select|insert|update|delete|with)\b", text):
        return []
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]
    first = "LIMIT" in text and "WHERE" not in text.replace("WHERE 1 = 1", "") and not any("TEMP" in s for s in steps)
    narrow = NARROW if "matter IN (?, " in text else NARROW | {"matter"}
    return [] if first else [step for step in steps if _is_wide(step, narrow)]


def _allowing(step: str, text: str) -> set[tuple[str, str]]:
    return {(part, within) for part, within in ALLOWED if part in step and within in text}


def _is_wide(step: str, narrow: set[str]) -> bool:
    """Whether it looks at a growing table by none of these columns: for one value, or between two."""
    found = re.match(r"(SCAN|SEARCH) (\w+)", step)
    if not found or re.sub(r"_\d+$", "", found[2]) not in metadata.tables.keys() - SMALL:
        return False
    searched = re.findall(r"(\w+)=\?|(\w+)>\? AND \2<\?", step)
    return not narrow.intersection(column for pair in searched for column in pair)
