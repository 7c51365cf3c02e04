"""How pages and documents end, as a table."""

import pytest

from pipeline.frontier.readings import FrontierReading
from pipeline.outcomes import escalated_outcome, read_outcome, standing
from pipeline.types import DocumentStatus, PageOutcome, PageStatus, Route, Signals, TextSource, Triage
from schemas.frontier import FrontierPage

ITEMS = ("dates", "amounts", "parties", "key_obligations", "reference_numbers")
RECORD = {"document_type": {"kind": "unknown", "title": "", "quote": ""}} | {name: [] for name in ITEMS}
WAITS = PageOutcome(1, Route.FRONTIER, ("handwriting",), PageStatus.AWAITING)


def triage(route: Route) -> Triage:
    """A page that was sent this way."""
    return Triage(1, route, ("why",), Signals(0.1, 0.8, 200, 0, 0, 300, TextSource.OCR, 0.9))


def said(readable: bool, **more: str) -> FrontierReading:
    """What a model answered."""
    page = {"page": 1, "readable": readable, "record": RECORD, "clauses": []}
    return FrontierReading("opus", "cloud", FrontierPage.model_validate(page), **more)


@pytest.mark.parametrize(
    ("route", "doubts", "status", "ended", "reasons"),
    [
        (Route.BLANK, (), PageStatus.BLANK, Route.BLANK, ("why",)),
        (Route.TEXT, (), PageStatus.EXTRACTED, Route.TEXT, ("why",)),
        (Route.LOCAL, (), PageStatus.EXTRACTED, Route.LOCAL, ("why", "no model")),
        (Route.TEXT, ("no date",), PageStatus.AWAITING, Route.FRONTIER, ("why", "no date")),
        (Route.FRONTIER, (), PageStatus.AWAITING, Route.FRONTIER, ("why",)),
    ],
)
def test_a_page_that_was_read_here(route, doubts, status, ended, reasons):
    """Blank and good pages end; hard ones and those with doubts wait, whatever triage said of them."""
    assert read_outcome(triage(route), doubts, "no model") == PageOutcome(1, ended, reasons, status)


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        (None, PageStatus.AWAITING, "needs the frontier model"),
        (FrontierReading("opus", "cloud", failed="refused"), PageStatus.HELD, "opus: refused"),
        (said(False), PageStatus.HELD, "opus could not read the page either"),
        (said(True), PageStatus.EXTRACTED, "read by opus"),
        (said(True, doubt="mended"), PageStatus.EXTRACTED, "read by opus, nothing verified: mended"),
    ],
    ids=["not asked", "failed", "unreadable", "read", "read in part"],
)
def test_a_page_that_needs_the_frontier_model(asked, status, reason):
    """Unasked it waits, answered it ends, and what no model could read waits for a person."""
    outcome = escalated_outcome(WAITS, asked)
    assert (outcome.status, outcome.reasons) == (status, ("handwriting", reason))


@pytest.mark.parametrize(
    ("pages", "status", "reason"),
    [
        ((PageStatus.EXTRACTED, PageStatus.BLANK), DocumentStatus.DONE, ""),
        ((PageStatus.EXTRACTED, PageStatus.AWAITING), DocumentStatus.AWAITING, "1 of 2 pages awaiting escalation"),
        ((PageStatus.AWAITING, PageStatus.HELD), DocumentStatus.HELD, "1 of 2 pages held; page 2: torn; wet"),
    ],
)
def test_a_document_stands_where_its_worst_page_stands(pages, status, reason):
    """Held before waiting before done; a held page is named with its reasons."""
    outcomes = [PageOutcome(number, None, ("torn", "wet"), status) for number, status in enumerate(pages, 1)]
    assert standing(outcomes) == (status, reason)
