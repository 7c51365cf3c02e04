"""Who answers triage's questions about a page: a checkpoint, the signals and rules of the product alone, or nobody.

Each gives, for every question, scores (pages, labels in the question's order), the highest being the answer. Those of
the signals are odds against the plain label's 1, reached at the policy's own threshold, so that they rank pages and
answer as triage would:

- handwriting and stamp: pen strokes, ink outside all words, unsure words; table: ruling lines and cells in columns;
- legibility: OCR confidence; rotation: the pose that `render` would take; language: the words';
- kind: what the rules of extraction make of the page's title; they know no forms and no reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline.backends.protocols import PageInput
from pipeline.evaluate.bootstrap import Floats
from pipeline.questions import QUESTIONS, Question
from pipeline.triage import Policy, signals
from pipeline.types import Signals
from schemas.kinds import CONTRACT_KINDS

__all__ = ["Asked", "both", "by_model", "by_signals", "labels_of", "pose_of"]

TURNED = "rotation"
DOUBT = 0.2  # chosen, not fitted: about how often the signals are wrong on the tuning half
PLAIN_KINDS = {"receipt": "invoice", "purchase order": "order"}


class Asked(Protocol):
    """What is asked of a classifier: `pipeline.backends.vlm.VlmClassifier` has it."""

    def logits(self, images: Sequence[Path]) -> Sequence[Sequence[object]]:
        """For each image and question, the logits of its answers."""
        ...


def labels_of(question: Question) -> list[str]:
    """The labels of a question, in its order."""
    return [option.label for option in question.options]


def by_model(model: Asked, images: Sequence[Path], turned: Sequence[Path], batch: int = 8) -> dict[str, Floats]:
    """The logits of a checkpoint: of the upright images, and which way is up of the turned ones."""
    upright, copies = (_logits(model, paths, batch) for paths in (images, turned))
    return {
        question.name: np.array([row[at] for row in (copies if question.name == TURNED else upright)], np.float64)
        for at, question in enumerate(QUESTIONS)
    }


def both(model: Floats, signals: Floats) -> Floats:
    """The probabilities of two answerers who know nothing of each other: their product, as shares of one. Nothing is
    fitted; the signals are doubted by `DOUBT`: those that name one label alone would leave the model no say."""
    doubted = (1 - DOUBT) * signals / signals.sum(axis=1, keepdims=True) + DOUBT / signals.shape[1]
    product = model * doubted
    return np.asarray(product / product.sum(axis=1, keepdims=True), np.float64)


def _logits(model: Asked, images: Sequence[Path], batch: int) -> list[list[list[float]]]:
    found: list[list[list[float]]] = []
    for start in range(0, len(images), batch):
        rows = model.logits(images[start : start + batch])
        found += [[np.asarray(each, np.float64).tolist() for each in row] for row in rows]
    return found


def by_signals(pages: Sequence[PageInput], poses: Sequence[str], policy: Policy) -> dict[str, Floats]:
    """What the product says of the pages without a model; `poses` are the labels of the turned copies."""
    found = [_odds(page, pose, policy) for page, pose in zip(pages, poses, strict=True)]
    return {
        question.name: np.array(
            [[row[question.name].get(label, 0.0) for label in labels_of(question)] for row in found], np.float64
        )
        for question in QUESTIONS
    }


def _odds(page: PageInput, pose: str, policy: Policy) -> dict[str, Mapping[str, float]]:
    measured = signals(page, policy)
    hand, pen, unread = _marks(measured, policy)
    table, dense = _cells(measured, policy)
    doubt = (1 - measured.confidence) / (1 - policy.clean_above)
    lost = (1 - measured.confidence) / (1 - policy.unsure_word)
    return {
        "kind": {_kind(page): 1.0},
        "handwriting": _shares({"no": 1.0, "yes": hand}),
        "stamp": _shares({"no": 1.0, "signature": pen, "stamp": unread, "both": pen * unread}),
        "table": _shares({"no": 1.0, "simple": table, "dense": table * dense}),
        "legibility": _shares({"good": 1.0, "fair": doubt, "poor": doubt * lost}),
        "rotation": {pose: 1.0},
        "language": {_language(measured): 1.0},
    }


def _marks(measured: Signals, policy: Policy) -> tuple[float, float, float]:
    """For handwriting, for a signature, for a stamp."""
    shown = max(measured.unread_ink - measured.holes - measured.solid, 0.0)
    hand = max(
        measured.pen / policy.pen_frontier,
        shown / policy.unread_frontier,
        measured.low_confidence_share / policy.unsure_frontier,
    )
    return hand, measured.pen / policy.pen_local, shown / policy.unread_local


def _cells(measured: Signals, policy: Policy) -> tuple[float, float]:
    """For a table, and for a dense one."""
    some = max(measured.rules / policy.ruled, measured.cells / policy.cells)
    return some, max(measured.rules / policy.dense, measured.cells / policy.dense_cells)


def _shares(odds: Mapping[str, float]) -> dict[str, float]:
    """Odds as shares of one, so that a label is also scored by what speaks for the others."""
    total = sum(odds.values())
    return {label: each / total for label, each in odds.items()}


def _kind(page: PageInput) -> str:
    from pipeline.backends.rules import RuleExtractor

    (findings,) = RuleExtractor().extract([page])
    told = [finding for finding in findings if finding.field == "kind"]
    kind = max(told, key=lambda finding: finding.confidence).value if told else "other"
    if kind != "amendment" and kind in CONTRACT_KINDS:
        return "agreement"
    plain = PLAIN_KINDS.get(kind, kind)
    return plain if plain in labels_of(QUESTIONS[0]) else "other"


def _language(measured: Signals) -> str:
    """Too few words to tell are taken for the language that was expected."""
    known = labels_of(next(question for question in QUESTIONS if question.name == "language"))
    told = measured.language or "en"
    return told if told in known else "other"


def pose_of(image: Path, dpi: float) -> str:
    """Which way the top of the text points, as `pipeline.render` tells it of a scan: by letters, else by Tesseract."""
    from PIL import Image

    from pipeline import pixels, upright
    from pipeline.backends import ocr

    with Image.open(image) as opened:
        page = opened.convert("L")
    small = pixels.shrink(page, dpi)
    clear = pixels.even_out(page, dpi, softer=True) if pixels.uneven(small) else page
    pose = upright.pose(small, lambda: ocr.orientation(clear, dpi, None))
    return str((360 - pose.rotation) % 360)
