"""What stands as received is worked off: by one run at a time, whatever comes in meanwhile and whatever fails."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading

import pdfs
import pytest
from test_ingest import Unreachable

import pipeline.ingest
from pipeline import stages
from pipeline.claims import Claim, sole
from pipeline.errors import AlreadyRunning, DiskFull, StoreError
from pipeline.inbox.receive import take_in
from pipeline.intake import discover
from pipeline.run import RunOptions, work_off
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus
from pipeline.wiring import open_tools
from pipeline.worker import translated


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with open_tools(load_settings(home=tmp_path_factory.mktemp("home"))) as opened:
        yield opened


@pytest.fixture
def received(shared, tmp_path):
    """Take documents in as the watcher does, and walk none: their ids."""

    def take(*names: str) -> list[str]:
        for name in names:
            pdfs.born_digital(tmp_path / "in" / "acme" / f"{name}.pdf", f"{pdfs.LEASE}\n{tmp_path.name} {name}")
        found = discover([tmp_path / "in"], None, "default")
        return [document.id for document, new in [take_in(each, shared) for each in found] if new]

    return take


def standing(tools, ids):
    return [tools.catalog.document(id).status for id in ids]


def test_all_that_stands_as_received_is_walked(shared, received):
    """In the order it came, reported like an ingest, with a row in the catalog; then there is nothing to do."""
    ids = received("a", "b")
    report = work_off(shared)
    assert [each.document.id for each in report.documents] == ids
    assert report.totals["documents done"] == 2
    run = shared.catalog.runs(1)[0]
    assert (run.kind, run.status, run.totals["pages"]) == ("inbox", "finished", 2)
    assert work_off(shared).documents == ()
    assert shared.catalog.runs(1)[0].id == run.id  # nothing was done, so nothing is written down


def test_what_comes_meanwhile_is_walked_too(shared, received):
    """A run that stays takes what comes after it has begun."""
    (first,) = received("early")
    later: list[str] = []

    def come(document):
        if document.id == first:
            threading.Timer(0.3, lambda: later.extend(received("late"))).start()

    report = work_off(shared, RunOptions(on_done=come), linger=5.0)
    assert [each.document.id for each in report.documents] == [first, *later]
    assert standing(shared, [first, *later]) == [DocumentStatus.DONE] * 2


def test_one_run_works_at_a_time(shared, received):
    """One that meets another changes nothing."""
    ids = received("c")
    with sole(shared.locks, "work-off") as held:
        assert held
        with pytest.raises(AlreadyRunning, match="nothing was done"):
            work_off(shared)
    assert standing(shared, ids) == [DocumentStatus.RECEIVED]
    work_off(shared)


def test_a_fault_of_the_program_holds_its_document_only(shared, received, monkeypatch):
    """The next ones are walked; the reason names the fault without its text."""
    bad, good = received("d", "e")
    walk = pipeline.ingest._walk

    def failing(work):
        if work.document.id == bad:
            raise TypeError("the words of a contract")
        return walk(work)

    monkeypatch.setattr(pipeline.ingest, "_walk", failing)
    work_off(shared)
    assert standing(shared, [bad, good]) == [DocumentStatus.HELD, DocumentStatus.DONE]
    reason = shared.catalog.document(bad).reason
    assert "TypeError" in reason and "contract" not in reason


def test_a_blob_that_cannot_be_read_ends_no_run(shared):
    """A bad place of the disk costs the page whose image lies there."""
    bad = StoreError("blob 0123456789ab… can't be read: Input/output error")
    work = stages.Work(Document("0" * 12, "dune", "x.pdf", "", DocumentStatus.RECEIVED, ""), shared, Claim())
    assert stages._counted(work, "read", bad) is bad


@pytest.mark.parametrize("place", ["worker", "run"])
def test_a_full_disk_ends_the_run_and_holds_nothing(shared, received, monkeypatch, place):
    """Whether a worker or the run itself meets it: what was received stands as received, and is walked once there is
    room again."""
    (document,) = received(f"full-{place}")

    def failing(work):
        if place == "run":
            raise OSError(errno.ENOSPC, "full")
        stages._counted(work, "read", translated(OSError(errno.ENOSPC, "full")))
        return work.document

    with monkeypatch.context() as patched, pytest.raises(DiskFull, match="no room for temporary files"):
        patched.setattr(pipeline.ingest, "_walk", failing)
        work_off(shared)
    assert standing(shared, [document]) == [DocumentStatus.RECEIVED]
    work_off(shared)
    assert standing(shared, [document]) == [DocumentStatus.DONE]


def test_what_can_be_tried_again_is_tried_once_a_run(shared, received):
    """An index that is away leaves the document received with the reason; the next run goes on from there."""
    ids = received("f")
    real = shared.index
    shared._made["index"] = Unreachable(real, 9)
    try:
        report = work_off(shared)
    finally:
        shared._made["index"] = real
    assert report.refused == 1
    assert shared.catalog.document(ids[0]).reason.startswith("unfinished: ")
    work_off(shared)
    assert standing(shared, ids) == [DocumentStatus.DONE]


def test_nothing_to_do_costs_little(home):
    """A run every few minutes that finds nothing loads no model and starts no process."""
    code = """import sys
from pipeline.run import work_off
from pipeline.wiring import open_tools
from pipeline.worker import translated
with open_tools() as tools:
    assert not work_off(tools, linger=60).documents
    sys.exit("torch" in sys.modules or "pool" in tools._made or "index" in tools._made)"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
