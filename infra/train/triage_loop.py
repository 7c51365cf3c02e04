"""Training the triage VLM: one step, the schedule, the checkpoint.

The loss is the cross-entropy of the allowed answers at the answer sheet's slots, the numbers `VlmClassifier` compares,
and, for the vision tower alone, how much of each cell is print and how much handwriting: answers are seven numbers a
page, cells are hundreds, and a tower that knows where there is ink of which kind learns the answers sooner.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from infra.train.triage_data import Batch, Order, Pages
from infra.train.triage_model import Asker, build
from infra.train.triage_recipe import Recipe
from pipeline.backends.device import dtype_of
from pipeline.questions import QUESTIONS

__all__ = ["Budget", "Trainer"]

WARM, LEAST = 0.03, 0.01  # share of the budget over which the rate rises; share of it that is left at the end
CELLS = 1.0  # weight of the cells' loss beside the mean loss of the questions
LOGGED, SAVED = 25, 180.0  # steps between two lines of the log; seconds between two checkpoints
CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"


@dataclass(frozen=True, slots=True)
class Budget:
    """When a run ends: after `steps`, or after `minutes`, waiting for pages and those before a resumption included."""

    steps: int = 0
    minutes: float = 0.0

    def spent(self, step: int, seconds: float) -> float:
        """The share of the budget that is used, 0..1; the learning rate follows it."""
        return min(1.0, step / self.steps if self.steps else seconds / (60 * self.minutes))


class Trainer:
    """A model in training, its optimizer and where it stands; `folder` holds its checkpoint and its log."""

    def __init__(self, recipe: Recipe, seed: int, device: torch.device, folder: Path) -> None:
        torch.manual_seed(seed)
        model, self.processor = build(recipe)
        self.recipe, self.device, self.folder = recipe, device, folder
        self.model: Any = model.to(device, memory_format=torch.channels_last).train()
        self.head = _CellHead(self.model.model.vision_tower).to(device)
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
            tally.add(*self.train(batch, spent), order(self.step - 1).fresh)
            self.seconds = before + time.monotonic() - begun
            if self.step % LOGGED == 0:
                self._log(tally.figures())
                tally = _Tally()
            if time.monotonic() - saved > SAVED:
                self.save()
                saved = time.monotonic()
        self.save()

    def train(self, batch: Batch, spent: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """One step: (loss of each question, loss of the cells, (pages, questions) whether the answer was right)."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate * group["factor"] * _schedule(spent)
        answers = torch.from_numpy(batch.answers).long().to(self.device)
        with self._precision():
            logits = self.asker.logits(self.model, torch.from_numpy(batch.pages).to(self.device))
            cells = self.head.loss(torch.from_numpy(batch.cells).to(self.device))
        losses = torch.stack([_loss(rows, answers[:, at]) for at, rows in enumerate(logits)])
        (losses.mean() + CELLS * cells).backward()
        nn.utils.clip_grad_norm_(self._parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        right = torch.stack([rows.argmax(1) for rows in logits], 1) == answers
        return losses.detach().cpu(), cells.detach().cpu(), right.cpu()

    def save(self) -> None:
        """Weights, optimizer, step and random state in one file, put in place by a rename."""
        state = {
            "model": self.model.state_dict(),
            "head": self.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
        }
        unfinished = self.folder / f"{CHECKPOINT}.part"
        torch.save(state, unfinished)
        unfinished.rename(self.folder / CHECKPOINT)

    def resume(self) -> bool:
        """Take up the checkpoint in the folder; False when there is none."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        self.step, self.seconds = state["step"], state["seconds"]
        return True

    def _parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.head.parameters()]

    def _groups(self) -> list[dict[str, Any]]:
        """Matrices decay, vectors don't; the trunk learns at its own rate."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        named = [*self.model.named_parameters(), *self.head.named_parameters("head")]
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


class _CellHead(nn.Module):
    """Print and handwriting told from each of the tower's cells, in training only; listens to what the tower gives."""

    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tell = nn.Linear(tower.config.hidden_size, 2)
        self._grid = tower.config.grid
        self._cells = torch.empty(0)
        tower.register_forward_hook(self._listen)

    def loss(self, shares: torch.Tensor) -> torch.Tensor:
        """Binary cross-entropy against the shares (pages, 2, rows, columns; 255 is a whole cell)."""
        wanted = functional.interpolate(shares.float() / 255, self._grid, mode="area").flatten(2).transpose(1, 2)
        return functional.binary_cross_entropy_with_logits(self.tell(self._cells).float(), wanted)

    def _listen(self, _tower: Any, _inputs: Any, output: Any) -> None:
        self._cells = output.last_hidden_state


class _Tally:
    """Means since the last line of the log; `fresh` counts only pages that were never trained on before."""

    def __init__(self) -> None:
        self._losses: list[torch.Tensor] = []
        self._cells: list[torch.Tensor] = []
        self._right: list[torch.Tensor] = []

    def add(self, losses: torch.Tensor, cells: torch.Tensor, right: torch.Tensor, fresh: int) -> None:
        self._losses.append(losses)
        self._cells.append(cells)
        self._right.append(right[:fresh])

    def figures(self) -> dict[str, Any]:
        means, right = torch.stack(self._losses).mean(0), torch.cat(self._right).float()
        named = {question.name: round(float(loss), 3) for question, loss in zip(QUESTIONS, means, strict=True)}
        fresh = {q.name: round(float(share), 3) for q, share in zip(QUESTIONS, right.mean(0), strict=True)}
        return {"loss": named, "cells": round(float(torch.stack(self._cells).mean()), 4), "right when fresh": fresh}


def _loss(logits: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """Cross-entropy; an answer of -1 is not known and counts nothing."""
    known = (answers >= 0).sum().clamp(min=1)
    return functional.cross_entropy(logits, answers, ignore_index=-1, reduction="sum") / known


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
