"""A temperature for each question: the one that makes held-out pages likeliest (Guo et al. 2017, arXiv:1706.04599).

One number a question changes no answer, only how sure it is; 0.1 to 10 covers what a trained network is ever off by.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn import functional

from infra.train.triage_data import Drawn, Pages
from infra.train.triage_loop import Trainer
from pipeline.model_files import CALIBRATION
from pipeline.questions import QUESTIONS

__all__ = ["HELD_OUT", "held_out_logits", "temperature", "write_temperatures"]

HELD_OUT = 1_000_000  # added to the seed for pages to calibrate on; measuring adds it twice
TRIED = torch.logspace(-1, 1, 201)


def write_temperatures(trainer: Trainer, pages: Pages, count: int, folder: Path) -> None:
    """Fit on `count` pages and write `muniment.json` beside the weights."""
    logits, answers = held_out_logits(trainer, pages, count)
    found = {
        question.name: round(temperature(rows, answers[:, at]), 3)
        for at, (question, rows) in enumerate(zip(QUESTIONS, logits, strict=True))
    }
    (folder / CALIBRATION).write_text(json.dumps({"temperature": found}, indent=1) + "\n", "utf-8")


def temperature(logits: torch.Tensor, answers: torch.Tensor) -> float:
    """The T of softmax(logits / T) under which the answers (-1 where not known) are likeliest; 1 if none is known."""
    logits, answers = logits[answers >= 0], answers[answers >= 0]
    if not len(answers):
        return 1.0
    losses = torch.stack([functional.cross_entropy(logits / tried, answers) for tried in TRIED])
    return float(TRIED[losses.argmin()])


def held_out_logits(trainer: Trainer, pages: Pages, count: int) -> tuple[Sequence[torch.Tensor], torch.Tensor]:
    """For each question the logits (count, options), and the answers (count, questions)."""
    model, size = trainer.model.float().eval(), trainer.recipe.batch
    found, answers = [], []
    for start in range(0, count, size):
        indices = range(start, min(start + size, count))
        batch = pages.batch(Drawn(indices, [0] * len(indices)))
        with torch.inference_mode():
            found.append(trainer.asker.logits(model, torch.from_numpy(batch.pages).to(trainer.device)))
        answers.append(torch.from_numpy(batch.answers).long())
    return [torch.cat(rows).cpu() for rows in zip(*found, strict=True)], torch.cat(answers)
