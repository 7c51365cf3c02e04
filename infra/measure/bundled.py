"""What the small models that ship with the package are worth on real pages, beside the product without them.

    python -m infra.measure.bundled triage [--half tuning|reporting] [--model FOLDER] [--fit] [--cache FOLDER]
    python -m infra.measure.bundled pages --model FOLDER [--half tuning|reporting] [--cache FOLDER]

`triage` asks a checkpoint triage's questions about real pages that were labelled by looking at them
(`infra/measure/answers/`, whose README has the rules), through `VlmClassifier` as the product asks them, on the images
the product makes. In the same run the signals alone answer (`answerers.py`), and the commonest answer of the tuning
half, to show what is had for nothing. Which way is up is asked of copies, each page turned once by 0, 90, 180 or 270
degrees drawn from its hash: pages that were scanned turned are rare. Blank pages are not asked about, as in the
product.

Printed, in markdown for the model card: by question the area under the ROC curve, macro-F1 and accuracy of each,
and of model and signals together, and how far these are above the signals; by label the pages that have it, and its
area and F1. Intervals: 95 %, documents resampled. Then how blank pages were known by the signals, and the seconds a
page that the checkpoint took on this machine. Without `--model` the signals alone.

`--fit` fits a temperature and a bias of each label on the tuning half, whatever `--half` says, and writes those to the
checkpoint's muniment.json under which held-out pages are likelier (`temperatures.py`). It also writes on which
questions the product is to hear the checkpoint: where model and signals together rank the tuning half's pages better
than the signals alone, the whole interval above nothing; or those that `--hear` names, where more was measured.

`pages` searches all the labelled pages for phrases that people wrote off real scans of this half (`scan_phrases.py`),
in an embedded index made as the product makes it: by words (OCR, BM25 and MiniLM) as without a page model, with the
checkpoint's page images beside them, and by the images alone. nDCG@10 and recall for phrases of pages that OCR was
unsure of, and of the others.

Pages are rendered and read once, in worker processes, and kept in the cache (see `pages.py`): `MUNIMENT_WORKERS` says
how many. A cache is good for one state of rendering and reading.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from infra.measure import temperatures
from infra.measure.answerers import both, by_model, by_signals
from infra.measure.answers import seen
from infra.measure.corpora import Half
from infra.measure.marking import by_label, by_question, commonest, gained
from infra.measure.scan_phrases import found, index_of, phrases, table_of
from infra.measure.sitting import Sitting, read_seen, sit
from infra.measure.temperatures import Scale
from pipeline.evaluate.bootstrap import Floats
from pipeline.questions import QUESTIONS
from pipeline.settings import load_settings
from pipeline.triage import policy_of

__all__ = ["main"]

CACHE = Path(tempfile.gettempdir()) / "muniment-measure-bundled"


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    triage = commands.add_parser("triage", help="triage's questions on labelled real pages")
    triage.add_argument("--half", choices=get_args(Half), default="reporting")
    triage.add_argument("--model", type=Path, help="a checkpoint's folder; without one the signals alone")
    triage.add_argument("--fit", action="store_true", help="fit temperatures on the tuning half, write muniment.json")
    triage.add_argument("--hear", nargs="*", choices=[question.name for question in QUESTIONS])
    triage.add_argument("--cache", type=Path, default=CACHE)
    triage.set_defaults(lines=_triage)
    pages = commands.add_parser("pages", help="phrases of real scans, searched with and without page images")
    pages.add_argument("--half", choices=get_args(Half), default="reporting")
    pages.add_argument("--model", type=Path, required=True, help="a page model's folder")
    pages.add_argument("--cache", type=Path, default=CACHE)
    pages.set_defaults(lines=_pages)
    asked = parser.parse_args(argv)
    for line in asked.lines(asked):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return 0


def _triage(asked: argparse.Namespace) -> Iterator[str]:
    if asked.fit:
        if asked.model is None:
            raise SystemExit("--fit needs --model")
        yield from _fit(asked.model, asked.cache, asked.hear)
    yield from _report(asked.half, asked.model, asked.cache)


def _fit(folder: Path, cache: Path, hear: Sequence[str] | None) -> Iterator[str]:
    """Fit on the tuning half, write what is better, and say what became of each question."""
    sitting = sit(seen("tuning"), cache)
    logits, _ = _logits(folder, sitting)
    before = temperatures.kept(folder)
    found = {
        name: temperatures.fitted(each, before.get(name, Scale())) for name, each in sitting.scored(logits).items()
    }
    kept = {name: each.better for name, each in found.items()}
    scores = _scores(sitting, logits, kept)
    gains = gained({who: sitting.scored(each) for who, each in scores.items()}, "both")
    heard = hear if hear is not None else [name for name, gain in gains.items() if gain.low > 0]
    temperatures.save(folder, kept, heard)
    yield "| question | pages | T before | T fitted | NLL before | NLL held out | kept | both − signals | heard |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, each in found.items():
        pages = int((sitting.truth(name) >= 0).sum())
        warmth = f"{each.before.temperature:.3f} | {each.after.temperature:.3f}"
        figures = f"{warmth} | {each.loss_before:.3f} | {each.loss_after:.3f}"
        which, said = "fitted" if each.better == each.after else "before", "yes" if name in heard else "no"
        yield f"| {name} | {pages} | {figures} | {which} | {gains[name]} | {said} |"
    yield ""


def _scores(sitting: Sitting, logits: Mapping[str, Floats], kept: Mapping[str, Scale]) -> dict[str, dict[str, Floats]]:
    """What signals, model and both say of the pages, by question; without logits the signals alone."""
    scores = {"signals": by_signals(sitting.inputs, sitting.poses, policy_of(load_settings()))}
    if logits:
        scores["model"] = {
            name: temperatures.probabilities(each, kept.get(name, Scale())) for name, each in logits.items()
        }
        scores["both"] = {name: both(each, scores["signals"][name]) for name, each in scores["model"].items()}
    return scores


def _report(half: Half, folder: Path | None, cache: Path) -> Iterator[str]:
    sitting = sit(seen(half), cache)
    logits, seconds = _logits(folder, sitting) if folder is not None else ({}, 0.0)
    scores = _scores(sitting, logits, temperatures.kept(folder) if folder is not None else {})
    constant = commonest(seen("tuning"), len(sitting.inputs))
    answered = {who: sitting.scored(each) for who, each in {**scores, "commonest": constant}.items()}
    documents = len({page.name for page in sitting.pages})
    yield f"{len(sitting.pages)} pages of {documents} documents, {half} half"
    yield from ("", *by_question(answered), "", *by_label(answered), "")
    yield f"blank: {sitting.blanks}"
    yield from (f"not read: {reason}" for reason in sitting.held)
    if folder is not None:
        yield f"{folder.name}: {seconds:.3f} s a page here"


def _logits(folder: Path, sitting: Sitting) -> tuple[dict[str, Floats], float]:
    """The checkpoint's logits by question, and the seconds a look at a page took."""
    from pipeline.backends.vlm import VlmClassifier
    from pipeline.backends.vlm_load import VlmOptions

    settings = load_settings()
    options = VlmOptions(settings.device, settings.dtype, settings.quantization, settings.batch)
    model = VlmClassifier(folder, options)
    images = [page.image_path for page in sitting.inputs]
    began = time.perf_counter()
    found = by_model(model, images, sitting.copies, options.batch)
    looks = len(images) + len(sitting.copies)
    return {question.name: found[question.name] for question in QUESTIONS}, (time.perf_counter() - began) / looks


