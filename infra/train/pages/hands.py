"""What people add to a printed page: handwriting, signatures, ticks, rubber stamps.

A hand is either a handwriting font, each word a little moved, sized and sheared, or Hershey's single-stroke letters
shaken and smoothed into curves as in `sample_docs.ink`; a signature is always strokes.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from HersheyFonts import HersheyFonts
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from infra.train.pages import fonts
from infra.train.pages.chance import Chance
from infra.train.pages.fonts import Face
from infra.train.pages.sheet import Placed, Sheet
from infra.train.pages.tongues import ENGLISH, Tongue
from sample_docs.ink import BASELINE, CAP_HEIGHT, FLOURISH, WORD_SPACE

__all__ = ["Hand", "circle", "pick", "sign", "stamp", "strike", "tick", "write"]

Strokes = list[NDArray[np.float32]]
STEPS = 4  # points to a piece of curve
SCRIPTS = ("scripts", "scriptc", "cursive", "futural", "rowmans")


@dataclass(frozen=True, slots=True)
class Hand:
    """One person's writing: a font face, or Hershey's `script` when `face` is None; `size` is the capitals' height in
    points, `slant` the lean, `tremor` how unsteady, `width` the pen's in points, `level` the grey of its ink."""

    face: Face | None
    script: str
    size: float
    slant: float
    tremor: float
    width: float
    level: int


def pick(chance: Chance, size: float, tongue: Tongue = ENGLISH) -> Hand:
    """A hand of about this size; where no font has the letters of the language, Hershey's Latin ones."""
    shares = {face: face.share for face in fonts.covering("hand", tongue.sample)}
    drawn = bool(shares) and chance.yes(0.7)
    return Hand(
        face=chance.weighed(shares) if drawn else None,
        script=chance.weighed({"scripts": 3, "cursive": 2, "futural": 1.5, "rowmans": 1, "scriptc": 0.5}),
        size=size * chance.real(0.8, 1.25),
        slant=chance.real(-0.05, 0.35),
        tremor=chance.real(0.4, 1.3),
        width=chance.real(0.5, 1.5),
        level=chance.of((0, 20, 45, 70, 95, 120)),
    )


def write(sheet: Sheet, text: str, at: tuple[float, float], hand: Hand, chance: Chance, right: float = 1e9) -> float:
    """Write words along a baseline until `right`; return where the pen stops (points)."""
    x, drift = at[0], chance.real(-0.02, 0.012)
    for word in text.split():
        if x > at[0] and x + 0.5 * hand.size * len(word) > right:
            break
        y = at[1] + drift * (x - at[0]) + chance.real(-0.06, 0.06) * hand.size
        width = (
            _script(sheet, word, (x, y), hand, chance)
            if hand.face is None
            else _font(sheet, word, (x, y), hand, chance)
        )
        x += width + hand.size * chance.real(0.45, 0.8)
    return x


def _font(sheet: Sheet, word: str, at: tuple[float, float], hand: Hand, chance: Chance) -> float:
    assert hand.face is not None
    size = round(hand.size * 1.45 * sheet.scale * chance.real(0.94, 1.06) * 2) / 2
    drawn = fonts.draw(hand.face.style(False, False), size, word)
    if drawn.ink.size == 0:
        return 0.0
    lean = 0.5 * (hand.slant - 0.15) + chance.real(-0.06, 0.06)
    grow = round(abs(lean) * drawn.ink.shape[0]) + 1
    shape = Image.fromarray(drawn.ink)
    shift = -lean * (drawn.ink.shape[0] if lean > 0 else 0)
    bent = shape.transform(
        (shape.width + grow, shape.height), Image.Transform.AFFINE, (1, lean, shift, 0, 1, 0), Image.Resampling.BILINEAR
    )
    left, top = round(at[0] * sheet.scale) + drawn.left, round(at[1] * sheet.scale) + drawn.top
    box = sheet.press(_cut(np.asarray(bent)), left, top, hand.level)
    if box is not None:
        sheet.words.append(Placed(word, box, hand=True))
    return drawn.advance / sheet.scale


