"""The knee, on curves whose knee is known."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.evaluate.knee import knee


def test_knee_of_a_saturating_curve() -> None:
    """y = 1 − exp(−10x) on 0..1: its slope equals the chord's at x = ln(10/(1 − e⁻¹⁰))/10 = 0.230."""
    x = np.linspace(0, 1, 1001)
    assert x[knee(list(x), list(1 - np.exp(-10 * x)))] == pytest.approx(0.230, abs=0.001)


def test_scale_does_not_matter() -> None:
    """Costs in dollars and qualities from 0.7 to 0.8 give the knee that shares give."""
    x = np.linspace(0, 1, 101)
    y = np.sqrt(x)
    assert knee(list(300 + 5000 * x), list(0.7 + 0.1 * y)) == knee(list(x), list(y)) == 25


def test_order_does_not_matter() -> None:
    """The index is that of the point as given."""
    assert knee([3, 0, 1, 2], [3.1, 0, 2.9, 3.0]) == 2


@pytest.mark.parametrize(
    ("cost", "quality", "best"),
    [
        ([1.0], [0.5], 0),
        ([1, 2, 3], [0.5, 0.5, 0.5], 0),
        ([1, 2, 3], [1, 2, 3], 0),
        ([0, 1, 2], [0, 0.1, 2], 0),
        ([5, 5, 5], [0.1, 0.3, 0.2], 1),
        ([0, 1, 2], [0.9, 0.5, 0.1], 0),
        ([0, 1, 1, 2], [0, 0.9, 0.9, 1], 1),
        ([0, 0, 1, 2], [0.2, 0.5, 0.9, 1.0], 2),
    ],
    ids=["one point", "level", "straight", "ever faster", "one cost", "falling", "two alike", "two cheapest"],
)
def test_the_ends_are_defined(cost: list[float], quality: list[float], best: int) -> None:
    """Where nothing bends, the cheapest point; at one cost the best; of equals the first."""
    assert knee(cost, quality) == best


def test_no_points_are_refused() -> None:
    """There is no knee of nothing."""
    with pytest.raises(ValueError, match="at least one"):
        knee([], [])
