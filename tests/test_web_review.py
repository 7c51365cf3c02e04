"""The review queue: order, one word a form, clashes, undo, walls, hostile text; and its keys in a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import pytest
from desk import CSRF, client, put, tools_of, value

from pipeline.corrections import value_key
from pipeline.types import Document
from pipeline.web.guard import Caller
from pipeline.wiring import Tools

HOSTILE = "<script>window.hacked=1</script>\"'><img src=x onerror=window.hacked=2>\u202efdp\x00"


@pytest.fixture
def tools(home: Path) -> Iterator[Tools]:
    made = tools_of(home)
    yield made
    made.close()


def unsure(tools: Tools, name: str = "a.pdf", matter: str = "acme", confidence: float = 0.4) -> Document:
    """A document with one doubt: whose law governs it."""
    return put(tools, name, matter, governing_law=value("Ohio", page=2, doubt="loose", confidence=confidence))


def items(rooms: Any, query: str = "") -> list[dict[str, Any]]:
    return list(rooms.get(f"/api/review{query}").raise_for_status().json()["items"])


def form(item: dict[str, Any], verdict: str, **more: Any) -> dict[str, Any]:
    kept = {name: item[name] for name in ("document", "field", "key", "made_on", "at")}
    return kept | {"csrf": CSRF, "verdict": verdict} | more


def test_the_least_certain_comes_first_with_all_a_person_needs(tools: Tools) -> None:
    """The passage, why it is doubtful, the other readings, and how much there is to do."""
    unsure(tools, "sure.pdf", confidence=0.8)
    first = unsure(tools, "unsure.pdf", confidence=0.2)
    readings = (value("Ohio", doubt="x", quote="laws of Ohio"), value("Utah", doubt="x", quote="laws of Utah", page=3))
    put(tools, "both.pdf", governing_law=readings)
    rooms = client(tools, "acme")
    found = items(rooms)
    assert [(item["name"], item["rank"]) for item in found] == [
        ("both.pdf", "conflict"),
        ("unsure.pdf", "unsure"),
        ("sure.pdf", "unsure"),
    ]
    assert [other["value"] for other in found[0]["others"]] == ["Utah"]
    text = rooms.get("/review").text
    for said in ("governing law was read in two ways", "laws of Ohio", "laws of Utah", "<b>1</b> read in several ways"):
        assert said in text
    assert f"/documents/{first.id}" not in text  # one at a time


def test_a_word_is_kept_and_the_next_value_follows(tools: Tools) -> None:
    """Without a script: post, redirect, the next one, and what was said can be taken back from there."""
    document, other = unsure(tools, "a.pdf", confidence=0.1), unsure(tools, "b.pdf")
    rooms = client(tools, "acme")
    answer = rooms.post("/review", data=form(items(rooms)[0], "accepted"))
    assert answer.status_code == 303
    shown = rooms.get(answer.headers["location"]).text
    assert f"/documents/{other.id}" in shown
    assert "You said <b>accepted</b> “Ohio”" in shown
    [made] = rooms.get(f"/api/documents/{document.id}/corrections").json()
    assert (made["verdict"], made["value"], made["who"], made["machine"]["value"]) == (
        "accepted",
        "Ohio",
        "ada",
        "Ohio",
    )
    undone = rooms.post("/review/undo", data={"csrf": CSRF})
    assert f"/documents/{document.id}" in rooms.get(undone.headers["location"]).text
    assert len(items(rooms)) == 2


def test_a_value_that_is_none_is_refused_in_its_place(tools: Tools) -> None:
    """The same value again, with the reason beside what was typed; then the corrected one goes through."""
    put(tools, "a.pdf", kind="lease", parties="Bolt LLC", agreement_date="2020-01-01",
        expiration_date=value("2027-01-01", doubt="loose"))  # fmt: skip
    rooms = client(tools, "acme")
    item = items(rooms)[0]
    refused = rooms.post("/review", data=form(item, "corrected", value="03/04/2027", page=1))
    assert refused.status_code == 400
    assert "this date can be 2027-03-04 or 2027-04-03" in refused.text
    assert 'value="03/04/2027"' in refused.text
    assert rooms.post("/review", data=form(item, "corrected", value="4 March 2027", page=1)).status_code == 303
    assert items(rooms) == []


def test_two_reviewers_of_one_value(tools: Tools) -> None:
    """Who comes second is told who was first, keeps working, and has changed nothing."""
    unsure(tools, "a.pdf", confidence=0.1)
    next_one = unsure(tools, "b.pdf")
    ada, bob = client(tools, "acme"), client(tools, "acme", name="bob")
    item = items(ada)[0]
    assert items(bob)[0] == item
    ada.post("/review", data=form(item, "accepted"))
    clash = bob.post("/review", data=form(item, "absent"))
    assert clash.status_code == 409
    assert "nothing was kept: ada said what it is after you opened it" in clash.text
    assert f"/documents/{next_one.id}" in clash.text
    history = bob.get(f"/api/documents/{item['document']}/corrections").json()
    assert [each["verdict"] for each in history] == ["accepted"]
    late = {name: item[name] for name in ("document", "field", "key", "made_on")} | {"verdict": "absent"}
    answer = client(tools, "acme", name="bob", csrf="").post("/api/review", json=late)
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")


def test_skipping_goes_on_and_nothing_is_lost(tools: Tools) -> None:
    """The addresses of the skips lead through the whole queue once; at its end it says that the skipped are there."""
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        put(tools, name, title=value("T", doubt="x", confidence=0.5), term=value("1 year", doubt="x", confidence=0.5))
    rooms, seen, address = client(tools, "acme"), set(), ""
    for _ in range(6):
        item = items(rooms, f"?after={address}")[0]
        seen.add((item["document"], item["field"]))
        address = item["at"]
    assert len(seen) == 6
    assert "That was the last one" in rooms.get(f"/review?after={address}").text
    assert rooms.get("/review?after=nonsense").status_code == 200


def test_acting_in_the_middle_shows_every_other_value_once(tools: Tools) -> None:
    """When a value leaves the queue its document's others move up: none of them is jumped over."""
    parties = tuple(value(name, "parties", doubt="x", confidence=0.5) for name in ("Acme", "Bolt", "Cedar"))
    alike = {name: value("x", name, doubt="x", confidence=0.5) for name in ("title", "governing_law")}
    put(tools, "a.pdf", parties=parties, **alike)
    rooms, seen, address = client(tools, "acme"), [], "/review"
    while found := items(rooms, f"?{address.partition('?')[2]}"):
        seen.append((found[0]["field"], found[0]["key"]))
        address = rooms.post("/review", data=form(found[0], "accepted")).headers["location"]
    assert len(seen) == len(set(seen)) == 5


