"""Asking for what a comparison lacks: the unread pages of its ways go to their models, by gate, ledger and budgets.

The answers are remembered like any others. No document is concluded: a comparison changes no record, and what was
answered is heard when the document next walks the road.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.evaluate.compare import Comparison, Unread
from pipeline.frontier.client import Asked, Setup
from pipeline.frontier.direct import Direct
from pipeline.frontier.estimate import most_for
from pipeline.frontier.readings import by_model
from pipeline.frontier.requests import requests_for
from pipeline.frontier.runs import asking
from pipeline.frontier.work import EscalationReport, allowed

if TYPE_CHECKING:
    from pipeline.frontier.prompts import Part
    from pipeline.types import Document
    from pipeline.wiring import Tools

__all__ = ["ask", "priced"]


def ask(tools: Tools, found: Comparison) -> EscalationReport:
    """Ask the model of each way about its unread pages; a spent budget or a refused account ends it, and what was
    answered stays. `UsageError` when no frontier model is configured, `AlreadyRunning` while an escalation works."""
    ways = [(tools.frontier_with(row.way.model), row.unread) for row in found.rows if row.unread]
    with asking(tools, "compare") as report:
        for client, unread in ways:
            Direct(tools.catalog, client, report).work_off(_questions(tools, client.setup, unread, report))
    return report


def priced(tools: Tools, found: Comparison) -> Comparison:
    """The comparison with what asking about the unread pages of each way would cost at most; nothing is sent."""
    if not tools.settings.frontier_url:
        return found
    rows = (replace(row, most=_most(tools, row.way.model, row.unread)) if row.unread else row for row in found.rows)
    return replace(found, rows=tuple(rows))


def _most(tools: Tools, model: str, unread: Unread) -> Decimal | None:
    """USD, as the pages would be sent; None for a model without a known price."""
    try:
        client = tools.frontier_with(model)
    except UsageError:
        return None
    total = Decimal(0)
    for document, pages in unread:
        for parts in requests_for(tools, client.setup, document, pages):
            one = Asked(0, document.id, document.matter, parts)
            total += most_for(client.setup.model, one, client.most_output(one))
    return total


def _questions(
    tools: Tools, setup: Setup, unread: Unread, report: EscalationReport
) -> Iterator[tuple[Document, list[Asked]]]:
    """The requests of these pages; those of the same content once, none that was answered meanwhile or that a batch
    asks about."""
    seen: set[tuple[str, int]] = set()

    def parts(document: Document, pages: frozenset[int]) -> Iterator[tuple[Part, ...]]:
        known = by_model(tools.catalog, document.sha256).get(setup.model.id, {}).keys()
        asked = {page for sha256, page in seen if sha256 == document.sha256}
        wanted = pages - known - asked - tools.batches.asked(document.id)
        seen.update((document.sha256, page) for page in wanted)
        yield from requests_for(tools, setup, document, wanted)

    return allowed(tools, setup, ((document, parts(document, pages)) for document, pages in unread), report)
