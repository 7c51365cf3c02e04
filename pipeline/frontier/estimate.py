"""What an escalation would cost, before it: the most by our own count, and what is likely from what was paid here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.frontier.client import OUTPUT_A_PAGE, SCHEMA_TOKENS, Asked
from pipeline.frontier.costs import Everything, PageMean, everything, page_mean
from pipeline.frontier.models import BATCH_FACTOR, Model
from pipeline.frontier.waits import Waits
from pipeline.frontier.work import EscalationReport, Options, leaving

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["Estimate", "densest_page", "estimate", "most_for"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Before a run: documents and pages that would be sent, documents kept back, the most it can cost in USD, and what
    is likely, where this model has read pages here (`mean`). `everything`: all pages of the home by this model.
    `waiting` counts the pages that wait, by reason."""

    model: str
    documents: int
    pages: int
    kept_back: int
    most: Decimal
    likely: Decimal | None
    mean: PageMean | None
    everything: Everything
    waiting: dict[str, int]


def estimate(tools: Tools, options: Options, *, batch: bool = False) -> Estimate:
    """What escalation would cost, page by page as it would be sent; nothing is sent and nothing reserved."""
    client = tools.frontier
    setup, database = client.setup, tools.catalog.database
    batch = batch and setup.profile.batches
    unused = EscalationReport(run=0)
    documents, pages, most = 0, 0, Decimal(0)
    for _, requests in leaving(tools, setup, replace(options, again=False), unused):
        documents += bool(requests)
        pages += sum(len(asked.parts) for asked in requests)
        most += sum(
            (most_for(setup.model, asked, client.most_output(asked), batch=batch) for asked in requests), Decimal(0)
        )
    mean = page_mean(database, setup.model.id)
    return Estimate(
        model=setup.model.id,
        documents=documents,
        pages=pages,
        kept_back=len(unused.kept_back),
        most=most,
        likely=mean.usd * pages * (BATCH_FACTOR if batch else 1) if mean else None,
        mean=mean,
        everything=everything(database, setup.model.id, densest_page(setup.model)),
        waiting=Waits(tools).counts(options.matters),
    )


def densest_page(model: Model) -> Decimal:
    """The most a page can cost alone: an image of the largest size, and the longest answer to it."""
    return model.most(SCHEMA_TOKENS + model.image_tokens, OUTPUT_A_PAGE)


def most_for(model: Model, asked: Asked, output: int, *, batch: bool = False) -> Decimal:
    """The most a request can cost, by our own count of its tokens and so many of the answer."""
    return model.most(SCHEMA_TOKENS + sum(part.tokens for part in asked.parts), output, batch=batch)
