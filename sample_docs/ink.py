"""What people add to paper after it is printed: signatures, handwriting, rubber stamps, seals, black bars.

Handwriting is drawn from Hershey's single-stroke letters, each one moved, slanted and scaled a little, and
smoothed into curves; a signature is the same hand in a hurry. All of it is vector ink on the clean page.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import numpy as np
import pymupdf
from HersheyFonts import HersheyFonts

__all__ = ["COLOURS", "Pen", "black_out", "garble", "seal", "sign", "stamp", "write"]

COLOURS = {
    "black": (0.08, 0.08, 0.1),
    "blue": (0.1, 0.16, 0.55),
    "red": (0.78, 0.1, 0.14),
    "green": (0.05, 0.42, 0.25),
    "violet": (0.36, 0.16, 0.55),
}
CAP_HEIGHT = 21.0  # of Hershey's letters, in their own units
BASELINE = 9.0
WORD_SPACE = 13.0
# The stroke under a signature, in shares of its length and of its height.
FLOURISH = np.array([[0.9, 0], [1.12, -0.5], [0.55, 0.35], [0.05, 0.42], [0.5, 0.22], [1.2, 0.12]])


@dataclass(frozen=True, slots=True)
class Pen:
    """Colour name, line width in points, and how unsteadily the hand moves (in Hershey units)."""

    colour: str = "blue"
    width: float = 1.0
    tremor: float = 0.85


def sign(
    page: pymupdf.Page, name: str, at: tuple[float, float], size: float, pen: Pen, rng: np.random.Generator
) -> None:
    """Sign: slanted, the small letters lower and lower, with a stroke underneath."""
    shape, scale, x = page.new_shape(), size / CAP_HEIGHT, at[0]
    slant = rng.uniform(0.25, 0.5)
    for index, letter in enumerate(name):
        haste = 1.25 if letter.isupper() else max(0.35, 0.9 - 0.05 * index)
        strokes, advance = _letter(letter, rng, pen.tremor)
        for stroke in strokes:
            across = stroke[:, 0] * 0.85 - slant * stroke[:, 1]
            _curve(shape, np.column_stack((x + scale * across, at[1] + scale * haste * stroke[:, 1])))
        x += scale * advance * (0.8 if letter != " " else 0.45)
    flourish = FLOURISH * (x - at[0], size) * rng.uniform(0.94, 1.06, FLOURISH.shape)
    _curve(shape, flourish + at)
    _ink(shape, pen)


def write(
    page: pymupdf.Page, text: str, at: tuple[float, float], size: float, pen: Pen, rng: np.random.Generator
) -> None:
    """Write one line by hand, its baseline starting at `at`, capitals `size` points high."""
    shape, scale, x = page.new_shape(), size / CAP_HEIGHT, at[0]
    drift, slant = rng.uniform(-0.012, 0.004), rng.uniform(0.05, 0.16)
    for letter in text:
        strokes, advance = _letter(letter, rng, pen.tremor)
        grow = scale * rng.uniform(0.9, 1.1)
        y = at[1] + drift * (x - at[0]) + rng.uniform(-1.2, 1.2) * scale
        for stroke in strokes:
            _curve(shape, np.column_stack((x + grow * (stroke[:, 0] - slant * stroke[:, 1]), y + grow * stroke[:, 1])))
        x += scale * advance * rng.uniform(0.88, 1.0)
    _ink(shape, pen)


def _ink(shape: pymupdf.Shape, pen: Pen) -> None:
    shape.finish(color=COLOURS[pen.colour], width=pen.width, lineCap=1, lineJoin=1, closePath=False)
    shape.commit()


@cache
def _glyph(letter: str) -> tuple[tuple[tuple[float, float], ...], ...]:
    font = HersheyFonts()
    font.load_default_font("scripts")
    return tuple(tuple(map(tuple, stroke)) for stroke in font.strokes_for_text(letter))


def _letter(letter: str, rng: np.random.Generator, tremor: float) -> tuple[list[np.ndarray], float]:
    """A letter's strokes with the baseline at y = 0, shaken by `tremor`, and how far it moves the pen."""
    strokes = _glyph(letter)
    if not strokes:
        return [], WORD_SPACE
    right = max(x for stroke in strokes for x, _ in stroke)
    arrays = [np.array(stroke, float) - (0.0, BASELINE) for stroke in strokes]
    return [points + rng.uniform(-tremor, tremor, points.shape) for points in arrays], right + 3.0


