"""Where on the page a ColPali-family model's image tokens look: the row and column of each, by family.

Pooling for the index loses these places, so a heat map embeds its page anew. The families lay their tokens out in three
ways: one look at the whole page (a square for PaliGemma and Gemma 3, lines and columns for the bundled tower), the grid
the processor reports (Qwen), and tiles named by `<row_2_col_1>`, each a small square, followed by one look at the whole
page (Idefics 3, ModernVBERT).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import ModelError

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix

__all__ = ["heat_of", "patch_grid"]

TILE = re.compile(r"<row_(\d+)_col_(\d+)>")


def patch_grid(inputs: Any, processor: Any, whole: tuple[int, int] | None = None) -> Any:
    """An integer array (rows, columns): which token of the sequence looks at each patch of the page.

    `inputs` is the processor's batch of one page; `whole` the (rows, columns) of a model whose one look at the page is
    not a square of tokens. Raises `ModelError` for a layout that is none of the known ones.
    """
    tokens = inputs["input_ids"][0].tolist()
    image = processor.tokenizer.convert_tokens_to_ids(str(processor.image_token))
    runs = [list(run) for is_image, run in groupby(range(len(tokens)), lambda at: tokens[at] == image) if is_image]
    if not runs:
        raise ModelError("the page model's input has no image tokens, so there is no heat map")
    if "image_grid_thw" in inputs:
        merge = int(processor.image_processor.merge_size)
        _, high, wide = (int(side) for side in inputs["image_grid_thw"][0])
        return _shaped([at for run in runs for at in run], high // merge, wide // merge)
    names = processor.tokenizer.convert_ids_to_tokens([tokens[max(run[0] - 1, 0)] for run in runs])
    tiles = {(int(m[1]), int(m[2])): run for name, run in zip(names, runs, strict=True) if (m := TILE.fullmatch(name))}
    if tiles:
        return _tiled(tiles)
    return _shaped(runs[-1], *whole) if whole else _square(runs[-1])


def heat_of(query: Matrix, page: Matrix, grid: Any) -> Matrix:
    """How much each patch answers the query, 0..1: the mean over the query's rows of their cosine to the patch's row,
    from the page's median patch (0) to its best (1). `query` and `page` have unit rows, `grid` is of `patch_grid`."""
    said = (page[grid.reshape(-1)] @ query.T).mean(axis=1).reshape(grid.shape)
    low, high = float(np.median(said)), float(said.max())
    heat: Matrix = np.clip((said - low) / max(high - low, 1e-6), 0, 1).astype(np.float32)
    return heat


def _tiled(tiles: dict[tuple[int, int], list[int]]) -> Any:
    rows, columns = (max(place[axis] for place in tiles) for axis in (0, 1))
    if len(tiles) != rows * columns:
        raise ModelError("the page model's tiles don't cover the page, so there is no heat map")
    lines = [[_square(tiles[row, column]) for column in range(1, columns + 1)] for row in range(1, rows + 1)]
    return np.block(lines)


def _square(run: Sequence[int]) -> Any:
    side = isqrt(len(run))
    return _shaped(run, side, side)


def _shaped(run: Sequence[int], rows: int, columns: int) -> Any:
    if len(run) != rows * columns:
        raise ModelError(f"{len(run)} image tokens are no grid of {rows} by {columns}, so there is no heat map")
    return np.array(run).reshape(rows, columns)
