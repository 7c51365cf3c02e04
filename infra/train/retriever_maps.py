"""The trunk's maps of a bank of pages, computed once: a frozen trunk need not run again in every epoch.

On one core the trunk takes more time than all that is trained behind it. The maps are kept on disk in bfloat16, 14 MB
a page in the mean, so that a training run that was broken off doesn't compute them again.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray

from infra.train.retriever_data import set_page
from infra.train.retriever_model import Retriever
from infra.train.retriever_recipe import Recipe
from pipeline.backends.device import dtype_of
from pipeline.backends.tower import AT_ONCE

__all__ = ["Bank"]


class Bank:
    """Maps in `folder`, made when first asked for by the retriever's trunk as it is now."""

    def __init__(self, retriever: Retriever, recipe: Recipe, seed: int, folder: Path) -> None:
        self.recipe, self.seed, self.folder = recipe, seed, folder
        dtype = dtype_of("auto", retriever.model.device)
        self._retriever = deepcopy(retriever).to(dtype)  # as the product will run it: no weights turned at each layer
        folder.mkdir(parents=True, exist_ok=True)

    def maps(self, page: int, top: int, high: int) -> torch.Tensor:
        """(channels, rows, columns) bfloat16 of the part of a sheet that begins at pixel `top`, between two strips."""
        held = np.load(self.path(page), mmap_mode="r")
        down = self._retriever.down
        return torch.from_numpy(held[top // down : (top + high) // down].copy()).view(torch.bfloat16).permute(2, 0, 1)

    def path(self, page: int) -> Path:
        """The file of a page's maps, made when it isn't there."""
        drawn = set_page(self.seed, page, self.recipe, self.folder)
        pixels = drawn.pixels[: max(drawn.high, *(stage.height for stage in self.recipe.stages))]  # as far as cuts go
        path = self.folder / f"{page}-{crc32(pixels):08x}.npy"  # another generator draws another page of this number
        if not path.exists():
            self._write(pixels, path)
        return path

    def _write(self, pixels: NDArray[np.uint8], path: Path) -> None:
        strips = torch.from_numpy(pixels.copy())[None].split(AT_ONCE * self.recipe.shape.strip, 1)
        with torch.inference_mode():
            maps = torch.cat([self._retriever.trunk(some)[0] for some in strips], 1)
        rows = maps.bfloat16().permute(1, 2, 0).contiguous().view(torch.int16).cpu().numpy()
        unfinished = path.with_suffix(".part.npy")
        np.save(unfinished, rows)
        unfinished.rename(path)
