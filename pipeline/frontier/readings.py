"""What the frontier model said of a page, as it is remembered, and the findings it makes.

The model's own words are kept, not what grounding made of them: a better OCR of the same page grounds them anew
without a second call. They hang on the content alone, so the same scan in another matter is not sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

from pipeline.findings import findings_from_page
from pipeline.frontier.answers import Failed, Read, Reading
from pipeline.frontier.prompts import PROMPT_VERSION
from pipeline.frontier.salvage import salvaged
from pipeline.ground import SUSPECT, WHOLE, ground, ground_over
from pipeline.types import Finding, PageText
from schemas import SCHEMA_VERSION
from schemas.frontier import ClauseItem, FrontierPage

if TYPE_CHECKING:
    from pipeline.catalog import Catalog
    from pipeline.frontier.client import Setup

__all__ = ["STAGE", "FrontierReading", "findings_of", "forget_failed", "grounded", "keep", "readings_of", "remembered"]

STAGE = "frontier"
VERSION = f"{SCHEMA_VERSION}.{PROMPT_VERSION}"

TRUST = 0.85
"""Confidence of a value the model alone read: chosen, not measured (no frontier model can be reached where this was
built). Agreement with the rules raises it, a missing quote takes `verified` away whatever it says."""


@dataclass(frozen=True, slots=True)
class FrontierReading:
    """One page as `model` read it; or, without `page`, why it could not (`failed`). `doubt`: why nothing of what it
    said is ever verified (see `salvage.py`)."""

    model: str
    kind: Literal["self-hosted", "cloud"]
    page: FrontierPage | None = None
    failed: str = ""
    doubt: str = ""


_adapter = TypeAdapter(FrontierReading)


def remembered(catalog: Catalog, sha256: str) -> dict[int, FrontierReading]:
    """The pages of this content a frontier model was asked about, by number."""
    return {page: _adapter.validate_json(kept) for page, kept in catalog.results(sha256, STAGE, VERSION).items()}


def keep(catalog: Catalog, sha256: str, readings: Mapping[int, FrontierReading]) -> None:
    """Remember what was said, durably; a page that has an answer keeps its first one."""
    for number, reading in readings.items():
        catalog.save(sha256, number, STAGE, VERSION, _adapter.dump_json(reading).decode(), 0.0)


def forget_failed(catalog: Catalog, sha256: str) -> set[int]:
    """Drop the failures of this content, so that those pages are asked about again; their numbers."""
    failed = [number for number, reading in remembered(catalog, sha256).items() if reading.page is None]
    if failed:
        catalog.forget(sha256, STAGE, failed)
    return set(failed)


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


def grounded(reading: FrontierReading, number: int, texts: Mapping[int, PageText]) -> list[Finding]:
    """The findings of a page in the words of its document's pages; a passage over the page break on both of them."""
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
    model, kind = setup.model.id, setup.destination.kind
    if isinstance(outcome, Failed):
        outcome = salvaged(outcome, numbers)
    if isinstance(outcome, Read):
        pages, missing, doubts = outcome.pages, outcome.missing, outcome.doubts
        return {
            number: FrontierReading(model, kind, pages.get(number), missing.get(number, ""), doubts.get(number, ""))
            for number in numbers
        }
    return {number: FrontierReading(model, kind, failed=outcome.reason) for number in numbers}