def test_a_held_page_is_looked_at(tools: Tools) -> None:
    """It stands last, says why it is held, and leaves the queue with a word; it can't be corrected."""
    document = put(tools, "a.pdf", held=2)
    rooms = client(tools, "acme")
    [item] = items(rooms)
    assert (item["rank"], item["page"], item["reason"], item["reading"]) == ("held", 2, "a reason", None)
    assert rooms.post("/review", data=form(item, "corrected", value="x")).status_code == 400
    assert rooms.post("/review", data=form(item, "unreadable")).status_code == 303
    assert items(rooms) == []
    assert tools.catalog.record(document.id)


def test_other_matters_do_not_exist(tools: Tools) -> None:
    """Not in queue, counts, forms, history, undo or golden set; a wrong id and another matter's are one answer."""
    mine, theirs = unsure(tools, "mine.pdf"), unsure(tools, "canary.pdf", "dune")
    rooms, dune = client(tools, "acme"), client(tools, "dune", name="ada")
    item = items(dune)[0]
    dune.post("/review", data=form(item, "accepted"))
    for address in (
        "/review",
        "/api/review",
        "/review?matter=dune",
        "/api/corrections/golden",
        "/corrections/golden.jsonl",
    ):
        text = rooms.get(address).text
        assert "canary" not in text and theirs.id not in text
    assert rooms.get("/api/review").json()["counts"]["unsure"] == 1
    answers = []
    for document in (theirs.id, "0" * 12):
        answers.append(rooms.post("/review", data=form(item | {"document": document}, "absent")).text)
        answers.append(rooms.get(f"/api/documents/{document}/corrections").text)
        answers.append(rooms.post(f"/documents/{document}/corrections", data=form(item, "absent")).text)
    assert answers[:3] == answers[3:]
    assert "there is no such document here" in answers[0]
    assert "there is nothing of yours to take back" in rooms.post("/review/undo", data={"csrf": CSRF}).text
    assert [each.verdict for each in tools.corrections.history(theirs.id)] == ["accepted"]
    assert tools.corrections.history(mine.id) == []


