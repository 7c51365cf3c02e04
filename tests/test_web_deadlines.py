"""The list of deadlines and its feed: order, filters, links, walls, and what a calendar program is given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import icalendar
import pytest
from desk import CSRF, client, put, record, tools_of, value

from pipeline.cli import main
from pipeline.days.calendar_feed import calendar
from pipeline.days.deadlines import Deadline
from pipeline.days.moved import Amendment, moved_by
from pipeline.derive import derive
from pipeline.digests import Due
from pipeline.web.app import create_app
from pipeline.web.callers import callers_of
from pipeline.wiring import Tools
from schemas.fields import Evidence

AUTOMATIC = "shall automatically renew for successive terms of one year"
HOSTILE = "a\r\nEND:VEVENT\r\nX-EVIL:1;\\n,\u202e\x00<script>" + "ü" * 300


@pytest.fixture
def tools(home: Path) -> Iterator[Tools]:
    made = tools_of(home)
    yield made
    made.close()


def in_days(days: int) -> str:
    return (date.today() + timedelta(days=days)).isoformat()


def lease(tools: Tools, name: str = "lease.pdf", matter: str = "acme", days: int = 200) -> Any:
    return put(tools, name, matter, kind="lease", expiration_date=value(in_days(days), page=2),
               renewal_term=value("1 year", quote=AUTOMATIC, page=3),
               notice_period=value("60 days", quote="sixty days before renewal", page=3))  # fmt: skip


def listed(rooms: Any, query: str = "") -> list[dict[str, Any]]:
    return list(rooms.get(f"/api/deadlines{query}").raise_for_status().json()["deadlines"])


def events(data: bytes) -> list[icalendar.Event]:
    return [part for part in icalendar.Calendar.from_ical(data).walk("VEVENT") if isinstance(part, icalendar.Event)]


def test_the_next_comes_first_and_leads_to_its_passage(tools: Tools) -> None:
    """Notice before renewal, each with its rule, linked to the page of the passage it follows from."""
    document = lease(tools)
    put(tools, "old.pdf", kind="lease", expiration_date=in_days(-10))
    put(tools, "open.pdf", kind="lease", term="3 years")
    rooms = client(tools, "acme")
    assert [(each["kind"], each["due"]) for each in listed(rooms)] == [
        ("notice", in_days(140)),
        ("renewal", in_days(200)),
    ]
    assert [each["name"] for each in listed(rooms, "?view=past")] == ["old.pdf"]
    assert [each["rule"] for each in listed(rooms, "?view=undated")] == [
        "a term of 3 years from an effective date that was not read"
    ]
    text = rooms.get("/deadlines").text
    assert text.index("Notice by") < text.index("in 200 days")
    assert f'href="/documents/{document.id}/pages/3"' in text
    assert "in 140 days" in text
    of_one = rooms.get(f"/api/documents/{document.id}/deadlines").json()
    assert [each["kind"] for each in of_one] == ["notice", "renewal"]


def test_filters_and_counts(tools: Tools) -> None:
    """By kind, matter and range of days; counts are of all kinds in the range, so that each can be chosen."""
    lease(tools)
    lease(tools, "other.pdf", "dune", days=400)
    rooms = client(tools, "acme", "dune")
    assert len(listed(rooms)) == 4
    assert [each["kind"] for each in listed(rooms, "?kind=notice&kind=expiry")] == ["notice", "notice"]
    assert {each["matter"] for each in listed(rooms, "?matter=dune")} == {"dune"}
    assert [each["due"] for each in listed(rooms, f"?since={in_days(150)}&through={in_days(350)}")] == [
        in_days(200), in_days(340),
    ]  # fmt: skip
    counts = rooms.get(f"/api/deadlines?kind=notice&through={in_days(250)}").json()["counts"]
    assert counts == {"notice": 1, "renewal": 1, "expiry": 0, "payment": 0}
    for wrong in ("?kind=birthday", "?view=all", "?since=tomorrow"):
        assert rooms.get(f"/api/deadlines{wrong}").status_code == 422
    assert len(listed(rooms, "?matter=")) == 4  # as the form sends "all"


def test_other_matters_do_not_exist(tools: Tools) -> None:
    """Not in the list, the counts, the feed or a document's own deadlines."""
    lease(tools)
    theirs = lease(tools, "canary.pdf", "dune")
    rooms = client(tools, "acme")
    for address in ("/deadlines", "/deadlines?matter=dune", "/api/deadlines", "/deadlines.ics"):
        answer = rooms.get(address)
        assert answer.status_code == 200
        assert "canary" not in answer.text and theirs.id not in answer.text
    assert rooms.get("/api/deadlines").json()["counts"]["notice"] == 1
    unknown = [rooms.get(f"/api/documents/{id}/deadlines") for id in (theirs.id, "0" * 12)]
    assert (unknown[0].status_code, unknown[0].text) == (404, unknown[1].text)
    assert "Nothing is due" in client(tools).get("/deadlines").text


