"""Questions asked at the same moment share a forward pass, and each gets its own answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.backends.gather import FEW, Gathered

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix


class Lengths:
    """A model whose vector is the text's length; it works when it is let."""

    name, dimension = "lengths", 1

    def __init__(self) -> None:
        self.free = threading.Event()
        self.begun = threading.Event()
        self.calls: list[int] = []

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One row a text."""
        self.calls.append(len(texts))
        self.begun.set()
        assert self.free.wait(10)
        if "bad" in texts:
            raise ValueError("bad")
        return np.array([[len(text)] for text in texts], np.float32)


def test_those_who_wait_go_together() -> None:
    """While the model works for the first, seven more come: they are one call, and nobody gets another's vector."""
    model = Lengths()
    gathered = Gathered(model)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(gathered.embed, ["x"])
        assert model.begun.wait(10)
        rest = [threads.submit(gathered.embed, ["y" * n]) for n in range(2, 9)]
        while len(gathered._waiting) < 7:
            pass
        model.free.set()
        assert first.result().tolist() == [[1.0]]
        assert [one.result().tolist() for one in rest] == [[[float(n)]] for n in range(2, 9)]
    assert model.calls == [1, 7]


def test_all_questions_are_answered_in_one_thread_made_ready_first() -> None:
    """`begin` runs once, in the thread that asks the model, whoever asks it."""

    class Where(Lengths):
        def embed(self, texts: Sequence[str]) -> Matrix:
            """Note the thread."""
            seen.append(threading.get_ident())
            return super().embed(texts)

    seen: list[int] = []
    begun: list[int] = []
    model = Where()
    model.free.set()
    gathered = Gathered(model, lambda: begun.append(threading.get_ident()))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(gathered.embed, [["x"]] * 20))
    assert len(begun) == 1
    assert set(seen) == set(begun)


def test_an_error_is_told_and_does_not_stay() -> None:
    """Who asked with a text that fails is told; the next question is answered."""
    model = Lengths()
    model.free.set()
    gathered = Gathered(model)
    with pytest.raises(ValueError, match="bad"):
        gathered.embed(["bad"])
    assert gathered.embed(["good"]).tolist() == [[4.0]]


def test_a_document_goes_by_itself() -> None:
    """Many texts are handed on as they are."""
    model = Lengths()
    model.free.set()
    assert len(Gathered(model).embed(["x"] * (FEW + 1))) == FEW + 1
    assert model.calls == [FEW + 1]
