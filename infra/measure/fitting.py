"""The constants of calibration, fitted on the tuning halves, and what they follow from (`reliability.py` shows it).

A reader's curve in a field is a logistic regression of right on the log-odds of its own confidence, held near the line
that takes it at its word by a normal prior: shift 0 ± 1, slope 1 ± 0.5. With a dozen values a field keeps about what
its author said; with hundreds it keeps what came true. Slopes stay above 0. The rules were written on these very
documents, so each of their values counts half: what is right in-sample is the most that can be hoped for.
Then the two weights between readers are chosen, in steps of 0.1, by the likelihood of the merged values, at half
weight too, under priors that say what is known of readers of the same words: `same_eyes` 0.3 ± 0.2, `opposition`
0.5 ± 0.25.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from infra.measure.meaning import MEANING
from infra.measure.readers import RULES, Judged, ReadTwice, judged, record
from pipeline.calibration import CALIBRATION, LEAST, MOST, Calibration, Curve
from pipeline.evaluate.bootstrap import Floats
from pipeline.report import table
from pipeline.trust import TRUST, Trust
from pipeline.types import Finding
from schemas.contract import LIST_FIELDS
from schemas.fields import FieldValue

__all__ = ["AFTER", "BEFORE", "UNKNOWN", "agreement", "bars", "curve", "fit", "noisy_or", "rows_of"]

OLD_BARS = {
    "title": 0.6, "agreement_date": 0.55, "effective_date": 0.7, "expiration_date": 0.55, "term": 0.7,
    "renewal_term": 0.55, "notice_period": 0.65, "governing_law": 0.6, "parties": 0.7, "clauses": 0.75,
}  # fmt: skip
"""The bars before calibration, on what the rules said of themselves."""

MEANT: dict[str, Curve] = {
    "agreement_date": Curve(0.76, 0.72),
    "clauses": Curve(-1.88, 0.77),
    "effective_date": Curve(-0.21, 0.42),
    "expiration_date": Curve(-0.78, 1.04),
    "governing_law": Curve(0.57, 1.21),
    "notice_period": Curve(0.32, 1.08),
    "parties": Curve(-0.13, 0.43),
    "renewal_term": Curve(-0.33, 1.18),
    "term": Curve(-2.3, 0.71),
    "title": Curve(0.35, 0.65),
}
"""Curves of the reader by meaning; those of the rules stand in the product."""

GOAL = 0.98
PRIOR = ((0.0, 1.0), (1.0, 0.5))
"""Mean and standard deviation of shift and of slope."""

LEAST_SLOPE = 0.1
SEEN = 0.5
"""Weight of a value on which a reader was written."""

STEPS = tuple(step / 10 for step in range(11))
BETWEEN = {"same_eyes": (0.3, 0.2), "opposition": (0.5, 0.25)}
"""Mean and standard deviation of the weights between readers."""


def curve(confidences: Sequence[float], right: Sequence[bool], weight: float = 1.0) -> Curve:
    """The curve of one reader in one field: the most likely one a posteriori, each value counted with this weight."""
    from scipy.optimize import minimize

    kept = np.clip(np.asarray(confidences, np.float64), LEAST, MOST)
    odds, truth = np.log(kept / (1 - kept)), np.asarray(right, np.float64)

    def loss(parameters: Floats) -> float:
        evidence = parameters[0] + parameters[1] * odds
        penalty = sum(((p - mean) / spread) ** 2 / 2 for p, (mean, spread) in zip(parameters, PRIOR, strict=True))
        return float(weight * (np.logaddexp(0, evidence) - truth * evidence).sum() + penalty)

    best = minimize(loss, [mean for mean, _ in PRIOR], bounds=[(None, None), (LEAST_SLOPE, None)])
    return Curve(*(round(float(p), 2) for p in best.x))


def noisy_or(field: str, findings: Sequence[Finding], rivals: Iterable[Sequence[Finding]] = ()) -> float:
    """The confidence before calibration: extractors count as independent, and other values for nothing."""
    best: dict[str, float] = {}
    for finding in findings:
        best[finding.extractor] = max(best.get(finding.extractor, 0.0), min(1.0, max(0.0, finding.confidence)))
    return round(1 - prod(1 - confidence for confidence in best.values()), 3)


def trust_of(calibration: Calibration) -> Trust:
    """What the product would do with these constants."""
    return replace(TRUST, confidence=calibration.confidence, measured=calibration.measured)


BEFORE = Trust(noisy_or, OLD_BARS, lambda _: True)
UNKNOWN = trust_of(CALIBRATION)
AFTER = trust_of(replace(CALIBRATION, curves={**CALIBRATION.curves, MEANING: MEANT}))
"""As it was; as it is, the second reader never measured (as a frontier model is); as it is, both measured."""


def rows_of(documents: Iterable[ReadTwice], readers: Sequence[str], trust: Trust) -> list[Judged]:
    """Every judged value of these documents."""
    return [row for each in documents for row in judged(each, record(each, readers, trust))]


def fit(documents: Sequence[ReadTwice]) -> str:
    """The constants, as they are written in `pipeline/calibration.py` and above; whose scans are among the documents
    has their say in the weights only."""
    weights = {RULES: SEEN, MEANING: 1.0}
    own = [each for each in documents if not each.scanned]
    curves = {each: fitted(rows_of(own, (each,), BEFORE), weight) for each, weight in weights.items()}
    tried = [
        Calibration(curves, same_eyes=same, other_eyes=same, opposition=against) for same in STEPS for against in STEPS
    ]
    best = min(tried, key=partial(loss, documents))
    lines = [f'{reader} "{field}": {curve},' for reader, fields in curves.items() for field, curve in fields.items()]
    return "\n".join([*lines, f"same_eyes={best.same_eyes}, opposition={best.opposition}"])


def fitted(rows: Iterable[Judged], weight: float = 1.0) -> dict[str, Curve]:
    """A curve for each field, from rows whose confidence is one reader's own."""
    own: dict[str, list[Judged]] = {}
    for row in rows:
        own.setdefault(row.field, []).append(row)
    return {
        name: curve([r.confidence for r in own[name]], [r.right for r in own[name]], weight) for name in sorted(own)
    }


