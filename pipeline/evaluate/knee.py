"""The knee of a curve: where more cost begins to buy less (Kneedle: Satopää, Albrecht, Irwin, Raghavan 2011)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["knee"]

ROUNDING = 1e-9


def knee(cost: Sequence[float], quality: Sequence[float]) -> int:
    """The index of the point that rises highest over the chord from the cheapest to the dearest one.

    Both axes are scaled to 0..1 first. Where no point rises over the chord, because quality is level or grows
    evenly or ever faster with cost, nothing marks a bend and the cheapest point is the answer; of equal points
    the cheapest. Raises `ValueError` for no points or sequences of unequal length.
    """
    if not cost or len(cost) != len(quality):
        raise ValueError("a knee needs as many costs as qualities, and at least one")
    order = np.lexsort((-np.asarray(quality), np.asarray(cost)))
    spent, gained = np.asarray(cost, float)[order], np.asarray(quality, float)[order]
    rise = _share(gained, gained[0], gained[-1]) - _share(spent, spent[0], spent[-1])
    best = int(np.argmax(rise > rise.max() - ROUNDING))
    return int(order[best]) if rise[best] > ROUNDING else int(order[0])


def _share(values: np.ndarray, first: float, last: float) -> np.ndarray:
    """The values as shares of the way from the first point to the last; all 0 where there is no way to go."""
    return np.asarray((values - first) / (last - first) if last - first > ROUNDING else np.zeros(len(values)))
