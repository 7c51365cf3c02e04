"""The spine: killed anywhere and started again it loses and doubles nothing, and repeats only what was in flight."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pdfs
import pymupdf
import pytest
from PIL import Image, ImageDraw

from pipeline.errors import CatalogError, IndexUnavailable, UsageError
from pipeline.ingest import ingest_document
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus, PageStatus, Route
from pipeline.wiring import open_tools

PAGES = 6


@pytest.fixture
def tools(home):
    with open_tools() as tools:
        yield tools


def rows(home: Path, query: str) -> list[tuple]:
    """Read the catalog from outside, as it stands on disk; nothing while it is not there yet."""
    try:
        with sqlite3.connect(f"file:{home / 'catalog.sqlite'}?mode=ro", uri=True, timeout=30) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def results(home: Path) -> Counter:
    return Counter(rows(home, "SELECT sha256, page, stage, version, seconds FROM results"))


def start(home: Path, inbox: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "ingest", str(inbox)],
        env=os.environ | {"MUNIMENT_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_once_kept(home: Path, inbox: Path, count: int) -> None:
    """Start an ingest and kill -9 it as soon as the catalog keeps `count` stage results."""
    with start(home, inbox) as process:
        deadline = time.monotonic() + 120
        while len(results(home)) < count and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"


def test_kill_9_and_start_again(home, tmp_path):
    """After two kills in different stages a third start ends with every page once, keeping all that was saved."""
    inbox = tmp_path / "inbox"
    pdfs.scanned(inbox / "alder" / "msa.pdf", *[pdfs.AGREEMENT] * PAGES)
    pdfs.born_digital(inbox / "dune" / "lease.pdf", pdfs.LEASE, pdfs.LEASE)
    kill_once_kept(home, inbox, 3)  # some pages rendered
    kill_once_kept(home, inbox, 14)  # some pages read
    kept = results(home)
    assert start(home, inbox).wait(240) == 0
    after = results(home)
    assert kept <= after, "a saved result was computed again"
    assert len({row[:4] for row in after}) == len(after), "a result is there twice"
    with open_tools() as tools:
        documents = {d.name: d for d in tools.catalog.documents()}
        assert {name: d.status for name, d in documents.items()} == dict.fromkeys(documents, DocumentStatus.DONE)
        assert [p.number for p in tools.catalog.pages(documents["msa.pdf"].id)] == list(range(1, PAGES + 1))
        assert tools.index.pages_of(documents["msa.pdf"].id) == set(range(1, PAGES + 1))
        assert tools.index.count() == PAGES + 2
        assert len(documents) == 2
        statuses = [run.status for run in tools.catalog.runs()]
    assert statuses == ["finished", "interrupted", "interrupted"]


def test_ctrl_c_stops_soon_and_blames_no_page(home, tmp_path):
    """An interrupt ends the run within seconds with exit code 130; no page is held for it, the next run finishes."""
    inbox = tmp_path / "inbox"
    pdfs.scanned(inbox / "alder" / "msa.pdf", *[pdfs.AGREEMENT] * 12)
    with start(home, inbox) as process:
        deadline = time.monotonic() + 120
        while len(results(home)) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    with open_tools() as tools:
        (document,) = tools.catalog.documents()
        assert (document.status, tools.catalog.pages(document.id)) == (DocumentStatus.RECEIVED, [])
        assert tools.catalog.runs(1)[0].status == "interrupted"
    assert start(home, inbox).wait(240) == 0


def test_a_page_that_fails_is_held_and_the_others_finish(tools, tmp_path):
    """A page larger than any paper is held with its reason; its document's other pages are extracted and found."""
    path = pdfs.born_digital(tmp_path / "in" / "plan.pdf", pdfs.LEASE)
    with pymupdf.open(path) as document:
        document.new_page(width=14_400, height=600)
        document.new_page().insert_text((72, 72), "Schedule of the premises on the fourth floor")
        document.saveIncr()
    report = ingest_paths([path], "dune", tools)
    (document,) = report.documents
    statuses = [page.status for page in document.pages]
    assert statuses == [PageStatus.EXTRACTED, PageStatus.HELD, PageStatus.EXTRACTED]
    assert "14,400 pt" in document.pages[1].reasons[0]
    assert document.document.status is DocumentStatus.HELD
    assert document.document.reason.startswith("1 of 3 pages held; page 2: ")
    assert tools.index.pages_of(document.document.id) == {1, 3}