def loss(documents: Iterable[ReadTwice], calibration: Calibration) -> float:
    """The negative log-likelihood, at half weight, of what came true of both readers' values, and of the weights."""
    rows = rows_of(documents, (RULES, MEANING), trust_of(calibration))
    likely = sum(np.log(row.confidence if row.right else 1 - row.confidence) for row in rows)
    penalty = sum(((getattr(calibration, name) - mean) / spread) ** 2 / 2 for name, (mean, spread) in BETWEEN.items())
    return float(penalty - SEEN * likely)


def agreement(documents: Sequence[ReadTwice]) -> str:
    """By field: how often each reader is right, and the rules where the other agrees, says otherwise, or is silent."""
    found: dict[str, dict[str, list[bool]]] = {}
    for each in documents:
        both = record(each, (RULES, MEANING), BEFORE)
        for row in judged(each, record(each, (MEANING,), BEFORE)):
            found.setdefault(row.field, {}).setdefault("meaning", []).append(row.right)
        for row in judged(each, record(each, (RULES,), BEFORE)):
            relation = _relation(row, getattr(both, row.field).values)
            for column in ("rules", relation):
                found.setdefault(row.field, {}).setdefault(column, []).append(row.right)
    columns = ("rules", "meaning", "agree", "otherwise", "silent")
    lines = [("field", *(f"{name}: n, right" for name in columns))]
    return table(
        [*lines, *((name, *(_share(own.get(c, ())) for c in columns)) for name, own in found.items())], indent=""
    )


def _relation(row: Judged, values: Sequence[FieldValue]) -> str:
    """What the reader by meaning says to a value of the rules, from the values that both together gave."""
    same = [v for v in values if v.value == row.value.value and RULES in v.extractor]
    if any(MEANING in value.extractor for value in same):
        return "agree"
    said = row.field not in LIST_FIELDS and any(MEANING in value.extractor for value in values)
    return "otherwise" if said else "silent"


def _share(right: Sequence[bool]) -> str:
    return f"{len(right)}, {sum(right) / len(right):.3f}" if right else "–"


def bars(documents: Sequence[ReadTwice]) -> str:
    """By field: what the present bar gives where the rules read alone, and the lowest bar that reaches the goal."""
    lines: list[tuple[object, ...]] = [
        ("field", "n", "right", "bar", "verified", "right", f"bar for {GOAL}", "verified", "right")
    ]
    by_field: dict[str, list[Judged]] = {}
    for row in rows_of(documents, (RULES,), UNKNOWN):
        by_field.setdefault(row.field, []).append(row)
    for name, rows in by_field.items():
        bar, reached = TRUST.bars.get(name, 0.0), lowest_bar(rows)
        own = (f"{reached:.3f}", *_above(rows, reached)) if reached is not None else ("none", "", "")
        lines.append((name, len(rows), f"{sum(r.right for r in rows) / len(rows):.3f}", bar, *_above(rows, bar), *own))
    return table(lines, indent="")


def lowest_bar(rows: Sequence[Judged]) -> float | None:
    """The lowest confidence from which the goal is met, or None."""
    steps = sorted({row.confidence for row in rows})
    return next((step for step in steps if np.mean([r.right for r in rows if r.confidence >= step]) >= GOAL), None)


def _above(rows: Sequence[Judged], bar: float) -> tuple[str, str]:
    kept = [row.right for row in rows if row.confidence >= bar]
    return f"{len(kept) / len(rows):.3f}", f"{sum(kept) / len(kept):.3f} of {len(kept)}" if kept else "–"
