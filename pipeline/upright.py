"""Put a page upright: the quarter turn it needs, and its skew.

Skew comes from the lines (`pipeline.skew`). Which way is up comes from pairs of neighbouring letters: in Latin
print letters stand on a common line and differ at their tops ("th"), far more often than the other way round ("ep").
Where the letters can't say (a photograph, a scribble, another script), Tesseract's orientation detection is asked,
which costs ten times as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from pipeline.skew import Lines, lines, refined
from pipeline.types import Affine

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL.Image import Image

    from pipeline.pixels import Boxes, Mask, Small

    Floats = NDArray[np.float64]

__all__ = ["Pose", "deskew", "pose", "quarter_turn", "turned_back"]

# Degrees of skew that stay, so that a scan keeps its own bytes. Word recall of Tesseract at 0, 0.2, 0.4, 0.8, 1.5 and 3
# degrees, on 5 pages of worn scans: 0.964, 0.969, 0.968, 0.973, 0.970, 0.946.
TOLERANCE = 0.5
UNSURE = 0.15  # degrees by which a skew is wrong at most before it is refined
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


def pose(small: Small, ask: Callable[[], tuple[int, float] | None], known: int | None = None) -> Pose:
    """How the page must be turned. `ask` is the second opinion on the quarter turn, with Tesseract's confidence
    in it; neither it nor the letters are asked where the turn is `known`."""
    if np.count_nonzero(small.ink) < ENOUGH_INK:
        return Pose(0, 0.0)
    found = dict(zip((0, 90), lines(small.ink), strict=True))
    rotation = _turn(small.pieces, found, ask) if known is None else known
    return Pose(rotation, _skew(np.rot90(small.ink, -(rotation % 180) // 90), found[rotation % 180]))


def _turn(pieces: Boxes, found: dict[int, Lines], ask: Callable[[], tuple[int, float] | None]) -> int:
    likely = sorted(found, key=lambda turn: found[turn].sharpness, reverse=True)
    votes = (_by_letters(pieces, found[turn].skew, turn) for turn in likely)
    rotation = next((turn for turn in votes if turn is not None), None)
    return _believed(ask()) if rotation is None else rotation


def _skew(ink: Mask, found: Lines) -> float:
    """The skew of lines that run across, if there are any and it is worth turning the page for."""
    if not found.clear or abs(found.skew) < TOLERANCE - UNSURE:
        return 0.0
    skew = refined(ink, found.skew)
    return skew if abs(skew) >= TOLERANCE else 0.0


def _believed(opinion: tuple[int, float] | None) -> int:
    """The second opinion, if it is sure enough; most pages are upright, so in doubt nothing is turned."""
    turn, confidence = opinion or (0, 0.0)
    return turn if confidence >= OPINION[turn] else 0


def _by_letters(pieces: Boxes, skew: float, turn: int) -> int | None:
    """The quarter turn by the votes of neighbouring letters on lines that lie straight after `turn` (0 or 90) and
    `skew`, if they are clear about it."""
    up, down, pairs = _votes(*_letter_boxes(pieces, skew, turn))
    votes = up + down
    if votes < max(ENOUGH_VOTES, SPOKEN * pairs) or abs(up - down) < max(BALANCE * votes, SURE * sqrt(votes)):
        return None
    return turn if up > down else turn + 180


def _letter_boxes(pieces: Boxes, skew: float, turn: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Left, top, right and bottom of what may be letters, as if the lines ran straight across."""
    left, top, right, bottom = pieces.astype(np.float64)
    if turn:
        left, top, right, bottom = -bottom, left, -top, right
    drift = np.tan(np.radians(skew)) * (left + right) / 2
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
