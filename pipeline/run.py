"""One run over files and folders: take every file in, walk each document down the road, report on all.

How documents are mapped over is an argument: threads here for the command line, Prefect tasks in `flows/`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import stages
from pipeline.claims import sole
from pipeline.errors import AlreadyRunning, DiskFull, MunimentError
from pipeline.inbox.receive import take_in
from pipeline.ingest import ingest_document
from pipeline.intake import Incoming, discover
from pipeline.run_result import DocumentReport, RunReport, report_on
from pipeline.telling.logs import event
from pipeline.telling.run_ends import conclude
from pipeline.types import Document, DocumentStatus
from pipeline.worker import translated

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
    "work_off",
]

log = logging.getLogger(__name__)

ATTEMPTS = 2  # a retryable error (index owner gone, catalog busy) is tried once more before it is reported
BATCH = 32  # documents between two looks at what came in meanwhile
LOOK_SECONDS = 1.0  # between two looks while there is nothing to do


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
    return _recorded("ingest", tools, lambda: _ingest(found, tools, options))


def work_off(
    tools: Tools, options: RunOptions | None = None, *, linger: float = 0.0, at_most: float = math.inf
) -> RunReport:
    """Walk every document that stands as `received`, in the order they came, with what comes in meanwhile: left there
    by the watcher, by a kill, by an error that can be tried again. Each is tried once.

    Stays for more until nothing came for `linger` seconds, and begins no document after `at_most` seconds. A fault of
    the program holds its document and stops no other. `AlreadyRunning` when another one is at work on this home: what
    came before that was raised, the other one does.
    """
    options, until = options or RunOptions(), time.monotonic() + at_most
    tried: dict[str, None] = {}  # ids, in the order they were walked
    # Looked at once more after the lock was let go: whoever met the lock meanwhile left what it came for to us.
    while time.monotonic() < until and any(_received(tools, tried)):
        with sole(tools.locks, "work-off") as here:
            if here:
                _recorded("inbox", tools, lambda: _work_off(tools, options, tried, (linger, until)))
            elif tried:
                break
            else:
                raise AlreadyRunning("another run works off what was received on this home: nothing was done")
    return _report(tools, tried)


def _ingest(found: Iterable[Incoming], tools: Tools, options: RunOptions) -> RunReport:
    with tools.clock.stage("intake"):
        taken = [_take(one, tools) for one in found]
    documents = list({document.id: document for document, _, _ in taken}.values())
    options.on_start(len(documents))
    _walk(documents, lambda document: ingest_document(document, tools, retry=options.retry), tools, options)
    reports = (report_on(document.id, tools, new, name) for document, new, name in taken)
    return RunReport(tuple(reports), tools.clock.seconds)


def _work_off(tools: Tools, options: RunOptions, tried: dict[str, None], patience: tuple[float, float]) -> RunReport:
    """The report is of what was walked now; all of it is added to `tried`."""
    (linger, until), known, last = patience, len(tried), time.monotonic()
    while (now := time.monotonic()) < until:
        if batch := list(islice(_received(tools, tried), BATCH)):
            _walk(batch, lambda document: _or_hold(document, tools), tools, options)
            tried |= dict.fromkeys(document.id for document in batch)
            last = time.monotonic()
        elif now - last < linger:
            time.sleep(LOOK_SECONDS)
        else:
            break
    return _report(tools, islice(tried, known, None))


def _report(tools: Tools, ids: Iterable[str]) -> RunReport:
    return RunReport(tuple(report_on(id, tools, new=True) for id in ids), tools.clock.seconds)


def _received(tools: Tools, without: Collection[str]) -> Iterator[Document]:
    return (d for d in tools.catalog.documents(status=DocumentStatus.RECEIVED) if d.id not in without)


def _or_hold(document: Document, tools: Tools) -> Document:
    """Nobody watches: a document that the program fails on is held with that reason, and the next one is walked. One
    that another worker has stays as it stands: that one ends it, or the next run does."""
    try:
        return ingest_document(document, tools, wait=False)
    except AlreadyRunning:
        return document
    except MunimentError:
        raise
    except Exception as error:
        fault = translated(error)
        if isinstance(fault, DiskFull):
            raise fault from error
        return stages.refuse(document, fault, tools)


def _walk(documents: Sequence[Document], work: Work, tools: Tools, options: RunOptions) -> None:
    mapped = options.mapped or threads(tools.settings.documents_at_once)
    for document, error in mapped(work, documents):
        if error:
            _leave_unfinished(document, error, tools)
        event(log, "a document was walked", document=document.id, status=document.status)
        options.on_done(document)


def _recorded(kind: str, tools: Tools, body: Callable[[], RunReport]) -> RunReport:
    """The body's report, with a row in the catalog that says when it ran, how it ended and what it did."""
    run, before = tools.catalog.start_run(kind), tools.clock.seconds
    try:
        report = body()
    except BaseException as error:
        status = "failed" if isinstance(error, Exception) else "interrupted"
        tools.catalog.finish_run(run, _since(before, tools), {}, status)
        why = str(error) if isinstance(error, MunimentError) else type(error).__name__
        conclude(tools, run, details=[("it ended early", why)])
        raise
    tools.catalog.finish_run(run, _since(before, tools), report.totals, "finished")
    conclude(tools, run, report.documents)
    return report


def _since(before: Mapping[str, float], tools: Tools) -> dict[str, float]:
    return {stage: round(seconds - before.get(stage, 0.0), 3) for stage, seconds in tools.clock.seconds.items()}


def _take(incoming: Incoming, tools: Tools) -> tuple[Document, bool, str]:
    """The document, whether it is new, and the name it came under this time: a copy may have another."""
    document, new = take_in(incoming, tools)
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
