"""Training the triage VLM: one step, the schedule, the checkpoint.

The loss is the cross-entropy of the allowed answers at the answer sheet's slots, the numbers `VlmClassifier` compares.
The trunk has teachers of its own beside it, left behind when it is exported: how much of each cell is print and how
much handwriting, and the same answers from the mean and the maximum of its maps. For the first share of the budget it
learns from them alone, at two fifths of the time a page: a language model can't tell what the trunk does not see.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from infra.train.checkpoint import Standing, keep, take_up
from infra.train.norms import normalise
from infra.train.triage_data import Batch, Order, Pages
from infra.train.triage_model import Asker, build
from infra.train.triage_recipe import Recipe
from pipeline.backends.answer_sheet import answer_logits
from pipeline.backends.device import dtype_of
from pipeline.questions import QUESTIONS

__all__ = ["Budget", "Lesson", "Trainer"]

WARM, LEAST = 0.03, 0.01  # share of the budget over which the rate rises; share of it that is left at the end
CELLS = 3.0  # weight of what the cells hold: chosen, since it alone says where on a page the writing is
HAND, WHOLE, RARE = 1, 4.0, 6.0  # channel; a cell a quarter under handwriting is all handwriting; its added weight
TAUGHT = 0.3  # weight of the trunk's own answers once the language model answers, too
LOGGED, SAVED = 25, 180.0  # steps between two lines of the log; seconds between two checkpoints
LOG = "log.jsonl"


@dataclass(frozen=True, slots=True)
class Budget:
    """When a run ends: after `steps`, or after `minutes`, waiting for pages and those before a resumption included."""

    steps: int = 0
    minutes: float = 0.0

    def spent(self, step: int, seconds: float) -> float:
        """The share of the budget that is used, 0..1; the learning rate follows it."""
        return min(1.0, step / self.steps if self.steps else seconds / (60 * self.minutes))


class Lesson(NamedTuple):
    """What one step told: each question's loss, that of the cells, and which answers (pages, questions) were right."""

    losses: torch.Tensor
    cells: torch.Tensor
    right: torch.Tensor


