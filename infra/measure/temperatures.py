"""How sure a checkpoint is, fitted on labelled pages, where it makes pages likelier that it was not fitted on.

A question's logits are divided by a temperature (Guo et al. 2017, arXiv:1706.04599) and a bias is added to each label:
labels come up on real pages in other shares than on those a model was trained on, and the bias says so (Alexandari et
al. 2020, arXiv:1901.06852). Pages of one document are held out together, in five parts; a question whose held-out
pages do not become likelier keeps what it has.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from infra.measure.scoring import Scored
from pipeline.evaluate.bootstrap import Floats
from pipeline.model_files import CALIBRATION
from pipeline.questions import QUESTIONS

__all__ = ["Fitted", "Scale", "best", "best_temperature", "fitted", "kept", "loss", "probabilities", "save"]

TRIED = np.logspace(-1, 1, 201)
PARTS = 5
SPREAD = 1.0  # of the normal prior of a bias, nats: a label that few pages have keeps close to what the model said


class Scale(NamedTuple):
    """What is done to a question's logits: divided by the temperature, then the bias of each label added (empty: 0)."""

    temperature: float = 1.0
    bias: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A question's scale as it was and as fitted, and the mean negative log-likelihood of held-out pages."""

    before: Scale
    after: Scale
    loss_before: float
    loss_after: float

    @property
    def better(self) -> Scale:
        """The scale to keep."""
        return self.after if self.loss_after < self.loss_before else self.before


def kept(folder: Path) -> dict[str, Scale]:
    """The checkpoint's scales; a question without one is taken as it is."""
    file = folder / CALIBRATION
    told = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    names = {question.name: [option.label for option in question.options] for question in QUESTIONS}
    bias = {name: tuple(each[label] for label in names[name]) for name, each in told.get("bias", {}).items()}
    return {name: Scale(each, bias.get(name, ())) for name, each in told.get("temperature", {}).items()}


def save(
    folder: Path,
    scales: Mapping[str, Scale],
    heard: Sequence[str] | None = None,
    turned: Sequence[int] | None = None,
) -> None:
    """Write them beside the weights, on which questions the checkpoint is heard, and in which further turns it is asked
    which way is up; what else is there stays."""
    file = folder / CALIBRATION
    told = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    told["temperature"] = {name: scale.temperature for name, scale in scales.items()}
    told["bias"] = {
        question.name: {option.label: each for option, each in zip(question.options, scale.bias, strict=True)}
        for question in QUESTIONS
        if (scale := scales.get(question.name)) and scale.bias
    }
    if heard is not None:
        told["heard"] = list(heard)
    if turned is not None:
        told["turned"] = list(turned)
    file.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def fitted(logits: Scored, before: Scale) -> Fitted:
    """The scale of all known pages, and what scales of four parts say of the fifth."""
    known = logits.truth >= 0
    rows, truth, part = logits.scores[known], logits.truth[known], logits.rows[known] % PARTS
    held_out = 0.0
    for one in range(PARTS):
        inside = part == one
        tried = best(rows[~inside], truth[~inside])
        held_out += loss(rows[inside], truth[inside], tried) * inside.sum() / max(len(truth), 1)
    return Fitted(before, best(rows, truth), loss(rows, truth, before), float(held_out))


def best(logits: Floats, truth: NDArray[np.intp]) -> Scale:
    """The scale under which these pages are likeliest, its temperature from 0.1 to 10; none of no pages."""
    if not len(truth):
        return Scale()

    def cost(free: Floats) -> float:
        return loss(logits, truth, _scale(free)) + float((free[1:] ** 2).sum()) / (2 * SPREAD**2 * len(truth))

    bounds = [tuple(np.log(TRIED[[0, -1]]))] + [(-5.0, 5.0)] * logits.shape[1]
    found = minimize(cost, np.zeros(1 + logits.shape[1]), method="L-BFGS-B", bounds=bounds)
    return _rounded(_scale(np.asarray(found.x, np.float64)))


def best_temperature(logits: Floats, truth: NDArray[np.intp]) -> Scale:
    """The same with a temperature alone: for pages whose shares mean nothing."""
    if not len(truth):
        return Scale()
    return _rounded(Scale(min(TRIED, key=lambda tried: loss(logits, truth, Scale(tried)))))


def loss(logits: Floats, truth: NDArray[np.intp], scale: Scale) -> float:
    """The mean negative log-likelihood (nats a page); 0 of no pages."""
    if not len(truth):
        return 0.0
    likely = probabilities(logits, scale)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(likely, np.finfo(float).tiny)).mean())


def probabilities(logits: Floats, scale: Scale) -> Floats:
    """softmax(logits / temperature + bias), row by row."""
    moved = logits / scale.temperature + (np.array(scale.bias) if scale.bias else 0.0)
    scaled = np.exp(moved - moved.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), np.float64)


def _scale(free: Floats) -> Scale:
    return Scale(float(np.exp(free[0])), tuple(free[1:].tolist()))


def _rounded(scale: Scale) -> Scale:
    return Scale(round(float(scale.temperature), 3), tuple(round(each, 3) for each in scale.bias))
