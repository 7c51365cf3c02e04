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
    Boxes = NDArray[np.int64]
    Places = NDArray[np.int64]

__all__ = ["Rulings", "Small", "contrast", "even_out", "rulings", "shrink", "uneven"]

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
    """A page at about 100 dpi: its grey levels, the paper's grey level at each place, the ink, and the boxes round its
    connected pieces (left, top, right and bottom in four rows)."""

    gray: Gray
    paper: Gray
    ink: Mask
    pieces: Boxes
    dpi: float

    @property
    def share(self) -> float:
        """The share of the page that is ink."""
        return np.count_nonzero(self.ink) / self.ink.size


def shrink(image: Image, dpi: float) -> Small:
    """The small copy of a page image of this resolution, with its ink found."""
    factor = max(round(dpi / SMALL_DPI), -(-max(image.size) // SMALL_EDGE), 1)
    gray = np.asarray((image if image.mode == "L" else image.convert("L")).reduce(factor))  # no needless copy
    paper = _paper(gray)
    ink, pieces = _ink(gray, paper)
    return Small(gray, paper, ink, pieces, dpi / factor)


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

    By windows of 1, 2, 4, ... values, so that it takes log2(size) sweeps, each over one long row: a window that runs on
    into the next row is never looked at. scipy's filters give the same and take ten times as long.
    """
    around = [(0, 0), (0, 0)]
    around[axis] = (size // 2, (size - 1) // 2)
    wide = np.pad(values, around, beyond)
    step = wide.shape[1] if axis == 0 else 1
    windows, count = wide.ravel(), wide.size - (size - 1) * step
    joined, at = None, 0
    for span in (1 << bit for bit in range(size.bit_length())):
        if span > 1:
            windows = combine(windows[: -(span // 2) * step], windows[span // 2 * step :])
        if size & span:
            part = windows[at : at + count]
            joined, at = (part if joined is None else combine(joined, part)), at + span * step
    assert joined is not None  # a window holds a value
    return np.lib.stride_tricks.as_strided(joined, values.shape, wide.strides)


def _ink(gray: Gray, paper: Gray) -> tuple[Mask, Boxes]:
    """What is clearly darker than its paper, bigger than dust and no shadow at the page's edge; and its pieces."""
    shade: Shade = np.divide(gray, np.maximum(paper, 1), dtype=np.float32)
    dark: Mask = shade < _ink_shade(shade)
    labels, count = ndimage.label(dark, structure=np.ones((3, 3), dtype=int))
    places = np.flatnonzero(dark)  # a tenth of the page at most: only there is anything looked up
    owner = labels.ravel()[places]
    keep = np.bincount(owner, minlength=count + 1) >= SPECK
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    keep[np.unique(edges)] = False
    kept = keep[owner]
    places = places[kept]
    ink: Mask = np.zeros_like(dark)
    ink.ravel()[places] = True
    number = np.cumsum(keep) - 1
    return ink, _boxes(places, number[owner[kept]], int(number[-1]) + 1, dark.shape[1])


def _boxes(places: Places, owner: Places, count: int, width: int) -> Boxes:
    """The box round each of the pieces, given where all their pixels lie and to which piece each belongs."""
    ys, xs = np.divmod(places, width)
    boxes: Boxes = np.zeros((4, count), np.int64)
    boxes[:2] = np.iinfo(np.int64).max
    for row, values in enumerate((xs, ys)):
        np.minimum.at(boxes[row], owner, values)
        np.maximum.at(boxes[row + 2], owner, values + 1)
    return boxes


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
    hundredth = middle.size // 100
    printed, dark = np.count_nonzero(middle < FAINTEST) > hundredth, np.count_nonzero(middle < 1 - 2 * INK_DEPTH)
    if not printed or dark > hundredth:
        return 1 - INK_DEPTH  # no print, or so dark a one that halfway to it lies below this
    print_, usual = np.percentile(middle, [1, 50])
    return float(max((print_ + usual) / 2, 1 - INK_DEPTH))


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
    places = np.flatnonzero(small.ink)
    if not len(places):
        return 0.0
    paper, ink = (_median(levels.ravel()[places]) for levels in (small.paper, small.gray))
    return max(paper - ink, 0.0) / 255


def _median(levels: Gray) -> float:
    """As `np.median` has it, which takes five times as long over so few different values."""
    upto = np.cumsum(np.bincount(levels))
    return float(np.searchsorted(upto, [(len(levels) - 1) // 2, len(levels) // 2], side="right").mean())


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
    if not _may_hold(thick, length, axis):
        return 0, none
    runs = _windowed(thick, length, axis, np.logical_and, "constant")  # nothing runs on beyond the page
    if not runs.any():
        return 0, none
    # Most of the page holds no line: of what lies between two it is enough to look at one row.
    used = runs.any(axis=axis)
    rows = np.flatnonzero(used | np.roll(used, 1))
    labels, _ = ndimage.label(np.take(runs, rows, 1 - axis), np.ones((3, 3), dtype=int))
    thin = [place[1 - axis].stop - place[1 - axis].start <= THICK for place in ndimage.find_objects(labels)]
    if not any(thin):
        return 0, none
    found = none.copy()
    found[(rows, slice(None)) if axis else (slice(None), rows)] = np.array([False, *thin])[labels]
    mask: Mask = _windowed(_windowed(found, 3, 1 - axis, np.logical_or), length, axis, np.logical_or) & ink
    return sum(thin), mask


def _may_hold(mask: Mask, length: int, axis: int) -> bool:
    """Whether a run so long along the axis is possible: it would hold a row of whole groups of eight pixels, which is
    an eighth of the work to look for. On most pages there is none."""
    within = (length - 7) // 8
    if within < 1:
        return True
    if axis == 0:
        whole: Mask = np.all(mask[: len(mask) // 8 * 8].reshape(-1, 8, mask.shape[1]), axis=1)
    else:
        whole = np.packbits(mask, axis=1) == 255
    return bool(_windowed(whole, within, axis, np.logical_and, "constant").any())