def test_the_feed_is_a_calendar(tools: Tools) -> None:
    """All-day events with a stable UID that moves with the day, a stamp, a link to the passage, an alarm if wanted."""
    document = lease(tools)
    rooms = client(tools, "acme")
    answer = rooms.get("/deadlines.ics?alarm=14")
    assert answer.headers["content-type"].startswith("text/calendar")
    notice, renewal = events(answer.content)
    assert (notice["UID"], renewal["UID"]) == (f"{document.id}-notice@muniment", f"{document.id}-renewal@muniment")
    assert (notice["DTSTART"].dt, notice["DTEND"].dt) == (
        date.today() + timedelta(days=140),
        date.today() + timedelta(days=141),
    )
    assert notice["DTSTART"].params["VALUE"] == "DATE"
    assert notice["URL"] == f"http://testserver/documents/{document.id}/pages/3"
    assert "counted back from" in notice["DESCRIPTION"]
    assert notice.walk("VALARM")[0]["TRIGGER"].dt == timedelta(days=-14)
    lease(tools, days=230)
    moved = events(rooms.get("/deadlines.ics").content)[0]
    assert (moved["UID"], moved["DTSTART"].dt) == (notice["UID"], date.today() + timedelta(days=170))
    assert not moved.walk("VALARM")


def test_hostile_text_stays_inside_its_property() -> None:
    """Line breaks, separators, control and direction characters of a name or a rule end no event and begin no other
    property; every line is folded at 75 octets."""
    evidence = (Evidence(page=1, quote=HOSTILE),)
    deadline = Deadline("expiry", "expiry", "2027-03-31", HOSTILE, "verified", 0.9, evidence)
    data = calendar([Due("0" * 12, HOSTILE, HOSTILE, deadline)], "http://a/", datetime(2026, 1, 1, tzinfo=UTC))
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    [event] = events(data)
    assert set(event) == {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "URL", "TRANSP"}
    assert "END:VEVENT" in event["SUMMARY"] and "<script>" in event["SUMMARY"]
    assert "\u202e" not in data.decode() and b"\x00" not in data


def test_the_address_of_a_feed_opens_the_feed_and_nothing_else(tools: Tools) -> None:
    """With the real accounts: made by its owner, shown once, it shows what the owner may see at that moment, is no API
    token, and ends when it is revoked."""
    from fastapi.testclient import TestClient

    user = tools.accounts.add("ada", "a very long correct horse battery staple")
    lease(tools)
    tools.grants.set(user.id, "acme", allowed=True)
    person = client(tools, "acme")
    assert user.id == 1
    address = person.post("/api/deadlines/feed", headers={"x-csrf-token": CSRF}).raise_for_status().json()["address"]
    query = address.partition("?")[2]
    program = TestClient(create_app(tools, callers_of(tools)), follow_redirects=False)
    assert len(events(program.get(f"/deadlines.ics?{query}").raise_for_status().content)) == 2
    secret = query.partition("=")[2]
    bearer = {"authorization": f"Bearer {secret}"}
    assert program.get("/api/deadlines", headers=bearer).status_code == 401
    assert program.get(f"/api/deadlines?{query}").status_code == 401
    assert program.get("/deadlines.ics").status_code == 303
    whole = tools.sessions.give(user.id, "a program")
    assert program.get("/api/deadlines", headers={"authorization": f"Bearer {whole}"}).status_code == 200
    assert program.get(f"/deadlines.ics?token={whole}").status_code == 404
    assert "Make an address" in person.get("/deadlines").text and secret not in person.get("/deadlines").text
    tools.grants.withdraw(user.id, "acme")
    assert events(program.get(f"/deadlines.ics?{query}").content) == []
    token = next(token for token in tools.sessions.tokens(user.id) if "calendar" in token.label)
    tools.sessions.revoke(user.id, token.id)
    assert program.get(f"/deadlines.ics?{query}").status_code == 404


