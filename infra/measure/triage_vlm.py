"""How well a triage VLM answers its questions on generated pages that training never saw.

    python -m infra.measure.triage_vlm CHECKPOINT [--count 1000] [--seed 7] [--dpi 150] [--json FILE]

The pages come from the project's own generator with a seed of their own; each goes through the product's road: a
file on disk, `VlmClassifier`, its temperatures. For every question: accuracy, macro-F1 and the loss (nats) of the
probabilities; for every answer: how many pages have it, one-against-rest AUC and F1; all with 95 % intervals over
documents. Below them the figures of issue 7: handwriting, any table and any quarter turn against none. What real pages
say is another command's: `infra.measure.bundled`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from infra.train.pages import Wanted, make
from numpy.typing import NDArray

from infra.measure.classes import accuracy, auc, f1, macro_f1
from infra.train.triage_calibrate import HELD_OUT
from infra.train.triage_data import target
from pipeline.backends.vlm import VlmClassifier
from pipeline.backends.vlm_load import VlmOptions
from pipeline.questions import QUESTIONS, Question

__all__ = ["Answered", "figures", "main"]

BATCH = 8


class Answered(NamedTuple):
    """For each question the probabilities (pages, options); the right options (pages, questions), -1 where not told;
    and the pages' documents."""

    probabilities: list[NDArray[np.float64]]
    right: NDArray[np.int64]
    documents: list[int]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one table a question; `--json` also writes all figures to a file."""
    options = _options(arguments)
    classifier = VlmClassifier(options.checkpoint, VlmOptions(dtype=options.dtype, batch=BATCH))
    begun = time.process_time()
    answered, drawing = _answered(classifier, options)
    cost = (time.process_time() - begun - drawing) / options.count
    found = {question.name: figures(question, at, answered) for at, question in enumerate(QUESTIONS)}
    print(f"{classifier.name}: {options.count} generated pages, {cost:.3f} s of a core a page")
    for name, table in found.items():
        print("\n".join(_lines(name, table)))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1, default=lambda value: value.as_json()) + "\n", "utf-8")


def figures(question: Question, at: int, answered: Answered) -> dict[str, Any]:
    """All figures of the question at this place of `QUESTIONS`, over the pages whose answer is told."""
    told = answered.right[:, at] >= 0
    scores, right = answered.probabilities[at][told], answered.right[told, at]
    documents = [document for document, known in zip(answered.documents, told, strict=True) if known]
    given = scores.argmax(1)
    each = {
        option.label: {
            "pages": int((right == label).sum()),
            "auc": auc(scores[:, label], right == label, documents),
            "f1": f1(given, right, label, documents),
        }
        for label, option in enumerate(question.options)
    }
    return {
        "accuracy": accuracy(given, right, documents),
        "macro-F1": macro_f1(given, right, documents),
        "AUC of any but the first": auc(1 - scores[:, 0], right != 0, documents),
        "loss": round(float(-np.log(np.maximum(scores[np.arange(len(right)), right], 1e-9)).mean()), 4),
        "answers": each,
    }


def _answered(classifier: VlmClassifier, options: argparse.Namespace) -> tuple[Answered, float]:
    """What the classifier says of the pages; and the seconds of a core that drawing them took."""
    rows, right, documents, drawing = [], [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for numbers in _batches(options.count):
            begun = time.process_time()
            pages = [make(options.seed + 2 * HELD_OUT, number, Wanted(dpi=options.dpi)) for number in numbers]
            files = [Path(folder) / f"{at}.jpg" for at in range(len(pages))]
            for page, file in zip(pages, files, strict=True):
                page.image.save(file, quality=90)
            drawing += time.process_time() - begun
            rows += classifier.probabilities(files)
            right += [target(page) for page in pages]
            documents += [page.document for page in pages]
    stacked = [np.stack([np.asarray(each, np.float64) for each in question]) for question in zip(*rows, strict=True)]
    return Answered(stacked, np.array(right), documents), drawing


def _batches(count: int) -> Iterator[range]:
    yield from (range(start, min(start + BATCH, count)) for start in range(0, count, BATCH))


def _lines(name: str, table: dict[str, Any]) -> Iterator[str]:
    whole = ", ".join(f"{figure} {table[figure]}" for figure in table if figure != "answers")
    yield f"\n{name}: {whole}"
    yield f"  {'answer':<12}{'pages':>6}  {'AUC':<24}F1"
    for label, row in table["answers"].items():
        yield f"  {label:<12}{row['pages']:>6}  {row['auc']!s:<24}{row['f1']}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.measure.triage_vlm", description="Score a triage VLM")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7, help="of training; the pages measured on take one far from it")
    parser.add_argument("--dpi", type=int, default=150)
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
