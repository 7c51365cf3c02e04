"""A temperature for each question, fitted on generated pages that training never saw.

What labelled real pages add, `python -m infra.measure.bundled triage --fit` adds afterwards.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from infra.measure.temperatures import best, save
from infra.train.triage_data import Drawn, Pages
from infra.train.triage_loop import Trainer
from pipeline.questions import QUESTIONS

__all__ = ["HELD_OUT", "write_temperatures"]

HELD_OUT = 1_000_000  # added to the seed for pages to calibrate on; measuring adds it twice


def write_temperatures(trainer: Trainer, pages: Pages, count: int, folder: Path) -> None:
    """Fit on the first `count` pages and write `muniment.json` beside the weights."""
    model, size = trainer.model.float().eval(), trainer.recipe.batch
    found, answers = [], []
    for start in range(0, count, size):
        indices = range(start, min(start + size, count))
        batch = pages.batch(Drawn(indices, [0] * len(indices)))
        with torch.inference_mode():
            found.append(trainer.asker.logits(model, torch.from_numpy(batch.pages).to(trainer.device)))
        answers.append(batch.answers)
    truth = np.concatenate(answers).astype(np.intp)
    logits = [torch.cat(rows).cpu().numpy().astype(np.float64) for rows in zip(*found, strict=True)]
    known = [truth[:, at] >= 0 for at in range(len(QUESTIONS))]
    save(
        folder,
        {
            question.name: round(best(rows[told], truth[told, at]), 3)
            for at, (question, rows, told) in enumerate(zip(QUESTIONS, logits, known, strict=True))
        },
    )
