"""A question asked again is not embedded again.

The search page asks the same question many times over: for each choice of a filter, for every page of the answers that
is opened, and for the way on to the next. And questions about different documents are alike once the names are gone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.backends.gather import FEW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.backends.protocols import Matrix, TextEmbedder

    Vector = NDArray[np.float32]

__all__ = ["KEPT", "Remembered"]

KEPT = 1000
"""Vectors, those asked for last: 1.5 MB of them."""


class Remembered:
    """A `TextEmbedder` in front of another one; in memory only, and only what comes in small requests."""

    def __init__(self, inner: TextEmbedder) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Vector] = OrderedDict()

    @property
    def name(self) -> str:
        """That of the model."""
        return self._inner.name

    @property
    def dimension(self) -> int:
        """That of the model."""
        return self._inner.dimension

    def embed(self, texts: Sequence[str]) -> Matrix:
        """As the model gives it, or gave it when it was last asked."""
        if not texts or len(texts) > FEW:
            return self._inner.embed(texts)
        with self._lock:
            found = {text: vector for text in texts if (vector := self._known.get(text)) is not None}
        if missing := [text for text in dict.fromkeys(texts) if text not in found]:
            found |= zip(missing, self._inner.embed(missing).copy(), strict=True)
        with self._lock:
            for text, vector in found.items():
                self._known[text] = vector
                self._known.move_to_end(text)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return np.stack([found[text] for text in texts])
