"""Cheap measurements on a page image, all on one small grey copy and without a model.

The small copy is area-averaged to about 100 dpi, so a scanner's single dark pixels fade into the paper;
ink is what is darker than the paper *around it*, so shadows, yellowed paper and dark borders are not ink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PIL.Image import Image

    Gray = NDArray[np.uint8]
    Mask = NDArray[np.bool_]
    Shade = NDArray[np.float32]
    Levels = NDArray[Any]

__all__ = ["Rulings", "Small", "contrast", "even_out", "rulings", "shrink", "strokes", "uneven"]

SMALL_DPI = 100.0
SMALL_EDGE = 1400  # a page of unknown or absurd resolution is brought to this many pixels
PAPER_REACH = 25  # pixels at 100 dpi: wider than any stroke of text, narrower than a dark border
INK_DEPTH = 0.25  # ink is at least this much darker than its paper; bleed-through is mostly less
FAINTEST = 0.85  # of the paper's light: what is lighter shows through from behind, or is grain
THICK = 8  # pixels at 100 dpi: more is a bar or a block, not a ruling line
SHADED = 0.06  # of the grey range between the paper's darkest and lightest places
GREY = 240  # white paper on a scanner set for it is 250 to 255
GRAIN = 0.8  # pixels at 200 dpi: softens a scanner's noise and no letter
WHITE = 0.95  # of the paper's grey: lighter is paper; at 0.88 thin faint print goes and recall with it, 0.83 to 0.03
SOFTER = (1.2, 0.97)  # the same two for a second look
SPECK = 4  # pixels at 100 dpi: dust, smaller than a full stop of 8 pt print


@dataclass(frozen=True, slots=True)
class Small:
    """A page at about 100 dpi: its grey levels, the paper's grey level at each place, and the ink."""

    gray: Gray
    paper: Gray
    ink: Mask
    dpi: float

    @property
    def share(self) -> float:
        """The share of the page that is ink."""
        return float(self.ink.mean())


