"""The flow that walks folders of scanned documents down the road, a task a document.

Prefect's states are a view, not the truth: the catalog decides what is done. A missed, doubled or crashed
run therefore changes nothing that a second run does not put right. Runs on the ephemeral server that
Prefect starts by itself, or on the one that `PREFECT_API_URL` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import as_completed
from prefect.utilities.annotations import quote

from pipeline.errors import MunimentError
from pipeline.report import plain
from pipeline.run import RunOptions, Work, Worked, ingest_paths
from pipeline.settings import load_settings
from pipeline.types import Document
from pipeline.wiring import open_tools

__all__ = ["ingest_folder", "ingest_one"]

RETRIES = 2
RETRY_SECONDS = 2.0


def _retryable(_task: Any, _run: TaskRun, state: State) -> bool:
    """Only errors that say so of themselves are tried again: a second look at a broken PDF changes nothing."""
    try:
        state.result()
    except Exception as error:
        return bool(getattr(error, "retryable", False))
    return False


# The catalog remembers what was done, so Prefect caches nothing and stores no result.
@task(
    name="ingest-document",
    task_run_name="{name} [{document_id}]",
    retries=RETRIES,
    retry_delay_seconds=RETRY_SECONDS,
    retry_condition_fn=_retryable,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def ingest_one(document_id: str, name: str, job: Any) -> Document:
    """Walk one document down the road. Id and name are what Prefect's pages show of it; `job` is the work to do
    and the document, quoted so that Prefect does not walk into them."""
    work, document = job
    walked: Document = work(document)
    return walked


@flow(name="ingest-folder", persist_result=False)
def ingest_folder(paths: list[str], matter: str | None = None, retry: bool = False) -> dict[str, Any]:
    """Take in what the paths hold and work it off; the report comes back as `muniment ingest --json` has it.

    Runs standing alone, so that a schedule or a deployment can start it with nothing but JSON parameters.
    """
    options = RunOptions(retry=retry, mapped=_tasks)
    with open_tools(load_settings()) as tools:
        return ingest_paths([Path(path) for path in paths], matter, tools, options).as_json()


def _tasks(work: Work, documents: Sequence[Document]) -> Iterator[Worked]:
    """Documents mapped over Prefect tasks, in the order they finish."""
    futures = {ingest_one.submit(d.id, plain(d.name), quote((work, d))): d for d in documents}
    for future in as_completed(list(futures)):
        try:
            yield future.result(), None
        except MunimentError as error:
            yield futures[future], error
