"""What ink a page shows beside its print: pen strokes, punch holes, and pieces too thick or too large for writing.

OCR takes a signature for a word or two, so ink outside all words does not tell of it. Its shape does: a pen joins its
strokes into pieces that are several lines high and wide, thin, and mostly paper inside, where a letter of print is one
line high and a heading, a logo or a bar is thick. Measured on the small copy of the page, ruling lines taken out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from pipeline.pixels import INK_DEPTH, SPECK
from pipeline.types import Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.pixels import Mask, Small

__all__ = ["Marks", "marks"]

SURE = 0.8  # confidence from which a word is print: seen under it on signatures, over it on nearly all print
FEWEST = 5  # sure words from which the page's own line height is taken
LINE_INCHES = 0.12  # else the line height of 10 pt print as OCR boxes it
LINE_PIXELS = (8.0, 20.0)  # headings alone, or dust read as words, do not move it further
EXTENT = 1.5  # line heights: higher and wider than any letter, lower than initials
AREA = 7.0  # square line heights: a mark of the pen that is no tick
RULE = 3.0  # line heights that run straight are a ruling or a frame, which hides the strokes that touch it
LOOSE = 0.33  # share of its box that is ink: pen strokes 0.03-0.32, words run together in print 0.37 and more
REACH = (0.40, 0.15)  # width and height as shares of the page: larger are frames, charts and maps
RING = 8.0  # line heights from which a closed curve is the edge of a stamp or logo, and no circled word
THICK = 0.15  # share of the ink left when two pixels at 100 dpi are taken off all round: pens leave 0.00-0.11
BLOCK = 0.30  # the same for logos, bars and pictures
HOLE_INCHES = (0.12, 0.60)  # across
HOLE_FILL = (0.60, 0.95)  # a disc fills 0.79 of its box
HOLE_MARGIN = 1.3  # inches from the page's edge to the middle of a hole
EMPTY = 0.002  # share of the page that is ink, under which it may be blank and its specks are looked at


@dataclass(frozen=True, slots=True)
class Marks:
    """`pen`: how large the boxes of all pen strokes are, in letters (half a square line height). `holes`: the share of
    the ink in punch holes. `solid`: the share outside all words in pieces too thick or too large for writing.
    `dust`: on a page with next to no ink, the share of it in specks too small to be ink."""

    pen: float = 0.0
    holes: float = 0.0
    solid: float = 0.0
    dust: float = 0.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """One connected piece of ink, cut out, that is no print; `sure` is where sure words lie, `read` the share of the
    ink inside any word."""

    mask: Mask
    top: int
    left: int
    sure: Mask
    read: float

    @property
    def ink(self) -> int:
        return int(np.count_nonzero(self.mask))

    @property
    def core(self) -> float:
        """The share of the ink that is left when the outline is taken off twice."""
        return float(np.count_nonzero(ndimage.binary_erosion(np.pad(self.mask, 1), iterations=2))) / self.ink


def marks(small: Small, ink: Mask, words: Sequence[Word]) -> Marks:
    """Measure an upright page, given the words read from it; `ink` is that of the small copy without ruling lines.

    Takes about as long as finding the ink did: 10 ms a page, up to 100 ms on one full of handwriting.
    """
    total = int(np.count_nonzero(ink))
    dust = _dust(small) if total < EMPTY * ink.size else 0.0
    if not total:
        return Marks(dust=dust)
    line = _line_height(words, ink.shape[0], small.dpi)
    pen, holes, solid = 0.0, 0, 0
    for piece in _pieces(ink, words, line):
        if _is_hole(piece, ink.shape, small.dpi):
            holes += piece.ink
            continue
        if piece.read < 0.5 and _is_block(piece, ink.shape):
            solid += piece.ink
        pen += sum(_letters(stroke, line) for stroke in _strokes(piece, line, ink.shape))
    return Marks(round(pen, 1), round(holes / total, 4), round(solid / total, 4), dust)


def _dust(small: Small) -> float:
    """Print that a fax or a poor copy has lost leaves specks; so does dust, but far fewer."""
    dark = small.gray < (1 - INK_DEPTH) * small.paper.astype(np.float32)
    labels, count = ndimage.label(dark, structure=np.ones((3, 3), dtype=int))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return round(float(sizes[sizes < SPECK].sum()) / dark.size, 5)


def _line_height(words: Sequence[Word], rows: int, dpi: float) -> float:
    """The height of a line of print in pixels."""
    heights = [(word.box.bottom - word.box.top) * rows for word in words if _is_sure(word)]
    height = float(np.median(heights)) if len(heights) >= FEWEST else LINE_INCHES * dpi
    return min(max(height, LINE_PIXELS[0]), LINE_PIXELS[1])


def _is_sure(word: Word) -> bool:
    return word.confidence >= SURE and sum(map(str.isalnum, word.text)) >= 2


def _pieces(ink: Mask, words: Sequence[Word], line: float) -> Iterator[_Piece]:
    """The connected pieces that are larger than a letter and do not lie in sure words."""
    labels, _ = ndimage.label(ink, structure=np.ones((3, 3), dtype=int))
    covered = _covered(ink, words)
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        rows, columns = place
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if max(height, width) < EXTENT * line or height * width < line * line:
            continue
        mask = labels[place] == number
        under = covered[place][mask]
        if np.count_nonzero(under == 2) <= 0.5 * under.size:
            read = np.count_nonzero(under) / under.size
            yield _Piece(mask, rows.start, columns.start, covered[place] == 2, read)


def _covered(ink: Mask, words: Sequence[Word]) -> NDArray[np.uint8]:
    """2 where sure words lie, 1 under the others, a pixel of slack around each."""
    height, width = ink.shape
    covered = np.zeros(ink.shape, dtype=np.uint8)
    for word in sorted(words, key=_is_sure):
        box = word.box
        covered[
            max(0, int(box.top * height) - 1) : int(box.bottom * height) + 2,
            max(0, int(box.left * width) - 1) : int(box.right * width) + 2,
        ] = 1 + _is_sure(word)
    return covered


def _is_hole(piece: _Piece, page: tuple[int, ...], dpi: float) -> bool:
    height, width = piece.mask.shape
    least, most = HOLE_INCHES[0] * dpi, HOLE_INCHES[1] * dpi
    if not (least < height < most and least < width < most and 0.6 < height / width < 1.7):
        return False
    middle, across = piece.top + height / 2, piece.left + width / 2
    margin = min(middle, page[0] - middle, across, page[1] - across)
    fill = piece.ink / (height * width)
    return margin < HOLE_MARGIN * dpi and HOLE_FILL[0] < fill < HOLE_FILL[1] and piece.core > 0.5


def _is_block(piece: _Piece, page: tuple[int, ...]) -> bool:
    height, width = piece.mask.shape
    return width > REACH[0] * page[1] or height > REACH[1] * page[0] or piece.core > BLOCK


def _strokes(piece: _Piece, line: float, page: tuple[int, ...]) -> Iterator[Mask]:
    """The pen strokes of a piece, cut free of the rulings they touch."""
    straight = _straight(piece.mask, round(RULE * line))
    if _is_ring(piece.mask, straight, line):
        return
    bare = piece.mask & ~straight
    labels, _ = ndimage.label(bare, structure=np.ones((3, 3), dtype=int))
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        stroke = labels[place] == number
        height, width = stroke.shape
        if min(height, width) < EXTENT * line or height * width < AREA * line * line:
            continue
        if width > REACH[0] * page[1] or height > REACH[1] * page[0] or stroke.mean() > LOOSE:
            continue
        part = _Piece(stroke, 0, 0, piece.sure[place], 0.0)
        if part.core < THICK and part.sure.mean(where=stroke) < 0.3:
            yield stroke


def _is_ring(mask: Mask, straight: Mask, line: float) -> bool:
    """Whether a large thin curve closes on itself round most of its box; a frame of straight lines is not meant."""
    if mask.shape[0] < RING * line or mask.mean() > LOOSE / 2 or straight.sum() > mask.sum() / 2:
        return False
    return bool(ndimage.binary_fill_holes(mask).mean() > 0.6)


def _straight(mask: Mask, length: int) -> Mask:
    """The pixels of straight runs, across or down, of at least this length."""
    found: Mask = np.zeros_like(mask)
    size = length | 1  # odd, or the second filter would not undo the shift of the first
    for axis in (0, 1):
        if mask.shape[axis] >= size:
            runs = ndimage.minimum_filter1d(mask.view(np.uint8), size, axis=axis, mode="constant")
            found |= ndimage.maximum_filter1d(runs, size, axis=axis, mode="constant").astype(bool)
    return found


def _letters(stroke: Mask, line: float) -> float:
    return 2 * stroke.size / (line * line)