def shrink(image: Image, dpi: float) -> Small:
    """The small copy of a page image of this resolution, with its ink found."""
    factor = max(round(dpi / SMALL_DPI), -(-max(image.size) // SMALL_EDGE), 1)
    gray = np.asarray(image.convert("L").reduce(factor))
    paper = _paper(gray)
    return Small(gray, paper, strokes(gray, paper), dpi / factor)


def _paper(gray: Gray) -> Gray:
    """The grey level of the paper around each pixel: a local maximum, smoothed."""
    reach = _mean(gray, 3)
    for axis in (0, 1):
        reach = _windowed(reach, PAPER_REACH, axis, np.maximum)
    return _mean(reach, PAPER_REACH)


def _mean(gray: Gray, size: int) -> Gray:
    """The mean of the `size` x `size` pixels around each, rounded down in each direction."""
    for axis in (0, 1):
        gray = (_windowed(gray.astype(np.uint16), size, axis, np.add) // size).astype(np.uint8)
    return gray


def _windowed(
    values: Levels,
    size: int,
    axis: int,
    combine: Callable[[Levels, Levels], Levels],
    beyond: Literal["edge", "constant"] = "edge",
) -> Levels:
    """`combine` over the `size` values around each along an axis; beyond the edge its own again, or zeros.

    By windows of 1, 2, 4, ... values, so that it takes log2(size) sweeps; scipy's filters give the same and take
    ten times as long.
    """
    before = [(0, 0), (0, 0)]
    before[axis] = (size // 2, (size - 1) // 2)
    wide, length = np.pad(values, before, beyond), values.shape[axis]
    joined, at, span = None, 0, 1
    while span <= size:
        if size & span:
            part = _part(wide, at, at + length, axis)
            joined, at = (part if joined is None else combine(joined, part)), at + span
        wide = combine(_part(wide, 0, -span, axis), _part(wide, span, None, axis))
        span *= 2
    assert joined is not None  # a window holds a value
    return joined


def _part(values: Levels, start: int, stop: int | None, axis: int) -> Levels:
    return values[start:stop] if axis == 0 else values[:, start:stop]


def strokes(gray: Gray, paper: Gray) -> Mask:
    """What is ink: clearly darker than its paper, bigger than dust, and not a shadow at the page's edge."""
    shade: Shade = np.divide(gray, np.maximum(paper, 1), dtype=np.float32)
    dark: Mask = shade < _ink_shade(shade)
    labels, count = ndimage.label(dark, structure=np.ones((3, 3), dtype=int))
    places = np.flatnonzero(dark)  # a tenth of the page at most: only there is anything looked up
    found = labels.ravel()[places]
    keep = np.bincount(found, minlength=count + 1) >= SPECK
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    keep[np.unique(edges)] = False
    ink: Mask = np.zeros_like(dark)
    ink.ravel()[places] = keep[found]
    return ink


def _ink_shade(shade: Shade) -> float:
    """The share of its paper's light under which a pixel is ink: halfway to the page's darkest hundredth if its
    print is faint, and never so light that what shows through from behind counts.

    On 24 pages of harsh scans (`sample_docs.scanify`) the skew of all 14 that lay 0.5 degrees or more askew was found
    within 0.15; with a fixed depth of 0.25 it was missed on 5 (share of ink: 0.00003 to 0.006). Of 48 copies of 12
    such pages, turned all four ways, 15 were put wrong, all of them turned ones; with the
    fixed depth and Tesseract's look at the page as scanned 22.
    """
    height, width = shade.shape
    middle = shade[height // 10 : height - height // 10, width // 10 : width - width // 10]  # edges have shadows
    if not middle.size:
        return 1 - INK_DEPTH
    print_, usual = np.percentile(middle, [1, 50])
    return float(max((print_ + usual) / 2, 1 - INK_DEPTH)) if print_ < FAINTEST else 1 - INK_DEPTH


def uneven(small: Small) -> bool:
    """Whether the paper is shaded or grey, so that evening it out comes before OCR and not after."""
    dark, usual, light = np.percentile(small.paper, [5, 50, 95])
    return bool(light - dark > SHADED * 255 or usual < GREY)


def even_out(image: Image, dpi: float, *, softer: bool = False) -> Image:
    """The page with its background divided out, its ink stretched to black and its grain softened: shadows,
    yellowing and bleed-through go, faint print stays. `softer` smooths more and spares
    fainter print: another look at a page that was read unsurely.

    Word recall of Tesseract on 8 pages of contracts degraded in two degrees (shade, fade, grain; 200 dpi),
    plain, evened out, evened out and softened: 0.55, 0.85, 0.98, and 0.37, 0.60, 0.84.
    """
    from PIL import Image as Pillow
    from PIL import ImageFilter

    grain, white = SOFTER if softer else (GRAIN, WHITE)
    gray = image.convert("L").filter(ImageFilter.GaussianBlur(grain * dpi / 200))
    paper = Pillow.fromarray(shrink(gray, dpi).paper).resize(gray.size, Pillow.Resampling.BILINEAR)
    ratio = np.asarray(gray, dtype=np.float32) / np.maximum(np.asarray(paper, dtype=np.float32), 1)
    dark = float(np.percentile(ratio[::4, ::4], 1))
    stretched = np.clip((ratio - dark) / max(white - dark, 0.05), 0, 1)
    return Pillow.fromarray((stretched * 255).astype(np.uint8))


def contrast(small: Small) -> float:
    """How far ink and paper lie apart, 0..1; 0 on a page without ink."""
    if not small.ink.any():
        return 0.0
    paper, ink = np.median(small.paper[small.ink]), np.median(small.gray[small.ink])
    return float(max(paper - ink, 0.0) / 255)


@dataclass(frozen=True, slots=True)
class Rulings:
    """The long straight lines, across and down, of an upright page (tables, forms) and where they are."""

    count: int
    mask: Mask


def rulings(small: Small) -> Rulings:
    """Find them: at least a fifth of the page wide or an eighth of it high, and thin."""
    height, width = small.ink.shape
    across, rows = _lines(small.ink, width // 5, 1)
    down, columns = _lines(small.ink, height // 8, 0)
    return Rulings(across + down, rows | columns)


def _lines(ink: Mask, length: int, axis: int) -> tuple[int, Mask]:
    """The lines along the axis, and their pixels."""
    none: Mask = np.zeros_like(ink)
    if length < 3:
        return 0, none
    # A line may lean by a pixel over its length and be broken by noise: two rows and small gaps count as one.
    thick = _windowed(_windowed(ink, 2, 1 - axis, np.logical_or), 3, axis, np.logical_or)
    runs = _windowed(thick, length, axis, np.logical_and, "constant")  # nothing runs on beyond the page
    if not runs.any():
        return 0, none
    labels, _ = ndimage.label(runs, np.ones((3, 3), dtype=int))
    thin = [place[1 - axis].stop - place[1 - axis].start <= THICK for place in ndimage.find_objects(labels)]
    found = np.array([False, *thin])[labels]
    mask: Mask = ndimage.maximum_filter(found, size=(3, length) if axis else (length, 3)) & ink if any(thin) else none
    return sum(thin), mask
