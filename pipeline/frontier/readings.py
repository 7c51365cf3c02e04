"""What the frontier model said of a page, as it is remembered, and the findings it makes.

The model's own words are kept, not what grounding made of them: a better OCR of the same page grounds them anew
without a second call. They hang on the content alone, so the same scan in another matter is not sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter

from pipeline.findings import findings_from_page
from pipeline.frontier.answers import Read, Reading
from pipeline.frontier.prompts import PROMPT_VERSION
from pipeline.types import Finding
from schemas import SCHEMA_VERSION
from schemas.frontier import FrontierPage

if TYPE_CHECKING:
    from pipeline.catalog import Catalog
    from pipeline.frontier.client import Setup

__all__ = ["STAGE", "FrontierReading", "findings_of", "forget_failed", "keep", "readings_of", "remembered"]

STAGE = "frontier"
VERSION = f"{SCHEMA_VERSION}.{PROMPT_VERSION}"

TRUST = 0.85
"""Confidence of a value the model alone read: chosen, not measured (no frontier model can be reached where this was
built). Agreement with the rules raises it, a missing quote takes `verified` away whatever it says."""


@dataclass(frozen=True, slots=True)
class FrontierReading:
    """One page as `model` read it; or, without `page`, why it could not (`failed`)."""

    model: str
    kind: Literal["self-hosted", "cloud"]
    page: FrontierPage | None = None
    failed: str = ""


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
    """The findings of one page, not yet grounded."""
    if reading.page is None or not reading.page.readable:
        return []
    found = findings_from_page(reading.page.record, number, reading.model, TRUST)
    clauses = [
        Finding(
            "clauses",
            number,
            raw=clause.quote,
            value=clause.category,
            quote=clause.quote,
            confidence=TRUST,
            extractor=reading.model,
            detail={"category": clause.category, "summary": clause.summary},
        )
        for clause in reading.page.clauses
        if clause.quote.strip()
    ]
    return [*found, *clauses]


def readings_of(setup: Setup, outcome: Reading, numbers: Sequence[int]) -> dict[int, FrontierReading]:
    """What an answer to these pages says of each of them."""
    model, kind = setup.model.id, setup.destination.kind
    if isinstance(outcome, Read):
        return {number: FrontierReading(model, kind, outcome.pages[number]) for number in numbers}
    return {number: FrontierReading(model, kind, failed=outcome.reason) for number in numbers}
