"""What a lawyer does of a morning, in a real browser with a real account: sign in, ask, open, look, sign out."""

from __future__ import annotations

from collections.abc import Iterator

import browser
import pdfs
import pytest
from argon2 import PasswordHasher
from tiny_colpali import build_colpali

from pipeline.access.accounts import Accounts
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.web.app import create_app
from pipeline.web.callers import callers_of
from pipeline.wiring import open_tools

PASSWORD = "a horse of another colour"
QUESTION = "terminate for convenience"
COUNT_SHIFTS = (
    "window.shift = 0; new PerformanceObserver((list) => list.getEntries().forEach((e) => { shift += e.value; }))"
    ".observe({type: 'layout-shift', buffered: true})"
)


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Iterator[str]:
    """The address of a served home with two documents, a tiny page-image model, and Ben, who sees one of them."""
    folder = tmp_path_factory.mktemp("tour")
    model = build_colpali("modernvbert", folder / "tiny")
    pdfs.born_digital(folder / "inbox" / "alder" / "services-agreement.pdf", pdfs.AGREEMENT)
    pdfs.born_digital(folder / "inbox" / "dune" / "office-lease.pdf", pdfs.LEASE)
    with open_tools(load_settings(home=folder / "home", page_model=str(model))) as tools:
        ingest_paths([folder / "inbox"], None, tools)
        tools._once("accounts", lambda: Accounts(tools.catalog.database, PasswordHasher(1, 8, 1)))
        ben = tools.accounts.add("Ben", PASSWORD)
        tools.grants.set(ben.id, "alder", allowed=True)
        with browser.serve(create_app(tools, callers_of(tools))) as url:
            yield url
        tools.release_index()


@pytest.fixture
def tab(chromium, office):
    """A browser in which Ben has signed in through the form, at the empty search page; it counts layout shifts."""
    with browser.tab(chromium, office) as page:
        page.add_init_script(COUNT_SHIFTS)
        page.goto("/")
        page.wait_for_url("**/sign-in?next=%2F")
        page.fill("#name", "Ben")
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{office}/")
        yield page


def test_from_signing_in_to_signing_out(tab, office):
    """One hit, of the matter that was granted; its page opens with the passage marked; signed out, nothing opens."""
    assert tab.evaluate("document.activeElement.id") == "q"
    tab.keyboard.type(QUESTION)
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".hit")
    assert tab.locator(".hit h2 a").all_inner_texts() == ["services-agreement.pdf"]
    tab.click(".hit h2 a")
    tab.wait_for_selector(".passage rect", state="attached")
    assert "for convenience" in tab.inner_text(".answer blockquote")
    opened = tab.url
    tab.get_by_role("button", name="Sign out").click()
    tab.wait_for_url("**/sign-in")
    tab.goto(opened)
    assert "/sign-in?next=" in tab.url
    assert tab.locator(".scan").count() == 0


def test_the_heat_map_is_drawn_over_the_page_and_taken_away(tab):
    """Only when h is pressed: a picture from the page-image model, exactly as large as the scan; h again hides it."""
    tab.goto(f"/?q={QUESTION}")
    asked = []
    tab.on("request", lambda request: asked.append(request.url) if "/heat?" in request.url else None)
    tab.click(".hit h2 a")
    tab.wait_for_selector(".words.placed", state="attached")
    assert asked == []
    tab.keyboard.press("h")
    browser.until(tab, "document.querySelector('.heat')?.naturalWidth > 0")
    heat, scan = (tab.locator(name).bounding_box() for name in (".heat", ".scan"))
    assert heat == pytest.approx(scan, abs=0.5)
    assert len(asked) == 1
    tab.keyboard.press("h")
    browser.until(tab, "document.querySelector('.heat').hidden")


def test_nothing_moves_while_a_page_loads(tab):
    """Cumulative layout shift is 0 from the empty search page through the hits and their thumbnails to the scan."""
    for path in ("/", f"/?q={QUESTION}"):
        tab.goto(path)
        browser.until(tab, "[...document.images].every((each) => each.complete)")
        assert tab.evaluate("window.shift") == 0, path
    tab.click(".hit h2 a")
    tab.wait_for_selector(".words.placed", state="attached")
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.shift") == 0