def test_hard_pages_wait_visibly(tools, tmp_path):
    """A page that only the frontier model could read awaits escalation, says why, and is searchable meanwhile."""
    path = pdfs.scanned(tmp_path / "in" / "note.pdf", pdfs.LEASE)
    image = Image.new("L", (1240, 1754), 255)
    draw = ImageDraw.Draw(image)
    for line in range(12):
        draw.line([(150 + 9 * i, 200 + 110 * line + (i * 37 % 60)) for i in range(100)], fill=30, width=4)
    image.save(tmp_path / "scrawl.jpg", quality=80)
    with pymupdf.open(path) as document:
        page = document.new_page()
        page.insert_image(page.rect, filename=tmp_path / "scrawl.jpg")
        document.saveIncr()
    (document,) = ingest_paths([path], "dune", tools).documents
    assert [page.status for page in document.pages] == [PageStatus.EXTRACTED, PageStatus.AWAITING]
    assert document.pages[1].route is Route.FRONTIER
    assert "needs the frontier model: none is configured (MUNIMENT_FRONTIER_URL)" in document.pages[1].reasons
    assert document.document.status is DocumentStatus.AWAITING


def test_held_documents_stay_until_retry(tools, tmp_path):
    """A held document is not looked at again by itself; `retry` walks it once more."""
    path = pdfs.truncated(tmp_path / "in" / "cut.pdf", pdfs.LEASE, pdfs.AGREEMENT)
    (document,) = (d.document for d in ingest_paths([path], "dune", tools).documents)
    assert document.status is DocumentStatus.HELD
    pool = tools._made.pop("pool")  # nothing may be rendered or read by a run without `retry`
    assert ingest_document(document, tools) == document
    assert "pool" not in tools._made
    tools._made["pool"] = pool
    assert ingest_document(document, tools, retry=True).status is DocumentStatus.HELD


def test_a_held_document_is_walked_again_though_it_is_indexed(tools, tmp_path):
    """One page was held and the others indexed, by these very stages: `retry` reads that page now."""
    path = pdfs.born_digital(tmp_path / "in" / "indexed.pdf", pdfs.LEASE)
    (document,) = (d.document for d in ingest_paths([path], "dune", tools).documents)
    tools.catalog.set_status(document.id, DocumentStatus.HELD, "1 of 1 pages held")
    assert ingest_document(document, tools).status is DocumentStatus.HELD
    assert ingest_document(document, tools, retry=True).status is DocumentStatus.DONE


def test_a_changed_setting_repeats_only_what_hangs_on_it(home, tmp_path):
    """Another threshold for triage triages anew; pages are neither rendered nor read again."""
    path = pdfs.born_digital(tmp_path / "in" / "lease.pdf", pdfs.LEASE)
    with open_tools() as tools:
        ingest_paths([path], "dune", tools)
    with open_tools(load_settings(escalate_below=0.5)) as tools:
        seconds = ingest_paths([path], "dune", tools).seconds
    assert "triage" in seconds
    assert not {"inspect", "render", "read"} & set(seconds)


