"""Vectors of questions that were asked before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.backends import remembered
from pipeline.backends.gather import FEW
from pipeline.backends.remembered import Remembered

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix


class Lengths:
    """A model whose vector is the text's length."""

    name, dimension = "lengths", 1

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Matrix:
        """One row a text."""
        self.asked += texts
        return np.array([[len(text)] for text in texts], np.float32).reshape(-1, 1)


def test_only_what_is_new_is_embedded() -> None:
    """Known and new texts come back in their order; the model sees each text once."""
    model = Lengths()
    asked = Remembered(model)
    assert asked.embed(["ab"]).tolist() == [[2.0]]
    assert asked.embed(["abc", "ab", "abc"]).tolist() == [[3.0], [2.0], [3.0]]
    assert asked.embed([]).shape == (0, 1)
    assert model.asked == ["ab", "abc"]


def test_an_answer_is_the_callers_own() -> None:
    """Who changes what they got changes nothing for those who ask later."""
    asked = Remembered(Lengths())
    for _ in range(2):
        vector = asked.embed(["ab"])
        assert vector.tolist() == [[2.0]]
        vector[:] = 9.0


def test_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound, the text that nobody asked for longest is forgotten."""
    monkeypatch.setattr(remembered, "KEPT", 2)
    model = Lengths()
    asked = Remembered(model)
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        asked.embed([text])
    assert model.asked == ["a", "bb", "ccc", "bb"]


def test_documents_are_not_kept() -> None:
    """A document's windows go to the model each time."""
    model = Lengths()
    asked = Remembered(model)
    for _ in range(2):
        asked.embed(["x"] * (FEW + 1))
    assert len(model.asked) == 2 * (FEW + 1)
