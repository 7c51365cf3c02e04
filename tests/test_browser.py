"""The browser rig itself: it sees pages, and it notices what a page must not do."""

from __future__ import annotations

import browser
import pytest


def test_the_search_page_opens_without_complaint(tab):
    """The real application answers a real browser, styled, under its own policy."""
    tab.goto("/")
    assert tab.title() == "Muniment"
    assert tab.evaluate("getComputedStyle(document.querySelector('.bar')).display") == "flex"


def test_a_refused_script_is_noticed(chromium, site):
    """Inline script is refused by the policy, and the rig fails the test that caused it."""
    with pytest.raises(AssertionError, match="Content Security Policy"), browser.tab(chromium, site.url) as page:
        page.goto("/")
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked=1\">')")
        page.wait_for_timeout(100)
        assert page.evaluate("window.hacked") is None


def test_without_chromium_a_skip_unless_it_is_required(monkeypatch, tmp_path):
    """A machine without chromium skips these tests in sight; where it is required they fail."""
    monkeypatch.setenv("MUNIMENT_CHROMIUM", str(tmp_path / "none"))
    monkeypatch.delenv("MUNIMENT_REQUIRE_CHROMIUM", raising=False)
    with pytest.raises(pytest.skip.Exception), browser.chromium():
        pass
    monkeypatch.setenv("MUNIMENT_REQUIRE_CHROMIUM", "1")
    with pytest.raises(pytest.fail.Exception, match="no chromium"), browser.chromium():
        pass
