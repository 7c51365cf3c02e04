"""Operations: sums inside the wall, reasons that lead to their documents, the machine for administrators only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from desk import client, put, tools_of

from pipeline.frontier.ledger import Budget, Planned
from pipeline.operations import Operations, Reason
from pipeline.tables import documents, tallies
from pipeline.types import Document, DocumentStatus, PageOutcome, PageStatus, Route
from pipeline.wiring import Tools

HOSTILE = "<script>alert(1)</script> \u202e 12"


@pytest.fixture
def tools(home: Path) -> Iterator[Tools]:
    made = tools_of(home)
    yield made
    made.close()


def waits(tools: Tools, name: str, matter: str, reason: str, page_reasons: list[tuple[str, ...]]) -> Document:
    """A document that waits, each of its pages for these reasons."""
    document = put(tools, name, matter)
    outcomes = [PageOutcome(n, Route.FRONTIER, why, PageStatus.AWAITING) for n, why in enumerate(page_reasons, 1)]
    tools.catalog.finish(document.id, DocumentStatus.AWAITING, reason, outcomes, "{}", [])
    return tools.catalog.document(document.id)


def spend(tools: Tools, document: Document, usd: str, model: str = "m-1") -> None:
    call = Planned(run=1, document=document.id, matter=document.matter, pages=(1,), destination="h", model=model,
                   most=Decimal(usd))  # fmt: skip
    tools.ledger.settle(tools.ledger.reserve(call, Budget()), Decimal(usd), {})


def test_what_waits_is_grouped_by_reason_and_leads_to_its_pages(tools: Tools) -> None:
    """Reasons that differ in a figure only are one; a page counts under each of its reasons."""
    unsure = [("OCR confidence 0.51 is under 0.85", "needs the frontier model"), ("OCR confidence 0.7 is under 0.85",)]
    document = waits(tools, "a.pdf", "acme", "2 of 2 pages awaiting escalation", unsure)
    rejected = put(tools, "b.pdf", "acme")
    tools.catalog.set_status(rejected.id, DocumentStatus.REJECTED, "not a PDF: no %PDF- in its first 1024 bytes")
    rooms = client(tools, "acme")
    waiting = rooms.get("/api/operations").raise_for_status().json()["waiting"]
    found = {(each["what"], each["status"], each["text"]): each["count"] for each in waiting}
    assert found == {
        ("documents", "rejected", "not a PDF: no %PDF- in its first # bytes"): 1,
        ("pages", "awaiting escalation", "OCR confidence # is under #"): 2,
        ("pages", "awaiting escalation", "needs the frontier model"): 1,
    }
    for each in waiting:
        assert each["address"].replace("&", "&amp;") in rooms.get("/operations").text
        [behind] = rooms.get(f"/api{each['address']}").json()
        assert behind["document"] == (rejected if each["what"] == "documents" else document).id
        assert behind["name"] in rooms.get(each["address"]).text
    pages = next(each for each in waiting if each["text"].startswith("OCR"))
    assert rooms.get(f"/api{pages['address']}").json()[0]["pages"] == [1, 2]


def test_sums_are_those_of_a_home_without_the_other_matters(tools: Tools, tmp_path: Path) -> None:
    """Counts, days, reasons and spend of a caller equal, number by number, those of a home that holds their matters
    only; so does every address."""
    alone = tools_of(tmp_path / "alone")
    for home in (tools, alone):
        mine = waits(home, "mine.pdf", "acme", "1 of 1", [("faint print: contrast 0.2",)])
        spend(home, mine, "1.25")
    theirs = waits(tools, "canary.pdf", "dune", "canary reason", [("canary page reason",)])
    spend(tools, theirs, "7.5", "canary-model")
    here, there = (client(home, "acme").get("/api/operations").json() for home in (tools, alone))
    assert here == there
    assert here["spent_by_model"][0]["usd"] == "1.25"
    rooms = client(tools, "acme")
    hidden = "/operations/waiting?what=pages&status=awaiting+escalation&text=canary+page+reason"
    for address in ("/operations", "/api/operations", hidden, f"/api{hidden}"):
        text = rooms.get(address).text
        assert "canary.pdf" not in text and "canary-model" not in text and theirs.id not in text
    assert rooms.get(f"/api{hidden}").json() == []
    alone.close()


def test_the_machine_is_for_administrators(tools: Tools) -> None:
    """Runs, speed, models with their hash, index and disk; an administrator's sums of documents stay their matters'."""
    put(tools, "a.pdf", "acme")
    put(tools, "b.pdf", "dune")
    run = tools.catalog.start_run("ingest")
    tools.catalog.finish_run(run, {"read": 20.0, "index": 5.0}, {"documents": 2, "pages": 10})
    plain, admin = client(tools, "acme"), client(tools, "acme", admin=True)
    assert plain.get("/api/operations").json()["machine"] is None
    assert "SHA-256" not in plain.get("/operations").text and "Runs" not in plain.get("/operations").text
    seen = admin.get("/api/operations").json()
    assert seen["documents"] == {"done": 1}
    machine = seen["machine"]
    assert [(run["kind"], run["status"], run["totals"]["pages"]) for run in machine["runs"]] == [
        ("ingest", "finished", 10)
    ]
    assert {rate["stage"]: rate["pages_a_second"] for rate in machine["rates"]} == {"read": 0.5, "index": 2.0}
    assert machine["models"][0]["sha256"] == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert machine["disk_total"] > machine["disk_free"] > 0
    assert (machine["indexed"], machine["indexable"]) == (0, 2)
    assert "53aa51172d142c89" in admin.get("/operations").text


def test_days_are_days_of_this_machines_clock(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document received a minute before local midnight came in on that day, in any time zone."""
    document = put(tools, "a.pdf")
    for zone in ("UTC", "Pacific/Auckland", "America/Los_Angeles"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        midnight = time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))
        with tools.catalog.database.write() as connection:
            connection.execute(sa.update(documents).values(received=midnight - 60))
        [day] = Operations(tools.catalog.database).arrived(["acme"], 30)
        assert day.day.isoformat() == time.strftime("%Y-%m-%d", time.localtime(midnight - 60)), zone
    monkeypatch.undo()
    time.tzset()
    assert document.status is DocumentStatus.DONE


