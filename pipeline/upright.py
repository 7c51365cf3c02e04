"""Put a page upright: the quarter turn it needs, and its skew.

Skew comes from the projection profile: along the true direction of the lines, ink falls into few sharp
rows. Which way is up comes from pairs of neighbouring letters: in Latin print letters stand on a common
line and differ at their tops ("th"), far more often than the other way round ("ep"). Where the letters
can't say (a photograph, a scribble, another script), Tesseract's orientation detection is asked, which
costs ten times as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from pipeline.types import Affine

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL.Image import Image

    from pipeline.pixels import Mask

    Floats = NDArray[np.float64]

__all__ = ["Pose", "deskew", "pose", "quarter_turn", "turned_back"]

REACH = 5.0  # degrees: more is a page laid on the glass by hand, and rare
POINTS = 40_000  # dark pixels looked at: more change no angle
CLEAR = 3.0  # the best angle is this much sharper than most; text 4 to 70, drawings and single words under 2
HOPELESS = 4.0  # lines that many times less sharp than those across are none, and not worth a finer look
# Degrees of skew that stay, so that a scan keeps its own bytes. Word recall of Tesseract at 0, 0.2, 0.4, 0.8, 1.5 and 3
# degrees, on 5 pages of worn scans: 0.964, 0.969, 0.968, 0.973, 0.970, 0.946.
TOLERANCE = 0.5
ENOUGH_INK = 20
ENOUGH_VOTES = 50
# Tesseract's confidence from which a turn is believed. On 160 real pages none above 2 was wrong; a page of a few small
# lines was called upside down at 3.1, and one of a few large lines rightly turned a quarter at 3.0.
OPINION = {0: 0.0, 90: 2.0, 180: 3.5, 270: 2.0}
BALANCE = 0.2  # of all votes, which way and the other apart; upright print votes 2 to 1 or 4 to 1: 0.33 to 0.6
SURE = 4.0  # standard deviations of a coin tossed for each vote
SPOKEN = 0.1  # share of neighbours that vote at all; capitals and figures, all of one height, mostly don't

TURNS = {  # clockwise degrees: from fractions of the turned image to fractions of the image before
    0: Affine(),
    90: Affine(0.0, -1.0, 1.0, 0.0, 0.0, 1.0),
    180: Affine(-1.0, 0.0, 0.0, -1.0, 1.0, 1.0),
    270: Affine(0.0, 1.0, -1.0, 0.0, 1.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class Pose:
    """What puts a page upright: a clockwise quarter turn in degrees, then a clockwise turn by `skew`."""

    rotation: int
    skew: float


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of a page, if they run across (or down): the clockwise degrees that straighten them, how
    sharp the rows then are, and whether that angle stands out from all others."""

    vertical: bool
    skew: float
    sharpness: float
    clear: bool


def pose(ink: Mask, ask: Callable[[], tuple[int, float] | None]) -> Pose:
    """How the page with this ink must be turned. `ask` is the second opinion on the quarter turn, with
    Tesseract's confidence in it."""
    ys, xs = _sample(ink)
    if len(ys) < ENOUGH_INK:
        return Pose(0, 0.0)
    across = _lines(ys, xs, vertical=False)
    down = _lines(xs, -ys, vertical=True, least=across.sharpness / HOPELESS)
    likely = (across, down) if across.sharpness >= down.sharpness else (down, across)
    rotation = next((turn for lines in likely if (turn := _by_letters(ink, lines)) is not None), None)
    if rotation is None:
        rotation = _believed(ask())
    lines = down if rotation % 180 else across
    return Pose(rotation, lines.skew if lines.clear and abs(lines.skew) >= TOLERANCE else 0.0)


def _believed(opinion: tuple[int, float] | None) -> int:
    """The second opinion, if it is sure enough; most pages are upright, so in doubt nothing is turned."""
    turn, confidence = opinion or (0, 0.0)
    return turn if confidence >= OPINION[turn] else 0


def _sample(ink: Mask) -> tuple[Floats, Floats]:
    places = np.flatnonzero(ink)
    if len(places) > POINTS:
        # Every n-th pixel would favour some columns; a seeded draw favours none and repeats.
        places = places[np.random.default_rng(0).choice(len(places), POINTS, replace=False)]
    ys, xs = np.divmod(places, ink.shape[1])
    return ys.astype(np.float64), xs.astype(np.float64)


def _lines(along: Floats, across: Floats, *, vertical: bool, least: float = 0.0) -> _Lines:
    """By all angles, and finely around the best, unless that is less sharp than `least`."""
    coarse = np.arange(-REACH, REACH + 0.01, 0.5)
    rough = [_sharpness(along, across, angle) for angle in coarse]
    if max(rough) < least:
        return _Lines(vertical, 0.0, max(rough), False)
    fine = coarse[int(np.argmax(rough))] + np.arange(-0.5, 0.51, 0.05)
    scores = [_sharpness(along, across, angle) for angle in fine]
    best = int(np.argmax(scores))
    clear = scores[best] >= CLEAR * float(np.median(rough)) and abs(fine[best]) < REACH
    return _Lines(vertical, float(fine[best]), scores[best], clear)


