"""What the scanner makes of a sheet: one geometric move for the image and the boxes, then light, dust and coding.

The faults are drawn together as one `Wear`, so that how well the page can be read follows from what was done to it,
and are laid on with `sample_docs.degrade`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from infra.train.pages.chance import Chance
from sample_docs import degrade

__all__ = ["Size", "Wear", "coded", "draw_wear", "legibility", "skewed", "spoil", "warp"]

SEVERITY = {"clean": 0.2, "light": 0.26, "office": 0.22, "bad": 0.22, "awful": 0.1}


@dataclass(frozen=True, slots=True)
class Wear:
    """Faults of one scan. `blur` sigma in points; `ink`, `paper` grey levels; `noise` sigma in grey levels; `low` the
    dpi of a coarse scan or 0; `bilevel` the threshold of a fax or 0; `corners` how far the sheet's corners move, as
    fractions; `platen` what lies behind it; shares of light for `shade`, `shadow`, `bleed`; `specks` a megapixel."""

    blur: float = 0.0
    ink: float = 0.0
    paper: float = 255.0
    noise: float = 0.0
    low: float = 0.0
    bilevel: float = 0.0
    corners: tuple[tuple[float, float], ...] = ((0, 0), (0, 0), (0, 0), (0, 0))
    platen: int = 255
    shade: float = 0.0
    shadow: float = 0.0
    bleed: float = 0.0
    specks: float = 0.0
    holes: bool = False
    jpeg: int = 0
    turn: int = 0


INK = 110  # grey level under which a clean sheet is ink
RANGES = {  # severity: blur (points), ink, paper, noise, shade, bleed, skew sigma (degrees), JPEG
    "clean": ((0.0, 0.12), (0, 20), (250, 255), (0, 1), (0, 0.02), (0, 0), 0.05, (80, 95)),
    "light": ((0.1, 0.25), (5, 50), (240, 255), (1, 4), (0, 0.06), (0, 0.04), 0.5, (55, 85)),
    "office": ((0.15, 0.4), (20, 80), (225, 250), (2, 9), (0.02, 0.15), (0, 0.1), 0.9, (35, 70)),
    "bad": ((0.35, 0.65), (60, 125), (195, 240), (6, 18), (0.05, 0.3), (0, 0.2), 1.3, (20, 50)),
    "awful": ((0.6, 1.1), (100, 160), (180, 225), (10, 28), (0.1, 0.4), (0.05, 0.3), 1.6, (12, 35)),
}  # fmt: skip


def draw_wear(chance: Chance) -> Wear:
    """Choose the faults of a scan, from none worth a word to nearly lost."""
    severity = chance.weighed(SEVERITY)
    blur, ink, paper, noise, shade, bleed, skew, jpeg = RANGES[severity]
    fax, photo = chance.weighed({(True, False): 0.13, (False, True): 0.07, (False, False): 0.8})
    angle = float(np.clip(chance.rng.standard_normal() * skew, -4, 4))
    return Wear(
        blur=chance.real(*blur),
        ink=chance.real(*ink),
        paper=chance.real(*paper),
        noise=chance.real(*noise) * (0.5 if fax else 1),
        low=chance.real(50, 110) if severity in {"bad", "awful"} and chance.yes(0.35) else 0.0,
        bilevel=chance.real(0.4, 0.72) if fax else 0.0,
        corners=_photo(chance) if photo else skewed(angle, chance),
        platen=chance.of((255, 245, 236, 200, 120, 60, 20)) if severity != "clean" or photo else 255,
        shade=chance.real(0.2, 0.55) if photo else chance.real(*shade) * (0.3 if fax else 1),
        shadow=chance.real(0.1, 0.7) if chance.yes(0.25) and severity != "clean" else 0.0,
        bleed=chance.real(*bleed) if chance.yes(0.4) else 0.0,
        specks=chance.real(0, 100) if chance.yes(0.35) else 0.0,
        holes=chance.yes(0.08),
        jpeg=chance.whole(*jpeg) if chance.yes(0.6) else 0,
    )


def skewed(angle: float, chance: Chance) -> tuple[tuple[float, float], ...]:
    """Where the corners go when the sheet is turned by some degrees and slips a little; y counted in widths of it."""
    turn, slip = np.radians(angle), chance.rng.uniform(-0.012, 0.012, 2)
    ends = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    middle = ends - 0.5
    moved = np.column_stack((
        middle[:, 0] * np.cos(turn) - middle[:, 1] * 1.3 * np.sin(turn),
        middle[:, 0] * np.sin(turn) / 1.3 + middle[:, 1] * np.cos(turn),
    ))  # fmt: skip
    return tuple(map(tuple, moved + 0.5 + slip - ends))


def _photo(chance: Chance) -> tuple[tuple[float, float], ...]:
    """A photo from not quite above: each corner in or out of the picture by itself, the whole a little turned."""
    turned = np.array(skewed(chance.real(-4, 4), chance))
    inward = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * chance.rng.uniform(-0.005, 0.07, (4, 2))
    return tuple(map(tuple, turned + inward))


def legibility(wear: Wear, size: float, left: float = 1.0) -> str:
    """How well print of this size (points) can be read: good, fair or poor.

    Three losses multiply: strokes run together when the blur nears a twelfth of the size, ink that is hardly darker
    than its paper, and noise against that contrast; a fax has its own measure, what `spoil` says is left.
    """
    spread = float(np.hypot(wear.blur, 72 / wear.low * 0.4 if wear.low else 0.0)) / max(size, 4.0)
    sharp = np.exp(-((spread / 0.075) ** 2))
    contrast = (wear.paper - wear.ink) / 255 * (1 - 0.5 * wear.bleed) * (1 - 0.3 * wear.shade)
    clear = np.clip((contrast - 0.1) / 0.4, 0, 1)
    quiet = 1 / (1 + (wear.noise / (120 * max(contrast, 0.05))) ** 2 * 4)
    score = float(sharp * (left if wear.bilevel else clear * quiet))
    return "good" if score > 0.62 else "fair" if score > 0.3 else "poor"


def warp(corners: tuple[tuple[float, float], ...], size: tuple[int, int]) -> NDArray[np.float64]:
    """The 3x3 map from sheet pixels to image pixels that moves the corners by these fractions of the size."""
    width, height = size
    ends = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    goals = ends + np.array(corners) * (width, height)
    rows = []
    for (x, y), (u, v) in zip(ends, goals, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    solved = np.linalg.solve(np.array(rows), goals.reshape(-1))
    return np.append(solved, 1.0).reshape(3, 3)


@dataclass(frozen=True, slots=True)
class Size:
    """The resolution of the image, and how many times finer the sheet was drawn."""

    dpi: int
    factor: int


def spoil(
    sheet: Image.Image, wear: Wear, chance: Chance, size: Size, reverse: Image.Image | None = None
) -> tuple[Image.Image, float]:
    """Lay the faults on a clean sheet and reduce it to its size; it moves by `warp(wear.corners, …)`. Also the share
    (0..1) of what could be read that is left when a fax has decided between black and white; 1 for others.

    Light, dust and noise come after the reduction, where there are fewer pixels; a fax decides between black and white
    before it, as its scanner does.
    """
    image = _moved(_blurred(_behind(sheet, wear, chance, size, reverse), wear, size.dpi * size.factor), wear)
    early = wear.bilevel > 0
    if not early:
        image = image.reduce(size.factor)
    pixels = degrade.fade(np.asarray(image, np.float32), wear.ink, wear.paper)
    for fault, strength in (
        (degrade.shade, wear.shade),
        (degrade.edge_shadow, wear.shadow),
        (degrade.speckle, wear.specks),
    ):
        pixels = fault(pixels, strength, chance.rng) if strength else pixels
    if wear.noise:  # of a scan at the sheet's resolution: the mean of several pixels has less
        pixels = degrade.grain(pixels, wear.noise / (1 if early else size.factor), chance.rng)
    if not early:
        return degrade.to_image(pixels), 1.0
    level = wear.ink + (wear.paper - wear.ink) * wear.bilevel
    black = pixels < level
    clean = np.asarray(_moved(sheet, replace(wear, platen=255))) < INK
    left = _left(black, clean)
    return Image.fromarray(np.where(black, np.uint8(0), np.uint8(255))).reduce(size.factor), left


def _left(black: NDArray[np.bool_], clean: NDArray[np.bool_]) -> float:
    """How much of the print a fax leaves: strokes lost, and dirt beside them, both count against it. Its edges, where
    the platen shows, are left out."""
    rows, columns = (slice(side // 16, side - side // 16) for side in clean.shape)
    black, clean = black[rows, columns], clean[rows, columns]
    ink = int(np.count_nonzero(clean))
    if not ink:
        return 1.0
    kept = np.count_nonzero(black & clean) / ink
    dirt = np.count_nonzero(black & ~clean) / ink
    return float(np.clip((kept - 0.35) / 0.4, 0, 1) / (1 + max(0.0, dirt - 0.8)))


def _behind(sheet: Image.Image, wear: Wear, chance: Chance, size: Size, reverse: Image.Image | None) -> Image.Image:
    """The sheet with what shines through it, and holes for a binder."""
    pixels = np.asarray(sheet, np.float32) if reverse is not None or wear.holes else None
    if pixels is None:
        return sheet
    if reverse is not None:
        pixels = degrade.bleed(pixels, np.asarray(reverse, np.float32), wear.bleed)
    if wear.holes:
        pixels = degrade.punch_holes(pixels, size.dpi * size.factor, chance.rng)
    return degrade.to_image(pixels)


def _moved(image: Image.Image, wear: Wear) -> Image.Image:
    if not any(any(corner) for corner in wear.corners):
        return image
    back = np.linalg.inv(warp(wear.corners, image.size))
    terms = tuple((back / back[2, 2]).reshape(-1)[:8])
    return image.transform(
        image.size, Image.Transform.PERSPECTIVE, terms, Image.Resampling.BILINEAR, fillcolor=wear.platen
    )


def _blurred(image: Image.Image, wear: Wear, dpi: float) -> Image.Image:
    if wear.low and wear.low < dpi:
        size = image.size
        small = image.resize((round(size[0] * wear.low / dpi), round(size[1] * wear.low / dpi)), Image.Resampling.BOX)
        image = small.resize(size, Image.Resampling.BICUBIC)
    sigma = wear.blur * dpi / 72
    return image.filter(ImageFilter.GaussianBlur(sigma)) if sigma > 0.2 else image


def coded(image: Image.Image, quality: int) -> Image.Image:
    """The image after JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("L")