def _curve(shape: pymupdf.Shape, points: np.ndarray) -> None:
    """A Catmull-Rom spline through the points, as Bézier segments."""
    padded = np.vstack((points[:1], points, points[-1:]))
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        first, second = start + (end - before) / 6, end - (after - start) / 6
        shape.draw_bezier(*(pymupdf.Point(*map(float, point)) for point in (start, first, second, end)))


def stamp(
    page: pymupdf.Page, lines: list[str], at: tuple[float, float], size: float, colour: str, angle: float
) -> None:
    """A framed rubber stamp, centred on `at`, turned by `angle` degrees, over whatever stands there."""
    widths = [pymupdf.get_text_length(line, "hebo", size) for line in lines]
    width, height = max(widths) + size * 1.6, len(lines) * size * 1.25 + size * 0.9
    centre, turn = pymupdf.Point(*at), pymupdf.Matrix(angle)
    frame = pymupdf.Rect(at[0] - width / 2, at[1] - height / 2, at[0] + width / 2, at[1] + height / 2)
    ink = COLOURS[colour]
    shape = page.new_shape()
    for inset, line in ((0, size * 0.14), (size * 0.28, size * 0.05)):
        shape.draw_rect(pymupdf.Rect(frame.x0 + inset, frame.y0 + inset, frame.x1 - inset, frame.y1 - inset))
        shape.finish(color=ink, width=line, morph=(centre, turn), stroke_opacity=0.78)
    shape.commit()
    for row, (line, length) in enumerate(zip(lines, widths, strict=True)):
        spot = pymupdf.Point(at[0] - length / 2, frame.y0 + size * (1.3 + 1.25 * row))
        page.insert_text(spot, line, fontname="hebo", fontsize=size, color=ink, morph=(centre, turn), fill_opacity=0.78)


def seal(page: pymupdf.Page, text: str, middle: list[str], at: tuple[float, float], radius: float, colour: str) -> None:
    """A round seal: two rings, `text` along the inside of the outer one, `middle` in the centre."""
    ink, centre = COLOURS[colour], pymupdf.Point(*at)
    shape = page.new_shape()
    for share, width in ((1.0, 1.6), (0.93, 0.5), (0.66, 0.8)):
        shape.draw_circle(centre, radius * share)
        shape.finish(color=ink, width=width, stroke_opacity=0.75)
    shape.commit()
    size = radius * 0.165
    for index, letter in enumerate(text):
        angle = 360 * index / len(text)
        half = pymupdf.get_text_length(letter, "hebo", size) / 2
        spot = pymupdf.Point(at[0] - half, at[1] - radius * 0.735)
        page.insert_text(
            spot,
            letter,
            fontname="hebo",
            fontsize=size,
            color=ink,
            morph=(centre, pymupdf.Matrix(-angle)),
            fill_opacity=0.75,
        )
    for row, line in enumerate(middle):
        x = at[0] - pymupdf.get_text_length(line, "helv", size) / 2
        y = at[1] + size * (1.2 * row - 0.6 * len(middle) + 0.9)
        page.insert_text((x, y), line, fontname="helv", fontsize=size, color=ink, fill_opacity=0.75)


def black_out(page: pymupdf.Page, passage: str) -> None:
    """Draw an opaque bar over a passage; its words stay in the PDF, as when somebody redacts with a drawing tool."""
    lines = page.search_for(passage)
    if not lines:
        raise ValueError(f"nothing to black out: {passage!r}")
    for rect in lines:
        bar = pymupdf.Rect(rect.x0 - 1.5, rect.y0 - 0.5, rect.x1 + 1.5, rect.y1 + 0.5)
        page.draw_rect(bar, color=None, fill=(0, 0, 0), overlay=True)


def garble(word: str, seed: int) -> str:
    """What a broken OCR engine makes of a word: most letters become thin strokes and signs."""
    draw = random.Random(seed)
    letters = [draw.choice("ilI1|;:.,^~*#&%$rnvuoc0O") if draw.random() < 0.62 else letter for letter in word]
    return "".join(letters).encode("latin-1", "replace").decode("latin-1")