def test_same_bytes_are_one_document_in_a_matter_and_two_in_two(tools, tmp_path):
    """The same content twice in a matter is one document; in another matter it is another, read once."""
    first = pdfs.born_digital(tmp_path / "in" / "lease.pdf", pdfs.LEASE)
    copy = first.with_name("copy.pdf")
    copy.write_bytes(first.read_bytes())
    one = ingest_paths([first, copy], "dune", tools)
    assert len({d.document.id for d in one.documents}) == 1
    assert [(d.document.name, d.new) for d in one.documents] == [("lease.pdf", True), ("copy.pdf", False)]
    other = ingest_paths([copy], "alder", tools)
    assert other.documents[0].document.id != one.documents[0].document.id
    assert other.documents[0].document.status is DocumentStatus.DONE
    assert tools.index.count() == 2


class Unreachable:
    """An index that is down for its first `failures` calls, then the real one."""

    def __init__(self, index, failures: int) -> None:
        self._index, self._failures = index, failures

    def __getattr__(self, name):
        if self._failures:
            self._failures -= 1
            raise IndexUnavailable("the index can't be reached")
        return getattr(self._index, name)


@pytest.mark.parametrize(("failures", "status"), [(1, DocumentStatus.DONE), (9, DocumentStatus.RECEIVED)])
def test_retryable_errors_are_tried_again_then_left_to_resume(tools, tmp_path, failures, status):
    """One hiccup of the index is retried; a longer one leaves the document received, with its reason, to resume."""
    path = pdfs.born_digital(tmp_path / "in" / "lease.pdf", pdfs.LEASE)
    real = tools.index
    tools._made["index"] = Unreachable(real, failures)
    report = ingest_paths([path], "dune", tools)
    assert report.documents[0].document.status is status
    assert report.refused == (status is DocumentStatus.RECEIVED)
    tools._made["index"] = real
    resumed = ingest_paths([path], "dune", tools)
    assert resumed.documents[0].document.status is DocumentStatus.DONE


def test_a_damaged_page_is_held_though_it_is_read(tools, tmp_path):
    """A page whose content is cut short is held with the reason; what it shows can be found meanwhile."""
    path = pdfs.born_digital(tmp_path / "in" / "lease.pdf", pdfs.LEASE)
    with pymupdf.open(path) as document:
        xref = document[0].get_contents()[0]
        document.update_stream(xref, document.xref_stream(xref) + b"\nBT (unfinished", compress=False)
        document.saveIncr()
    (report,) = ingest_paths([path], "dune", tools).documents
    assert report.pages[0].status is PageStatus.HELD
    assert "could not be drawn" in " ".join(report.pages[0].reasons)
    assert tools.index.pages_of(report.document.id) == {1}


def test_missing_ocr_data_ends_the_run_and_holds_nothing(home, tmp_path):
    """A language that is not installed is a wrong setting: the run ends, and no document is held for it."""
    path = pdfs.scanned(tmp_path / "in" / "lease.pdf", pdfs.LEASE)
    with open_tools(load_settings(language="xyz")) as tools:
        with pytest.raises(UsageError, match="MUNIMENT_LANGUAGE"):
            ingest_paths([path], "dune", tools)
        assert [d.status for d in tools.catalog.documents()] == [DocumentStatus.RECEIVED]


def test_a_document_without_bytes_is_never_walked(tools):
    """A file that could not be read at intake has no content to walk; `retry` leaves it held."""
    unread = Document("0" * 12, "dune", "gone.pdf", "", DocumentStatus.HELD, "can't be read: Permission denied")
    tools.catalog.add(unread, "gone.pdf")
    assert ingest_document(unread, tools, retry=True) == unread


def test_work_error_reaches_the_caller(tools, tmp_path, monkeypatch):
    """An error that is neither a refusal nor retryable ends the run instead of hiding."""
    path = pdfs.born_digital(tmp_path / "in" / "lease.pdf", pdfs.LEASE)

    def broken(*_: object) -> None:
        raise CatalogError("the catalog broke")

    monkeypatch.setattr("pipeline.stages.merge", broken)
    with pytest.raises(CatalogError, match="the catalog broke"):
        ingest_paths([path], "dune", tools)
