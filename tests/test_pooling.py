"""Pooling: a page image in a few rows."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.backends.pooling import cluster_rows, mean_rows


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


def test_similar_rows_become_one_wherever_they_stand() -> None:
    """Rows around two directions, one by one in turn, become those two directions; a row unlike all others stays."""
    rng = np.random.default_rng(3)
    rows = np.eye(8, dtype=np.float32)[[0, 1] * 20 + [5]] + rng.normal(scale=0.01, size=(41, 8)).astype(np.float32)
    pooled = cluster_rows(rows, 3)
    assert pooled.dtype == np.float32
    assert sorted(np.argmax(pooled, axis=1)) == [0, 1, 5]
    assert np.linalg.norm(pooled, axis=1) == pytest.approx(1.0, abs=1e-6)


def test_a_page_of_few_rows_stays_as_it_is() -> None:
    """Nothing is pooled that is no more than was asked for."""
    rows = np.eye(4, dtype=np.float32)
    assert cluster_rows(rows, 4) is rows


def test_clusters_that_cancel_out_are_no_nan() -> None:
    """Opposite rows in one cluster have no direction."""
    assert not cluster_rows(np.array([[1, 0], [-1, 0]], dtype=np.float32), 1).any()
