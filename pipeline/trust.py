"""What may be called `verified`: a value whose quote stands on the page, that is right with high probability by what is
known of its readers, and that nothing in the document contradicts.

A wrong value with a real quote is worse than none: it looks proven. So the quote is necessary and not enough. What
falls short is kept with all its evidence, is `unverified`, and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.calibration import CALIBRATION
from pipeline.ground import SUSPECT
from pipeline.types import FieldStatus, Finding
from schemas.fields import FieldValue

__all__ = ["BARS", "CONTRADICTED", "NOT_MEASURED", "NOT_ON_PAGE", "TRUST", "UNSURE", "Trust", "contradicted"]

NOT_ON_PAGE = "does not stand word for word on the page"
UNSURE = "what is found in such a place is this field too rarely to be relied on"
NOT_MEASURED = "read only by a model whose answers were never measured"
CONTRADICTED = "another passage says otherwise"

LIKELY = 0.9
"""Probability asked of a value in a field of which no step of the rules was right in 0.98 of the cases."""

BARS: dict[str, float] = {
    "title": LIKELY,
    "agreement_date": LIKELY,
    "effective_date": LIKELY,
    "expiration_date": 0.72,
    "term": LIKELY,
    "renewal_term": 0.7,
    "notice_period": 0.7,
    "governing_law": 0.85,
    "parties": LIKELY,
    "clauses": 0.87,
    "document_number": 0.55,
    "total_amount": 0.75,
}
"""Confidence from which a value of the field is verified: the lowest step from which 0.98 of the values were right on
the tuning halves of CUAD and Kleister-NDA (of vrdu_adbuy and sroie for the last two), else `LIKELY`. Then the rules
alone verify surely placed parties and agreement dates (0.95 and 0.94 of these were right, what we take for gaps in
Kleister-NDA's truth counted as wrong), and no title, effective date or term, for which another reader must agree.
Expiration, renewal and notice were right every time, but 15 times in all. On the reporting halves, looked at before,
0.946 of what the rules alone verify is right (parties 0.93, clauses 0.91, renewals 0.90, the rest all). Confidence
falls with OCR's, so of a poor scan less is verified. Other fields ask for the quote only."""


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
            return findings[0].detail.get(SUSPECT) or NOT_ON_PAGE
        if field not in self.bars:
            return ""
        if not any(self.measured(finding.extractor) for finding in findings):
            return NOT_MEASURED
        return "" if confidence >= self.bars[field] else UNSURE


TRUST = Trust(CALIBRATION.confidence, BARS, CALIBRATION.measured)


def contradicted(value: FieldValue) -> FieldValue:
    """The value, not verified any more, because another one of like weight was read."""
    doubt = CONTRADICTED if value.doubt in {"", UNSURE, NOT_MEASURED} else value.doubt
    return value.model_copy(update={"status": "unverified", "doubt": doubt})
