"""A document whose words, name and matter are canaries goes down the whole road with everything logged: nothing of it,
and no key, is in a log, on stderr, in a notice or in metrics."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import client
from frontier_server import KEY, frontier_server
from pdfs import AGREEMENT, scanned, truncated
from receivers import post_server

from pipeline.frontier.escalate import escalate
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.telling.logs import set_up
from pipeline.types import SearchFilter
from pipeline.wiring import open_tools

WORDS, NAME, MATTER = "zanzibarite", "quetzalcoatl", "xylophonist"
CANARIES = (WORDS, NAME, KEY)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = hooks
    root.handlers, root.level = handlers, level


def test_no_canary_leaves(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    """Ingest, search, escalation, the web application and notices, with every library at DEBUG."""
    page = AGREEMENT.replace("warehouses", WORDS)
    scanned(_made(tmp_path / "inbox" / MATTER) / f"{NAME}.pdf", page)
    truncated(tmp_path / "inbox" / MATTER / f"{NAME}-cut.pdf", page)
    with frontier_server() as server, post_server() as posts:
        for name, value in {
            "LOG": "json", "LOG_LEVEL": "debug", "FRONTIER_URL": server.url, "FRONTIER_KEY": KEY, "WORKERS": "1",
            "FRONTIER_KIND": "self-hosted", "FRONTIER_PROFILE": "claude", "ESCALATE_BELOW": "1.0",
            "WEBHOOK_URL": posts.url, "WEBHOOK_SECRET": "secret-of-the-hook",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"MUNIMENT_{name}", value)
        settings = load_settings()
        set_up(settings)
        logging.getLogger().setLevel(logging.DEBUG)
        with open_tools(settings) as tools:
            assert ingest_paths([tmp_path / "inbox"], None, tools).refused == 1
            tools.policies.set(MATTER, "self-hosted")
            assert escalate(tools, tools.frontier).answered == 1
            assert [hit.name for hit in tools.searcher.find(WORDS, SearchFilter(), 3)] == [f"{NAME}.pdf"]
            rooms = client(tools, MATTER, admin=True)
            assert NAME in rooms.get("/documents").text
            assert rooms.get(f"/api/documents/{WORDS}").status_code == 404
            metrics = rooms.get("/metrics").text
        assert len(server.requests) > 0
    out, logged = capfd.readouterr()
    assert "a run ended" in logged and "kept back" in logged  # our lines are there, and those of libraries
    for line in logged.splitlines():
        json.loads(line)
    told = str([body for _, body in posts.got])
    assert json.loads(posts.got[0][1])["kind"] == "held"
    for canary in (*CANARIES, "secret-of-the-hook"):
        assert canary not in logged + out, canary
        assert canary not in told and canary not in metrics, canary
    assert MATTER not in logged and MATTER not in metrics
    assert NAME in (home / "reports").joinpath(max(f.name for f in (home / "reports").glob("*ingest.txt"))).read_text()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
