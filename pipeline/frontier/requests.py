"""Which pages of a document go into which request."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline.frontier.client import MOST_OUTPUT, OUTPUT_A_PAGE, Setup
from pipeline.frontier.prompts import Part, page_part
from pipeline.frontier.readings import by_model, to_ask
from pipeline.kept import pages_of
from pipeline.types import Document

if TYPE_CHECKING:
    from pipeline.backends.protocols import PageInput
    from pipeline.wiring import Tools

__all__ = ["grouped", "requests_for"]

PAGES = MOST_OUTPUT // OUTPUT_A_PAGE  # in one request: each saves the prefix, and no answer outgrows the limit


def grouped(tools: Tools, setup: Setup, document: Document, *, again: bool = False) -> Iterator[tuple[Part, ...]]:
    """The pages of a document to ask about (`readings.to_ask`), without those that a batch under way asks about."""
    wanted = to_ask(tools.catalog, document, setup.model.id, again=again)
    yield from requests_for(tools, setup, document, set(wanted) - tools.batches.asked(document.id))


def requests_for(tools: Tools, setup: Setup, document: Document, wanted: Collection[int]) -> Iterator[tuple[Part, ...]]:
    """These pages of a document, as far as they were read, a few to a request, each with its neighbours' text.

    A page whose answer failed is asked about alone: what spoiled it spoils no other. So is one that can't be sent.
    """
    pages = {page.text.number: page for page in pages_of(tools, document)}
    before = by_model(tools.catalog, document.sha256).get(setup.model.id, {})
    group: list[Part] = []
    numbers = sorted(pages.keys() & set(wanted))
    tools.store.bring(pages[number].image.sha256 for number in numbers)
    for number in numbers:
        part = _part(setup, pages, number)
        if part.problem or (number in before and before[number].page is None):
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
