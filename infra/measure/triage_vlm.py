"""How well a triage VLM answers its questions on generated pages that training never saw.

    python -m infra.measure.triage_vlm CHECKPOINT [--count 1000] [--seed 7] [--dpi 150] [--dtype auto]

The pages come from the project's own generator with a seed far from that of training; each goes through the product's
road: a file on disk, `VlmClassifier`, its temperatures. Printed, in markdown for the model card: by question the area
under the ROC curve, macro-F1, accuracy and the loss (nats a page) of the calibrated probabilities, by label the
pages that have it, its area and F1; and the seconds of a core that a page took. Intervals: 95 %, documents
resampled. What real pages say is another command's: `infra.measure.bundled`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from infra.measure.marking import by_label, by_question
from infra.measure.scoring import Scored
from infra.measure.temperatures import Scale, kept, loss, probabilities
from infra.train.pages import TrainingPage, Wanted, make
from infra.train.triage_calibrate import HELD_OUT
from infra.train.triage_data import target
from pipeline.backends.vlm import VlmClassifier
from pipeline.backends.vlm_load import VlmOptions
from pipeline.questions import QUESTIONS

__all__ = ["Asked", "ask", "main"]

BATCH = 8


class Asked(NamedTuple):
    """The logits of each question with the truth, and the seconds of processor that a page took."""

    logits: dict[str, Scored]
    seconds: float


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    options = _options(arguments)
    classifier = VlmClassifier(options.checkpoint, VlmOptions(dtype=options.dtype, batch=BATCH))
    wanted = Wanted(dpi=options.dpi)
    asked = ask(classifier, (make(options.seed + 2 * HELD_OUT, number, wanted) for number in range(options.count)))
    told = f"{options.count} generated pages of {options.dpi} dpi"
    print(f"{told}; {classifier.name}: {asked.seconds:.3f} s of a core a page")
    for line in _tables(asked, kept(options.checkpoint)):
        print(line)


def ask(classifier: VlmClassifier, pages: Iterator[TrainingPage]) -> Asked:
    """Put the questions to pages that are drawn as they come; only asking is timed."""
    rows, truth, documents, seconds = [], [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for batch in _batches(pages):
            files = [Path(folder) / f"{at}.jpg" for at in range(len(batch))]
            for page, file in zip(batch, files, strict=True):
                page.image.save(file, quality=90)
            begun = time.process_time()
            rows += classifier.logits(files)
            seconds += time.process_time() - begun
            truth += [target(page) for page in batch]
            documents += [str(page.document) for page in batch]
    answers = np.array(truth, np.intp)
    found = {
        question.name: Scored(tuple(documents), answers[:, at], np.array([row[at].tolist() for row in rows]))
        for at, question in enumerate(QUESTIONS)
    }
    return Asked(found, seconds / len(rows))


def _batches(pages: Iterator[TrainingPage]) -> Iterator[list[TrainingPage]]:
    while batch := [page for _, page in zip(range(BATCH), pages, strict=False)]:
        yield batch


def _tables(asked: Asked, scales: dict[str, Scale]) -> Iterator[str]:
    calibrated = {
        name: Scored(each.documents, each.truth, probabilities(each.scores, scales.get(name, Scale())))
        for name, each in asked.logits.items()
    }
    yield from ("", *by_question({"model": calibrated}), "", *by_label({"model": calibrated}), "")
    for name, each in asked.logits.items():
        known = each.truth >= 0
        before, after = (loss(each.scores[known], each.truth[known], t) for t in (Scale(), scales.get(name, Scale())))
        yield f"{name}: loss {before:.3f} nats a page, {after:.3f} calibrated"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.measure.triage_vlm", description="Score a triage VLM")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7, help="of training; the pages measured on take one far from it")
    parser.add_argument("--dpi", type=int, default=150)
    parser.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