def _sharpness(along: Floats, across: Floats, angle: float) -> float:
    rows = along + across * np.tan(np.radians(angle))
    profile = np.bincount((rows - rows.min()).astype(np.int64)).astype(np.float64)
    step = np.diff(profile)
    return float(step @ step) / max(float(profile @ profile), 1.0)


def _by_letters(ink: Mask, lines: _Lines) -> int | None:
    """The quarter turn by the votes of neighbouring letters, if they are clear about it."""
    up, down, pairs = _votes(*_letter_boxes(ink, lines))
    votes = up + down
    if votes < max(ENOUGH_VOTES, SPOKEN * pairs) or abs(up - down) < max(BALANCE * votes, SURE * sqrt(votes)):
        return None
    return (90 if lines.vertical else 0) + (0 if up > down else 180)


def _letter_boxes(ink: Mask, lines: _Lines) -> tuple[Floats, Floats, Floats, Floats]:
    """Left, top, right and bottom of what may be letters, as if the lines ran straight across."""
    labels, _ = ndimage.label(ink, np.ones((3, 3), dtype=int))
    slices = ndimage.find_objects(labels)
    top, bottom, left, right = (
        np.array([(y.start, y.stop, x.start, x.stop) for y, x in slices], dtype=np.float64).reshape(-1, 4).T
    )
    if lines.vertical:
        left, top, right, bottom = -bottom, left, -top, right
    drift = np.tan(np.radians(lines.skew)) * (left + right) / 2
    top, bottom = top + drift, bottom + drift
    height = bottom - top
    letters = (height >= 4) & (right - left <= 4 * height)
    if letters.any():
        usual = np.median(height[letters])
        letters &= (height >= 0.5 * usual) & (height <= 2.5 * usual)
    return left[letters], top[letters], right[letters], bottom[letters]


def _votes(left: Floats, top: Floats, right: Floats, bottom: Floats) -> tuple[int, int, int]:
    """Pairs of neighbours level at their feet and not at their heads, the other way round, and all pairs."""
    if len(left) < 2:
        return 0, 0, 0
    order = np.lexsort((left, _rows(top, bottom)))
    left, top, right, bottom = left[order], top[order], right[order], bottom[order]
    height = bottom - top
    tall, low = np.maximum(height[:-1], height[1:]), np.minimum(height[:-1], height[1:])
    overlap = np.minimum(bottom[:-1], bottom[1:]) - np.maximum(top[:-1], top[1:])
    gap = left[1:] - right[:-1]
    neighbours = (overlap > 0.5 * low) & (gap < tall) & (gap > -tall)
    heads, feet = np.abs(np.diff(top)), np.abs(np.diff(bottom))
    apart, level = 0.2 * tall, 0.1 * tall + 0.5
    up = neighbours & (heads >= apart) & (feet <= level)
    down = neighbours & (feet >= apart) & (heads <= level)
    return int(up.sum()), int(down.sum()), int(neighbours.sum())


def _rows(top: Floats, bottom: Floats) -> NDArray[np.int64]:
    """The text row of each box: rows are parted by lines that no box touches."""
    first = np.floor(top - top.min()).astype(np.int64)
    last = np.ceil(bottom - top.min()).astype(np.int64)
    change = np.zeros(int(last.max()) + 2, dtype=np.int64)
    np.add.at(change, first, 1)
    np.add.at(change, last, -1)
    covered = np.cumsum(change) > 0
    row: NDArray[np.int64] = np.cumsum(np.diff(covered, prepend=False) & covered)[first]
    return row


def quarter_turn(image: Image, degrees: int) -> Image:
    """The image turned clockwise by 0, 90, 180 or 270 degrees, without loss."""
    from PIL.Image import Transpose

    # Pillow counts counter-clockwise.
    ways = {90: Transpose.ROTATE_270, 180: Transpose.ROTATE_180, 270: Transpose.ROTATE_90}
    return image.transpose(ways[degrees]) if degrees else image


def turned_back(degrees: int) -> Affine:
    """The map from fractions of a turned image back to fractions of the image before its quarter turn."""
    return TURNS[degrees]


def deskew(image: Image, degrees: float, paper: int) -> tuple[Image, Affine]:
    """The image turned clockwise by a few degrees on a canvas that holds it all, new corners in the
    paper's grey, and the map from fractions of the new image to fractions of the old."""
    from PIL.Image import Resampling, Transform

    width, height = image.size
    cos, sin = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    wide = round(width * cos + height * abs(sin))
    high = round(height * cos + width * abs(sin))
    middle = Affine(e=width / 2, f=height / 2)
    back = Affine(e=-wide / 2, f=-high / 2).then(Affine(cos, -sin, sin, cos)).then(middle)
    source = image.convert("L") if image.mode == "1" else image
    turned = source.transform(
        (wide, high),
        Transform.AFFINE,
        (back.a, back.c, back.e, back.b, back.d, back.f),
        Resampling.BICUBIC,
        fillcolor=paper if source.mode == "L" else (paper, paper, paper),
    )
    return turned, Affine(a=wide, d=high).then(back).then(Affine(a=1 / width, d=1 / height))
