"""A source of random choices: everything about a page is chosen by one of these, so its seed is the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

__all__ = ["Chance"]

T = TypeVar("T")


class Chance:
    """Choices drawn from a numpy generator seeded by whole numbers."""

    def __init__(self, *seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def of(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.rng.integers(len(items)))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """So many different items, or all, in random order."""
        order = self.rng.permutation(len(items))[:count]
        return [items[int(place)] for place in order]

    def weighed(self, shares: Mapping[T, float]) -> T:
        """One of the keys, as often as its share of the whole."""
        sums = np.cumsum(list(shares.values()))
        return list(shares)[int(np.searchsorted(sums, self.rng.random() * sums[-1], side="right"))]

    def yes(self, share: float) -> bool:
        """True this often."""
        return bool(self.rng.random() < share)

    def whole(self, least: int, most: int) -> int:
        """A whole number, both ends in."""
        return int(self.rng.integers(least, most + 1))

    def real(self, least: float, most: float) -> float:
        """A number between."""
        return float(self.rng.uniform(least, most))

    def seed(self) -> int:
        """A seed for something else."""
        return int(self.rng.integers(2**31))
