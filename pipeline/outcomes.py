"""How a page ends and where its document stands then: pure decisions, each with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.frontier.readings import FrontierReading
from pipeline.frontier.waits import NEEDS
from pipeline.types import DocumentStatus, PageOutcome, PageStatus, Route, Triage

__all__ = ["escalated_outcome", "read_outcome", "standing"]


def read_outcome(triage: Triage, doubts: Sequence[str], note: str) -> PageOutcome:
    """Of a page that was read here. Hard pages wait: by triage, or because grounding left doubts; `note` goes with the
    reasons of a `local` page."""
    number, route = triage.number, triage.route
    if route is Route.BLANK:
        return PageOutcome(number, route, triage.reasons, PageStatus.BLANK)
    reasons = (*triage.reasons, *((note,) if route is Route.LOCAL and note else ()), *doubts)
    if route is Route.FRONTIER or doubts:
        return PageOutcome(number, Route.FRONTIER, reasons, PageStatus.AWAITING)
    return PageOutcome(number, route, reasons, PageStatus.EXTRACTED)


def escalated_outcome(outcome: PageOutcome, asked: FrontierReading | None) -> PageOutcome:
    """Of a page that needs the frontier model, by what one said of it, if it was asked. What it could not read either
    waits for a person.

    Why a page still waits changes with settings and policies: `frontier.waits` tells it when the page is shown.
    """
    if asked is None:
        return replace(outcome, reasons=(*outcome.reasons, NEEDS))
    if asked.page is None:
        return replace(outcome, reasons=(*outcome.reasons, f"{asked.model}: {asked.failed}"), status=PageStatus.HELD)
    if not asked.page.readable:
        why = f"{asked.model} could not read the page either"
        return replace(outcome, reasons=(*outcome.reasons, why), status=PageStatus.HELD)
    why = f"read by {asked.model}{f', nothing verified: {asked.doubt}' if asked.doubt else ''}"
    return replace(outcome, reasons=(*outcome.reasons, why), status=PageStatus.EXTRACTED)


def standing(outcomes: Sequence[PageOutcome]) -> tuple[DocumentStatus, str]:
    """The document stands where its worst page stands."""
    held = [page for page in outcomes if page.status is PageStatus.HELD]
    waiting = [page for page in outcomes if page.status is PageStatus.AWAITING]
    if held:
        first = held[0]
        return DocumentStatus.HELD, f"{_share(held, outcomes)} held; page {first.number}: {'; '.join(first.reasons)}"
    if waiting:
        return DocumentStatus.AWAITING, f"{_share(waiting, outcomes)} awaiting escalation"
    return DocumentStatus.DONE, ""


def _share(some: Sequence[PageOutcome], outcomes: Sequence[PageOutcome]) -> str:
    return f"{len(some)} of {len(outcomes)} pages"
