"""The few rows of a page image that the first search stage looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix

__all__ = ["POOL_FACTOR", "mean_rows"]

# Of ColPali's 1,024 patches this leaves 32, one a line of patches; a graph over a third of the rows would take about
# a second a page to build (extrapolated: cost grows with rows squared, 8 ms at 32 rows).
# Measured by `python -m infra.measure.scale stages` and `poolings`: by themselves clusters of
# similar rows rank better than neighbours, but among 100 candidates both find what exact MaxSim finds, and
# neighbours cost nothing where clusters take a quarter of a CPU second a page.
POOL_FACTOR = 32


def mean_rows(matrix: Matrix, factor: int) -> Matrix:
    """Each run of `factor` neighbouring rows (of a few more where it doesn't divide) as its mean, of unit length."""
    parts = np.array_split(matrix, max(len(matrix) // factor, 1))
    means = np.stack([part.mean(axis=0) for part in parts])
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    pooled: Matrix = np.divide(means, lengths, out=np.zeros_like(means), where=lengths > 0)
    return pooled
