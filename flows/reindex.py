"""The flow that makes the index anew from the catalog, as `muniment index rebuild` does."""

from __future__ import annotations

from functools import partial

from prefect import flow

from flows.runs import begin, published, titled
from pipeline.frontier.text import count
from pipeline.run import rebuild
from pipeline.settings import load_settings
from pipeline.wiring import open_tools
from pipeline.worker import without_words

__all__ = ["reindex"]


@flow(name="reindex", flow_run_name=partial(titled, "reindex"), persist_result=False)
@without_words()
def reindex() -> dict[str, int]:
    """Drop the index and write it anew, with the models now configured; what it holds then comes back."""
    begin()
    with open_tools(load_settings()) as tools:
        counts = rebuild(tools)
    lines = [f"{count(counts['documents'], 'document')}, {count(counts['pages'], 'page')} indexed"]
    published("reindex", lines, "What the index holds")
    return counts