def test_tallies_follow_the_pages(tools: Tools) -> None:
    """A record made anew counts its pages anew; the pages' sums are those of the pages themselves."""
    document = waits(tools, "a.pdf", "acme", "x", [("one",), ("one", "two")])
    tools.catalog.set_pages(document.id, [PageOutcome(1, Route.TEXT, ("fine",), PageStatus.EXTRACTED)])
    sums = Operations(tools.catalog.database)
    assert sums.totals(["acme"])[1] == {"extracted": 1}
    assert [reason for reason in sums.waiting(["acme"]) if reason.what == "pages"] == []
    with tools.catalog.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tallies)).scalar() == 2


def test_hostile_reasons_and_names_are_text(tools: Tools) -> None:
    """They lead to their documents like any other, and nothing of them is markup."""
    waits(tools, f"{HOSTILE}.pdf", "acme", HOSTILE, [(HOSTILE,)])
    rooms = client(tools, "acme", admin=True)
    for each in rooms.get("/api/operations").json()["waiting"]:
        shown = rooms.get(each["address"])
        assert shown.status_code == 200
        assert "<script>alert" not in shown.text and "\u202e" not in shown.text
        assert len(rooms.get(f"/api{each['address']}").json()) == 1
    assert "<script>alert" not in rooms.get("/operations").text
    assert rooms.get("/operations/waiting?what=tables&status=x&text=y").status_code == 404


def test_an_empty_home_says_so(tools: Tools) -> None:
    """No sum fails for want of documents, runs or matters."""
    for rooms in (client(tools), client(tools, "acme", admin=True)):
        text = rooms.get("/operations").raise_for_status().text
        assert "Nothing is held, rejected or awaiting" in text and "Nothing came in" in text
    sums = Operations(tools.catalog.database)
    assert sums.behind(Reason("pages", "held", "x"), [], 10) == []


def test_the_description_of_the_api_is_complete(tools: Tools) -> None:
    """Every route of these rooms under /api says what it answers."""
    described = client(tools).get("/openapi.json").json()
    ours = {path: each for path, each in described["paths"].items() if path.startswith("/api/") and any(
        word in path for word in ("review", "corrections", "deadlines", "operations"))}  # fmt: skip
    assert len(ours) >= 9
    for path, methods in ours.items():
        for method, each in methods.items():
            assert each.get("description"), (method, path)
            answer = each["responses"]["200"].get("content", {"none": {}})
            assert path.endswith("golden") or answer["application/json"]["schema"], (method, path)