def _cut(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    columns = np.flatnonzero((ink > fonts.EDGE).any(axis=0))
    return ink[:, : columns[-1] + 1] if len(columns) else ink


def _plain(word: str) -> str:
    """The word in the letters that Hershey drew: no accents, nothing but Latin."""
    return unicodedata.normalize("NFD", word).encode("ascii", "ignore").decode()


@cache
def _hershey(script: str) -> HersheyFonts:
    font = HersheyFonts()
    font.load_default_font(script)
    return font


@lru_cache(maxsize=1000)
def _letter(script: str, letter: str) -> tuple[tuple[NDArray[np.float32], ...], float]:
    strokes = tuple(
        np.array(stroke, np.float32) - np.array((0, BASELINE), np.float32)
        for stroke in _hershey(script).strokes_for_text(letter)
    )
    if not strokes:
        return (), WORD_SPACE
    return strokes, float(max(stroke[:, 0].max() for stroke in strokes)) + 3.0


def _curve(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """A Catmull-Rom spline through the points."""
    if len(points) < 3:
        return points
    padded = np.vstack((points[:1], points, points[-1:]))
    before, start, end, after = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = np.linspace(0, 1, STEPS, endpoint=False, dtype=np.float32)[None, :, None]
    inside = 0.5 * (
        2 * start + (end - before) * t + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )  # fmt: skip
    return np.vstack((inside.reshape(-1, 2), points[-1:])).astype(np.float32)


def _script(sheet: Sheet, word: str, at: tuple[float, float], hand: Hand, chance: Chance) -> float:
    lines: Strokes = []
    scale, x = hand.size / CAP_HEIGHT, 0.0
    for letter in _plain(word):
        strokes, advance = _letter(hand.script, letter)
        grow = chance.real(0.9, 1.1)
        rise = chance.real(-1.2, 1.2)
        for stroke in strokes:
            shaken = stroke + chance.rng.uniform(-hand.tremor, hand.tremor, stroke.shape).astype(np.float32)
            across = x + grow * (shaken[:, 0] - hand.slant * shaken[:, 1])
            lines.append(_curve(np.column_stack((across, rise + grow * shaken[:, 1])).astype(np.float32)))
        x += advance * chance.real(0.85, 1.0)
    box = sheet.strokes([line * np.float32(scale) + np.array(at, np.float32) for line in lines], hand.width, hand.level)
    if box is not None:
        sheet.words.append(Placed(word, (box[0], box[1], box[2], box[3]), hand=True))
    return x * scale


def sign(sheet: Sheet, name: str, at: tuple[float, float], size: float, chance: Chance) -> None:
    """Sign: the letters in a hurry, lower and lower, with a stroke under them; read by nobody, so no words."""
    script, slant, tremor = chance.of(("scripts", "scripts", "cursive")), chance.real(0.1, 0.7), chance.real(0.6, 2.6)
    scale, x, lines = size / CAP_HEIGHT, 0.0, []
    shrink = chance.real(0.03, 0.12)
    for index, letter in enumerate(_plain(name) or _plain("".join(chance.some("ABCDEHKLMNRSTaeilmnorstu", 7)))):
        strokes, advance = _letter(script, letter)
        haste = chance.real(1.1, 1.9) if letter.isupper() else max(0.15, 0.9 - shrink * index)
        for stroke in strokes:
            shaken = stroke + chance.rng.uniform(-tremor, tremor, stroke.shape).astype(np.float32)
            across = x + 0.9 * shaken[:, 0] - slant * shaken[:, 1] * haste
            lines.append(_curve(np.column_stack((across, haste * shaken[:, 1])).astype(np.float32) * np.float32(scale)))
        x += advance * (0.75 if letter != " " else 0.35)
    if chance.yes(0.6):
        end = np.array(FLOURISH * (x * scale, size) * chance.rng.uniform(0.8, 1.2, FLOURISH.shape), np.float32)
        lines.append(_curve(end))
    tilt = chance.real(-0.12, 0.04)
    turn = np.array([[1, tilt], [-tilt, 1]], np.float32)
    sheet.strokes(
        [line @ turn + np.array(at, np.float32) for line in lines], chance.real(0.6, 1.8), chance.of((0, 30, 60, 90))
    )


def tick(sheet: Sheet, at: tuple[float, float], size: float, chance: Chance) -> None:
    """A tick or a cross in a box whose lower left corner is at a place."""
    shape = chance.of((((0, -0.4), (0.35, 0), (1.1, -1.2)), ((0.05, -0.95), (0.95, -0.05))))
    lines = [np.array(shape)]
    if len(shape) == 2:
        lines.append(np.array(((0.95, -0.95), (0.05, -0.05))))
    shaken = [line + chance.rng.uniform(-0.1, 0.1, line.shape) for line in lines]
    sheet.strokes(
        [(line * size).astype(np.float32) + np.array(at, np.float32) for line in shaken],
        chance.real(0.7, 1.5),
        chance.of((0, 40, 80)),
    )


def circle(sheet: Sheet, box: tuple[float, float, float, float], chance: Chance) -> None:
    """A pen drawn round a box (points)."""
    x0, y0, x1, y1 = box
    angle = np.linspace(chance.real(0, 1), 2 * np.pi + chance.real(0.2, 1), 24)
    wobble = 1 + chance.rng.uniform(-0.06, 0.06, angle.shape)
    across = (x0 + x1) / 2 + (x1 - x0) * 0.62 * np.cos(angle) * wobble
    down = (y0 + y1) / 2 + (y1 - y0) * 0.8 * np.sin(angle) * wobble
    sheet.strokes(
        [_curve(np.column_stack((across, down)).astype(np.float32))], chance.real(0.7, 1.6), chance.of((20, 60))
    )


def strike(sheet: Sheet, box: tuple[float, float, float, float], chance: Chance) -> None:
    """A pen drawn through or under a box (points)."""
    x0, y0, x1, y1 = box
    y = y1 + 1 if chance.yes(0.5) else (y0 + y1) / 2
    across = np.linspace(x0 - 2, x1 + 3, 6)
    down = y + chance.rng.uniform(-1, 1, 6)
    sheet.strokes(
        [_curve(np.column_stack((across, down)).astype(np.float32))], chance.real(0.7, 1.8), chance.of((20, 60, 90))
    )


def stamp(sheet: Sheet, lines: list[str], at: tuple[float, float], size: float, chance: Chance) -> None:
    """A rubber stamp centred on a place: framed lines, a bare line, or a round seal; turned, patchy, over the print."""
    image = _seal(lines, size * sheet.scale) if chance.yes(0.3) else _block(lines, size * sheet.scale, chance)
    turned = image.rotate(
        chance.real(-25, 25) if chance.yes(0.6) else chance.real(-3, 3), Image.Resampling.BILINEAR, expand=True
    )
    ink = np.asarray(turned, np.float32)
    patches = Image.fromarray(chance.rng.integers(90, 256, (5, 9), dtype=np.uint8)).resize(
        turned.size, Image.Resampling.BICUBIC
    )
    worn = ink * np.asarray(patches, np.float32) / 255
    left, top = round(at[0] * sheet.scale - ink.shape[1] / 2), round(at[1] * sheet.scale - ink.shape[0] / 2)
    sheet.press(worn.astype(np.uint8), left, top, chance.of((0, 40, 80, 110)))


def _stamp_font(size: float) -> ImageFont.FreeTypeFont:
    return fonts.font("hebo", max(4.0, round(size)))


def _block(lines: list[str], size: float, chance: Chance) -> Image.Image:
    font = _stamp_font(size)
    width = round(max(font.getlength(line) for line in lines) + size * 1.6)
    height = round(len(lines) * size * 1.25 + size * 0.9)
    image = Image.new("L", (width, height))
    pen = ImageDraw.Draw(image)
    if chance.yes(0.75):
        thick = max(1, round(size * 0.13))
        pen.rectangle((0, 0, width - 1, height - 1), outline=255, width=thick)
        if chance.yes(0.4):
            pen.rectangle((2 * thick, 2 * thick, width - 1 - 2 * thick, height - 1 - 2 * thick), outline=255)
    for row, line in enumerate(lines):
        pen.text((width / 2, size * (1.08 + 1.25 * row)), line, 255, font, anchor="mm")
    return image


def _seal(lines: list[str], size: float) -> Image.Image:
    radius = round(size * 4.2)
    image = Image.new("L", (2 * radius + 4, 2 * radius + 4))
    pen = ImageDraw.Draw(image)
    centre = radius + 2
    for share, thick in ((1.0, 0.04), (0.93, 0.015), (0.62, 0.02)):
        reach = radius * share
        pen.ellipse(
            (centre - reach, centre - reach, centre + reach, centre + reach),
            outline=255,
            width=max(1, round(radius * thick)),
        )
    font = _stamp_font(radius * 0.2)
    text = (" ".join(lines) + " * ").upper()[:34]
    for index, letter in enumerate(text):
        angle = 2 * np.pi * index / len(text)
        tile = Image.new("L", (round(radius * 0.3), round(radius * 0.3)))
        ImageDraw.Draw(tile).text((tile.width / 2, tile.height / 2), letter, 255, font, anchor="mm")
        turned = tile.rotate(-np.degrees(angle), Image.Resampling.BILINEAR)
        spot = (
            round(centre + radius * 0.77 * np.sin(angle) - tile.width / 2),
            round(centre - radius * 0.77 * np.cos(angle) - tile.height / 2),
        )
        image.paste(255, spot, turned)
    pen.text((centre, centre), lines[0][:12], 255, _stamp_font(radius * 0.17), anchor="mm")
    return image
