"""A training page from a seed and an index: choose, draw, spoil, label."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from PIL import Image

from infra.train.pages import forms, grids, prose, scan
from infra.train.pages.chance import Chance
from infra.train.pages.draft import Draft, Style, design
from infra.train.pages.matter import Matter, fill, invent
from infra.train.pages.english import TITLES
from infra.train.pages.scan import Wear
from infra.train.pages.sheet import Placed, Sheet
from infra.train.pages.types import TrainingPage, TrainingWord, Wanted

__all__ = ["DOCUMENT", "KINDS", "LAYOUTS", "make"]

DOCUMENT = 4  # pages that follow each other are one document
KINDS = {
    "agreement": 0.2, "amendment": 0.09, "order": 0.11, "invoice": 0.11, "letter": 0.12, "form": 0.13, "schedule": 0.1,
    "report": 0.07, "other": 0.07,
}  # fmt: skip
Layout = Callable[[Draft], None]
LAYOUTS: dict[str, dict[Layout, float]] = {
    "agreement": {
        prose.first_page: 2,
        prose.clauses: 4,
        prose.columns: 1.2,
        prose.signatures: 2,
        prose.title_page: 0.4,
    },
    "amendment": {prose.first_page: 3, prose.signatures: 0.7, prose.title_page: 0.2},
    "order": {grids.order: 1},
    "invoice": {grids.invoice: 3, grids.receipt: 1},
    "letter": {prose.letter: 3, forms.handwritten: 1.3},
    "form": {forms.form: 1},
    "schedule": {grids.schedule: 1},
    "report": {prose.columns: 1, grids.schedule: 0.6, prose.title_page: 0.3},
    "other": {prose.contents: 2, forms.handwritten: 1, forms.blank: 2.5},
}
LAYOUT_NAMES = {layout: layout.__name__ for shares in LAYOUTS.values() for layout in shares}
OVERSAMPLED = 90  # dpi under which a page is drawn twice as large: small print has no pixels to be hinted to
NOTED, STAMPED = 0.14, 0.14


def make(seed: int, index: int, wanted: Wanted = Wanted()) -> TrainingPage:
    """The page of this seed and index, the same on every call with the same package versions and fonts."""
    document, page = Chance(seed, index // DOCUMENT, 1), Chance(seed, index, 2)
    kind = document.weighed(KINDS)
    matter = invent(document)
    style = design(document, matter)
    title = fill(document.of(TITLES[kind]), matter, document).upper()
    layout = page.weighed(LAYOUTS[kind])
    factor = 2 if wanted.dpi < OVERSAMPLED else 1
    draft = _drawn(layout, _Plan(matter, style, kind, title), page, wanted.dpi * factor)
    return _scanned(draft, layout, page, wanted, factor, index // DOCUMENT)


class _Plan:
    def __init__(self, matter: Matter, style: Style, kind: str, title: str) -> None:
        self.matter, self.style, self.kind, self.title = replace(matter, title=title.title()), style, kind, title


def _drawn(layout: Layout, plan: _Plan, chance: Chance, dpi: float) -> Draft:
    style = plan.style
    if layout is grids.receipt:
        style = replace(style, paper=(chance.real(190, 260), chance.real(300, 640)), margins=(14, 24, 14, 30))
    if plan.kind == "schedule" and chance.yes(0.15):
        style = replace(style, paper=style.paper[::-1])
    draft = Draft(Sheet(*style.paper, dpi), plan.matter, style, chance, plan.kind, plan.title, chance.whole(1, 40))
    draft.size = style.body.size
    layout(draft)
    if layout is not forms.blank:
        if layout is not forms.handwritten and chance.yes(NOTED):
            forms.annotate(draft)
        if chance.yes(STAMPED):
            forms.stamped(draft)
    return draft


def _scanned(draft: Draft, layout: Layout, chance: Chance, wanted: Wanted, factor: int, document: int) -> TrainingPage:
    wear = scan.draw_wear(chance) if wanted.degrade else Wear()
    turn = chance.weighed({0: 0.7, 90: 0.1, 180: 0.1, 270: 0.1}) if wanted.rotate and layout is not forms.blank else 0
    sheet = Image.fromarray(draft.sheet.ink)
    image = (
        scan.spoil(sheet, wear, chance, wanted.dpi * factor, sheet if wear.bleed else None) if wanted.degrade else sheet
    )
    image = image.reduce(factor) if factor > 1 else image
    if turn:
        image = image.transpose(
            {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}[turn]
        )
    image = scan.coded(image, wear.jpeg) if wear.jpeg else image
    words = _boxes(draft.sheet.words, sheet.size, wear, turn)
    labels = _labels(draft, layout, wear, turn)
    return TrainingPage(image, words, labels, document, draft.title, LAYOUT_NAMES[layout], tuple(draft.facts))


def _boxes(placed: list[Placed], size: tuple[int, int], wear: Wear, turn: int) -> tuple[TrainingWord, ...]:
    """The words with their boxes as the scan shows them; words that fell off the picture are left out."""
    if not placed:
        return ()
    boxes = np.array([word.box for word in placed], float)
    ends = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    moved = np.concatenate((ends, np.ones((*ends.shape[:2], 1))), axis=2) @ scan.warp(wear.corners, size).T
    spots = moved[..., :2] / moved[..., 2:] / size
    x, y = spots[..., 0], spots[..., 1]
    x, y = {0: (x, y), 90: (1 - y, x), 180: (1 - x, 1 - y), 270: (y, 1 - x)}[turn]
    low, high = np.stack((x.min(1), y.min(1)), 1), np.stack((x.max(1), y.max(1)), 1)
    seen = ((low + high) / 2 > 0).all(1) & ((low + high) / 2 < 1).all(1)
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    return tuple(
        TrainingWord(word.text, *map(float, (*low[place], *high[place])), word.hand)
        for place, word in enumerate(placed)
        if seen[place]
    )


def _labels(draft: Draft, layout: Layout, wear: Wear, turn: int) -> Mapping[str, str]:
    added = draft.added
    marks = {"stamp", "signature"} & added
    empty = layout is forms.blank
    return {
        "kind": "other" if empty else draft.kind,
        "handwriting": "yes" if "hand" in added else "no",
        "stamp": "both" if len(marks) == 2 else next(iter(marks), "no"),
        "table": draft.table,
        "legibility": "good" if empty else scan.legibility(wear, draft.size),
        "rotation": str(turn),
        "language": "other" if empty else "en",
        "blank": "yes" if empty else "no",
    }
