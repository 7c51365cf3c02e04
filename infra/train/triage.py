"""Train the triage VLM on generated pages, or export what was trained.

    python -m infra.train.triage --out FOLDER --minutes 60 --threads 1              # on a CPU; resumes by itself
    python -m infra.train.triage --out FOLDER --export CHECKPOINT                   # what was trained so far
    python -m infra.train.triage --out FOLDER --export CHECKPOINT --preset accelerator --minutes 8 --workers 15

Training keeps `checkpoint.pt` (weights, optimizer, step, random state) and `log.jsonl` in FOLDER, and generated pages
in the folder of `--pages`. Export writes a folder that `load_vlm` loads like any other checkpoint, its temperatures
fitted on generated pages that training never saw.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from infra.train.norms import folded
from infra.train.pages import Wanted
from infra.train.triage_calibrate import HELD_OUT, write_temperatures
from infra.train.triage_data import Order, Pages, Spec
from infra.train.triage_loop import Budget, Trainer
from infra.train.triage_model import save
from infra.train.triage_recipe import PRESETS
from pipeline.backends.device import device_of

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module."""
    options = _options(arguments)
    recipe = PRESETS[options.preset]
    if options.threads:
        torch.set_num_threads(options.threads)
    trainer = Trainer(recipe, options.seed, device_of(options.device), options.out)
    trainer.resume()
    if options.minutes or options.steps:
        pages = Pages(options.pages, Spec(options.seed, recipe.edge), options.workers)
        order = Order(options.seed, recipe.batch, recipe.fresh, options.limit, recipe.edge)
        trainer.run(pages, order, Budget(options.steps, options.minutes))
        pages.close()
    if options.export:
        _export(trainer, options)


def _export(trainer: Trainer, options: argparse.Namespace) -> None:
    if not trainer.step:
        raise SystemExit(f"nothing was trained in {options.out}")
    model = folded(trainer.model).eval()
    save(model, trainer.processor, options.export)
    chunk = min(options.held, 64)
    spec = Spec(options.seed + HELD_OUT, trainer.recipe.edge, Wanted(), chunk)
    held_out = Pages(options.pages, spec, options.workers)
    told = held_out.batches(options.held, trainer.recipe.batch)
    write_temperatures(model.float(), trainer.asker, told, options.export)
    held_out.close()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.train.triage", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the log")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="waiting for pages and those before a resumption included"
    )
    parser.add_argument("--steps", type=int, default=0, help="instead of minutes")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=0, help="of torch on a CPU; 0 leaves it to torch")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw pages")
    parser.add_argument("--pages", type=Path, help="folder of generated pages (default: in --out)")
    parser.add_argument("--limit", type=int, default=100_000, help="pages drawn at most; 0.26 MB each at 512 pixels")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--export", type=Path, metavar="CHECKPOINT", help="write the trained model there and end")
    parser.add_argument("--held", type=int, default=512, help="unseen pages on which export fits the temperatures")
    options = parser.parse_args(arguments)
    options.pages = options.pages or options.out / "pages"
    return options


if __name__ == "__main__":
    main()
