"""What the second look reads, in one string and out of it again."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.look import pack, unpack

VECTORS = np.array([[0.6, 0.8], [1.0, 0.0], [0.0, -1.0]], np.float32)


def test_what_was_packed_comes_back() -> None:
    """Vectors in half precision, terms with the window each is of, and the terms that name the document."""
    look = unpack(pack(VECTORS, [[7, 4_000_000_000], [], [7]], [3, 9]))
    assert look.vectors == pytest.approx(VECTORS, abs=1e-3)
    assert look.terms.tolist() == [7, 4_000_000_000, 7]
    assert look.owners.tolist() == [0, 0, 2]
    assert look.about.tolist() == [3, 9]


def test_page_without_text_has_its_document_still() -> None:
    """No window, but the terms that name the document stand."""
    look = unpack(pack(np.zeros((0, 384), np.float32), [], [3]))
    assert (len(look.vectors), look.terms.tolist(), look.about.tolist()) == (0, [], [3])


@pytest.mark.parametrize("broken", [None, 7, "", "x", "AAAA", "Ä", pack(VECTORS, [[1], [2], [3]], [])[:-8]])
def test_anything_else_has_no_window(broken: object) -> None:
    """A payload of another hand is a page without text, not a crash."""
    assert len(unpack(broken).vectors) == 0
