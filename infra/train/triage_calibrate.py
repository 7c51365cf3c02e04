"""A temperature for each question, fitted on generated pages that training never saw; one look fits it, and the mean
of two looks at which way is up is taken for as sure.

What labelled real pages add, `python -m infra.measure.bundled triage --fit` adds afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from infra.measure.temperatures import best_temperature, save
from infra.train.triage_data import Batch
from infra.train.triage_model import Asker
from pipeline.questions import QUESTIONS

__all__ = ["HELD_OUT", "write_temperatures"]

HELD_OUT = 1_000_000  # added to the seed for pages to calibrate on; measuring adds it twice
TURNED = (90,)  # of three turns the one that gains most for one look more (model card)


def write_temperatures(model: Any, asker: Asker, pages: Iterable[Batch], folder: Path) -> None:
    """Fit on these pages, with the weights as they were saved, and write `muniment.json` beside them."""
    found, answers = [], []
    for batch in pages:
        with torch.inference_mode():
            found.append(asker.logits(model, torch.from_numpy(batch.pages).to(model.device)))
        answers.append(batch.answers)
    truth = np.concatenate(answers).astype(np.intp)
    logits = [torch.cat(rows).cpu().numpy().astype(np.float64) for rows in zip(*found, strict=True)]
    scales = {}
    for question, rows, right in zip(QUESTIONS, logits, truth.T, strict=True):
        scales[question.name] = best_temperature(rows[right >= 0], right[right >= 0])
    save(folder, scales, turned=TURNED)
