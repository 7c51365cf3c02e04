"""The flows that walk documents down the road, a task a document: those of given folders, and what the inbox took in.

Prefect's states are a view, not the truth: the catalog decides what is done. A missed, doubled or crashed
run therefore changes nothing that a second run does not put right. Runs on the ephemeral server that
Prefect starts by itself, or on the one that `PREFECT_API_URL` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture, as_completed
from prefect.utilities.annotations import quote

from flows.runs import begin, named, published, skipped, titled
from pipeline.errors import AlreadyRunning, MunimentError
from pipeline.frontier.text import count
from pipeline.run import RunOptions, RunReport, Work, Worked, ingest_paths, work_off
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus
from pipeline.wiring import Tools, open_tools
from pipeline.worker import without_words

__all__ = ["ingest_folder", "ingest_inbox", "ingest_one"]

RETRIES = 2
RETRY_SECONDS = 2.0
LINGER_SECONDS = 60.0  # models and workers are warm: the next scan of a stack is worked off at once
AT_MOST_SECONDS = 3600.0  # then another run goes on, and what this one did can be read in its report
LISTED = 20  # documents for a person to look at that a report names; `muniment status` names all


def _retryable(_task: Any, _run: TaskRun, state: State) -> bool:
    """Only errors that say so of themselves are tried again: a second look at a broken PDF changes nothing, and a
    document that another worker has is in good hands."""
    try:
        state.result()
    except AlreadyRunning:
        return False
    except Exception as error:
        return bool(getattr(error, "retryable", False))
    return False


# The catalog remembers what was done, so Prefect caches nothing and stores no result.
@task(
    name="ingest-document",
    task_run_name="{shown}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_SECONDS,
    retry_condition_fn=_retryable,
    cache_policy=NO_CACHE,
    persist_result=False,
)
@without_words()
def ingest_one(shown: str, job: Any) -> Document:
    """Walk one document down the road. `shown` is what Prefect's pages show of it; `job` is the work to do and the
    document, quoted so that Prefect does not walk into them."""
    work, document = job
    walked: Document = work(document)
    return walked


@flow(name="ingest-folder", persist_result=False)
@without_words()
def ingest_folder(paths: list[str], matter: str | None = None, retry: bool = False) -> dict[str, Any]:
    """Take in what the paths hold and work it off; the report comes back as `muniment ingest --json` has it.

    Runs standing alone, so that a schedule or a deployment can start it with nothing but JSON parameters.
    """
    with open_tools(load_settings()) as tools:
        options = RunOptions(retry=retry, mapped=_tasks(tools))
        return ingest_paths([Path(path) for path in paths], matter, tools, options).as_json()


@flow(name="ingest-inbox", flow_run_name=partial(titled, "inbox"), persist_result=False)
@without_words()
def ingest_inbox(linger: float = LINGER_SECONDS, at_most: float = AT_MOST_SECONDS) -> dict[str, Any]:
    """Work off every document that was taken in and not walked yet, then stay `linger` seconds for more, `at_most` so
    long in all. Counts come back, or {"skipped": why} where another run is at work."""
    begin()
    with open_tools(load_settings()) as tools:
        try:
            report = work_off(tools, RunOptions(mapped=_tasks(tools)), linger=linger, at_most=at_most)
        except AlreadyRunning as error:
            return skipped("inbox", str(error))
    if report.documents:
        published("inbox", _lines(report), "What was worked off, and what a person should look at")
    return dict(report.totals)


def _lines(report: RunReport) -> list[str]:
    """Counts, and by id what needs a person; no word of any document."""
    settled = (DocumentStatus.DONE, DocumentStatus.AWAITING)
    open_ones = [each.document for each in report.documents if each.document.status not in settled]
    lines = [f"{number} {what}" for what, number in report.totals.items()]
    lines += [f"{document.id}: {document.status}" for document in open_ones[:LISTED]]
    return lines + ([f"and {count(left, 'document')} more"] if (left := len(open_ones) - LISTED) > 0 else [])


def _tasks(tools: Tools) -> Any:
    """How documents are mapped over Prefect tasks: as many side by side as the settings say, in the order they finish.
    All at once would give each a thread of its own."""
    at_once = tools.settings.documents_at_once

    def mapped(work: Work, documents: Sequence[Document]) -> Iterator[Worked]:
        waiting, under_way = iter(documents), dict[PrefectFuture[Document], Document]()
        while True:
            for document in islice(waiting, at_once - len(under_way)):
                under_way[ingest_one.submit(named(document), quote((work, document)))] = document
            if not under_way:
                return
            future = next(as_completed(list(under_way)))
            document = under_way.pop(future)
            try:
                yield future.result(), None
            except MunimentError as error:
                yield document, error

    return mapped
