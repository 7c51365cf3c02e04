"""A temperature for each question, fitted on labelled pages, if it makes pages likelier that it was not fitted on.

softmax(logits / T) changes no answer, only how sure it is (Guo et al. 2017, arXiv:1706.04599). Pages of one document
are held out together, in five parts; a question whose held-out pages do not become likelier keeps its temperature.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.measure.scoring import Scored
from pipeline.evaluate.bootstrap import Floats
from pipeline.model_files import CALIBRATION

__all__ = ["Fitted", "best", "fitted", "kept", "loss", "probabilities", "save"]

TRIED = np.logspace(-1, 1, 201)
PARTS = 5


@dataclass(frozen=True, slots=True)
class Fitted:
    """A question's temperature as it was and as fitted, and the mean negative log-likelihood of held-out pages."""

    before: float
    after: float
    loss_before: float
    loss_after: float

    @property
    def better(self) -> float:
        """The temperature to keep."""
        return self.after if self.loss_after < self.loss_before else self.before


def kept(folder: Path) -> dict[str, float]:
    """The checkpoint's temperatures; a question without one has 1."""
    file = folder / CALIBRATION
    return dict(json.loads(file.read_text("utf-8"))["temperature"]) if file.is_file() else {}


def save(folder: Path, temperatures: Mapping[str, float], heard: Sequence[str] | None = None) -> None:
    """Write them beside the weights, and on which questions the checkpoint is heard; what else is there stays."""
    file = folder / CALIBRATION
    told = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    told["temperature"] = dict(temperatures)
    if heard is not None:
        told["heard"] = list(heard)
    file.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def fitted(logits: Scored, before: float) -> Fitted:
    """The temperature of all known pages, and what temperatures of four parts say of the fifth."""
    known = logits.truth >= 0
    rows, truth, part = logits.scores[known], logits.truth[known], logits.rows[known] % PARTS
    held_out = 0.0
    for one in range(PARTS):
        inside = part == one
        tried = best(rows[~inside], truth[~inside])
        held_out += loss(rows[inside], truth[inside], tried) * inside.sum() / max(len(truth), 1)
    return Fitted(before, round(best(rows, truth), 3), loss(rows, truth, before), float(held_out))


def best(logits: Floats, truth: NDArray[np.intp]) -> float:
    """The temperature from 0.1 to 10 under which these pages are likeliest; 1 of no pages."""
    return float(min(TRIED, key=lambda tried: loss(logits, truth, tried))) if len(truth) else 1.0


def loss(logits: Floats, truth: NDArray[np.intp], temperature: float) -> float:
    """The mean negative log-likelihood (nats a page); 0 of no pages."""
    if not len(truth):
        return 0.0
    likely = probabilities(logits, temperature)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(likely, np.finfo(float).tiny)).mean())


def probabilities(logits: Floats, temperature: float) -> Floats:
    """softmax(logits / temperature), row by row."""
    scaled = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float64)