def test_the_command_lists_what_the_room_lists(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    """Next, past and undated ones, as lines and as JSON."""
    import json

    lease(tools)
    put(tools, "open.pdf", "dune", kind="lease", term="3 years")
    assert main(["deadlines", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["deadlines"]
    assert [(each["name"], each["kind"]) for each in found] == [("lease.pdf", "notice"), ("lease.pdf", "renewal")]
    assert main(["deadlines", "--undated", "--matter", "dune"]) == 0
    assert "a term of 3 years from an effective date that was not read" in capsys.readouterr().out
    assert main(["deadlines", "--past"]) == 0
    assert capsys.readouterr().out == "None.\n"


@pytest.mark.parametrize("first", ["lease", "amendment"])
def test_what_is_amended_says_so_whichever_came_first(tools: Tools, first: str) -> None:
    """An amendment of the same matter may change the day: list and feed name it beside the rule."""
    shared = {"parties": (value("Acme Ltd", "parties"), value("Bolt LLC", "parties")), "kind": "lease"}
    for name in ("lease", "amendment") if first == "lease" else ("amendment", "lease"):
        if name == "lease":
            put(tools, "lease.pdf", title="Office Lease", agreement_date="2020-01-31", document_number="L-7",
                expiration_date=in_days(90), **shared)  # fmt: skip
        else:
            amends = value("Office Lease", "amends", date="2020-01-31", number="L-7")
            put(tools, "first-amendment.pdf", amends=amends, **shared)
    put(tools, "lone.pdf", "dune", kind="lease", expiration_date=in_days(95))
    rooms = client(tools, "acme", "dune")
    found = {each["name"]: each["amended_by"] for each in listed(rooms)}
    assert found == {"lease.pdf": ["first-amendment.pdf"], "lone.pdf": []}
    assert "Amended by first-amendment.pdf: the day may be another" in rooms.get("/deadlines").text
    assert "Amended by first-amendment.pdf" in events(rooms.get("/deadlines.ics").content)[0]["DESCRIPTION"]


def test_the_day_an_amendment_states_stands_beside_the_old_one(tools: Tools) -> None:
    """Proven on the amendment's page, it is shown with its rule and leads there; the agreement's own day stays."""
    shared = {"parties": (value("Acme Ltd", "parties"), value("Bolt LLC", "parties")), "kind": "lease"}
    document = put(tools, "lease.pdf", title="Office Lease", agreement_date="2020-01-31", document_number="L-7",
                   expiration_date=in_days(200), notice_period=value("60 days", quote="before expiry", page=3),
                   renewal_term=value("1 year", quote=AUTOMATIC), **shared)  # fmt: skip
    later = value(in_days(300), page=2, quote="shall expire on that day")
    notice = value("30 days", quote="thirty days before the end of the term", page=2)
    amends = value("Office Lease", "amends", date="2020-01-31", number="L-7")
    amendment = put(tools, "second.pdf", amends=amends, expiration_date=later, notice_period=notice, **shared)
    rooms = client(tools, "acme")
    found = {(each["name"], each["kind"]): each for each in listed(rooms)}
    assert document.id == found["lease.pdf", "renewal"]["document"]
    for kind, old, new in (("notice", 140, 270), ("renewal", 200, 300)):
        line = found["lease.pdf", kind]
        assert line["due"] == in_days(old)
        [other] = line["moved"]
        assert (other["by"], other["document"], other["page"]) == ("second.pdf", amendment.id, 2)
        assert other["due"] == in_days(new)
    text = rooms.get("/deadlines").text
    assert f'href="/documents/{amendment.id}/pages/2"' in text and "the day may be another" not in text
    description = next(each for each in events(rooms.get("/deadlines.ics").content) if "lease" in each["SUMMARY"])
    assert f"By amendment second.pdf it would be {in_days(270)}" in description["DESCRIPTION"]


UNSTATED = {
    "not verified": {"expiration_date": value("2040-01-01", doubt="weak")},
    "computed": {"expiration_date": value("2040-01-01", derived="term", status="unverified")},
    "read in several ways": {"expiration_date": (value("2040-01-01"), value("2041-01-01"))},
    "an extension": {"term": value("2 years", quote="the term is extended by two years")},
    "the same day": {"expiration_date": value("2030-01-01")},
    "something else": {"governing_law": value("Ohio")},
}


@pytest.mark.parametrize("fields", UNSTATED.values(), ids=UNSTATED)
def test_an_amendment_moves_no_day_by_what_it_does_not_prove(fields: dict[str, Any]) -> None:
    """Nor by how much is added to a term."""
    agreement = record(kind="lease", effective_date="2026-01-01", expiration_date="2030-01-01")
    assert moved_by(agreement, Amendment("a", "a.pdf", record("a", **fields)), date(2026, 5, 1)) == {}


def test_a_new_term_counts_from_the_old_beginning() -> None:
    """A day that was computed is computed anew; one that is printed stays until an amendment gives another."""
    agreement = derive(record(kind="lease", effective_date="2026-01-01", term=value("3 years")), ())
    amendment = Amendment(
        "a", "a.pdf", record("a", term=value("5 years", quote="the term shall be five years", page=3))
    )
    moved = moved_by(agreement, amendment, date(2026, 5, 1))
    assert {id: (each.due, each.page) for id, each in moved.items()} == {"expiry": ("2031-01-01", 3)}
    printed = record(kind="lease", effective_date="2026-01-01", term="3 years", expiration_date="2028-12-31")
    assert moved_by(printed, amendment, date(2026, 5, 1)) == {}
