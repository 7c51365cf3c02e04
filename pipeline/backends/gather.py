"""Threads that ask at the same moment share one forward pass.

One question took the text model 15 ms of CPU, eight in one batch 40: for a short text most of it is the cost of walking
through the layers at all. So questions that come while the model is at work go together when it is free: with eight
threads that ask at once, 6.5 ms of CPU a question in place of 11.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix, TextEmbedder

__all__ = ["FEW", "Gathered"]

FEW = 4
"""Texts in a request, at most, that it is worth gathering. A document's windows fill batches of their own, and so come
out the same whoever asks meanwhile."""


class Gathered:
    """A `TextEmbedder` in front of another one."""

    def __init__(self, inner: TextEmbedder) -> None:
        self._inner = inner
        self._turn = threading.Lock()
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
        with self._turn:  # whoever gets it works for all who came until then
            if not answer.done():
                self._work()
        return answer.result()

    def _work(self) -> None:
        count = len(self._waiting)
        waiting, self._waiting[:count] = self._waiting[:count], []
        ends = np.cumsum([0, *(len(texts) for texts, _ in waiting)]).tolist()
        try:
            vectors = self._inner.embed([text for texts, _ in waiting for text in texts])
        except BaseException as error:
            for _, answer in waiting:
                answer.set_exception(error)
            return
        for (_, answer), (start, stop) in zip(waiting, pairwise(ends), strict=True):
            answer.set_result(vectors[start:stop])
