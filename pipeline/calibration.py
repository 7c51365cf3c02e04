"""How likely a value is right, from who read it and who read something else.

Evidence is counted in log-odds. A reader that was measured says what its own confidence is worth through a curve
(fitted on documents whose values are known); one that was never measured is believed as far as it says itself, and
never beyond `UNMEASURED`. Of the readers that agree the strongest counts in full and each further one less, since they
are not independent; the strongest of the readings that say otherwise is taken away:

    evidence = z1 + agreement · z2 + agreement² · z3 …  −  opposition · (the evidence for the strongest rival)

Nobody is counted for less than nothing, so an unsure reader who agrees never lowers a confidence and an unsure one who
disagrees never raises it. Readers with the same eyes share their errors: the rules and whatever else goes by the words
that OCR read see one misreading of the ink twice, and so does each family of models that look at the image. Within
such a group `agreement` is `same_eyes`, between two groups `other_eyes`. What OCR was unsure of is in the confidence of
those who read its words, and so weakens them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.types import Finding

__all__ = ["CALIBRATION", "UNMEASURED", "Calibration", "Curve"]

UNMEASURED = 0.85
"""The most that the word of a reader is worth that was never measured: chosen, not measured. No frontier model could
be reached where this was built."""

LEAST, MOST = 0.02, 0.99
"""Bounds of any confidence: some hundreds of values can't show that a reader errs less often than once in a hundred."""


@dataclass(frozen=True, slots=True)
class Curve:
    """From a reader's confidence c to evidence: shift + slope · logit(c). The default takes the reader at its word."""

    shift: float = 0.0
    slope: float = 1.0

    def evidence(self, confidence: float) -> float:
        """Log-odds of being right; `confidence` (0..1) is the reader's own."""
        return self.shift + self.slope * _logit(confidence)


@dataclass(frozen=True)
class Calibration:
    """`curves`: by extractor, then by field; an extractor that is not named was never measured, a field that is not
    named takes the extractor at its word. `same_eyes`, `other_eyes`, `opposition`: weights 0..1 (see the module)."""

    curves: Mapping[str, Mapping[str, Curve]] = field(default_factory=dict)
    same_eyes: float = 0.0
    other_eyes: float = 0.0
    opposition: float = 0.0

    def confidence(self, field: str, findings: Sequence[Finding], rivals: Iterable[Sequence[Finding]] = ()) -> float:
        """The probability (0..1) that the value of these findings is right; each of the rivals is the findings of
        another value of a field that can have one only. One extractor counts once, with its best finding."""
        against = max((self._evidence(field, rival) for rival in rivals), default=0.0)
        evidence = self._evidence(field, findings) - self.opposition * max(0.0, against)
        return round(min(MOST, max(LEAST, 1 / (1 + math.exp(-evidence)))), 3)

    def measured(self, extractor: str) -> bool:
        """Whether what this extractor says was ever held against the truth."""
        return extractor in self.curves

    def _evidence(self, field: str, findings: Sequence[Finding]) -> float:
        best: dict[str, float] = {}
        for finding in findings:
            said = self._said(field, finding)
            best[finding.extractor] = max(best.get(finding.extractor, said), said)
        eyes = [[z for name, z in best.items() if self.measured(name) is same] for same in (True, False)]
        return _pooled([_pooled(group, self.same_eyes) for group in eyes if group], self.other_eyes)

    def _said(self, field: str, finding: Finding) -> float:
        if not self.measured(finding.extractor):
            return _logit(min(finding.confidence, UNMEASURED))
        return self.curves[finding.extractor].get(field, Curve()).evidence(finding.confidence)


def _pooled(evidence: Sequence[float], agreement: float) -> float:
    """The strongest in full, each further one less; nobody for less than nothing."""
    first, *others = sorted(evidence, reverse=True)
    return first + sum(agreement**rank * max(0.0, other) for rank, other in enumerate(others, 1))


def _logit(probability: float) -> float:
    kept = min(MOST, max(LEAST, probability))
    return math.log(kept / (1 - kept))


RULES: dict[str, Curve] = {
    "agreement_date": Curve(0.86, 0.81),
    "clauses": Curve(0.5, 1.29),
    "effective_date": Curve(0.18, 1.03),
    "expiration_date": Curve(0.71, 1.1),
    "governing_law": Curve(1.12, 1.45),
    "notice_period": Curve(0.2, 1.06),
    "parties": Curve(0.59, 1.07),
    "renewal_term": Curve(0.65, 1.09),
    "term": Curve(0.19, 0.97),
    "title": Curve(0.43, 1.15),
}
"""What the rules' own confidence is worth, on the tuning halves of CUAD and Kleister-NDA: 16 and 68 contracts, on which
the rules were written, so that each value counts half (`infra/measure/fitting.py`). In the fields that these do not
judge, sums and numbers and duties, the rules are taken at their word."""

CALIBRATION = Calibration({"rules/1": RULES}, same_eyes=0.4, other_eyes=0.4, opposition=0.5)
"""The product's. The weights between readers come from two local readers on the same documents and on scanned copies
of CUAD's. That other eyes say more than the same was looked for there and not seen (16 scans), so they count alike."""
