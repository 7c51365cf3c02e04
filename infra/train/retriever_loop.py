"""Training the retriever: one step, the schedule over the stages, the checkpoint."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedTokenizerFast

from infra.train.checkpoint import Standing, keep, take_up
from infra.train.depthwise import quicken
from infra.train.pages.matter import word_list
from infra.train.retriever_data import Batch, Cuts, loader, set_page
from infra.train.retriever_maps import Bank
from infra.train.retriever_model import start, take_over, tokenizer_of
from infra.train.retriever_recipe import Recipe, Stage
from infra.train.retriever_stages import GOALS
from pipeline.backends.device import dtype_of

__all__ = ["Budget", "Trainer"]

WARM, LEAST = 0.05, 0.05  # share of a stage in which its rate rises; share of the rate that is left at its end
LOGGED, SAVED = 25, 180.0  # steps between two lines of the log; seconds between two checkpoints
LOG, TOKENIZER = "log.jsonl", "tokenizer"
BEGUN = 0.5  # of a stage's rate, where a run begins with what was trained already
DROPPED = 0.1  # of a bank's maps, which come again and again: they are not to be learnt by heart
SPELT = 256  # pages whose words the tokenizer is trained on
LISTS, LISTED = ("noun", "verb", "adjective"), 3  # of English; so often their words count: enough to become pieces


@dataclass(frozen=True, slots=True)
class Budget:
    """`minutes` in all, waiting for pages and calls before included, which the stages share; this call ends after `now`
    minutes of its own, or when the step is `until`."""

    minutes: float
    now: float = math.inf
    until: int | None = None


class Trainer:
    """A retriever in training, its optimizer and where it stands; `folder` holds checkpoint, tokenizer and log.

    A checkpoint in the folder is taken up; its weights, optimizer, step and random state are as they were left. A new
    run begins with the weights and the tokenizer of the exported checkpoint `begun`, where one is named.
    """

    def __init__(
        self, recipe: Recipe, seed: int, device: torch.device, folder: Path, begun: Path | None = None
    ) -> None:
        torch.manual_seed(seed)
        folder.mkdir(parents=True, exist_ok=True)
        self.recipe, self.seed, self.device, self.folder, self.begun = recipe, seed, device, folder, begun
        self.kept = folder / "bank" if recipe.bank else None
        self.retriever = start(recipe.shape, self._tokenizer()).to(device, memory_format=torch.channels_last).train()
        if begun:
            take_over(self.retriever, begun)
        frozen = [self.retriever.tower.stem, *self.retriever.tower.blocks[: self.retriever.depth]]
        for part in frozen if recipe.bank else ():
            part.requires_grad_(False)
        self.bank = Bank(self.retriever, recipe, seed, self.kept) if self.kept else None
        if device.type == "cpu":
            quicken(self.retriever)
        self.optimizer = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98))
        self.step, self.seconds = 0, 0.0
        self._resume()

    def run(self, budget: Budget, workers: int) -> None:
        """Train until the budget is spent; the checkpoint is written at the end, too."""
        ends = min(self.seconds + 60 * budget.now, 60 * budget.minutes)
        while self.step != budget.until and self.seconds < ends:
            at, _ = _standing(self.recipe, self.seconds / 60 / budget.minutes)
            self._run_stage(at, budget, ends, workers)
        self.save()

    def train(self, batch: Batch, stage: Stage, spent: float) -> dict[str, float]:
        """One step at this share of the stage: its loss and what was right."""
        for group in self.optimizer.param_groups:
            group["lr"] = stage.rate * group["factor"] * _schedule(spent) * (BEGUN if self.begun else 1)
        dtype = dtype_of("auto", self.device)
        with torch.autocast(self.device.type, dtype, enabled=dtype is torch.bfloat16):
            maps = self._maps(batch, stage)
            if self.step == 0 and not self.begun:
                self.retriever.settle(maps.detach())
            loss, right = GOALS[stage.goal](self.retriever, batch, maps)
        loss.backward()
        nn.utils.clip_grad_norm_(self.retriever.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return {"loss": float(loss.detach()), **right}

    def cuts(self, stage: Stage) -> Cuts:
        """What the steps of a stage are given."""
        grid = self.retriever.tower.config.stride
        return Cuts(self.recipe, stage, self.seed, grid, self.retriever.column, self.kept)

    def save(self) -> None:
        """Weights, optimizer, step and random state in one file, put in place by a rename."""
        keep(self.folder, self._parts(), Standing(self.step, self.seconds))

    def _maps(self, batch: Batch, stage: Stage) -> torch.Tensor:
        if self.bank is None:
            return self.retriever.trunk(batch.pixels)
        across = self.retriever.across
        held = [self.bank.maps(page, top, stage.height).roll(right // across, 2) for page, top, right in batch.places]
        maps = torch.stack(held).to(self.device, self.retriever.model.dtype)
        return functional.dropout(maps, DROPPED)

    def _run_stage(self, at: int, budget: Budget, ends: float, workers: int) -> None:
        stage = self.recipe.stages[at]
        cuts = self.cuts(stage)
        tally, before = [], self.seconds
        saved = begun = time.monotonic()
        for batch in loader(cuts, self.step, workers):
            now, spent = _standing(self.recipe, self.seconds / 60 / budget.minutes)
            if now != at or self.seconds >= ends or self.step == budget.until:
                break
            tally.append(self.train(batch, stage, spent))
            self.seconds = before + time.monotonic() - begun
            if self.step % LOGGED == 0:
                self._log(stage, tally)
                tally = []
            if time.monotonic() - saved > SAVED:
                self.save()
                saved = time.monotonic()

    def _resume(self) -> None:
        if kept := take_up(self.folder, self._parts(), self.device):
            self.step, self.seconds = kept

    def _parts(self) -> dict[str, Any]:
        return {"retriever": self.retriever, "optimizer": self.optimizer}

    def _tokenizer(self) -> PreTrainedTokenizerFast:
        """The folder's own, put there by a rename: trained on the first pages' words, or the model's begun with."""
        path = self.folder / TOKENIZER
        if not path.exists():
            unfinished = path.with_suffix(".part")
            self._first_tokenizer().save_pretrained(unfinished)
            unfinished.rename(path)
        return PreTrainedTokenizerFast.from_pretrained(path)

    def _first_tokenizer(self) -> PreTrainedTokenizerFast:
        if self.begun:
            held = PreTrainedTokenizerFast.from_pretrained(self.begun)
            if len(held) == self.recipe.shape.vocabulary:
                return held
        pages = (set_page(self.seed, index, self.recipe, self.kept) for index in range(0, 4 * SPELT, 4))
        told = (" ".join(word.text for word in page.words) for page in pages)
        listed = [" ".join(word_list(name)) for name in LISTS]
        return tokenizer_of(chain(told, LISTED * listed), self.recipe.shape.vocabulary)

    def _groups(self) -> list[dict[str, Any]]:
        """Matrices decay, vectors don't; what PP-OCR brought learns at the trunk's own rate."""
        tower = self.retriever.tower
        trunk = {*tower.stem.parameters(), *tower.blocks[: self.retriever.depth].parameters()}
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for parameter in self.retriever.parameters():
            if not parameter.requires_grad:
                continue
            groups.setdefault((parameter in trunk, parameter.ndim > 1), []).append(parameter)
        return [
            {
                "params": parameters,
                "weight_decay": self.recipe.decay if matrix else 0.0,
                "factor": self.recipe.trunk_rate if slow else 1.0,
            }
            for (slow, matrix), parameters in groups.items()
        ]

    def _log(self, stage: Stage, tally: list[dict[str, float]]) -> None:
        names = sorted({name for figures in tally for name in figures})
        found = {name: [figures[name] for figures in tally if name in figures] for name in names}
        means = {name: round(sum(values) / len(values), 4) for name, values in found.items()}
        line = json.dumps({"step": self.step, "seconds": round(self.seconds, 1), "stage": asdict(stage), **means})
        with (self.folder / LOG).open("a") as handle:
            handle.write(line + "\n")
        print(self.step, round(self.seconds), stage.goal, stage.height, means, flush=True)


def _standing(recipe: Recipe, spent: float) -> tuple[int, float]:
    """Which stage the budget's share falls into, and how much of that stage is over; the last one when all is."""
    for at, stage in enumerate(recipe.stages):
        if spent < stage.share or at == len(recipe.stages) - 1:
            return at, min(spent / stage.share, 1.0)
        spent -= stage.share
    raise ValueError("a recipe without stages")


def _schedule(spent: float) -> float:
    """The share of the stage's rate: a linear rise, then a cosine's fall to `LEAST`."""
    if spent < WARM:
        return max(spent / WARM, LEAST)
    return LEAST + (1 - LEAST) * (1 + math.cos(math.pi * (spent - WARM) / (1 - WARM))) / 2
