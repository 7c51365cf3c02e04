"""Put a page upright: the quarter turn it needs, and its skew.

Skew comes from the projection profile: along the true direction of the lines, ink falls into few sharp
rows. The same measure across and down says whether the lines are horizontal. Which of the two remaining
ways is up needs to look at letters: Tesseract's orientation detection does.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.types import Affine

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from pipeline.pixels import Small

    Points = NDArray[np.float32]

__all__ = ["Direction", "deskew", "direction", "orientation", "quarter_turn", "turn"]

REACH = 5.0  # degrees: more is a page laid on the glass by hand, and rare
POINTS = 40_000
# Angles of skew up to here stay: see the measurement in tests/test_upright.py's docstring.
TOLERANCE = 0.2
CERTAIN_VERTICAL = 0.4  # an across/down ratio under which lines are vertical without a second opinion

TURNS = {  # clockwise degrees: from fractions of the turned image to fractions of the image before
    0: Affine(),
    90: Affine(0.0, -1.0, 1.0, 0.0, 0.0, 1.0),
    180: Affine(-1.0, 0.0, 0.0, -1.0, 1.0, 1.0),
    270: Affine(0.0, 1.0, -1.0, 0.0, 1.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class Direction:
    """How the lines of a page lie: their skew if horizontal, their skew if vertical, and how much more
    the ink speaks for horizontal (a ratio; above 1 is horizontal)."""

    horizontal: float
    vertical: float
    ratio: float

    @property
    def lines_are_vertical(self) -> bool:
        """Whether the page needs a quarter turn one way or the other."""
        return self.ratio < 1


def direction(small: Small) -> Direction:
    """Measure the lines of a page; skews are the clockwise degrees that straighten them."""
    ys, xs = np.nonzero(small.ink)
    if len(ys) > POINTS:
        # Every n-th row of the list would favour some columns; a seeded draw favours none.
        chosen = np.random.default_rng(0).choice(len(ys), POINTS, replace=False)
        ys, xs = ys[chosen], xs[chosen]
    if len(ys) < 50:
        return Direction(0.0, 0.0, 1.0)
    y, x = ys.astype(np.float32), xs.astype(np.float32)
    across, strength = _best_angle(y, x)
    down, strength_down = _best_angle(x, -y)
    return Direction(across, down, strength / max(strength_down, 1e-9))


def _best_angle(along: Points, across: Points) -> tuple[float, float]:
    """The clockwise degrees that line the ink up best, and how sharply."""
    coarse = np.arange(-REACH, REACH + 0.01, 0.5)
    rough = int(np.argmax([_sharpness(along, across, angle) for angle in coarse]))
    fine = coarse[rough] + np.arange(-0.5, 0.51, 0.05)
    scores = [_sharpness(along, across, angle) for angle in fine]
    best = int(np.argmax(scores))
    return float(np.clip(fine[best], -REACH, REACH)), scores[best]


def _sharpness(along: Points, across: Points, angle: float) -> float:
    rows = along + across * np.float32(np.tan(np.radians(angle)))
    profile = np.bincount((rows - rows.min()).astype(np.int64)).astype(np.float64)
    step = np.diff(profile)
    return float((step @ step) / max(profile @ profile, 1.0))


def orientation(image: Image, dpi: float, lines: Direction, tessdata: Path | None) -> int:
    """The clockwise quarter turn (0, 90, 180, 270) that puts this page upright."""
    from pipeline.backends.ocr import detect_orientation

    found = detect_orientation(image, dpi, tessdata)
    if found is None:
        return 90 if lines.ratio < CERTAIN_VERTICAL else 0
    return found


def quarter_turn(image: Image, degrees: int) -> Image:
    """The image turned clockwise by 0, 90, 180 or 270 degrees, without loss."""
    from PIL.Image import Transpose

    # Pillow counts counter-clockwise.
    ways = {90: Transpose.ROTATE_270, 180: Transpose.ROTATE_180, 270: Transpose.ROTATE_90}
    return image.transpose(ways[degrees]) if degrees else image


def deskew(image: Image, degrees: float, paper: int) -> tuple[Image, Affine]:
    """The image turned clockwise by a few degrees on a canvas that holds it all, new corners in the
    paper's grey, and the map from fractions of the new image to fractions of the old."""
    from PIL.Image import Resampling, Transform

    width, height = image.size
    cos, sin = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    wide = round(width * cos + height * abs(sin))
    high = round(height * cos + width * abs(sin))
    back = Affine(
        cos, -sin, sin, cos,
        width / 2 - (cos * wide + sin * high) / 2,
        height / 2 - (-sin * wide + cos * high) / 2,
    )  # fmt: skip
    data = (back.a, back.c, back.e, back.b, back.d, back.f)
    grey = image.convert("L") if image.mode == "1" else image
    fill = paper if grey.mode == "L" else (paper, paper, paper)
    turned = grey.transform((wide, high), Transform.AFFINE, data, Resampling.BICUBIC, fillcolor=fill)
    return turned, Affine(wide, 0, 0, high).then(back).then(Affine(1 / width, 0, 0, 1 / height))


def turn(degrees: int) -> Affine:
    """The map from fractions of a turned image back to fractions of the image before its quarter turn."""
    return TURNS[degrees]
