"""How a page looks, in 255 bits: two scans of one sheet give nearly the same, two other pages do not.

The usual perceptual hash (the low frequencies of the cosine transform, each above or below their median: Zauner,
"Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, the algorithm of https://www.phash.org),
made for pages of text: of the ink alone, because all paper looks alike, and four times as fine. With 64 bits the pages
of contracts look too much alike: see `infra.measure.rescans`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.pixels import Mask

    Bits = NDArray[np.uint8]

__all__ = ["BYTES", "FEW", "SAME", "aligned", "look_of", "unpacked"]

SIDE = 64  # pixels to which the ink is brought
WAVES = 16  # lowest frequencies, across and down
BYTES = WAVES * WAVES // 8
FAINTEST = 0.004  # share of ink: a page with less shows a line or a stain, and looks like any other such page

# Of 254 pairs of scans of one page, by scanners from light to fax, 87 % differ in no more bits, and of 8,657 pairs of
# other pages 0.1 % (as infra/measure/rescans.py makes them: three pages each of 10 documents of cuad's tuning half).
SAME = 78
# Where only a page or two can be compared, chance plays a part: 81 % of those pairs, and none of the 8,657 others.
FEW = 60
SHIFTS = (0, 1, -1, 2, -2)  # pages by which one scan may be ahead: a cover, a sheet that stuck


def look_of(ink: Mask) -> str:
    """The bits as hex digits; "" for a page that shows next to nothing."""
    from PIL import Image
    from scipy.fft import dctn

    if np.count_nonzero(ink) < FAINTEST * ink.size:
        return ""
    small = Image.fromarray(ink.view(np.uint8) * np.uint8(255)).resize((SIDE, SIDE), Image.Resampling.BOX)
    waves = dctn(np.asarray(small, dtype=np.float32), norm="ortho")[:WAVES, :WAVES].ravel()
    bits = waves > np.median(waves[1:])
    bits[0] = False  # the page's mean: how much ink there is, not where
    return np.packbits(bits).tobytes().hex()


def unpacked(looks: bytes) -> Bits:
    """Packed looks as one row of bits a page; a page that shows nothing is a row of zeros."""
    return np.unpackbits(np.frombuffer(looks, np.uint8)).reshape(-1, BYTES * 8)


def aligned(one: Bits, other: Bits) -> tuple[int, int]:
    """How many pages of `one` look like the page in their place in `other`, and how many could: those that show
    something. The places may be shifted."""
    return max((_shifted(one, other, shift) for shift in SHIFTS), key=lambda found: found[0])


def _shifted(one: Bits, other: Bits, shift: int) -> tuple[int, int]:
    shown = one.any(axis=1)
    theirs = np.zeros_like(one)
    there = range(max(0, -shift), min(len(one), len(other) - shift))
    theirs[there.start : there.stop] = other[there.start + shift : there.stop + shift] if there else 0
    apart = (one != theirs).sum(axis=1)
    bound = SAME if shown.sum() > 2 else FEW
    return int((shown & theirs.any(axis=1) & (apart <= bound)).sum()), int(shown.sum())
