"""Asking for what a comparison lacks: the unread pages of its ways go to their models, by gate, ledger and budgets.

The answers are remembered like any others. No document is concluded: a comparison changes no record, and what was
answered is heard when the document next walks the road.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from pipeline.errors import BudgetSpent, FrontierStopped, MunimentError, NotAllowed, UsageError
from pipeline.evaluate.compare import Comparison, Unread
from pipeline.frontier.client import SCHEMA_TOKENS, Asked, Deferred, FrontierClient
from pipeline.frontier.readings import by_model, keep, readings_of
from pipeline.frontier.requests import requests_for

if TYPE_CHECKING:
    from pipeline.types import Document
    from pipeline.wiring import Tools

__all__ = ["Asking", "ask", "priced"]


@dataclass
class Asking:
    """What came of it: pages answered, pages without an answer by name, with the reason, USD spent, and why the asking
    ended early, if it did."""

    run: int
    answered: int = 0
    unanswered: dict[str, str] = field(default_factory=dict)
    spent: Decimal = Decimal(0)
    stopped: str = ""

    def as_json(self) -> dict[str, Any]:
        """Everything; USD as text, so that no digit is lost."""
        return asdict(self) | {"spent": str(self.spent)}


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
    requests = [one for document, pages in unread for one in _requests(tools, client, document, pages, run=0)]
    sizes = [(SCHEMA_TOKENS + sum(part.tokens for part in one.parts), client.most_output(one)) for one in requests]
    return sum((client.setup.model.most(*size) for size in sizes), Decimal(0))


def ask(tools: Tools, found: Comparison) -> Asking:
    """Ask the model of each way about its unread pages; a spent budget or a refused account ends it, and what was
    answered stays. `UsageError` when no frontier model is configured."""
    asking = Asking(tools.catalog.start_run("compare"))
    status = "failed"
    try:
        for row in found.rows:
            if row.unread:
                _Questions(tools, tools.frontier_with(row.way.model), asking).ask(row.unread)
        status = "budget-stopped" if asking.stopped else "finished"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        asking.spent = tools.ledger.spent(asking.run)
        totals = {"pages answered": asking.answered, "pages without an answer": len(asking.unanswered)}
        tools.catalog.finish_run(asking.run, tools.clock.seconds, totals, status)
    return asking


@dataclass
class _Questions:
    """The asking of one model, document by document, the requests of each side by side."""

    tools: Tools
    client: FrontierClient
    asking: Asking

    def ask(self, unread: Unread) -> None:
        with ThreadPoolExecutor(self.client.setup.at_once, thread_name_prefix="compare") as executor:
            for document, pages in unread:
                if refusal := self._refusal(document):
                    self._note(document, dict.fromkeys(pages, refusal))
                    continue
                requests = _requests(self.tools, self.client, document, self._open(document, pages), self.asking.run)
                while some := list(islice(requests, self.client.setup.at_once)):  # images: not all of them at once
                    for reasons in executor.map(partial(self._answer, document), some):
                        self._note(document, reasons)

    def _refusal(self, document: Document) -> str:
        """Why nothing of this document may be asked about; "" when it may."""
        try:
            self.tools.policies.check(document.matter, self.client.setup.destination)
        except NotAllowed as refusal:
            return str(refusal)
        return self.asking.stopped

    def _open(self, document: Document, pages: frozenset[int]) -> frozenset[int]:
        """Those not answered meanwhile (the same scan in another matter), and not asked about by a batch."""
        said = by_model(self.tools.catalog, document.sha256).get(self.client.setup.model.id, {})
        return pages - said.keys() - self.tools.batches.asked(document.id)

    def _answer(self, document: Document, asked: Asked) -> dict[int, str]:
        """Ask, and keep what is said, in a thread; why there is no answer ("" if there is), by page."""
        try:
            outcome = Deferred(self.asking.stopped) if self.asking.stopped else self.client.ask(asked)
        except MunimentError as error:
            if isinstance(error, (BudgetSpent, FrontierStopped)):
                self.asking.stopped = str(error)
            outcome = Deferred(str(error))
        if isinstance(outcome, Deferred):
            return dict.fromkeys(asked.numbers, outcome.reason)
        readings = readings_of(self.client.setup, outcome, asked.numbers)
        keep(self.tools.catalog, document.sha256, readings)
        return {number: reading.failed for number, reading in readings.items()}

    def _note(self, document: Document, reasons: dict[int, str]) -> None:
        self.asking.answered += sum(not reason for reason in reasons.values())
        failed = {number: reason for number, reason in reasons.items() if reason}
        self.asking.unanswered |= {f"{document.id} page {number}": reason for number, reason in failed.items()}


def _requests(
    tools: Tools, client: FrontierClient, document: Document, pages: frozenset[int], run: int
) -> Iterator[Asked]:
    for parts in requests_for(tools, client.setup, document, pages):
        yield Asked(run, document.id, document.matter, parts)
