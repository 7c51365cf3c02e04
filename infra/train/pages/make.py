"""A training page from a seed and an index: choose, draw, spoil, label."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from infra.train.pages import plan, sales, scan, writing
from infra.train.pages.chance import Chance
from infra.train.pages.draft import Draft, Style, design
from infra.train.pages.extras import furnish, stamped
from infra.train.pages.matter import Matter, fill, invent
from infra.train.pages.scan import Wear
from infra.train.pages.sheet import Placed, Sheet
from infra.train.pages.tongues import ENGLISH
from infra.train.pages.types import TrainingPage, TrainingWord, Wanted

__all__ = ["DOCUMENT", "boxes", "make", "make_some"]

log = logging.getLogger(__name__)

DOCUMENT = 4  # pages that follow each other are one document
OVERSAMPLED = 90  # dpi under which a page is drawn twice as large: small print has no pixels to be hinted to
TURNED = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
DEFAULT = Wanted()
SPARE = 1 << 40  # added to the index of a page that can't be drawn: no run comes so far


@dataclass(frozen=True, slots=True)
class _Document:
    """What the pages of a document share."""

    kind: str
    matter: Matter
    style: Style


def make(seed: int, index: int, wanted: Wanted = DEFAULT) -> TrainingPage:
    """The page of this seed and index, the same on every call with the same package versions and fonts."""
    document = _document(Chance(seed, index // DOCUMENT, 1), wanted)
    chance = Chance(seed, index, 2)
    layout = chance.weighed(plan.LAYOUTS[document.kind])
    factor = 2 if wanted.dpi < OVERSAMPLED else 1
    draft = _drawn(layout, document, chance, wanted.dpi * factor)
    wear = scan.draw_wear(chance) if wanted.degrade else Wear()
    turn = chance.weighed(plan.TURNS) if wanted.rotate and layout is not writing.blank else 0
    reverse = _reverse(draft, document, chance, wear, wanted.dpi * factor)
    image, left = scan.spoil(Image.fromarray(draft.sheet.ink), wear, chance, scan.Size(wanted.dpi, factor), reverse)
    image = image.transpose(TURNED[turn]) if turn else image
    image = scan.coded(image, wear.jpeg) if wear.jpeg else image
    words = boxes(draft.sheet.words, draft.sheet.ink.shape[::-1], wear, turn)
    labels = _labels(draft, layout, turn, scan.legibility(wear, draft.size, left))
    name = layout.__name__
    return TrainingPage(image, words, labels, index // DOCUMENT, draft.title, name, tuple(draft.facts))


def make_some(seed: int, index: int, wanted: Wanted = DEFAULT) -> TrainingPage:
    """That page, or one from far away in its place when drawing it fails: hours of training don't end for one page in
    ten thousand. The log says which one, so that it can be drawn alone and mended."""
    try:
        return make(seed, index, wanted)
    except Exception:
        log.warning("page %d of seed %d can't be drawn, another takes its place", index, seed, exc_info=True)
        return make(seed, index + SPARE, wanted)


def _document(chance: Chance, wanted: Wanted) -> _Document:
    kind = chance.weighed(plan.KINDS)
    tongue = chance.weighed(plan.languages()) if wanted.languages else ENGLISH
    matter = invent(chance, tongue)
    title = fill(chance.of(matter.tongue.titles[kind]), matter, chance)
    return _Document(kind, replace(matter, title=title), design(chance, tongue))


def _drawn(layout: plan.Layout, document: _Document, chance: Chance, dpi: float) -> Draft:
    style, kind = document.style, document.kind
    if layout is sales.receipt:
        style = replace(style, paper=(chance.real(190, 280), chance.real(300, 680)), margins=(14, 30, 14, 30))
    if kind in {"schedule", "order", "report"} and chance.yes(0.15):
        style = replace(style, paper=style.paper[::-1])
    mirrored = document.matter.tongue.label == "ar"
    sheet = Sheet(*style.paper, dpi, mirrored=mirrored)
    draft = Draft(sheet, document.matter, style, chance, kind, document.matter.title.upper(), chance.whole(1, 40))
    draft.size = style.body.size
    layout(draft)
    if layout is not writing.blank:
        _add(draft, layout)
    return draft


def _add(draft: Draft, layout: plan.Layout) -> None:
    """What people and offices put on the page after it was printed."""
    furnish(draft)
    if layout is not writing.handwritten and draft.chance.yes(plan.NOTED):
        writing.annotate(draft)
    elif draft.chance.yes(plan.MARKED):
        writing.emphasise(draft)
    if draft.chance.yes(plan.STAMPED):
        stamped(draft)


def _reverse(draft: Draft, document: _Document, chance: Chance, wear: Wear, dpi: float) -> Image.Image | None:
    """The page on the back of the sheet, where it shines through."""
    if not wear.bleed:
        return None
    back = Draft(
        Sheet(draft.sheet.width, draft.sheet.height, dpi),
        document.matter,
        document.style,
        chance,
        draft.kind,
        draft.title,
    )
    chance.weighed(plan.LAYOUTS["agreement" if document.kind == "other" else document.kind])(back)
    return Image.fromarray(back.sheet.ink)


def boxes(placed: list[Placed], size: tuple[int, int], wear: Wear, turn: int) -> tuple[TrainingWord, ...]:
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
    middle = (low + high) / 2
    seen = np.flatnonzero(((middle > 0) & (middle < 1)).all(1))
    edges = np.clip(np.concatenate((low, high), 1), 0, 1)[seen].tolist()
    shown = [placed[at] for at in seen]
    return tuple(TrainingWord(w.text, x0, y0, x1, y1, w.hand) for w, (x0, y0, x1, y1) in zip(shown, edges, strict=True))


def _labels(draft: Draft, layout: plan.Layout, turn: int, legibility: str) -> Mapping[str, str]:
    if layout is writing.blank:
        same = {"handwriting": "no", "stamp": "no", "table": "no", "legibility": "good", "rotation": "0"}
        return {"kind": "other", **same, "blank": "yes"}
    marks = {"stamp", "signature"} & draft.added
    return {
        "kind": draft.kind,
        "handwriting": "yes" if "hand" in draft.added else "no",
        "stamp": "both" if len(marks) == 2 else next(iter(marks), "no"),
        "table": draft.table,
        "legibility": legibility,
        "rotation": str(turn),
        "language": draft.matter.tongue.label,
        "blank": "no",
    }
