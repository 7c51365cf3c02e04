"""What is worth telling: held files in one notice, stopped budgets, missed nights, a full disk; each once."""

from __future__ import annotations

import shutil
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from desk import put, tools_of

from pipeline.tables import runs
from pipeline.telling import lookout
from pipeline.telling.lookout import expect_nights, look, looking
from pipeline.telling.notices import Outbox
from pipeline.types import DocumentStatus
from pipeline.wiring import Tools

HOUR = 3600.0
Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def tools(home: Path) -> Iterator[Tools]:
    made = tools_of(home)
    yield made
    made.close()


def titles(tools: Tools) -> list[str]:
    """What people were told, oldest first."""
    return [told.title for told in reversed(Outbox(tools.catalog.database, tools.settings).listed())]


def held(tools: Tools, name: str, matter: str = "acme", status: DocumentStatus = DocumentStatus.HELD) -> str:
    document = put(tools, name, matter)
    tools.catalog.set_status(document.id, status, "damaged")
    return document.id


def ran(tools: Tools, kind: str, status: str, ended: float, totals: dict[str, int] | None = None) -> int:
    """A run that ended at this time."""
    run = tools.catalog.start_run(kind)
    tools.catalog.finish_run(run, {}, totals or {}, status)
    with tools.catalog.database.write() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == run).values(started=ended - 60, finished=ended))
    return run


def test_held_files_are_told_together_and_once(tools: Tools) -> None:
    """By matter and id; a second look is silent, a new one is told alone, one held again is told again."""
    first, second = held(tools, "a.pdf"), held(tools, "b.pdf", "dune", DocumentStatus.REJECTED)
    look(tools)
    look(tools)
    assert titles(tools) == ["1 held and 1 rejected documents: a person should look"]
    [row] = _bodies(tools)
    assert row["lines"] == [f"matter acme: 1: {first}", f"matter dune: 1: {second}"]
    assert "a.pdf" not in str(row)  # names are kept only where they may leave
    held(tools, "c.pdf")
    look(tools)
    tools.catalog.set_status(first, DocumentStatus.DONE)
    look(tools)
    tools.catalog.set_status(first, DocumentStatus.HELD, "again")
    look(tools)
    assert titles(tools)[1:] == ["1 held document: a person should look"] * 2


def test_a_thousand_held_files_are_one_notice_of_bounded_length(tools: Tools) -> None:
    """A scanner that went mad fills no mailbox."""
    for number in range(60):
        held(tools, f"{number}.pdf")
    look(tools)
    [row] = _bodies(tools)
    assert row["lines"][0].startswith("matter acme: 60: ") and row["lines"][0].endswith(", …")
    assert len(str(row)) < 8000


def test_a_stopped_budget_and_a_failed_run_are_told(tools: Tools) -> None:
    """By the catalog's row of the run; runs that ended well, or long ago, are not."""
    now = time.time()
    ran(tools, "escalate", "finished", now, {"pages answered": 3})
    stopped = ran(tools, "escalate", "budget-stopped", now)
    ran(tools, "escalate", "budget-stopped", now - 10 * 24 * HOUR)
    ran(tools, "ingest", "failed", now)
    ran(tools, "ingest", "failed", now)
    look(tools)
    look(tools)
    assert len(titles(tools)) == 2
    assert any(f"run {stopped} (escalate)" in str(row["lines"]) for row in _bodies(tools))


def test_a_frontier_model_that_answers_nothing_is_told_once_a_day(tools: Tools) -> None:
    """Pages that were put off, none that was answered; one answer is no outage."""
    noon = time.mktime((*time.localtime()[:3], 12, 0, 0, 0, 0, -1))
    for minutes in (0, 5):
        ran(tools, "escalate", "finished", noon + minutes * 60, {"pages deferred": 7, "pages answered": 0})
    ran(tools, "escalate", "finished", noon, {"pages deferred": 7, "pages answered": 1})
    look(tools, noon + HOUR)
    assert titles(tools) == ["the frontier model answered nothing"]


def test_a_missed_night_is_told_once_a_night(tools: Tools) -> None:
    """After 26 hours without a nightly run that ended well, whatever a scheduler believes; again a day later."""
    now = time.time()
    ran(tools, "nightly", "finished", now)
    ran(tools, "nightly", "interrupted", now + 25 * HOUR)
    for hours in (25, 26.5, 27, 49, 50.5, 51):
        look(tools, now + hours * HOUR)
    assert [title[:20] for title in titles(tools)] == ["no nightly run ended"] * 2
    assert "26 hours" in titles(tools)[0] and "50 hours" in titles(tools)[1]
    ran(tools, "nightly", "finished", now + 52 * HOUR)
    look(tools, now + 60 * HOUR)
    assert len(titles(tools)) == 2


def test_a_home_without_nightly_runs_misses_none(tools: Tools) -> None:
    """Nobody is told of what was never set up."""
    put(tools, "a.pdf")
    look(tools, time.time() + 100 * HOUR)
    assert titles(tools) == []


def test_a_first_night_that_never_comes_is_told(tools: Tools) -> None:
    """Where nightly runs are planned; planned again, the time counts on from the first plan."""
    expect_nights(tools)
    for hours in (20, 27):
        look(tools, time.time() + hours * HOUR)
        expect_nights(tools)
    assert len(titles(tools)) == 1


def test_a_failed_step_of_the_night_is_told(tools: Tools) -> None:
    """With the number of the run, whose report says which it was."""
    run = ran(tools, "nightly", "finished", time.time(), {"steps": 5, "steps failed": 2})
    look(tools)
    assert titles(tools) == [f"2 steps of run {run} (nightly) failed"]


def test_a_process_that_stays_looks_again_and_again(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a thread of its own, until it ends."""
    monkeypatch.setattr(lookout, "EVERY", 0.05)
    held(tools, "a.pdf")
    with looking(tools):
        give_up = time.monotonic() + 10
        while not titles(tools) and time.monotonic() < give_up:
            time.sleep(0.05)
    assert len(titles(tools)) == 1


def test_a_full_disk_is_told_once_a_day(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """While there is still room for the notice."""
    put(tools, "a.pdf")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(1 << 40, 0, 1 << 30))
    noon = time.mktime((*time.localtime()[:3], 12, 0, 0, 0, 0, -1))
    for hours in (0, 1, 24):
        look(tools, noon + hours * HOUR)
    assert titles(tools) == ["only 1024 MiB are free for the home"] * 2


def test_looking_ends_no_run(tools: Tools, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever fails in it is in the log."""
    monkeypatch.setattr(lookout, "_tell_held", lambda _: 1 / 0)
    look(tools)
    assert "could not be looked for: ZeroDivisionError" in caplog.text


def _bodies(tools: Tools) -> list[dict[str, list[str]]]:
    import json

    with tools.catalog.database.read() as connection:
        return [json.loads(body) for body in connection.execute(sa.text("SELECT body FROM notices")).scalars()]
