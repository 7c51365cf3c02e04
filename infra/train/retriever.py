"""Train the page retriever from the generator's pages, or export what was trained.

    python -m infra.train.retriever --out FOLDER --minutes 60 [--preset cpu] [--device cpu] [--threads 1]
    python -m infra.train.retriever --out FOLDER --export CHECKPOINT

`--out` holds checkpoint, tokenizer and log; a run that was broken off goes on from there. `--minutes` is the whole
budget, waiting for pages included, which the recipe's stages share; `--now` ends this call sooner, so that one budget
is spent in several calls. `--begin CHECKPOINT` starts a new run from an exported model, such as the shipped one, whose
training goes on where its own checkpoint is gone.
An accelerator runs the same code with `--preset accelerator --device cuda --workers 16`, in bfloat16.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch

from infra.train.checkpoint import CHECKPOINT
from infra.train.retriever_loop import Budget, Trainer
from infra.train.retriever_model import save
from infra.train.retriever_recipe import LANES, PRESETS
from pipeline.backends.device import device_of

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Parse, train or export."""
    asked = _parser().parse_args(arguments)
    if LANES % max(asked.workers, 1):
        raise SystemExit(f"--workers must divide {LANES}")
    if asked.threads:
        torch.set_num_threads(asked.threads)
    if asked.export and not (asked.out / CHECKPOINT).exists():
        raise SystemExit(f"nothing was trained in {asked.out}")
    trainer = Trainer(PRESETS[asked.preset], asked.seed, device_of(asked.device), asked.out, asked.begin)
    if asked.export:
        save(trainer.retriever, asked.export)
        print(f"{asked.export}: step {trainer.step}, {trainer.seconds / 60:.1f} minutes of training")
    else:
        trainer.run(Budget(asked.minutes, asked.now), asked.workers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="train the page retriever")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--export", type=Path, help="write the checkpoint folder here and train nothing")
    parser.add_argument("--begin", type=Path, help="a new run begins with this exported checkpoint's weights")
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--now", type=float, default=math.inf)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    return parser


if __name__ == "__main__":
    main()