def _pages(asked: argparse.Namespace) -> Iterator[str]:
    from pipeline.backends.colpali import ColPaliEmbedder
    from pipeline.backends.minilm import MiniLM
    from pipeline.models import minilm_path

    settings, everything = load_settings(), seen()
    read = read_seen(everything, asked.cache)
    wanted = phrases([page for page in everything if page.half == asked.half], read)
    image = ColPaliEmbedder(asked.model, device=settings.device, dtype=settings.dtype, batch=settings.batch)
    text = MiniLM(minilm_path(), device=settings.device, dtype=settings.dtype)
    with tempfile.TemporaryDirectory(prefix="bundled-pages-") as folder:
        index = index_of(read, Path(folder) / "index", text, image)
        rows = found(wanted, index, text, image)
        index.close()
    clean = policy_of(settings).clean_above
    yield f"{len(read)} pages in the index, {asked.half} half, page model {asked.model.name}"
    for title, low in ((f"OCR confidence under {clean}", True), ("the others", False)):
        kept = np.array([(phrase.confidence < clean) == low for phrase in wanted])
        those = [phrase for phrase, keep in zip(wanted, kept, strict=True) if keep]
        if those:
            documents = len({phrase.document for phrase in those})
            yield from ("", f"{title}: {len(those)} phrases of {documents} documents", "")
            yield from table_of(those, {name: each[kept] for name, each in rows.items()})


if __name__ == "__main__":
    raise SystemExit(main())
