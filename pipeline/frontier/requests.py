"""Which pages of a document go into which request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline.frontier.client import MOST_OUTPUT, OUTPUT_A_PAGE, Setup
from pipeline.frontier.prompts import Part, page_part
from pipeline.frontier.readings import forget_failed, remembered
from pipeline.types import Document, PageStatus

if TYPE_CHECKING:
    from pipeline.backends.protocols import PageInput
    from pipeline.wiring import Tools

__all__ = ["grouped"]

PAGES = MOST_OUTPUT // OUTPUT_A_PAGE  # in one request: each saves the prefix, and no answer outgrows the limit


def grouped(tools: Tools, setup: Setup, document: Document, *, again: bool = False) -> Iterator[tuple[Part, ...]]:
    """The waiting pages of a document that have no answer yet, a few to a request, each with its neighbours' text.

    A page whose answer failed is asked about alone: what spoiled it spoils no other. So is one that can't be sent.
    """
    failed = forget_failed(tools.catalog, document.sha256) if again else set()
    known = remembered(tools.catalog, document.sha256)
    asked = tools.batches.asked(document.id)
    pages = {page.text.number: page for page in tools.pages_of(document)}
    wanted = [
        outcome.number
        for outcome in tools.catalog.pages(document.id)
        if (outcome.status is PageStatus.AWAITING or outcome.number in failed)
        and outcome.number in pages.keys() - known.keys() - asked
    ]
    group: list[Part] = []
    for number in wanted:
        part = _part(setup, pages, number)
        if part.problem or number in failed:
            yield (part,)
            continue
        group.append(part)
        if len(group) >= min(PAGES, setup.profile.images):
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def _part(setup: Setup, pages: Mapping[int, PageInput], number: int) -> Part:
    before, after = pages.get(number - 1), pages.get(number + 1)
    return page_part(
        pages[number],
        setup.model,
        before=before.text.text if before else "",
        after=after.text.text if after else "",
    )
