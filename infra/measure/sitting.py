"""Labelled pages made ready to be asked about: read as the product reads them, and a turned copy of each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.measure.answerers import labels_of, pose_of
from infra.measure.answers import Seen, turn
from infra.measure.pages import Pages, read_pages
from infra.measure.scoring import Scored
from pipeline.backends.protocols import PageInput
from pipeline.errors import MunimentError
from pipeline.evaluate.bootstrap import Floats
from pipeline.questions import QUESTIONS
from pipeline.settings import load_settings
from pipeline.triage import policy_of, triage
from pipeline.types import Route

__all__ = ["Sitting", "read_seen", "sit"]


@dataclass(frozen=True)
class Sitting:
    """The pages that are asked about, the product's own upright image and words of each, the turned copy, the label of
    where its top points, and where the product says it does. `held`: pages that could not be read, with the reason;
    `blanks`: how the signals knew blank pages."""

    pages: Sequence[Seen]
    inputs: Sequence[PageInput]
    copies: Sequence[Path]
    tops: Sequence[str | None]
    poses: Sequence[str]
    held: Sequence[str] = ()
    blanks: str = ""

    @cached_property
    def _documents(self) -> tuple[str, ...]:
        return tuple(page.name for page in self.pages)

    def truth(self, question: str) -> NDArray[np.intp]:
        """The index of each page's label; -1 where it has none. Of which way is up: the copies' labels."""
        labels = {each.name: labels_of(each) for each in QUESTIONS}[question]
        told = self.tops if question == "rotation" else [page.answers[question] for page in self.pages]
        return np.array([-1 if label is None else labels.index(label) for label in told], np.intp)

    def scored(self, scores: Mapping[str, Floats]) -> dict[str, Scored]:
        """The scores of each question with its truth."""
        return {name: Scored(self._documents, self.truth(name), each) for name, each in scores.items()}


def sit(pages: Iterable[Seen], cache: Path) -> Sitting:
    """Read the pages, or take them from the cache, and turn their copies."""
    pages = list(pages)
    places = [(page.pdf(cache / "inbox"), page.number) for page in pages]
    read = read_pages(places, cache)
    fine = [(page, read[place]) for page, place in zip(pages, places, strict=True)]
    kept = [(page, each) for page, each in fine if isinstance(each, PageInput) and not page.blank]
    turned = [_turned(page, each, cache / "turned") for page, each in kept]
    return Sitting(
        [page for page, _ in kept],
        [each for _, each in kept],
        [copy for copy, _ in turned],
        [_top(page, each) for page, each in kept],
        [pose for _, pose in turned],
        [f"{page.name} page {page.number}: {each}" for page, each in fine if isinstance(each, MunimentError)],
        _blanks(pages, places, read),
    )


def read_seen(pages: Iterable[Seen], cache: Path) -> dict[Seen, PageInput]:
    """The pages that can be read, as the product reads them; blank ones have no words to be found by and stay out."""
    places = {page: (page.pdf(cache / "inbox"), page.number) for page in pages if not page.blank}
    read = read_pages(places.values(), cache)
    return {page: found for page, place in places.items() if isinstance(found := read[place], PageInput)}


def _top(page: Seen, read: PageInput) -> str | None:
    """Where the top of the copy's text points: as displayed, then turned by the product, then by us."""
    shown = page.answers["rotation"]
    return None if shown is None else str((int(shown) + read.image.rotation + turn(page)) % 360)


def _turned(page: Seen, read: PageInput, folder: Path) -> tuple[Path, str]:
    """The copy and its pose as the product tells it, both kept in the folder."""
    from PIL import Image

    from pipeline.upright import quarter_turn

    copy = folder / f"{read.image.sha256}-{page.number}-{turn(page)}.png"
    told = copy.with_suffix(".json")
    if not told.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with Image.open(read.image_path) as image:
            quarter_turn(image, turn(page)).save(copy, compress_level=1)
        told.write_text(json.dumps(pose_of(copy, read.image.dpi)), "utf-8")
    return copy, json.loads(told.read_text("utf-8"))


def _blanks(pages: Sequence[Seen], places: Sequence[tuple[Path, int]], read: Pages) -> str:
    """How many blank pages the signals know for blank, and how many others they take for one."""
    policy = policy_of(load_settings())
    said = {True: [0, 0], False: [0, 0]}
    for page, place in zip(pages, places, strict=True):
        found = read[place]
        if isinstance(found, PageInput):
            said[page.blank][0] += triage([found], None, policy)[0].route is Route.BLANK
            said[page.blank][1] += 1
    (right, blank), (wrong, others) = said[True], said[False]
    return f"{right} of {blank} known by the signals, {wrong} of {others} other pages taken for one"
