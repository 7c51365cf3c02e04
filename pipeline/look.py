"""What the second look reads of a page, packed into one string of its payload.

An engine gives vectors and lists of numbers as Python objects, one for each number: of the 25 ms of CPU that a search
took in the engine's process, 10 went into handing over 50 pages in that form, and 2 into pickling them (6,000 pages;
`pipeline/rescore.py` reads them). As one string they cost next to nothing. Vectors are kept in half precision, as the
index itself has them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.backends.protocols import Matrix

    Terms = NDArray[np.uint32]

__all__ = ["Look", "pack", "unpack"]

_WORD, _HALF = np.dtype("<u4"), np.dtype("<f2")


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A page's n text windows: `vectors` (n, dimension), `terms` of all of them one after the other, and in `owners`
    the number of the window that each term is of. `about` are the terms that name the document."""

    vectors: Matrix
    terms: Terms
    owners: NDArray[np.intp]
    about: Terms


def pack(vectors: Matrix, windows: Sequence[Sequence[int]], about: Sequence[int]) -> str:
    """Base64 of: number of windows, dimension and number of `about` terms; terms of each window counted; the terms;
    `about`; the vectors. Little-endian, four bytes a number and two a vector's value."""
    counts = [len(window) for window in windows]
    terms = [term for window in windows for term in window]
    head = np.array([len(windows), vectors.shape[1], len(about), *counts, *terms, *about], _WORD)
    return base64.b64encode(head.tobytes() + vectors.astype(_HALF).tobytes()).decode("ascii")


def unpack(packed: object) -> Look:
    """The look that `pack` made; one without windows for anything else, such as a page without text."""
    try:
        data = base64.b64decode(packed if isinstance(packed, str) else "", validate=True)
        size, dimension, named = (int(n) for n in np.frombuffer(data, _WORD, 3))
        counts = np.frombuffer(data, _WORD, size, offset=12)
        words = np.frombuffer(data, _WORD, int(counts.sum()) + named, offset=12 + 4 * size)
        start = 12 + 4 * (size + len(words))
        vectors = np.frombuffer(data, _HALF, size * dimension, offset=start).reshape(size, dimension)
    except (ValueError, binascii.Error):
        none = np.zeros(0, _WORD)
        return Look(np.zeros((0, 0), np.float32), none, np.zeros(0, np.intp), none)
    cut = len(words) - named
    return Look(vectors.astype(np.float32), words[:cut], np.repeat(np.arange(size), counts), words[cut:])
