"""Questions are embedded in a thread of their own, on one core, those that come meanwhile together.

A question is too small to share between cores: beside other work each wait for the second core costs more than it does,
and torch's threads spin in it. On one core the thread goes on beside whoever asks, for torch holds no lock of Python's
while it computes, and beside a document whose windows fill the other cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix, TextEmbedder

__all__ = ["FEW", "Gathered"]

FEW = 4
"""Texts in a request, at most, that are a question's. A document's windows fill batches of their own, and so come
out the same whoever asks meanwhile."""


class Gathered:
    """A `TextEmbedder` in front of another one; `begin` is called first in its thread."""

    def __init__(self, inner: TextEmbedder, begin: Callable[[], None] | None = None) -> None:
        self._inner = inner
        self._thread = ThreadPoolExecutor(1, "questions", initializer=begin)
        self._waiting: list[tuple[list[str], Future[Matrix]]] = []

    @property
    def name(self) -> str:
        """That of the model."""
        return self._inner.name

    @property
    def dimension(self) -> int:
        """That of the model."""
        return self._inner.dimension

    def embed(self, texts: Sequence[str]) -> Matrix:
        """As the model gives it; an error of it reaches everybody whose texts went along."""
        if len(texts) > FEW:
            return self._inner.embed(texts)
        answer: Future[Matrix] = Future()
        self._waiting.append((list(texts), answer))  # atomic, as is taking the list below
        self._thread.submit(self._work)
        return answer.result()

    def _work(self) -> None:
        """Answer all who came until now; nobody, when they went along with one before."""
        count = len(self._waiting)
        waiting, self._waiting[:count] = self._waiting[:count], []
        if not waiting:
            return
        ends = np.cumsum([0, *(len(texts) for texts, _ in waiting)]).tolist()
        try:
            vectors = self._inner.embed([text for texts, _ in waiting for text in texts])
        except BaseException as error:
            for _, answer in waiting:
                answer.set_exception(error)
            return
        for (_, answer), (start, stop) in zip(waiting, pairwise(ends), strict=True):
            answer.set_result(vectors[start:stop])
