"""What paper, time and a scanner do to a page image: each fault is one vectorised function.

Images are float32 arrays of grey levels (0 black, 255 white), shape (h, w) or (h, w, 3). Noise is drawn as
sums of random bytes instead of normal deviates: integers are the same on every processor, so a seed gives the
same bytes everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.float32]

__all__ = ["bleed", "blur", "edge_shadow", "fade", "grain", "punch_holes", "shade", "skew", "speckle", "to_image"]

WHITE = 255.0
BYTE_SUM_SIGMA = 147.8  # of the sum of four uniform bytes: sqrt(4 * (256**2 - 1) / 12)


def to_image(pixels: Pixels) -> Image.Image:
    """The 8-bit PIL image of these grey levels, clipped to 0..255."""
    return Image.fromarray(np.clip(pixels, 0, WHITE).astype(np.uint8))


def fade(pixels: Pixels, ink: float, paper: float) -> Pixels:
    """Squeeze the range: black becomes `ink`, white becomes `paper` (grey levels), as toner and paper age."""
    return pixels * np.float32((paper - ink) / WHITE) + np.float32(ink)


def bleed(pixels: Pixels, reverse: Pixels, strength: float) -> Pixels:
    """Let the reverse side show through: its mirror image, softened, darkens the page by `strength` (0..1)."""
    # At half size the softening is cheap and the enlargement softens too.
    small = to_image(reverse).transpose(Image.Transpose.FLIP_LEFT_RIGHT).reduce(2)
    soft = small.filter(ImageFilter.BoxBlur(1)).resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BILINEAR)
    ghost = np.asarray(soft, np.float32)
    if ghost.ndim != pixels.ndim:
        ghost = ghost.mean(axis=2) if ghost.ndim > pixels.ndim else ghost[..., None]
    return pixels - (np.float32(WHITE) - ghost) * np.float32(strength)


def shade(pixels: Pixels, depth: float, rng: np.random.Generator) -> Pixels:
    """Uneven lighting: a smooth random field takes away up to `depth` (0..1) of the light."""
    coarse = Image.fromarray(rng.integers(0, 256, (4, 3), dtype=np.uint8))
    field = np.asarray(coarse.resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BICUBIC), np.float32)
    light = np.float32(1) - field * np.float32(depth / WHITE)
    return pixels * (light[..., None] if pixels.ndim == 3 else light)


def edge_shadow(pixels: Pixels, depth: float, rng: np.random.Generator) -> Pixels:
    """The dark band along one long edge where the lid or the binding lifts the paper."""
    width = int(pixels.shape[1] * rng.uniform(0.012, 0.035))
    ramp = np.ones(pixels.shape[1], np.float32)
    fall = np.linspace(1, 0, width, dtype=np.float32) ** 2
    ramp[:width] -= fall * np.float32(depth)
    if rng.random() < 0.4:
        ramp = ramp[::-1]
    return pixels * (ramp[None, :, None] if pixels.ndim == 3 else ramp[None, :])


def skew(pixels: Pixels, degrees: float, shift: tuple[float, float], platen: int) -> Pixels:
    """The sheet lies crooked (counter-clockwise) and off by `shift` pixels; what it uncovers is platen grey."""
    image = to_image(pixels)
    fill = (platen,) * len(image.getbands()) if image.mode == "RGB" else platen
    turned = image.rotate(degrees, Image.Resampling.BICUBIC, translate=shift, fillcolor=fill)
    return np.asarray(turned, np.float32)


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of `sigma` pixels."""
    return np.asarray(to_image(pixels).filter(ImageFilter.GaussianBlur(sigma)), np.float32)


def grain(pixels: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Sensor noise of `sigma` grey levels, the same in all channels as on a grey-balanced scanner."""
    draws = rng.integers(0, 256, (4, *pixels.shape[:2]), dtype=np.uint8)
    noise = (draws.sum(axis=0, dtype=np.int16) - 510).astype(np.float32) * np.float32(sigma / BYTE_SUM_SIGMA)
    return pixels + (noise[..., None] if pixels.ndim == 3 else noise)


def speckle(pixels: Pixels, per_megapixel: float, rng: np.random.Generator) -> Pixels:
    """Dust and toner: dark and light specks of one to three pixels."""
    height, width = pixels.shape[:2]
    count = int(per_megapixel * height * width / 1e6)
    out = pixels.copy()
    rows, columns = rng.integers(0, height - 3, count), rng.integers(0, width - 3, count)
    levels = np.where(rng.random(count) < 0.75, rng.integers(0, 90, count), 255).astype(np.float32)
    sizes = rng.integers(1, 4, count)
    for size in (1, 2, 3):
        chosen = sizes >= size
        row, column, level = rows[chosen] + size - 1, columns[chosen], levels[chosen]
        for step in range(size):
            out[row, column + step] = level[:, None] if out.ndim == 3 else level
    return out


def punch_holes(pixels: Pixels, dpi: float, rng: np.random.Generator) -> Pixels:
    """Three binder holes along the left edge, dark as the open lid behind them."""
    image = to_image(pixels)
    draw = ImageDraw.Draw(image)
    radius, x = 0.13 * dpi, (0.34 + rng.uniform(-0.04, 0.04)) * dpi
    for place in (0.115, 0.5, 0.885):
        y = image.height * place + rng.uniform(-0.05, 0.05) * dpi
        level = int(rng.integers(35, 95))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(level,) * len(image.getbands()))
    return np.asarray(image, np.float32)
