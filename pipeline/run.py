"""One run over files and folders: take every file in, walk each document down the road, report on all.

How documents are mapped over is an argument: threads here for the command line, Prefect tasks in `flows/`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import AlreadyRunning, MunimentError
from pipeline.frontier.waits import Waits
from pipeline.ingest import ingest_document
from pipeline.intake import Incoming, discover, take
from pipeline.logs import event
from pipeline.run_ends import conclude
from pipeline.types import Document, DocumentStatus, PageOutcome, PageStatus

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = [
    "DocumentReport",
    "MapDocuments",
    "RunOptions",
    "RunReport",
    "Work",
    "Worked",
    "ingest_paths",
    "rebuild",
    "report_on",
    "threads",
]

log = logging.getLogger(__name__)

ATTEMPTS = 2  # a retryable error (index owner gone, catalog busy) is tried once more before it is reported


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """A document as the run leaves it; `new` is False when these bytes were in this matter before."""

    document: Document
    pages: tuple[PageOutcome, ...]
    new: bool = True

    def as_json(self) -> dict[str, object]:
        """The document's object in the report."""
        pages = [
            {"page": p.number, "route": p.route, "reasons": list(p.reasons), "status": p.status} for p in self.pages
        ]
        return {
            "name": self.document.name,
            "id": self.document.id,
            "matter": self.document.matter,
            "status": self.document.status,
            "reason": self.document.reason,
            "new": self.new,
            "pages": pages,
        }


@dataclass(frozen=True, slots=True)
class RunReport:
    """Every document of a run, in the order given, and the seconds spent by stage."""

    documents: tuple[DocumentReport, ...]
    seconds: dict[str, float]

    @property
    def totals(self) -> dict[str, int]:
        """Counts of documents and pages by how they ended."""
        counts = {"documents": len(self.documents), "new": sum(d.new for d in self.documents)}
        counts |= {f"documents {s}": self._documents(s) for s in DocumentStatus if self._documents(s)}
        pages = [page for document in self.documents for page in document.pages]
        counts["pages"] = len(pages)
        counts |= {f"pages {s}": n for s in PageStatus if (n := sum(p.status == s for p in pages))}
        return counts

    @property
    def refused(self) -> int:
        """Documents that a person has to look at: rejected, held, or left unfinished."""
        settled = (DocumentStatus.DONE, DocumentStatus.AWAITING)
        return sum(d.document.status not in settled for d in self.documents)

    def as_json(self) -> dict[str, object]:
        """The report as `muniment ingest --json` prints it."""
        return {
            "documents": [document.as_json() for document in self.documents],
            "totals": self.totals,
            "seconds": self.seconds,
        }

    def _documents(self, status: DocumentStatus) -> int:
        return sum(d.document.status == status for d in self.documents)


Work = Callable[[Document], Document]
Worked = tuple[Document, MunimentError | None]
MapDocuments = Callable[[Work, Sequence[Document]], Iterable[Worked]]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is made: `retry` walks refused documents again, `mapped` says how documents are mapped over,
    and the callbacks tell a progress bar how many documents there are and which one is done."""

    retry: bool = False
    mapped: MapDocuments | None = None
    on_start: Callable[[int], None] = lambda total: None
    on_done: Callable[[Document], None] = lambda document: None


def threads(at_once: int) -> MapDocuments:
    """Documents worked on side by side in threads: the work itself happens in processes and in torch."""

    def mapped(work: Work, documents: Sequence[Document]) -> Iterator[Worked]:
        pool = ThreadPoolExecutor(at_once, thread_name_prefix="document")
        futures = [pool.submit(_attempt, work, document) for document in documents]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            # Not waiting: on Ctrl-C the caller closes the workers, which stops what is under way.
            pool.shutdown(wait=False, cancel_futures=True)

    return mapped


def ingest_paths(
    paths: Sequence[Path],
    matter: str | None,
    tools: Tools,
    options: RunOptions | None = None,
) -> RunReport:
    """Take in what `paths` hold and work it off; documents met twice are worked once.

    A document that failed with a retryable error stays `received` with its reason; the next run goes on
    where this one stopped.
    """
    options = options or RunOptions()
    found = discover(paths, matter, tools.settings.matter)  # first of all: a mistyped path is no run
    run = tools.catalog.start_run("ingest")
    try:
        report = _ingest(found, tools, options)
    except BaseException as error:
        status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        tools.catalog.finish_run(run, tools.clock.seconds, {}, status)
        why = str(error) if isinstance(error, MunimentError) else type(error).__name__
        conclude(tools, run, details=[("it ended early", why)])
        raise
    tools.catalog.finish_run(run, report.seconds, report.totals, "finished")
    conclude(tools, run, report.documents)
    return report


def _ingest(found: Iterable[Incoming], tools: Tools, options: RunOptions) -> RunReport:
    with tools.clock.stage("intake"):
        taken = [_take(one, tools) for one in found]
    documents = list({document.id: document for document, _, _ in taken}.values())
    options.on_start(len(documents))

    def work(document: Document) -> Document:
        return ingest_document(document, tools, retry=options.retry)

    mapped = options.mapped or threads(tools.settings.documents_at_once)
    for document, error in mapped(work, documents):
        if error:
            _leave_unfinished(document, error, tools)
        event(log, "a document was walked", document=document.id, status=document.status)
        options.on_done(document)
    reports = (report_on(document.id, tools, new, name) for document, new, name in taken)
    return RunReport(tuple(reports), tools.clock.seconds)


def _take(incoming: Incoming, tools: Tools) -> tuple[Document, bool, str]:
    """The document, whether it is new, and the name it came under this time: a copy may have another."""
    document, new = take(incoming, tools.store, tools.catalog, max_file_mb=tools.settings.max_file_mb)
    return document, new, incoming.name


def rebuild(tools: Tools, options: RunOptions | None = None) -> dict[str, int]:
    """Drop the index and write it anew: every document that was read walks the road again, and finds all but
    its vectors remembered. Documents and pages in the new index come back."""
    options = options or RunOptions()
    read = [document for document in tools.catalog.documents() if tools.catalog.record(document.id)]
    tools.index.drop()
    for document in read:
        tools.catalog.set_indexed(document.id, "")
    options.on_start(len(read))
    for document in read:
        options.on_done(ingest_document(document, tools, retry=True))
    return {"documents": len(read), "pages": tools.index.count()}


def report_on(document_id: str, tools: Tools, new: bool = False, name: str = "") -> DocumentReport:
    """A document as the catalog knows it now, under the name it came under if one is given; pages that wait say what
    they wait for now."""
    document = tools.catalog.document(document_id)
    document = replace(document, name=name or document.name)
    return DocumentReport(document, Waits(tools).shown(document, tools.catalog.pages(document_id)), new)


def _attempt(work: Work, document: Document) -> Worked:
    for _ in range(ATTEMPTS - 1):
        try:
            return work(document), None
        except MunimentError as error:
            if not error.retryable:
                return document, error
    try:
        return work(document), None
    except MunimentError as error:
        return document, error


def _leave_unfinished(document: Document, error: MunimentError, tools: Tools) -> None:
    """What can be tried again stays `received` with its reason, but for what another worker has and will end;
    anything else ends the run."""
    if not error.retryable:
        raise error
    if isinstance(error, AlreadyRunning):
        return
    tools.catalog.set_status(document.id, DocumentStatus.RECEIVED, f"unfinished: {error}")
