"""A sheet of paper: printed words, lines and written strokes, drawn at once at the resolution wanted.

Places are points (1/72 inch) from the top left corner, a word's place that of its baseline. The sheet is a grey image
in which ink only ever darkens, as on paper.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from infra.train.pages import fonts
from infra.train.pages.arabic import joined
from infra.train.pages.fonts import Face

__all__ = ["Placed", "Sheet", "Type", "pieces"]

Box = tuple[float, float, float, float]
WHITE = 255
CHINESE = re.compile(r"[!-~°§№€£]+|[^\s!-~。，：；、]{1,4}[。，：；、]?|[。，：；、]")


@dataclass(frozen=True, slots=True)
class Type:
    """How words are set: face, size in points, style, and the grey level of the ink."""

    face: Face
    size: float
    bold: bool = False
    italic: bool = False
    level: int = 0

    @property
    def style(self) -> str:
        """The font file."""
        return self.face.style(self.bold, self.italic)

    def sized(self, factor: float) -> Type:
        """The same type, larger or smaller."""
        return replace(self, size=self.size * factor)

    @property
    def heavy(self) -> Type:
        """The same type in bold."""
        return replace(self, bold=True)

    @property
    def slanted(self) -> Type:
        """The same type in italics."""
        return replace(self, italic=True)


@dataclass(frozen=True, slots=True)
class Placed:
    """A word and the box of its ink in pixels of the sheet."""

    text: str
    box: tuple[float, float, float, float]
    hand: bool = False


def pieces(text: str, kind: Type) -> list[str]:
    """The words of a text; of Chinese, which has no blanks, runs of up to four characters."""
    return CHINESE.findall(text) if kind.face.role == "chinese" else text.split()


class Sheet:
    """One page being drawn; `width` and `height` in points, `dpi` that of its pixels. On a `mirrored` one all places
    count from the right edge: what is laid out for a script written from the left suits one written from the right."""

    def __init__(self, width: float, height: float, dpi: float, *, mirrored: bool = False) -> None:
        self.width, self.height, self.scale, self.mirrored = width, height, dpi / 72, mirrored
        shape = (round(height * self.scale), round(width * self.scale))
        self.ink: NDArray[np.uint8] = np.full(shape, WHITE, np.uint8)
        self.words: list[Placed] = []

    def measure(self, text: str, kind: Type) -> float:
        """The width of one word in points."""
        return self._draw(text, kind).advance / self.scale

    def space(self, kind: Type) -> float:
        """The width of a blank in points; Chinese has none."""
        if kind.face.role == "chinese":
            return 0.0
        return fonts.space(kind.style, self._pixels(kind)) / self.scale

    def word(self, text: str, at: tuple[float, float], kind: Type) -> float:
        """Print one word and return how far it moves on, in points."""
        drawn = self._draw(text, kind)
        left, top = round(at[0] * self.scale) + drawn.left, round(at[1] * self.scale) + drawn.top
        box = self.press(drawn.ink, left, top, kind.level)
        if box is not None:
            self.words.append(Placed(text, box))
        return drawn.advance / self.scale

    def line_of(self, text: str, at: tuple[float, float], kind: Type, align: str = "left") -> float:
        """Print the words of a line from, around or up to a place; return its width in points."""
        width = self.width_of(text, kind)
        x = at[0] - width * {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
        gap = self.space(kind)
        for word in pieces(text, kind):
            x += self.word(word, (x, at[1]), kind) + gap
        return width

    def width_of(self, text: str, kind: Type) -> float:
        """The width of a line in points."""
        words = pieces(text, kind)
        return sum(self.measure(word, kind) for word in words) + self.space(kind) * max(0, len(words) - 1)

    def press(self, ink: NDArray[np.uint8], left: int, top: int, level: int = 0) -> Box | None:
        """Darken the sheet by an inked shape (0..255), down to `level`; its box in pixels, None when off the sheet."""
        height, width = self.ink.shape
        left = width - left - ink.shape[1] if self.mirrored else left
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(width, left + ink.shape[1]), min(height, top + ink.shape[0])
        if x0 >= x1 or y0 >= y1:
            return None
        part = ink[y0 - top : y1 - top, x0 - left : x1 - left]
        grey = WHITE - part if level == 0 else (WHITE - part * np.float32((WHITE - level) / WHITE)).astype(np.uint8)
        under = self.ink[y0:y1, x0:x1]
        np.minimum(under, grey, out=under)
        return x0, y0, x1, y1

    def bar(self, box: Sequence[float], level: int = 0) -> None:
        """Fill a box (points) with grey, at least one pixel thick each way."""
        x0, y0, x1, y1 = (round(value * self.scale) for value in box)
        if self.mirrored:
            x0, x1 = self.ink.shape[1] - x1, self.ink.shape[1] - x0
        under = self.ink[max(0, y0) : max(y1, y0 + 1), max(0, x0) : max(x1, x0 + 1)]
        np.minimum(under, np.uint8(level), out=under)

    def rule(self, x0: float, x1: float, y: float, width: float = 0.7, level: int = 0) -> None:
        """A horizontal line."""
        self.bar((x0, y - width / 2, x1, y + width / 2), self._thin(width, level))

    def post(self, x: float, y0: float, y1: float, width: float = 0.7, level: int = 0) -> None:
        """A vertical line."""
        self.bar((x - width / 2, y0, x + width / 2, y1), self._thin(width, level))

    def frame(self, box: Sequence[float], width: float = 0.7, level: int = 0) -> None:
        """The outline of a box."""
        x0, y0, x1, y1 = box
        for y in (y0, y1):
            self.rule(x0, x1, y, width, level)
        for x in (x0, x1):
            self.post(x, y0, y1, width, level)

    def strokes(self, lines: Sequence[NDArray[np.float32]], width: float, level: int = 0) -> Box | None:
        """Draw pen strokes (points, each an (n, 2) array) `width` points thick; their box in pixels."""
        if not lines:
            return None
        every = np.concatenate(lines) * self.scale
        pad = width * self.scale / 2 + 2
        (left, top), (right, bottom) = np.floor(every.min(0) - pad), np.ceil(every.max(0) + pad)
        # Twice as large and halved again: PIL's lines have hard edges, ink has not.
        size = (int(right - left + 1) * 2, int(bottom - top + 1) * 2)
        if size[0] > 4 * self.ink.shape[1] or size[1] > 4 * self.ink.shape[0]:
            return None
        shape = Image.new("L", size)
        pen = ImageDraw.Draw(shape)
        thick = max(1, round(2 * width * self.scale))
        for line in lines:
            spots = (line * self.scale - (left, top)) * 2
            pen.line([*map(tuple, spots.tolist())], fill=255, width=thick, joint="curve" if thick > 3 else None)
        ink = np.asarray(shape.reduce(2), np.uint8)
        rows, columns = np.flatnonzero((ink > fonts.EDGE).any(axis=1)), np.flatnonzero((ink > fonts.EDGE).any(axis=0))
        if not len(rows):
            return None
        cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return self.press(cut, int(left) + int(columns[0]), int(top) + int(rows[0]), level)

    def _thin(self, width: float, level: int) -> int:
        """A line thinner than a pixel is a pixel of paler grey."""
        cover = min(1.0, width * self.scale)
        return round(WHITE - (WHITE - level) * max(cover, 0.3))

    def _draw(self, text: str, kind: Type) -> fonts.Drawn:
        return fonts.draw(kind.style, self._pixels(kind), joined(text) if kind.face.role == "arabic" else text)

    def _pixels(self, kind: Type) -> float:
        return round(kind.size * self.scale * 4) / 4
