"""What a run did, for whoever comes in the morning: a text and a page in `$MUNIMENT_HOME/reports/`, private like it.

Names of files and matters stand in it, because it stays on this machine; nothing of it is sent. The page is one file
that loads nothing. Reports older than MUNIMENT_REPORT_DAYS are removed when a new one is written.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from pipeline.errors import NotFound
from pipeline.operations import Operations, Reason
from pipeline.report import plain, table
from pipeline.rows import Run, to_run
from pipeline.store import private_folder
from pipeline.tables import runs
from pipeline.types import DocumentStatus

if TYPE_CHECKING:
    from pipeline.run_result import DocumentReport
    from pipeline.wiring import Tools

__all__ = ["find", "write"]

log = logging.getLogger(__name__)

LISTED = 500  # documents of a run, those a person should look at first
REASONS = 40
DAY = 24 * 3600.0
SETTLED = (DocumentStatus.DONE, DocumentStatus.AWAITING)
_NAME = re.compile(r"\d{8}-\d{6}-run-(\d+)-[a-z-]+\.(txt|html)")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with rows under it, the first row of `head` naming the columns; `none` is said instead of no rows."""

    title: str
    rows: Sequence[Sequence[str]]
    head: Sequence[str] = ()
    none: str = ""


def write(
    tools: Tools, run: int, documents: Sequence[DocumentReport] = (), details: Sequence[tuple[str, str]] = ()
) -> Path | None:
    """Write the report of this run: its documents, and `details` as (what, how it went). The path of its text; None
    when it could not be written, which ends no run."""
    try:
        report = _run(tools, run)
        title, sections = _title(report), list(_sections(tools, report, documents, details))
        folder = tools.settings.root / "reports"
        private_folder(folder)
        _remove_old(folder, time.time() - tools.settings.report_days * DAY)
        moment = datetime.fromtimestamp(report.started).strftime("%Y%m%d-%H%M%S")
        base = folder / f"{moment}-run-{report.id}-{report.kind}"
        _keep(base.with_suffix(".html"), _html(title, sections))
        _keep(base.with_suffix(".txt"), _text(title, sections))
    except Exception as error:
        log.error("the report of run %d could not be written: %s", run, type(error).__name__)
        return None
    return base.with_suffix(".txt")


def find(folder: Path, run: int | None = None) -> Path:
    """The text of this run's report, of the latest one without a number; `NotFound` when there is none."""
    found = [
        file
        for file in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if (match := _NAME.fullmatch(file.name)) and file.suffix == ".txt" and run in (None, int(match.group(1)))
    ]
    if not found:
        raise NotFound("there is no report yet" if run is None else f"there is no report of run {run}")
    return found[-1]


def _run(tools: Tools, run: int) -> Run:
    with tools.catalog.database.read() as connection:
        return to_run(connection.execute(select(runs).where(runs.c.id == run)).one())


def _title(run: Run) -> str:
    return f"{run.kind.capitalize()} run {run.id}: {run.status}"


def _sections(
    tools: Tools, run: Run, documents: Sequence[DocumentReport], details: Sequence[tuple[str, str]]
) -> Iterator[Section]:
    yield Section("The run", _facts(tools, run))
    if details:
        yield Section("What it did", details)
    failed = [one for one in documents if one.document.status not in SETTLED]
    if documents:
        yield _documents("For a person to look at", failed, "nothing: every document came through")
    waiting = Operations(tools.catalog.database).waiting(None)
    yield Section(
        "What waits, in all", [_reason(each) for each in waiting[:REASONS]], ("", "count", "why"), "nothing waits"
    )
    if documents:
        yield _documents("Documents", [one for one in documents if one not in failed], "none")
    yield Section("Seconds of work by stage", [(stage, f"{spent:.1f}") for stage, spent in run.seconds.items()])


def _facts(tools: Tools, run: Run) -> list[tuple[str, str]]:
    facts = [("began", _clock(run.started)), ("ended", _clock(run.finished) if run.finished else "not yet")]
    if run.finished:
        facts.append(("took", f"{run.finished - run.started:.0f} s"))
    facts += [(name, str(count)) for name, count in run.totals.items()]
    facts.append(("paid for frontier calls", f"{tools.ledger.paid(run.id):.4f} USD"))
    if reserved := tools.ledger.reserved(run.id):
        facts.append(("perhaps paid as well", f"{reserved:.4f} USD"))
    return [*facts, ("machine", run.host)]


def _documents(title: str, found: Sequence[DocumentReport], none: str) -> Section:
    rows = [
        (one.document.matter, one.document.name, one.document.id, str(len(one.pages) or "-"), _standing(one))
        for one in found[:LISTED]
    ]
    if len(found) > LISTED:
        rows.append(("", f"… and {len(found) - LISTED} more", "", "", ""))
    return Section(title, rows, ("matter", "document", "id", "pages", "how it stands"), none)


def _standing(report: DocumentReport) -> str:
    known = "" if report.new else "was here already: "
    reason = f": {report.document.reason}" if report.document.reason else ""
    return f"{known}{report.document.status}{reason}"


def _reason(each: Reason) -> tuple[str, str, str]:
    return f"{each.what} {each.status}", str(each.count), each.text


def _text(title: str, sections: Sequence[Section]) -> str:
    parts = [title]
    for section in sections:
        if section.rows or section.none:
            body = table([*([section.head] if section.head else []), *section.rows]) if section.rows else section.none
            parts.append(f"{section.title}\n{body if section.rows else '  ' + body}")
    return "\n\n".join(parts) + "\n"


def _html(title: str, sections: Sequence[Section]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("pipeline.telling"), autoescape=True, undefined=StrictUndefined)
    environment.filters["plain"] = plain
    return environment.get_template("report.html").render(title=title, sections=sections)


def _keep(path: Path, text: str) -> None:
    """Whole or not at all, and for nobody else's eyes."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # 0600
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    Path(part).replace(path)


def _remove_old(folder: Path, oldest: float) -> None:
    for file in folder.iterdir():
        with suppress(OSError):
            if (_NAME.fullmatch(file.name) or file.name.startswith(".new-")) and file.stat().st_mtime < oldest:
                file.unlink()


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")
