"""What the generator gives and what may be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

__all__ = ["Fact", "TrainingPage", "TrainingWord", "Wanted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the page is drawn: `dpi` of the image; whether it is spoiled as scans are; whether languages other than
    English come up; whether it may lie turned by a quarter."""

    dpi: int = 100
    degrade: bool = True
    languages: bool = True
    rotate: bool = True


@dataclass(frozen=True, slots=True)
class TrainingWord:
    """A word in reading order and the box of its ink, as fractions of the image as it is shown; `hand` if written."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    hand: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the page says: its `name` (party, date, amount, …), the `value` as printed, and what it is `about`."""

    name: str
    value: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class TrainingPage:
    """A page image (mode "L") with all that is known of it.

    `labels` holds one label for each question of `pipeline.questions.QUESTIONS`, and `blank` (yes or no); an empty page
    has no `language`, and its `rotation` (0) means nothing. They follow the rules of `infra/measure/answers/README.md`:
    ticks and strokes are no handwriting, a table of more than 50 filled cells is dense, a fax's cover is a letter, a
    signature page belongs to its document. Pages with the same `document` are pages of one document: same parties,
    style and vocabulary. `layout` names the kind of page that was drawn; `facts` are printed on it.
    """

    image: Image.Image
    words: tuple[TrainingWord, ...]
    labels: Mapping[str, str]
    document: int
    title: str
    layout: str = ""
    facts: tuple[Fact, ...] = field(default=())
