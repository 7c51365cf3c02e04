"""Shared by all tests: helper modules of `tests/` can be imported, and nothing asks the network or a user's home."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from browser import Archive, Site
    from playwright.sync_api import Browser, Page

    from pipeline.database import Database

sys.path.insert(0, str(Path(__file__).parent))

# One thread for Tesseract (more of them spin against each other) and, because of it, one for torch: with
# OMP_THREAD_LIMIT=1 alone, torch hands work to threads that never come, and computes wrong without an error.
os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1")
os.environ.update(HF_HUB_OFFLINE="1", DO_NOT_TRACK="1", PREFECT_SERVER_ANALYTICS_ENABLED="false")
CHROMIUM = ("MUNIMENT_CHROMIUM", "MUNIMENT_REQUIRE_CHROMIUM")  # see browser.py
FRONTIER = {name: value for name, value in os.environ.items() if name.startswith("MUNIMENT_FRONTIER_")}
for name in [name for name in os.environ if name.startswith("MUNIMENT_") and not name.startswith("MUNIMENT_TEST_")]:
    if name not in {"MUNIMENT_QDRANT_URL", "MUNIMENT_QDRANT_API_KEY", *CHROMIUM}:
        del os.environ[name]
os.environ["MUNIMENT_TRIAGE_MODEL"] = "none"  # loading it costs each home of a test seconds; its own tests name it

LONG = (
    *("test_up", "test_web_walls", "test_attacks", "test_flows", "test_ingest", "test_measure_crashes"),
    *("test_frontier_samples", "test_measure_kills", "test_deletion", "test_backup", "test_measure_robustness"),
    *("test_measure_long", "test_measure_machines", "test_measure_scale", "test_serve", "test_frontier"),
)
"""The files that take longest (`pytest --durations=120`)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files come first: one that begins last keeps a core busy alone while the other processes wait for it.
    Within a file and among the others the order stays."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))


@pytest.fixture(scope="session")
def frontier_environment() -> dict[str, str]:
    """What was set of MUNIMENT_FRONTIER_* when the tests began: only the contract suite asks a real server."""
    return FRONTIER


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands that run in the test's process set logging up: the next test finds it as it was."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    handlers, level = root.handlers[:], root.level
    ours = {name: logging.getLogger(name).level for name in ("pipeline", "flows")}
    yield
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = hooks
    root.handlers, root.level = handlers, level
    for name, before in ours.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty MUNIMENT_HOME of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MUNIMENT_HOME", str(folder))
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database nobody used before, of each kind; see `databases.py`."""
    from databases import fresh_url

    with fresh_url(request.param, tmp_path) as fresh:
        yield fresh


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """That database, open and at the newest revision."""
    from pipeline.database import open_database

    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """A home with a few documents, ingested once; see `browser.py`. Change nothing in it."""
    from browser import fill

    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    folder = tmp_path_factory.mktemp("archive")
    with open_tools(load_settings(home=folder / "home")) as tools:
        yield fill(tools, folder / "inbox")


@pytest.fixture
def site(archive: Archive) -> Iterator[Site]:
    """The application over the archive, served on this machine."""
    from browser import site_over

    with site_over(archive.tools) as served:
        yield served


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless chromium; closed with the module."""
    import browser

    with browser.chromium() as started:
        yield started


@pytest.fixture
def tab(chromium: Browser, site: Site) -> Iterator[Page]:
    """A page of chromium at the site, 1280 by 800; complaints of the browser fail the test."""
    import browser

    with browser.tab(chromium, site.url) as page:
        yield page
