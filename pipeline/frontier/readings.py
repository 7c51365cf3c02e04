"""What frontier models said of a page, as it is remembered, and the findings it makes.

The model's own words are kept, not what grounding made of them: a better OCR of the same page grounds them anew
without a second call. They hang on the content and the model alone: the same scan in another matter is not sent again,
and answers of several models stand side by side, so that `muniment evaluate compare` can weigh them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

from pipeline.faithful import faithful
from pipeline.findings import findings_from_page
from pipeline.frontier.answers import Failed, Read, Reading
from pipeline.frontier.prompts import PROMPT_VERSION
from pipeline.frontier.salvage import salvaged
from pipeline.ground import SUSPECT, WHOLE, ground, ground_over
from pipeline.types import Document, Finding, PageStatus, PageText, Route
from schemas import SCHEMA_VERSION
from schemas.frontier import ClauseItem, FrontierPage

if TYPE_CHECKING:
    from pipeline.catalog import Catalog
    from pipeline.frontier.client import Setup

__all__ = ["FrontierReading", "by_model", "findings_of", "grounded", "keep", "readings_of", "remembered", "to_ask"]

STAGE = "frontier"
VERSION = f"{SCHEMA_VERSION}.{PROMPT_VERSION}"

TRUST = 0.85
"""Confidence of a value the model alone read: chosen, not measured (no frontier model can be reached where this was
built). Agreement with the rules raises it, a missing quote takes `verified` away whatever it says."""


@dataclass(frozen=True, slots=True)
class FrontierReading:
    """One page as `model` read it; or, without `page`, why it could not (`failed`). `doubt`: why nothing of what it
    said is ever verified (see `salvage.py`). `at` is when it answered (seconds since 1970; 0 for answers of before
    that was kept)."""

    model: str
    kind: Literal["self-hosted", "cloud"]
    page: FrontierPage | None = None
    failed: str = ""
    doubt: str = ""
    at: float = 0.0


_adapter = TypeAdapter(FrontierReading)


def by_model(catalog: Catalog, sha256: str) -> dict[str, dict[int, FrontierReading]]:
    """What each model said of the pages of this content it was asked about: model id -> page number -> reading."""
    said: dict[str, dict[int, FrontierReading]] = {}
    for version in catalog.result_versions(sha256, STAGE):
        if version.partition(" ")[0] != VERSION:  # asked with another prompt or for another schema
            continue
        for number, payload in catalog.results(sha256, STAGE, version).items():
            reading = _adapter.validate_json(payload)
            pages = said.setdefault(reading.model, {})
            pages[number] = max((reading, pages.get(number, reading)), key=_merit)
    return said


def remembered(catalog: Catalog, sha256: str, prefer: str = "") -> dict[int, FrontierReading]:
    """One reading for each page of this content that any model was asked about: that of the model `prefer`, else the
    newest; a failure only where no model has an answer."""
    chosen: dict[int, FrontierReading] = {}
    for pages in by_model(catalog, sha256).values():
        for number, reading in pages.items():
            rivals = (reading, chosen.get(number, reading))
            chosen[number] = max(rivals, key=lambda one: (one.page is not None, one.model == prefer, *_merit(one)))
    return dict(sorted(chosen.items()))


def keep(catalog: Catalog, sha256: str, readings: Mapping[int, FrontierReading]) -> None:
    """Remember what was said, durably, beside what other models said; an answer takes the place of the same model's
    earlier failure, a failure never that of an answer. Of content that was deleted meanwhile nothing is kept."""
    if not catalog.holds(sha256):
        return
    for number, reading in readings.items():
        payload, version = _adapter.dump_json(reading).decode(), f"{VERSION} {reading.model}"
        if reading.page is not None:
            catalog.overwrite(sha256, number, STAGE, version, payload)
        else:
            catalog.save(sha256, number, STAGE, version, payload, 0.0)


def to_ask(catalog: Catalog, document: Document, model: str, *, again: bool = False) -> list[int]:
    """The pages of a document that `model` should be asked about: those that wait and no model was asked about.

    `again` adds the pages that need a frontier model and were asked about without an answer of this one: where it
    failed, and where another model was asked. Pages that other models read are thus read anew, and paid for, only on
    demand.
    """
    said = by_model(catalog, document.sha256)
    asked = {number for pages in said.values() for number in pages}
    answered = {number for number, reading in said.get(model, {}).items() if reading.page is not None}
    return [
        page.number
        for page in catalog.pages(document.id)
        if (page.status is PageStatus.AWAITING and page.number not in asked)
        or (again and page.route is Route.FRONTIER and page.number in asked - answered)
    ]


def findings_of(reading: FrontierReading, number: int) -> list[Finding]:
    """The findings of one page, not yet grounded; a clause that runs on to the next page has a part on each."""
    if reading.page is None or not reading.page.readable:
        return []
    found = findings_from_page(reading.page.record, number, reading.model, TRUST)
    for clause in reading.page.clauses:
        found += _clause(clause, number, reading.model)
    if reading.doubt:
        return [replace(finding, detail={**finding.detail, SUSPECT: reading.doubt}) for finding in found]
    return found


def grounded(readings: Mapping[int, FrontierReading], words: Mapping[int, PageText]) -> dict[int, list[Finding]]:
    """The findings of all pages that were asked about and whose words are known, by the page they stand on, their
    quotes found there or not, and no value kept as proven that the page's words don't bear."""
    found: dict[int, list[Finding]] = {}
    for number in sorted(readings.keys() & words.keys()):
        for finding in faithful(_grounded(readings[number], number, words), words):
            found.setdefault(finding.page, []).append(finding)
    return dict(sorted(found.items()))


def _grounded(reading: FrontierReading, number: int, texts: Mapping[int, PageText]) -> list[Finding]:
    """The findings of one page; a passage over the page break on both of its pages."""
    found = findings_of(reading, number)
    whole = [finding for finding in found if WHOLE not in finding.detail]
    over = [finding for finding in found if WHOLE in finding.detail]
    pairs = [ground_over(over[at : at + 2], texts) for at in range(0, len(over), 2)]
    return [*ground(whole, texts[number]), *(part for pair in pairs for part in pair)]


def _clause(clause: ClauseItem, number: int, model: str) -> list[Finding]:
    texts = [text for text in (clause.quote, clause.continues) if text.strip()]
    detail = {"category": clause.category, "summary": clause.summary}
    if not clause.quote.strip():
        return []
    if len(texts) > 1:
        detail[WHOLE] = " ".join(texts)
    return [
        Finding("clauses", page, text, clause.category, text, TRUST, model, detail=dict(detail))
        for page, text in enumerate(texts, number)
    ]


def readings_of(setup: Setup, outcome: Reading, numbers: Sequence[int]) -> dict[int, FrontierReading]:
    """What an answer to these pages says of each of them; of one that broke the schema (a batch gives it no second
    chance), what can be used."""
    model, kind, now = setup.model.id, setup.destination.kind, time.time()
    if isinstance(outcome, Failed):
        outcome = salvaged(outcome, numbers)
    if isinstance(outcome, Read):
        pages, missing, doubts = outcome.pages, outcome.missing, outcome.doubts
        return {
            n: FrontierReading(model, kind, pages.get(n), missing.get(n, ""), doubts.get(n, ""), now) for n in numbers
        }
    return {number: FrontierReading(model, kind, failed=outcome.reason, at=now) for number in numbers}


def _merit(reading: FrontierReading) -> tuple[bool, bool, float]:
    """An answer before a failure, a whole one before what was salvaged, then the newer."""
    return reading.page is not None, not reading.doubt, reading.at
