"""The browser rig: the real application over a real home, served on this machine, and a chromium that looks at it.

The fixtures stand in `conftest.py`. A test asks for `archive` (a home that was ingested once for all tests; change
nothing in it), `site` (the application over it, served; `site.caller` is who asks) and `tab` (a chromium page). What
the page's console says of errors, and whatever the content security policy refuses, fails the test that saw it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pdfs
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipeline.run import ingest_paths
from pipeline.types import Document
from pipeline.web.app import create_app
from pipeline.web.guard import Caller
from pipeline.wiring import Tools

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = [
    "AMENDMENT",
    "HOSTILE_NAME",
    "HOSTILE_TEXT",
    "MATTERS",
    "Archive",
    "Site",
    "chromium",
    "client",
    "fill",
    "serve",
    "tab",
    "until",
]

AMENDMENT = """FIRST AMENDMENT TO SERVICES AGREEMENT

This First Amendment is made on May 2, 2022 by and between Alder Freight Company ("Client") and Brook Survey Limited
("Provider"). It amends the Services Agreement dated March 3, 2021, Contract No. MSA-2021-0043.

1. Term. The Agreement shall expire on March 31, 2026.

2. Governing Law. The Agreement shall be governed by the laws of the State of Delaware.
"""

SCHEDULE = """SCHEDULE A: WAREHOUSES

The following warehouses of Client are to be surveyed in every calendar quarter under this Agreement.

Quincy Harbor, pier four, with the cold store. Dorchester yard, sheds one to six. Lowell depot, the brick hall only.

Provider announces each visit two working days before it and is shown round by the foreman of the yard.
"""

HOSTILE_TEXT = """<script>window.hacked=1</script> <img src=x onerror="window.hacked=2"> "><svg onload=alert(1)>

=HYPERLINK("http://127.0.0.1/","pay") {{ 7*7 }} ${window.hacked=3} javascript:window.hacked=4

This </textarea></script><b>Agreement</b> is made on March 3, 2021 between Alder <b>Freight</b> Company and
'><img src=x onerror=window.hacked=5> Limited. Governed by the laws of the State of Ohio.
"""
HOSTILE_NAME = "\u202e<img src=x onerror=window.hacked=6>\"'fdp.pdf"

MATTERS = ("alder", "dune", "mallory")


@dataclass(frozen=True)
class Archive:
    """A home with documents of three matters: a scanned agreement and its amendment (`alder`), a lease (`dune`) and
    one whose name and words are an attack (`mallory`)."""

    tools: Tools
    agreement: Document
    amendment: Document
    lease: Document
    hostile: Document


def everyone(*matters: str) -> Caller:
    """A user who may see these matters, or all of them."""
    return Caller(1, "Ada Lovelace", admin=False, matters=matters or MATTERS, csrf="token")


@dataclass
class Site:
    """The application, served at `url`. Whoever asks is `caller`; None is nobody."""

    url: str
    app: FastAPI
    caller: Caller | None = field(default_factory=everyone)


def fill(tools: Tools, inbox: Path) -> Archive:
    """Take the documents in and work them off; they must not be looked at by a test that changes them."""
    paths = [
        pdfs.scanned(_made(inbox / "alder" / "services-agreement.pdf"), pdfs.AGREEMENT, SCHEDULE),
        pdfs.born_digital(inbox / "alder" / "first-amendment.pdf", AMENDMENT),
        pdfs.born_digital(inbox / "dune" / "office-lease.pdf", pdfs.LEASE, pdfs.AGREEMENT),
        pdfs.born_digital(inbox / "mallory" / HOSTILE_NAME, HOSTILE_TEXT),
    ]
    ingest_paths([inbox], None, tools)
    by_source = {source: each for each in tools.catalog.documents() for source in tools.catalog.sources(each.id)}
    found = [next(doc for source, doc in by_source.items() if _same(source, path)) for path in paths]
    return Archive(tools, *found)


def client(tools: Tools, *matters: str) -> TestClient:
    """The application without a socket, asked by a user who may see these matters, or all of them."""
    return TestClient(create_app(tools, lambda _request: everyone(*matters)), raise_server_exceptions=False)


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """The application's address on a free port of this machine, while the body runs."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def site_over(tools: Tools) -> Iterator[Site]:
    """The application over these tools, where `site.caller` decides who asks."""
    holder: list[Site] = []
    app = create_app(tools, lambda _request: holder[0].caller)
    with serve(app) as url:
        holder.append(Site(url, app))
        httpx2.get(f"{url}/static/app.css", timeout=30).raise_for_status()
        yield holder[0]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless chromium: the one `MUNIMENT_CHROMIUM` names, else Debian's. A skip when there is none, and a failure
    when `MUNIMENT_REQUIRE_CHROMIUM=1` says that there must be one.

    Close it before other tests run: playwright keeps an event loop running in this thread, and `asyncio.run`, which
    Prefect's tests need, refuses to start beside it.
    """
    path = Path(os.environ.get("MUNIMENT_CHROMIUM") or "/usr/bin/chromium")
    if not path.exists():
        say = pytest.fail if os.environ.get("MUNIMENT_REQUIRE_CHROMIUM") == "1" else pytest.skip
        say(f"no chromium at {path}: install Debian's, or set MUNIMENT_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(browser: Browser, url: str, *, width: int = 1280, height: int = 800, dark: bool = False) -> Iterator[Page]:
    """A fresh page of its own profile at `url`. Errors of scripts, the console and the policy fail the test at the
    end; a test that means to cause one empties `page.complaints`."""
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    complaints: list[str] = []
    page.complaints = complaints  # type: ignore[attr-defined]
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(15_000)
    try:
        yield page
        assert not complaints, complaints
    finally:
        context.close()


def until(page: Page, expression: str) -> None:
    """Wait until this JavaScript is true. Playwright's own `wait_for_function` works by `eval` in the page when it is
    not true at once, which our content security policy refuses."""
    ends = time.monotonic() + 15
    while not page.evaluate(expression):
        assert time.monotonic() < ends, f"never true: {expression}"
        page.wait_for_timeout(20)


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _same(source: str, path: Path) -> bool:
    """Whether the catalog's source is this file; names are written printable there."""
    from pipeline.names import clean_name

    return Path(source).name == clean_name(path.name) and Path(source).parent.name == path.parent.name
