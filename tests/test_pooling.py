"""Pooling: a page image in a few rows."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.backends.pooling import mean_rows


def test_neighbours_become_their_mean() -> None:
    """Two runs of rows around two directions become those two directions, in order and of unit length."""
    rows = np.repeat(np.eye(4, dtype=np.float32)[:2], 6, axis=0) + np.float32(1e-2)
    pooled = mean_rows(rows, 6)
    assert pooled.shape == (2, 4)
    assert pooled.dtype == np.float32
    assert list(np.argmax(pooled, axis=1)) == [0, 1]
    assert np.linalg.norm(pooled, axis=1) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("count", "left"), [(1, 1), (5, 1), (12, 2), (13, 2), (17, 2), (18, 3)])
def test_how_many_rows_are_left(count: int, left: int) -> None:
    """One for every full run of six, at least one, so that a limit of rows divided by the factor is kept."""
    assert len(mean_rows(np.ones((count, 4), dtype=np.float32), 6)) == left


def test_rows_that_cancel_out_are_no_nan() -> None:
    """The mean of opposite rows has no direction: zeros, which match nothing, instead of values the index refuses."""
    assert not mean_rows(np.array([[1, 0], [-1, 0]], dtype=np.float32), 2).any()
