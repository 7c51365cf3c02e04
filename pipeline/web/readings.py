"""A value and its proof as the rooms show them, in pages and in JSON, and the piece of the scan where it stands."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel

from pipeline.reliance import by_person
from pipeline.rulings import choice_of
from pipeline.types import PageImage
from schemas.fields import BoxTuple, Evidence, FieldValue

__all__ = ["Crop", "Passage", "Reading", "crop_of"]

MARGIN = 0.03  # of the page, around the words
LEAST_WIDTH, LEAST_HEIGHT, MOST_HEIGHT = 0.84, 0.13, 0.45
"""Of the page: a word is shown with what stands around it, and a long passage from its beginning."""


class Passage(BaseModel):
    """Where a value stands: the page, its words verbatim, and one box a line, in fractions of the upright page."""

    page: int
    quote: str
    boxes: list[BoxTuple]

    @classmethod
    def of(cls, evidence: Evidence) -> Passage:
        """From the record's evidence."""
        return cls(page=evidence.page, quote=evidence.quote, boxes=list(evidence.boxes))


class Reading(BaseModel):
    """A value as it was read or said: `choice` tells it from the field's other readings; `beside` is what its field
    keeps with it (a role, a purpose); `by_person` says that a person, not the machine, says so."""

    value: str
    raw: str
    status: str
    confidence: float
    extractor: str
    doubt: str
    derived: str
    by_person: bool
    choice: str
    beside: dict[str, str]
    evidence: list[Passage]

    @classmethod
    def of(cls, value: FieldValue) -> Reading:
        """From a value of the record."""
        own = set(FieldValue.model_fields)
        beside = {name: str(kept) for name, kept in value.model_dump(exclude=own).items() if kept}
        passages = [Passage.of(each) for each in value.evidence]
        plain = value.model_dump(include=own - {"evidence"})
        return cls(**plain, by_person=by_person(value), choice=choice_of(value), beside=beside, evidence=passages)


class Crop(BaseModel):
    """A piece of a page's image, in its pixels: the image's size, the piece, and the marked boxes in it, each as
    (left, top, width, height)."""

    page: int
    width: int
    height: int
    view: tuple[int, int, int, int]
    marks: list[tuple[int, int, int, int]]


def crop_of(image: PageImage, boxes: Sequence[BoxTuple]) -> Crop:
    """The piece of the page around the boxes, or its upper part where there are none."""
    marks = [_pixels(image, (box[0], box[1], box[2] - box[0], box[3] - box[1])) for box in boxes]
    left = min((box[0] for box in boxes), default=0.0) - MARGIN
    right = max((box[2] for box in boxes), default=1.0) + MARGIN
    top = min((box[1] for box in boxes), default=0.0) - MARGIN
    bottom = max((box[3] for box in boxes), default=MOST_HEIGHT) + MARGIN
    wide = min(1.0, max(LEAST_WIDTH, right - left))
    high = min(MOST_HEIGHT, max(LEAST_HEIGHT, bottom - top))
    x = min(max(0.0, (left + right - wide) / 2), 1 - wide)
    y = min(max(0.0, top if bottom - top > MOST_HEIGHT else (top + bottom - high) / 2), 1 - high)
    view = _pixels(image, (x, y, wide, high))
    return Crop(page=image.number, width=image.width, height=image.height, view=view, marks=marks)


def _pixels(image: PageImage, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    left, top, width, height = box
    return (
        round(left * image.width),
        round(top * image.height),
        round(width * image.width),
        round(height * image.height),
    )