def test_a_form_without_the_sessions_token_changes_nothing(tools: Tools) -> None:
    """Every route that writes asks for it."""
    document = unsure(tools)
    rooms = client(tools, "acme")
    item = items(rooms)[0]
    for address in ("/review", "/review/undo", f"/documents/{document.id}/corrections"):
        assert rooms.post(address, data=form(item, "absent", csrf="wrong")).status_code == 403
    assert tools.corrections.history(document.id) == []


def test_a_document_page_can_say_what_a_value_is(tools: Tools) -> None:
    """Its form comes back to the document."""
    document = put(tools, "a.pdf", parties=(value("Acme Ltd", "parties"),))
    key = value_key("parties", value("Acme Ltd", "parties"))
    sent = {"csrf": CSRF, "field": "parties", "key": key, "verdict": "corrected", "value": "Acme plc"}
    answer = client(tools, "acme").post(f"/documents/{document.id}/corrections", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/documents/{document.id}")
    assert [each.value for each in tools.corrections.history(document.id)] == ["Acme plc"]


def test_hostile_text_is_text(tools: Tools) -> None:
    """In names, values, quotes, reasons and what a person typed: nothing is markup, nothing is an error."""
    for field in ("title", "governing_law"):
        put(tools, f"{field}{HOSTILE}.pdf", **{field: value(HOSTILE, quote=HOSTILE * 50, doubt=HOSTILE)})
    rooms = client(tools, "acme")
    for item in items(rooms):
        sent = form(item, "corrected", value=HOSTILE + "x" * 30_000, page=1)
        for answer in (rooms.get(f"/review?after={item['at']}"), rooms.post("/review", data=sent)):
            assert "<script>window" not in answer.text and "<img src=x" not in answer.text
            assert "\u202e" not in answer.text and "\x00" not in answer.text
        assert rooms.post("/review", data=form(item, "corrected", value=HOSTILE, page=1)).status_code == 303
    assert rooms.get("/corrections/golden.jsonl").status_code == 200
    assert "\x00" not in rooms.get("/corrections/golden.jsonl").text


@pytest.fixture
def desk(archive: browser.Archive, home: Path) -> Iterator[browser.Site]:
    """A copy of the archive, served: corrections change it."""
    shutil.copytree(archive.tools.settings.root, home, ignore=shutil.ignore_patterns("index", "locks"))
    tools = tools_of(home)
    with browser.site_over(tools) as site:
        site.caller = Caller(1, "ada", False, ("alder", "dune"), CSRF)
        yield site
    tools.close()


def test_one_key_each(chromium: Any, desk: browser.Site) -> None:
    """In a real browser: the region is marked in the crop of the scan; a accepts, c corrects, x and u say so, s skips,
    z takes back; keys typed into the field are text."""
    tools: Tools = desk.app.state.tools

    def verdicts() -> list[str]:
        spoken = [each for id in tools.corrections.documents() for each in tools.corrections.history(id)]
        return [each.verdict for each in sorted(spoken, key=lambda each: each.id)]

    before = len(verdicts())
    with browser.tab(chromium, desk.url) as page:
        page.goto("/review")
        crop, mark = page.locator("svg.crop").bounding_box(), page.locator("svg.crop rect").first.bounding_box()
        assert crop and mark
        assert crop["x"] <= mark["x"] and mark["x"] + mark["width"] <= crop["x"] + crop["width"] + 1
        assert crop["y"] <= mark["y"] and mark["y"] + mark["height"] <= crop["y"] + crop["height"] + 1
        for key, verdict in (("a", "accepted"), ("x", "absent"), ("u", "unreadable")):
            with page.expect_navigation():
                page.keyboard.press(key)
            assert verdicts()[-1] == verdict
        with page.expect_navigation():
            page.keyboard.press("z")
        assert verdicts()[-1] == "withdrawn"
        asked = page.locator(".ruling").inner_text()
        with page.expect_navigation():
            page.keyboard.press("s")
        assert page.locator(".ruling").inner_text() != asked
        page.keyboard.press("c")
        page.keyboard.type("axusz")
        assert page.locator("#value").input_value() == "axusz"
        assert len(verdicts()) == before + 4


def test_a_field_nobody_read_gets_its_value_from_the_document_view(tools: Tools) -> None:
    """One that has a single value and one that has many: kept with the page and shown as the person's; who comes second
    is told so, and what is no value of the field is refused."""
    document = put(tools, "a.pdf", kind="lease")
    rooms, place = client(tools, "acme"), f"/documents/{document.id}"
    page = rooms.get(place).text
    sent = {"csrf": CSRF, "verdict": "corrected", "made_on": "0", "page": "2"}
    for field in ("governing_law", "parties"):
        assert f'id="new-{field}"' in page
    for field in ("kind", "clauses"):
        assert f'id="new-{field}"' not in page
    assert (
        rooms.post(f"{place}/corrections", data=sent | {"field": "expiration_date", "value": "soon"}).status_code == 400
    )
    assert (
        rooms.post(f"{place}/corrections", data=sent | {"field": "parties", "value": "x", "page": "9"}).status_code
        == 400
    )
    for field, text in (("governing_law", "Ohio"), ("parties", "Brook Ltd")):
        assert rooms.post(f"{place}/corrections", data=sent | {"field": field, "value": text}).status_code == 303
    again = rooms.post(f"{place}/corrections", data=sent | {"field": "governing_law", "value": "Iowa"})
    assert again.status_code == 409
    shown = {each["field"]: each for each in rooms.get(f"/api{place}").json()["fields"]}
    for field, text in (("governing_law", "Ohio"), ("parties", "Brook Ltd")):
        [value] = shown[field]["values"]
        assert (value["person"]["shown"], value["person"]["who"], value["evidence"][0]["page"]) == (text, "ada", 2)
        assert shown[field]["status"] == "verified"
    assert 'id="new-governing_law"' not in rooms.get(place).text


def test_what_was_withdrawn_can_be_said_again(tools: Tools) -> None:
    """The form names the last word on the field, also when that was taken back."""
    document = put(tools, "a.pdf", kind="lease")
    rooms, place = client(tools, "acme"), f"/documents/{document.id}"
    sent = {"csrf": CSRF, "verdict": "corrected", "field": "governing_law", "value": "Ohio", "page": "1"}
    assert rooms.post(f"{place}/corrections", data=sent).status_code == 303
    assert rooms.post("/review/undo", data={"csrf": CSRF}).status_code == 303
    form = rooms.get(place).text.partition('name="field" value="governing_law"')[2]
    made_on = re.search(r'name="made_on" value="(\d+)"', form)[1]
    assert int(made_on) > 0
    assert rooms.post(f"{place}/corrections", data=sent | {"made_on": made_on}).status_code == 303
