"""How many pages stand upright in the end, by the letters alone and with the triage VLM's word beside them.

    python -m infra.measure.turning --model NAME [--half tuning|reporting] [--cache FOLDER]

Takes the labelled real pages of `infra.measure.bundled` (rules in `infra/measure/answers/README.md`), each turned by a
quarter turn drawn from its hash, and sends them down the product's road: rendered, read, and where they read badly
shown to the model, turned as it says, read again (`pipeline/turning.py`). Printed: the share that stands upright, the
pages asked about, read again and turned, and what that changed; 95 % intervals, documents resampled. What was read
is kept in the cache; the turned reads are not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pymupdf

from infra.measure.answers import seen
from infra.measure.bundled import CACHE
from infra.measure.corpora import Half
from infra.measure.pages import read_pages
from infra.measure.sitting import Sitting, sit
from pipeline.backends.protocols import PageClassifier, PageInput
from pipeline.evaluate.bootstrap import by_document, difference, interval, mean
from pipeline.render import RenderJob
from pipeline.settings import load_settings
from pipeline.triage import policy_of, unread
from pipeline.turning import TurnJob, best_read, rotations_by, turn_page
from pipeline.wiring import open_tools

__all__ = ["main", "report"]


@dataclass(frozen=True, slots=True)
class Stood:
    """A copy: whether it stood upright by its letters, and in the end; whether the model was asked about it, and
    whether it was then read again."""

    document: str
    before: bool
    after: bool
    asked: bool = False
    again: bool = False


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="the triage VLM: a bundled or pulled name, or a folder")
    parser.add_argument("--half", choices=get_args(Half), default="reporting")
    parser.add_argument("--cache", type=Path, default=CACHE)
    asked = parser.parse_args(argv)
    with open_tools(load_settings(triage_model=asked.model)) as tools:
        assert tools.classifier is not None
        sitting = sit(seen(asked.half), asked.cache)
        for line in report(list(_stood(sitting, tools.classifier, asked.cache))):
            sys.stdout.write(f"{line}\n")
    return 0


def report(stood: Sequence[Stood]) -> Iterator[str]:
    """What is printed, line by line."""
    documents = [one.document for one in stood]
    before, after = (
        by_document(documents, [float(getattr(one, when)) for one in stood]) for when in ("before", "after")
    )
    yield f"{len(stood)} pages of {len(set(documents))} documents, turned by quarters"
    yield f"upright by letters    {interval(before, mean)}"
    yield f"with the VLM's word   {interval(after, mean)}; gained {difference(after, before, mean)}"
    asked, again = (sum(getattr(one, what) for one in stood) for what in ("asked", "again"))
    put, upset = (sum(one.after is way and one.before is not way for one in stood) for way in (True, False))
    yield f"asked about {asked}, read again {again}, put upright {put}, upset {upset}"


def _stood(sitting: Sitting, model: PageClassifier, cache: Path) -> Iterator[Stood]:
    places = [(_pdf(copy, page.image.dpi), 1) for copy, page in zip(sitting.copies, sitting.inputs, strict=True)]
    read = read_pages(places, cache)
    policy = policy_of(load_settings())
    for page, top, place in zip(sitting.pages, sitting.tops, places, strict=True):
        found = read[place]
        if top is None or not isinstance(found, PageInput):
            continue
        asked = unread(found, policy)
        wanted = rotations_by(model.classify([found])[0], found.image) if asked else ()
        final = _again(found, place[0], wanted, cache)
        before, after = ((int(top) + rotation) % 360 == 0 for rotation in (found.image.rotation, final))
        yield Stood(page.name, before, after, asked, bool(wanted))


def _again(page: PageInput, pdf: Path, rotations: Sequence[int], cache: Path) -> int:
    """The rotation that the page has after it was read again in these ways."""
    jobs = [TurnJob(RenderJob(pdf, 1, cache / "store", rotation=rotation)) for rotation in rotations]
    best = best_read([turn_page(job) for job in jobs], page.text)
    return (best.image if best else page.image).rotation


def _pdf(image: Path, dpi: float) -> Path:
    """The copy as a scanner would have sent it: a page of its picture."""
    pdf = image.with_suffix(".pdf")
    if not pdf.is_file():
        picture = pymupdf.Pixmap(image)
        with pymupdf.open() as document:
            page = document.new_page(width=picture.width / dpi * 72, height=picture.height / dpi * 72)
            page.insert_image(page.rect, pixmap=picture)
            document.save(pdf)
    return pdf


if __name__ == "__main__":
    raise SystemExit(main())
