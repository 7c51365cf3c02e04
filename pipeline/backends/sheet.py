"""A page set anew as a sheet of its lines, each as high as a reading network wants it.

Print stands on a page in lines of any size, anywhere, and most of the page is paper. A network that reads it at one
scale wants every line as high as those it was trained on and none of the paper: the lines are found on a small copy
(skew, rulings, the dense bands that lines of print are), cut out of the page as it came, brought to one height and set
beside each other on the strips of a sheet. A word keeps its place on the sheet as long as the page stays the same,
and `Sheet.spread` lays what is said of the sheet's cells back on the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage
from scipy.signal import find_peaks

from pipeline.pixels import shrink

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.backends.protocols import Matrix
    from pipeline.pixels import Mask

__all__ = ["GRID", "Line", "Sheet", "Size", "set_sheet"]

EDGE = 1400  # longest edge of the copy on which lines are sought: 127 dpi of a letter
GRAIN = 0.9  # pixels of the copy: softens a scanner's noise and no letter
FAINT, NOISE = 0.04, 3.0  # of the paper's light, and deviations of its grain: so much darker is faint print
DIM = 0.4  # of the paper's usual grey: what is darker is no paper, and its grain no print
AROUND, ANY = 121, 1e-4  # pixels of the copy around a place; share of them from which there is print around it
SPECK = 6  # pixels of the copy: less is grain
LEAN, STEP = 10.0, 0.25  # degrees: the skew that is looked for
STRAIGHT = 0.15  # degrees: less doesn't blur a line's edges, turning would
BANDS = 32  # columns the page is cut into to find its skew
RULE, BAR = 40, 50  # pixels of the copy: ink that runs on so far across or down is no letter
LETTER = (4, 60)  # heights of a letter on the copy
USUAL = 12  # a letter's height where there are too few to tell
REACH = 2.0  # letter heights: over so much of a line its ink is averaged
DENSE = 0.14  # share of ink from which a row is the middle of a line: letters have 0.25, what hangs below 0.05
ALONE = 0.7  # letter heights from which a piece outside all lines is a line by itself, as numbers in a table are
JOIN = 2.0  # letter heights: so far apart, words are of one line
TALL = 2.2  # middle heights: a piece that is higher joins two lines, or is no letter
LOOSE = 3.0  # letter heights: a higher piece, as a stamp's ring, would tie the lines that it crosses to one
TWO = 2.4  # letter heights: a higher box may hold two lines
VALLEY = 0.2  # of the fullest row's ink: so far it falls between two lines
MARGIN = 0.06  # of a line's height, left around it
GAP = 12  # pixels of paper between two lines on a strip
SHORTEST = 0.5  # of a letter's height: lower is a ruling, narrower a speck or a comma
GRID = (132, 102)  # rows and columns in which a page is told of: 12 to the inch of a letter
SQUEEZE = (1.0, 0.85, 0.7, 0.55)  # what a page that has more than a sheet holds is narrowed by


@dataclass(frozen=True, slots=True)
class Size:
    """How many strips a sheet has, and a strip's height and width in pixels."""

    strips: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of print, or a part of one. `box` is x0, y0, x1, y1 on the page set straight, as fractions of its sides;
    it stands on `strip` from pixel `left` to `right`."""

    box: tuple[float, float, float, float]
    strip: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """`pixels` is (strips, height, width) uint8, white where nothing stands; `lean` the degrees by which the page was
    turned (counterclockwise) to set it straight; `ratio` its width by its height; `left_out` the lines that found no
    room."""

    pixels: NDArray[np.uint8]
    lines: tuple[Line, ...]
    lean: float
    ratio: float
    left_out: int = 0

    def straight(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Where points of the page (numbers or arrays, fractions of its sides) lie on the page set straight."""
        turn = np.radians(self.lean)
        across, down = (x - 0.5) * self.ratio, y - 0.5
        return (
            (across * np.cos(turn) + down * np.sin(turn)) / self.ratio + 0.5,
            -across * np.sin(turn) + down * np.cos(turn) + 0.5,
        )

    def spread(self, said: Matrix) -> Matrix:
        """What is said of each cell, (strips, cells of a strip), laid on the page where its print stands: a grid over
        the page as it came, 0 where no line is."""
        rows, columns = GRID
        x, y = self.straight(*np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows))
        wide = self.pixels.shape[2] / said.shape[1]
        laid: Matrix = np.zeros(GRID, np.float32)
        for line in self.lines:
            left, top, right, bottom = line.box
            on = (left <= x) & (x < right) & (top <= y) & (y < bottom)
            at = line.left + (x[on] - left) / (right - left) * (line.right - line.left)
            laid[on] = said[line.strip, np.minimum(at // wide, said.shape[1] - 1).astype(int)]
        return laid


def set_sheet(image: Image.Image, size: Size) -> Sheet:
    """Find the lines of a page image and set them. A page without print gives a white sheet without lines.

    Measured on 120 generated degraded pages that nothing was chosen on (24,946 words of print, strips of 32 by 1,024
    pixels): 0.951 of the words stood on the sheet whole; 24 strips a page; 0.44 s of CPU beside other work.
    """
    gray = image if image.mode == "L" else image.convert("L")
    copy = gray.copy()
    copy.thumbnail((EDGE, EDGE), Image.Resampling.BOX)
    ink = _letters(_ink(copy.filter(ImageFilter.GaussianBlur(GRAIN))))
    lean = _lean(ink)
    if lean:
        gray = gray.rotate(lean, Image.Resampling.BICUBIC, fillcolor=255)
        ink = np.asarray(Image.fromarray(ink).rotate(lean, Image.Resampling.NEAREST))
    boxes = _boxes(ink)
    return _set(gray, boxes, ink, size, lean)


def _ink(copy: Image.Image) -> Mask:
    """The ink, and on grey paper the faint print, which `shrink` takes for what shows through from behind: darker than
    halfway between the paper and the print around it. One threshold for the page would lose faint lines below a bold
    heading."""
    small = shrink(copy, 100)
    shade = small.gray / np.maximum(small.paper, 1).astype(np.float32)
    dim = small.paper < DIM * np.median(small.paper)
    shade[dim] = np.where(small.ink[dim], 0, 1)
    usual, light = np.percentile(shade[::2, ::2], (50, 84))  # one deviation up: downward there may be print
    labels, _ = ndimage.label(shade < usual - max(FAINT, NOISE * (light - usual)), np.ones((3, 3), int))
    highs = (y.stop - y.start for y, _ in ndimage.find_objects(labels))
    tall = np.array([False, *(LETTER[0] < high <= LETTER[1] for high in highs)])
    print_ = tall[labels]
    if not print_.any():
        return small.ink
    near = ndimage.uniform_filter(print_.astype(np.float32), AROUND)
    darkness = ndimage.uniform_filter(np.where(print_, shade, 0), AROUND)
    dark = np.where(near > ANY, darkness / np.maximum(near, ANY), shade[print_].mean())
    halfway = np.minimum((usual + dark) / 2, usual - max(FAINT, light - usual))
    labels, _ = ndimage.label(shade < halfway, np.ones((3, 3), int))
    large = np.bincount(labels.ravel()) >= SPECK
    large[np.unique([0, *labels[0], *labels[-1], *labels[:, 0], *labels[:, -1]])] = False
    found: Mask = large[labels]
    return found


def _letters(ink: Mask) -> Mask:
    """The ink without rulings, frames and solid areas: what runs on too far to be a letter's stroke."""
    kept = ink.copy()
    for axis, length in ((1, RULE), (0, BAR)):
        runs = ndimage.minimum_filter1d(ink.view(np.uint8), length, axis=axis)
        if runs.any():
            kept &= ~ndimage.maximum_filter1d(runs, length + 2, axis=axis).view(bool)
    return kept


def _lean(ink: Mask) -> float:
    """The angle (degrees, counterclockwise) that sets the lines straight: where the rows' ink is most uneven."""
    width = ink.shape[1]
    edges = np.linspace(0, width, BANDS + 1).astype(int)
    bands = np.stack([ink[:, a:b].sum(1) for a, b in pairwise(edges)]).astype(np.float32)
    around, high = np.concatenate([bands, bands], axis=1), len(ink)  # a slice of it is a band rolled up or down
    middles = (edges[:-1] + edges[1:]) / 2 - width / 2
    best, found = 0.0, 0.0
    for angle in np.arange(-LEAN, LEAN + STEP / 2, STEP):
        shifts = np.rint(np.tan(np.radians(angle)) * middles).astype(int)
        rows = np.sum([band[at : at + high] for band, at in zip(around, shifts % high, strict=True)], axis=0)
        uneven = float(np.square(np.diff(rows)).sum())
        if uneven > best * (1 + 1e-6) or (uneven > best * (1 - 1e-6) and abs(angle) < abs(found)):
            best, found = uneven, float(angle)
    return found if abs(found) > STRAIGHT else 0.0


def _boxes(ink: Mask) -> list[tuple[int, int, int, int]]:
    """x0, y0, x1, y1 of each line of print on the copy, in reading order from the top."""
    labels, count = ndimage.label(ink, np.ones((3, 3), int))
    if not count:
        return []
    places = ndimage.find_objects(labels)
    pieces = np.array([(x.start, y.start, x.stop, y.stop) for y, x in places])
    heights = pieces[:, 3] - pieces[:, 1]
    letters = (heights >= LETTER[0]) & (heights <= LETTER[1])
    usual = float(np.median(heights[letters & (heights > 5)])) if (letters & (heights > 5)).sum() > 20 else USUAL
    reach = int(REACH * usual) | 1
    loose = np.concatenate([[True], heights <= LOOSE * usual])[labels] & ink
    density = ndimage.uniform_filter1d(loose.astype(np.float32), reach, axis=1)
    dense = ndimage.maximum_filter1d((density > DENSE).view(np.uint8), int(JOIN * usual) | 1, axis=1)
    cores, found = ndimage.label(dense)
    if not found:
        return []
    middles = np.clip((pieces[:, :2] + pieces[:, 2:]) // 2, 0, (ink.shape[1] - 1, ink.shape[0] - 1))
    owner = cores[middles[:, 1], middles[:, 0]]
    lines = []
    for at, (rows, _) in enumerate(ndimage.find_objects(cores), 1):
        core = rows.stop - rows.start
        mine = pieces[(owner == at) & letters & (heights <= max(TALL * core, LETTER[0] + 1))]
        if len(mine):
            x0, y0, x1, y1 = mine[:, 0].min(), mine[:, 1].min(), mine[:, 2].max(), mine[:, 3].max()
            lines.append((int(x0), min(int(y0), rows.start), int(x1), max(int(y1), rows.stop)))
    alone = np.flatnonzero((owner == 0) & letters & (heights >= ALONE * usual)) + 1
    joined = ndimage.maximum_filter1d(np.isin(labels, alone).view(np.uint8), int(JOIN * usual) | 1, axis=1)
    half = int(JOIN * usual) // 2
    for y, x in ndimage.find_objects(ndimage.label(joined)[0]):
        lines.append((x.start + half, y.start, x.stop - half, y.stop))
    lines = [part for box in lines for part in _apart(box, loose, usual)]
    lines = [box for box in lines if min(box[2] - box[0], box[3] - box[1]) >= max(SHORTEST * usual, LETTER[0])]
    return sorted(lines, key=lambda box: (round((box[1] + box[3]) / 2 / usual), box[0]))


def _apart(box: tuple[int, int, int, int], ink: Mask, usual: float) -> Iterator[tuple[int, int, int, int]]:
    """The lines of a box that a stamp or a close setting has made one: cut where the rows' ink is least."""
    x0, y0, x1, y1 = box
    if y1 - y0 <= TWO * usual:
        yield box
        return
    rows = ndimage.uniform_filter1d(ink[y0:y1, x0:x1].sum(1, dtype=np.float32), max(int(usual / 3), 1), mode="constant")
    peaks, _ = find_peaks(np.pad(rows, 1), distance=max(usual, 1), prominence=VALLEY * rows.max())
    if len(peaks) < 2:
        yield box
        return
    cuts = [a + int(np.argmin(rows[a:b])) for a, b in pairwise(peaks - 1)]
    for top, bottom in pairwise([0, *cuts, y1 - y0]):
        part = ink[y0 + top : y0 + bottom, x0:x1]
        down, across = (np.flatnonzero(part.any(axis=axis)) for axis in (1, 0))
        yield x0 + int(across[0]), y0 + top + int(down[0]), x0 + int(across[-1]) + 1, y0 + top + int(down[-1]) + 1


def _set(gray: Image.Image, boxes: Sequence[tuple[int, int, int, int]], ink: Mask, size: Size, lean: float) -> Sheet:
    for squeeze in SQUEEZE:
        parts = [part for box in boxes for part in _parts(box, ink, size, squeeze)]
        spots, used = _spots([width for _, width in parts], size)
        if used <= size.strips:
            break
    pixels = np.full((size.strips, size.height, size.width), 255, np.uint8)
    high, wide = ink.shape
    lines = []
    for ((x0, y0, x1, y1), width), (strip, left) in zip(parts, spots, strict=True):
        if strip >= size.strips:
            continue
        box = (x0 / wide, y0 / high, x1 / wide, y1 / high)
        pixels[strip, :, left : left + width] = _cut(gray, box, (width, size.height))
        lines.append(Line(box, strip, left, left + width))
    return Sheet(pixels, tuple(lines), lean, gray.width / gray.height, len(parts) - len(lines))


def _parts(
    box: tuple[int, int, int, int], ink: Mask, size: Size, squeeze: float
) -> Iterator[tuple[tuple[float, float, float, float], int]]:
    """The line with its margin, cut between words where it is wider than a strip; and each part's width on it."""
    x0, y0, x1, y1 = box
    margin = max(MARGIN * (y1 - y0), 1.0)
    top, bottom = y0 - margin, y1 + margin
    scale = size.height / (bottom - top) * squeeze
    for a, b in _cuts(x0, x1, (size.width - 4) / scale - 2 * margin, ink[y0:y1]):
        left, right = a - margin, b + margin
        yield (left, top, right, bottom), min(max(round((right - left) * scale), 4), size.width)


def _cuts(x0: int, x1: int, most: float, rows: Mask) -> Iterator[tuple[int, int]]:
    while x1 - x0 > most:
        cut = x0 + int(most / 2) + _widest(rows[:, x0 + int(most / 2) : x0 + int(most)])
        yield x0, cut
        x0 = cut
    yield x0, x1


def _widest(rows: Mask) -> int:
    """The middle of the widest gap between words, the last of equals; the end where there is none."""
    inked: Mask = np.any(rows, axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[1], inked.astype(np.int8), [1]])))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return len(inked)
    widest = len(starts) - 1 - int(np.argmax((stops - starts)[::-1]))
    return int(starts[widest] + stops[widest]) // 2


