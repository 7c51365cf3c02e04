"""Metrics: what the catalog counts, without the name of anybody, for administrators."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from desk import client, put, tools_of
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from pipeline.access.people import People
from pipeline.errors import UsageError
from pipeline.frontier.ledger import Budget, Planned
from pipeline.inbox.space import PAUSED
from pipeline.telling.metrics import KEPT, Cached, exposition
from pipeline.telling.notices import Notice, tell
from pipeline.types import DocumentStatus
from pipeline.web.app import create_app
from pipeline.web.callers import callers_of
from pipeline.wiring import Tools


@pytest.fixture
def tools(home: Path) -> Iterator[Tools]:
    made = tools_of(home)
    yield made
    made.close()


def read(text: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    """Each series by name and label values, as Prometheus parses them."""
    return {
        (sample.name.removeprefix("muniment_"), tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_the_counts_are_the_catalogs(tools: Tools) -> None:
    """Documents, pages, runs, money, disk and what waits to be sent."""
    put(tools, "a.pdf")
    document = put(tools, "b.pdf")
    tools.catalog.set_status(document.id, DocumentStatus.HELD, "x")
    run = tools.catalog.start_run("nightly")
    tools.catalog.finish_run(run, {"read": 4.0}, {})
    call = Planned(run, document.id, "acme", (1,), "h", "m-1", Decimal("0.5"))
    tools.ledger.settle(tools.ledger.reserve(call, Budget()), Decimal("0.25"), {})
    tell(tools, Notice("disk", "full"))
    tools.catalog.set_meta(PAUSED, "12 MiB are free")
    found = read(exposition(tools))
    assert found["documents", ("held",)] == 1 and found["documents", ("received",)] == 0
    assert found["pages", ("extracted",)] == 6
    assert found["runs_total", ("nightly", "finished")] == 1
    assert found["last_success_timestamp_seconds", ("nightly",)] == pytest.approx(time.time(), abs=60)
    assert found["stage_seconds_day", ("read",)] == 4.0
    assert found["frontier_usd_day", ("m-1",)] == 0.25
    assert 0 <= found["oldest_waiting_seconds", ("held",)] < 60
    assert found["intake_paused", ()] == 1
    assert found["disk_free_bytes", ()] > 0 and found["notices_unsent", ()] == 0


def test_no_series_names_anybody(tools: Tools) -> None:
    """No matter, document, file or path."""
    document = put(tools, "canary.pdf", "canary-matter")
    assert not any(word in exposition(tools) for word in (b"canary", document.id.encode(), b"/home"))


def test_an_empty_home_has_metrics(tools: Tools) -> None:
    """A server that was just installed can be watched."""
    assert read(exposition(tools))["documents", ("done",)] == 0


def test_only_administrators_and_their_metrics_tokens_read_them(tools: Tools) -> None:
    """Nobody because of where they ask from; a stranger is refused without a page to sign in on. The token opens
    nothing else, and other tokens don't open this."""
    admin = tools.accounts.add("ada", "a long password here", admin=True)
    clerk = tools.accounts.add("ben", "a long password here")
    people = People("here", tools.accounts, tools.grants, tools.sessions, tools.audit)
    rooms = TestClient(create_app(tools, callers_of(tools)), follow_redirects=False, client=("127.0.0.1", 5000))
    token = {"authorization": f"Bearer {people.give_token(admin, 'prometheus', 1, 'metrics')}"}
    plain = {"authorization": f"Bearer {people.give_token(admin, 'reader', 1)}"}
    assert rooms.get("/metrics", headers=token).text.startswith("# HELP muniment_")
    assert [rooms.get("/metrics").status_code, rooms.get("/metrics", headers=plain).status_code] == [401, 403]
    assert rooms.get("/api/operations", headers=token).status_code == 401
    assert client(tools).get("/metrics").status_code == 403
    assert client(tools, admin=True).get("/metrics").status_code == 200
    with pytest.raises(UsageError, match="administrator"):
        people.give_token(clerk, "prometheus", 1, "metrics")


def test_they_are_made_once_in_some_seconds() -> None:
    """However often they are asked for."""
    now, made = [0.0], []
    cached = Cached(lambda: made.append(1) or b"x", lambda: now[0])
    for second in (0.0, 1.0, KEPT, KEPT + 0.1, KEPT + 1):
        now[0] = second
        cached()
    assert len(made) == 2
