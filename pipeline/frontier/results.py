"""What a batch brought: each result to its call by custom id, its answer kept before its cost is settled.

succeeded            judged, kept and settled like a direct answer, at the batch's price
errored              the request's own fault (it is malformed, too large): the page is held with the reason, because it
                     would fail every night; anything else (overload, account): it waits again
canceled, expired    not asked, not charged: it waits again
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.frontier import retry
from pipeline.frontier.answers import Failed, Reading, Usage, judge, usage_of
from pipeline.frontier.client import FrontierClient, Setup
from pipeline.frontier.ledger import State
from pipeline.frontier.models import model_of
from pipeline.frontier.readings import keep, readings_of
from pipeline.frontier.work import EscalationReport

if TYPE_CHECKING:
    from anthropic.types import Message
    from anthropic.types.messages import MessageBatchErroredResult, MessageBatchIndividualResponse

    from pipeline.frontier.batches import Call
    from pipeline.wiring import Tools

__all__ = ["take", "unanswerable"]

STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status with which the same error answers a direct call; others count as the server's own fault."""


def take(
    tools: Tools,
    client: FrontierClient,
    call: Call,
    response: MessageBatchIndividualResponse,
    report: EscalationReport,
) -> None:
    """Remember what one request of a batch brought, and settle its call."""
    setup = _as_sent(client.setup, call.model)
    result = response.result
    if result.type == "succeeded":
        _answer(tools, setup, call, result.message, report)
    elif result.type == "errored" and (reason := _own_fault(result)):
        tools.ledger.close(call.id, reason)
        unanswerable(tools, setup, call.document, call.pages, reason, report)
    else:
        reason = f"the batch's request {'was ' if result.type == 'canceled' else ''}{result.type}"
        tools.ledger.close(call.id, reason)
        report.deferred |= dict.fromkeys(call.names, reason)


def unanswerable(
    tools: Tools, setup: Setup, document: str, pages: Sequence[int], reason: str, report: EscalationReport
) -> None:
    """These pages can't be asked about as they are: they are held with the reason instead of failing every night."""
    readings = readings_of(setup, Failed("refused", reason), pages)
    keep(tools.catalog, tools.catalog.content(document), readings)
    report.failed |= {f"{document} page {page}": reason for page in pages}


def _answer(tools: Tools, setup: Setup, call: Call, message: Message, report: EscalationReport) -> None:
    reading = judge(message, call.pages)
    readings = readings_of(setup, reading, call.pages)
    keep(tools.catalog, tools.catalog.content(call.document), readings)
    failed = {name: one.failed for name, one in zip(call.names, readings.values(), strict=True) if one.page is None}
    _settle(tools, setup, call, usage_of(message), reading, report)
    report.answered += len(call.pages) - len(failed)
    report.failed |= failed


def _settle(
    tools: Tools, setup: Setup, call: Call, usage: Usage | None, reading: Reading, report: EscalationReport
) -> None:
    """What the answer cost; all that was reserved where it doesn't say."""
    if usage is None:
        tools.ledger.settle(call.id, Decimal(0), {}, state="lost", why="the answer does not say what it used")
        return
    state: State
    state, why = ("failed", reading.reason) if isinstance(reading, Failed) else ("settled", "")
    cost = setup.model.cost(usage, batch=True)
    tools.ledger.settle(call.id, cost, asdict(usage), state=state, why=why)
    report.spent += cost


def _own_fault(result: MessageBatchErroredResult) -> str:
    """Why this request will fail whenever it is asked; "" when the cause lies elsewhere."""
    error = result.error.error
    failure = retry.Failure(STATUS.get(error.type, 500), {}, error.type, error.message)
    decision = retry.decide(failure, retry.ATTEMPTS)
    return decision.reason if decision.next == "fail" else ""


def _as_sent(setup: Setup, model: str) -> Setup:
    """The setup with the model the batch was sent to, should another be configured since."""
    if model == setup.model.id:
        return setup
    try:
        return replace(setup, model=model_of(model, free=setup.destination.kind == "self-hosted"))
    except UsageError:  # its price was a setting of then: the present one is the best guess
        return replace(setup, model=replace(setup.model, id=model))