def _spots(widths: Sequence[int], size: Size) -> tuple[list[tuple[int, int]], int]:
    """(strip, left) of each part, on the first strip that has room for it; and how many strips that takes: a sixth
    fewer than each behind the one before."""
    spots: list[tuple[int, int]] = []
    ends: list[int] = []
    for width in widths:
        strip = next((at for at, end in enumerate(ends) if end + GAP + width <= size.width), len(ends))
        if strip == len(ends):
            ends.append(-GAP)
        spots.append((strip, ends[strip] + GAP))
        ends[strip] += GAP + width
    return spots, len(ends)


def _cut(gray: Image.Image, box: tuple[float, float, float, float], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The part, at this (width, height), its paper white and its ink dark."""
    x0, y0, x1, y1 = (side * full for side, full in zip(box, gray.size * 2, strict=True))
    pad = (max(-x0, 0), max(-y0, 0), max(x1 - gray.width, 0), max(y1 - gray.height, 0))
    inside = (max(x0, 0), max(y0, 0), min(x1, gray.width), min(y1, gray.height))
    width, height = size
    across, down = width / (x1 - x0), height / (y1 - y0)
    shown = (max(width - round((pad[0] + pad[2]) * across), 1), max(height - round((pad[1] + pad[3]) * down), 1))
    part = np.asarray(gray.resize(shown, Image.Resampling.BICUBIC, inside))
    dark, light = np.percentile(part[::2, ::2], (2, 75))
    even = np.clip((part - dark) * (255 / max(light - dark, 24.0)), 0, 255).astype(np.uint8)
    whole = np.full((height, width), 255, np.uint8)
    left, top = min(round(pad[0] * across), width - shown[0]), min(round(pad[1] * down), height - shown[1])
    whole[top : top + shown[1], left : left + shown[0]] = even
    return whole
