"""Reports of runs: what a person needs in the morning, private, hostile names as text, old ones gone."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import put, tools_of
from pdfs import truncated

from pipeline import cli
from pipeline.errors import NotFound
from pipeline.run import ingest_paths, report_on
from pipeline.telling import run_reports
from pipeline.types import DocumentStatus
from pipeline.wiring import Tools

HOSTILE = "<script>alert(1)</script>\u202e.pdf"


@pytest.fixture
def tools(home: Path) -> Iterator[Tools]:
    made = tools_of(home)
    yield made
    made.close()


def written(tools: Tools, *names: str, **details: str) -> tuple[str, str]:
    """Text and page of a run over documents of these names, the first of them held."""
    found = [put(tools, name) for name in names]
    tools.catalog.set_status(found[0].id, DocumentStatus.HELD, "cut short")
    run = tools.catalog.start_run("ingest")
    tools.catalog.finish_run(run, {"read": 12.5}, {"documents": len(found)})
    reports = [report_on(document.id, tools, new=True) for document in found]
    path = run_reports.write(tools, run, reports, list(details.items()))
    assert path
    return path.read_text(), path.with_suffix(".html").read_text()


def test_a_report_says_what_came_and_what_a_person_has_to_do(tools: Tools) -> None:
    """Counts, who is held and why, what waits, money and seconds: in the text and on the page."""
    for shown in written(tools, "lease.pdf", "msa.pdf", escalate="4 pages read"):
        for wanted in ("Ingest run 1: finished", "lease.pdf", "held: cut short", "msa.pdf", "4 pages read", "12.5",
                       "0.0000 USD", "For a person to look at"):  # fmt: skip
            assert wanted in shown, wanted
        assert shown.index("lease.pdf") < shown.index("msa.pdf")


def test_the_page_is_one_file_in_which_nothing_is_markup(tools: Tools) -> None:
    """It loads nothing and runs nothing, and shows a hostile name as text."""
    text, page = written(tools, HOSTILE)
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page and "\u202e" not in page + text
    assert not re.search(r"(src=|href=|url\()", page) and "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page


def test_reports_are_private_and_old_ones_go(tools: Tools, home: Path) -> None:
    """Nobody else can read them; after MUNIMENT_REPORT_DAYS the next report removes them, and nothing else there."""
    written(tools, "a.pdf")
    folder = home / "reports"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    old, notes = next(iter(folder.glob("*.txt"))), folder / "notes.txt"
    notes.write_text("mine")
    for file in (old, notes):
        os.utime(file, (time.time() - 31 * 86400,) * 2)
    written(tools, "b.pdf")
    assert not old.exists() and notes.exists()


def test_a_report_that_can_not_be_written_ends_no_run(
    tools: Tools, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk, or here a file in the folder's place: the log says so."""
    run = tools.catalog.start_run("ingest")
    (home / "reports").write_text("in the way")
    assert run_reports.write(tools, run) is None
    assert f"report of run {run} could not be written" in caplog.text


def test_a_run_leaves_its_report_and_the_command_prints_it(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After an ingest of something new; the same again leaves none."""
    truncated(tmp_path / "inbox" / "acme" / "cut.pdf", "Lease " * 50)
    assert cli.main(["report"]) == 4
    tools = tools_of(home)
    for _ in range(2):
        ingest_paths([tmp_path / "inbox"], None, tools)
    tools.close()
    assert len(list((home / "reports").glob("*.txt"))) == 1
    capsys.readouterr()
    assert cli.main(["report", "1"]) == 0
    assert "cut.pdf" in capsys.readouterr().out
    with pytest.raises(NotFound, match="run 7"):
        run_reports.find(home / "reports", 7)