class Trainer:
    """A model in training, its optimizer and where it stands; `folder` holds its checkpoint and its log."""

    def __init__(self, recipe: Recipe, seed: int, device: torch.device, folder: Path) -> None:
        torch.manual_seed(seed)
        model, self.processor = build(recipe)
        self.recipe, self.device, self.folder = recipe, device, folder
        normalise(model.model.vision_tower)
        self.model: Any = model.to(device, memory_format=torch.channels_last).train()
        self.teacher = _Teacher(self.model.model.vision_tower).to(device)
        self.asker = Asker.of(self.processor, recipe.edge, device)
        self.optimizer = torch.optim.AdamW(self._groups(), lr=recipe.rate, betas=(0.9, 0.98))
        self.step, self.seconds = 0, 0.0

    def run(self, pages: Pages, order: Order, budget: Budget, until: int | None = None) -> None:
        """Train until the budget is spent, or `until` this step; writes the checkpoint at the end, too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        saved = begun = time.monotonic()
        tally, before = _Tally(), self.seconds
        for batch in _ahead(lambda step: pages.batch(order(step)), self.step):
            spent = budget.spent(self.step, self.seconds)
            if spent >= 1 or self.step == until:
                break
            tally.add(self.train(batch, spent), order(self.step - 1).fresh)
            self.seconds = before + time.monotonic() - begun
            if self.step % LOGGED == 0:
                self._log(tally.figures())
                tally = _Tally()
            if time.monotonic() - saved > SAVED:
                self.save()
                saved = time.monotonic()
        self.save()

    def train(self, batch: Batch, spent: float) -> Lesson:
        """One step at this share of the budget."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate * group["factor"] * _schedule(spent)
        answers = torch.from_numpy(batch.answers).long().to(self.device)
        with self._precision():
            inputs = self.asker.inputs(torch.from_numpy(batch.pages).to(self.device))
            logits = self._logits(inputs, alone=spent < self.recipe.alone)
            cells = self.teacher.cells(torch.from_numpy(batch.cells).to(self.device))
            taught = self.teacher.answers()
        losses = _losses(logits or taught, answers)
        loss = losses.mean() + CELLS * cells + (TAUGHT * _losses(taught, answers).mean() if logits else 0)
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        right = torch.stack([rows.argmax(1) for rows in logits or taught], 1) == answers
        return Lesson(losses.detach().cpu(), cells.detach().cpu(), right.cpu())

    def _logits(self, inputs: dict[str, torch.Tensor], alone: bool) -> list[torch.Tensor]:
        """The model's answers; none while the trunk learns alone."""
        if alone:
            self.model.model.vision_tower.features(inputs["pixel_values"])
            return []
        return answer_logits(self.model, inputs, self.asker.sheet)

    def save(self) -> None:
        """Weights, optimizer, step and random state in one file, put in place by a rename."""
        keep(self.folder, self._parts(), Standing(self.step, self.seconds))

    def resume(self) -> bool:
        """Take up the checkpoint in the folder; False when there is none."""
        kept = take_up(self.folder, self._parts(), self.device)
        if kept:
            self.step, self.seconds = kept
        return kept is not None

    def _parts(self) -> dict[str, Any]:
        return {"model": self.model, "teacher": self.teacher, "optimizer": self.optimizer}

    def _parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.teacher.parameters()]

    def _groups(self) -> list[dict[str, Any]]:
        """Matrices decay, vectors don't; the trunk learns at its own rate."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        named = [*self.model.named_parameters(), *self.teacher.named_parameters("teacher")]
        for name, parameter in named:
            trunk = ".stem." in name or ".blocks." in name
            groups.setdefault((trunk, parameter.ndim > 1), []).append(parameter)
        return [
            {
                "params": parameters,
                "weight_decay": self.recipe.decay if matrix else 0.0,
                "factor": self.recipe.trunk_rate if trunk else 1.0,
            }
            for (trunk, matrix), parameters in groups.items()
        ]

    def _precision(self) -> Any:
        """bfloat16 where the processor multiplies it: a third less time on a CPU with avx512_bf16, more on a GPU."""
        dtype = dtype_of("auto", self.device)
        return torch.autocast(self.device.type, dtype, enabled=dtype is torch.bfloat16)

    def _log(self, figures: dict[str, Any]) -> None:
        line = json.dumps({"step": self.step, "seconds": round(self.seconds, 1), **figures})
        with (self.folder / LOG).open("a") as handle:
            handle.write(line + "\n")
        print(line, flush=True)


class _Teacher(nn.Module):
    """What the trunk is asked in training only: of each cell print and handwriting, of the page the answers."""

    def __init__(self, tower: Any) -> None:
        super().__init__()
        channels = tower.config.trunk[-1].channels
        self.cell = nn.Conv2d(channels, 2, 1)
        self.page = nn.ModuleList(nn.Linear(2 * channels, len(question.options)) for question in QUESTIONS)
        self._maps = torch.empty(0)
        tower.blocks[-1].register_forward_hook(self._listen)

    def cells(self, shares: torch.Tensor) -> torch.Tensor:
        """Binary cross-entropy against the shares (pages, 2, rows, columns; 255 is a whole cell). A word written into a
        cell of print is made to count: by the shares alone, a note on a printed page was told no better than by chance
        (AUC 0.55) when pages written all over were told at 0.999."""
        told = self.cell(self._maps).float()
        wanted = functional.interpolate(shares.float() / 255, told.shape[2:], mode="area")
        wanted[:, HAND] = (WHOLE * wanted[:, HAND]).clamp(max=1)
        weight = torch.ones_like(wanted)
        weight[:, HAND] += RARE * wanted[:, HAND]
        return functional.binary_cross_entropy_with_logits(told, wanted, weight)

    def answers(self) -> list[torch.Tensor]:
        """For each question the logits of its options, (pages, options)."""
        seen = torch.cat([self._maps.mean((2, 3)), self._maps.amax((2, 3))], 1)
        return [page(seen).float() for page in self.page]

    def _listen(self, _block: Any, _inputs: Any, maps: torch.Tensor) -> None:
        self._maps = maps


class _Tally:
    """Means since the last line of the log; `fresh` counts only pages that were never trained on before."""

    def __init__(self) -> None:
        self._lessons: list[Lesson] = []
        self._right: list[torch.Tensor] = []

    def add(self, lesson: Lesson, fresh: int) -> None:
        self._lessons.append(lesson)
        self._right.append(lesson.right[:fresh])

    def figures(self) -> dict[str, Any]:
        losses, cells, _ = zip(*self._lessons, strict=True)
        right = torch.cat(self._right).float().mean(0)
        told = {"loss": torch.stack(losses).mean(0), "right when fresh": right}
        by_question = {
            name: {q.name: round(float(each), 3) for q, each in zip(QUESTIONS, row, strict=True)}
            for name, row in told.items()
        }
        return {**by_question, "cells": round(float(torch.stack(cells).mean()), 4)}


def _losses(logits: list[torch.Tensor], answers: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of each question; an answer of -1 is not known and counts nothing."""
    known = (answers >= 0).sum(0).clamp(min=1)
    summed = [
        functional.cross_entropy(rows, answers[:, at], ignore_index=-1, reduction="sum")
        for at, rows in enumerate(logits)
    ]
    return torch.stack(summed) / known


def _schedule(spent: float) -> float:
    """The share of the peak rate: a linear rise, then a cosine's fall to `LEAST`."""
    if spent < WARM:
        return max(spent / WARM, LEAST)
    fallen = (1 + math.cos(math.pi * (spent - WARM) / (1 - WARM))) / 2
    return LEAST + (1 - LEAST) * fallen


def _ahead(load: Callable[[int], Any], first: int) -> Iterator[Any]:
    """`load` of first, first + 1, ...; the next one is loaded by a thread while this one is used."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(load, first)
        step = first
        while True:
            now = coming.result()
            step += 1
            coming = thread.submit(load, step)
            yield now
