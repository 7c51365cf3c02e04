"""The page viewer: what a page shows, what a browser does with it, and that nothing on it runs."""

from __future__ import annotations

import json
from urllib.parse import quote

import browser
import pytest

ASKED = "terminate for convenience"


@pytest.fixture(scope="module")
def client(archive):
    return browser.client(archive.tools)


def page_of(document, number=1):
    return f"/documents/{document.id}/pages/{number}"


def ask(client, path, **query):
    answer = client.get(f"/api{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


# ---- what a page knows


def test_a_page_opened_by_a_search_has_its_passage_where_the_words_are(client, archive):
    """The passage's boxes are exactly those of the words that answer."""
    view = ask(client, page_of(archive.agreement), q=ASKED)
    assert "Either party may terminate this Agreement for convenience" in view["passage"]["quote"]
    words = ask(client, f"{page_of(archive.agreement)}/words")["words"]
    inside = [
        text
        for text, left, top, right, bottom, _ in words
        if any(
            box[0] <= (left + right) / 2 <= box[2] and box[1] <= (top + bottom) / 2 <= box[3]
            for box in view["passage"]["boxes"]
        )
    ]
    assert " ".join(inside) == view["passage"]["quote"]


def test_hits_lead_from_one_to_the_next_and_back(client, archive):
    """Following `next` from the first hit visits every hit of the search once, in its order."""
    hits = client.get("/api/search", params={"q": ASKED}).json()["hits"]
    seen, place = [], {"document": hits[0]["document"], "page": hits[0]["page"]}
    while place:
        view = ask(client, f"/documents/{place['document']}/pages/{place['page']}", q=ASKED)
        seen.append((place["document"], place["page"]))
        assert view["hits"]["at"] == len(seen)
        assert view["passage"]["quote"] == hits[len(seen) - 1]["quote"]
        place = view["hits"]["next"]
    assert seen == [(hit["document"], hit["page"]) for hit in hits]


def test_a_page_that_is_no_hit_marks_nothing(client, archive):
    """A phrase that stands elsewhere: this page shows no passage, and leads to the hit."""
    view = ask(client, page_of(archive.lease), q='"kangaroo mural"')
    assert view["hits"]["at"] == 1
    other = ask(client, page_of(archive.agreement), q='"kangaroo mural"')
    assert (other["passage"], other["hits"]["at"]) == (None, None)
    assert other["hits"]["next"]["document"] == archive.lease.id


def test_hits_stay_inside_the_search_and_the_callers_matters(archive):
    """Neither the search's own matter filter nor the wall is widened by opening a page."""
    narrow = ask(browser.client(archive.tools, "alder"), page_of(archive.agreement), q="agreement")
    chosen = ask(browser.client(archive.tools), page_of(archive.agreement), q="agreement", matter="alder")
    assert narrow["hits"] == chosen["hits"]
    assert narrow["hits"]["of"] == 3
    assert archive.lease.id not in json.dumps(narrow) + json.dumps(chosen)


def test_fields_of_the_page_and_only_of_it(client, archive):
    """A field is shown on the page where its passage stands, with status, confidence, extractor and boxes."""
    fields = {field["field"]: field for field in ask(client, page_of(archive.agreement))["fields"]}
    (law,) = fields["governing_law"]["values"]
    assert (law["shown"], law["status"]) == ("New York", "verified")
    assert "laws of the State of New York" in law["evidence"][0]["quote"].replace("\n", " ")
    assert law["evidence"][0]["boxes"]
    assert law["confidence"] > 0.5
    assert law["extractor"]
    assert "governing_law" not in {field["field"] for field in ask(client, page_of(archive.agreement, 2))["fields"]}


def test_an_unknown_page_is_like_an_unknown_document(archive):
    """Pages that are not there, documents that are not there and documents of other matters: 404, and the last two
    in the same words."""
    client = browser.client(archive.tools, "alder")
    for ending in ("", "/image", "/thumbnail"):
        assert client.get(f"{page_of(archive.agreement, 3)}{ending}").status_code == 404
    walled, unknown = (client.get(f"/api/documents/{id}/pages/1") for id in (archive.lease.id, "0" * 12))
    assert walled.status_code == unknown.status_code == 404
    assert walled.content == unknown.content
    assert client.get(page_of(archive.agreement, 0)).status_code == 422


def test_a_page_stays_readable_when_the_search_is_down(archive, monkeypatch):
    """Without the index the page opens with its fields, and says that the passage is not marked."""
    from pipeline.errors import IndexUnavailable
    from pipeline.search import Searcher

    def down(*_):
        raise IndexUnavailable("the index owner is gone")

    monkeypatch.setattr(Searcher, "around", down)
    view = ask(browser.client(archive.tools), page_of(archive.agreement), q=ASKED)
    assert "can't be reached" in view["notice"]
    assert view["fields"]


# ---- pictures


def test_pictures_are_asked_for_again_and_answered_by_304(client, archive):
    """An ETag spares the transfer; without the grant the kept picture is a 404, not a 304."""
    for ending in ("image", "thumbnail"):
        path = f"{page_of(archive.agreement)}/{ending}"
        first = client.get(path)
        assert first.headers["content-type"] == "image/jpeg"
        assert first.headers["cache-control"] == "private, no-cache"
        again = {"if-none-match": first.headers["etag"]}
        assert client.get(path, headers=again).status_code == 304
        assert browser.client(archive.tools, "dune").get(path, headers=again).status_code == 404


def test_a_thumbnail_is_drawn_once(client, archive, monkeypatch):
    """The second time it comes from the home."""
    path = f"{page_of(archive.lease)}/thumbnail"
    first = client.get(path).content
    monkeypatch.setattr("pipeline.thumbnails._draw", lambda _path: pytest.fail("drawn again"))
    assert client.get(path).content == first


def test_without_a_page_model_there_is_no_heat_map(client, archive):
    """No button, and a 404 for whoever asks all the same."""
    path = page_of(archive.agreement)
    assert "data-heat" not in client.get(path, params={"q": ASKED}).text
    assert client.get(f"{path}/heat", params={"q": ASKED}).status_code == 404


# ---- in the browser


def lies_on(tab, selector):
    """Left, top, right and bottom of all elements together, in fractions of the scan."""
    return tab.evaluate(
        """(selector) => {
          const scan = document.querySelector('.scan').getBoundingClientRect();
          const boxes = [...document.querySelectorAll(selector)].map((each) => each.getBoundingClientRect());
          return [
            Math.min(...boxes.map((box) => (box.left - scan.left) / scan.width)),
            Math.min(...boxes.map((box) => (box.top - scan.top) / scan.height)),
            Math.max(...boxes.map((box) => (box.right - scan.left) / scan.width)),
            Math.max(...boxes.map((box) => (box.bottom - scan.top) / scan.height)),
          ];
        }""",
        selector,
    )


def opened(tab, path):
    tab.goto(path)
    tab.wait_for_selector(".words.placed", state="attached")
    browser.until(tab, "document.querySelector('.scan').complete")
    return tab


def test_the_mark_lies_on_the_words_at_every_zoom(tab, client, archive):
    """The drawn passage covers the fractions its words have, and zooming keeps the place looked at."""
    boxes = ask(client, page_of(archive.agreement), q=ASKED)["passage"]["boxes"]
    wanted = [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
    opened(tab, f"{page_of(archive.agreement)}?q={ASKED}")
    for key in ("0", "+", "+", "-", "0"):
        assert lies_on(tab, ".passage rect") == pytest.approx(wanted, abs=0.002)
        tab.keyboard.press(key)
    before = tab.evaluate("document.querySelector('.passage rect').getBoundingClientRect().y")
    tab.mouse.move(400, before)
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -100)
    tab.wait_for_timeout(100)
    tab.keyboard.up("Control")
    after = tab.evaluate("document.querySelector('.passage rect').getBoundingClientRect().y")
    assert after == pytest.approx(before, abs=4)


def test_a_field_shows_its_region_and_a_region_its_field(tab, archive):
    """A click either way chooses both; the keys walk through the fields."""
    opened(tab, page_of(archive.agreement))
    tab.click(".field[data-key=governing_law-1] a")
    assert "chosen" in tab.get_attribute(".region[data-key=governing_law-1]", "class")
    box = tab.locator(".region[data-key=expiration_date-1] rect").first.bounding_box()
    tab.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    chosen = tab.eval_on_selector_all(".field.chosen", "all => all.map(each => each.dataset.key)")
    assert len(chosen) == 1
    assert chosen == tab.eval_on_selector_all(".region.chosen", "all => all.map(each => each.dataset.key)")
    tab.keyboard.press("Escape")
    tab.keyboard.press("j")
    assert tab.get_attribute(".field.chosen", "data-key") == "title-1"


def test_words_can_be_selected_over_the_scan(tab, archive):
    """Dragging over a printed line selects what is printed there, in reading order."""
    opened(tab, page_of(archive.agreement))
    first, last = (tab.locator(".words span", has_text=text).first.bounding_box() for text in ("Governing", "York"))
    tab.mouse.move(first["x"] + 1, first["y"] + first["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(last["x"] + last["width"] - 6, last["y"] + last["height"] / 2, steps=8)
    tab.mouse.up()
    said = " ".join(tab.evaluate("getSelection().toString()").split())
    assert said.startswith("Governing Law. This Agreement shall be governed by")
    assert said.endswith("laws of the State of New York,")


def test_keys_walk_pages_and_hits(tab, archive):
    """Arrows turn the page, n and p follow the hits, / leads back to the search with its words."""
    opened(tab, f"{page_of(archive.agreement)}?q={ASKED}")
    tab.keyboard.press("ArrowRight")
    tab.wait_for_url("**/pages/2?q=*")
    tab.keyboard.press("ArrowLeft")
    tab.wait_for_url("**/pages/1?q=*")
    tab.keyboard.press("n")
    tab.wait_for_url(lambda url: f"{archive.agreement.id}/pages/1?" not in url)
    tab.keyboard.press("p")
    tab.wait_for_url(f"**{page_of(archive.agreement)}?q=*")
    tab.keyboard.press("/")
    tab.wait_for_url("**/?q=*")
    assert tab.evaluate("document.activeElement.id") == "q"
    assert tab.input_value("#q") == ASKED


def test_nothing_moves_while_the_page_loads(tab, archive):
    """The scan has its place before it has arrived: no layout shift at all."""
    tab.add_init_script(
        "window.shift = 0; new PerformanceObserver((list) => list.getEntries().forEach((e) => { shift += e.value; }))"
        ".observe({type: 'layout-shift', buffered: true})"
    )
    opened(tab, page_of(archive.agreement))
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.shift") == 0


def test_scan_and_fields_fit_a_laptop_screen(tab, archive):
    """At 1280 by 800 the page itself does not scroll, and the scan has two thirds of the width."""
    opened(tab, page_of(archive.agreement))
    assert tab.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert tab.evaluate("document.querySelector('.sheet').offsetWidth") > 800


HOSTILE = (
    "\"><script>window.hacked=7</script><img src=x onerror=window.hacked=8>{{7*7}}'`${window.hacked=9}\u202e\u0000",
    "javascript:window.hacked=10//\u2028</title><svg onload=window.hacked=11>",
)


def test_hostile_words_names_and_queries_run_nothing(tab, archive):
    """File name, words and values that hold markup, and such queries, are shown as text on every page."""
    for query in map(quote, HOSTILE):
        for path in (f"/documents/{archive.hostile.id}", "/documents", "/"):
            tab.goto(f"{path}?q={query}&matter={query}")
            assert tab.evaluate("window.hacked") is None
        opened(tab, f"{page_of(archive.hostile)}?q={query}#{query}")
        assert "<script>window.hacked=1</script>" in tab.inner_text(".words")
        assert tab.evaluate("window.hacked") is None


def test_a_query_of_60_kb_is_refused_in_words(client, archive):
    """No page is searched for a question as long as a document: the answer says what is wrong, and nothing breaks."""
    for path in (page_of(archive.agreement), f"/api{page_of(archive.agreement)}"):
        answer = client.get(path, params={"q": "agreement " * 6_000})
        assert answer.status_code == 422
        assert "at most 2000 characters" in answer.text


def test_what_was_looked_at_is_recorded(archive):
    """Opening a page, its picture, its words and taking it away are rows of the audit log; a refusal is none."""
    from pipeline.access.audit import Wanted

    client = browser.client(archive.tools, "alder")
    path = page_of(archive.agreement)
    tail = archive.tools.audit.latest(Wanted(), 1)[0].id
    for asked in (path, f"{path}/image", f"/api{path}/words", f"/documents/{archive.agreement.id}/original"):
        assert client.get(asked, params={"q": ASKED}).status_code == 200
    assert client.get(page_of(archive.lease)).status_code == 404
    rows = [row for row in reversed(archive.tools.audit.latest(Wanted(), 10)) if row.id > tail]
    assert [(row.what, row.subject) for row in rows] == [
        (what, archive.agreement.id) for what in ("view", "image", "view", "download")
    ]
    assert rows[0].details == {"matter": "alder", "page": 1, "query": ASKED}
