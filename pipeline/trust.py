"""What may be called `verified`: a value whose quote stands on the page, read by a rule that is nearly always right,
and that nothing in the document contradicts.

A wrong value with a real quote is worse than none: it looks proven. So the quote is necessary and not enough. What
falls short is kept with all its evidence, is `unverified`, and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.calibration import CALIBRATION
from pipeline.types import FieldStatus, Finding
from schemas.fields import FieldValue

__all__ = ["BARS", "CONTRADICTED", "NOT_MEASURED", "NOT_ON_PAGE", "TRUST", "UNSURE", "Trust", "contradicted"]

NOT_ON_PAGE = "does not stand word for word on the page"
UNSURE = "its place on the page says only loosely that it is this field"
NOT_MEASURED = "read only by a model whose answers were never measured"
CONTRADICTED = "another passage says otherwise"

BARS: dict[str, float] = {
    "title": 0.6,
    "agreement_date": 0.55,
    "effective_date": 0.7,
    "expiration_date": 0.55,
    "term": 0.7,
    "renewal_term": 0.55,
    "notice_period": 0.65,
    "governing_law": 0.6,
    "parties": 0.7,
    "clauses": 0.75,
    "document_number": 0.55,
    "total_amount": 0.75,
}
"""Confidence from which a value of the field is verified: the lowest step of the rules' confidence from which, on the
tuning halves of CUAD and Kleister-NDA (of vrdu_adbuy and sroie for the last two), 0.98 of the values were right, or
the best step where none reaches that. For parties and agreement date it does so only where what we took for gaps in
the ground truth is left out (Kleister-NDA's as it stands: 0.92 and 0.74); on the reporting halves parties are right in
0.84 to 0.90 of the cases, titles in 0.71 (README). Confidence falls with OCR's, so of a poor scan less is verified.
Other fields ask for the quote only."""


class Weigh(Protocol):
    """How sure a value is, see `Calibration.confidence`."""

    def __call__(self, field: str, findings: Sequence[Finding], rivals: Iterable[Sequence[Finding]] = ()) -> float: ...


@dataclass(frozen=True)
class Trust:
    """How sure a value is (`confidence`, 0..1), and from where on it is verified (`bars`, by field)."""

    confidence: Weigh
    bars: Mapping[str, float]
    measured: Callable[[str], bool]

    def doubt(self, field: str, findings: Sequence[Finding], confidence: float) -> str:
        """Why the value of these findings, best first, is not verified; "" if it is."""
        if findings[0].status is not FieldStatus.VERIFIED:
            return NOT_ON_PAGE
        if confidence >= self.bars.get(field, 0.0):
            return ""
        return UNSURE if any(self.measured(finding.extractor) for finding in findings) else NOT_MEASURED


TRUST = Trust(CALIBRATION.confidence, BARS, CALIBRATION.measured)


def contradicted(value: FieldValue) -> FieldValue:
    """The value, not verified any more, because another one of like weight was read."""
    doubt = value.doubt if value.doubt == NOT_ON_PAGE else CONTRADICTED
    return value.model_copy(update={"status": "unverified", "doubt": doubt})
