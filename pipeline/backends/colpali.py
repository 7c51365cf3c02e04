"""Page images as ColPali-family multivectors, by colpali_engine.

The checkpoint's own config says which class reads it. Loading refuses a checkpoint that lacks a weight or brings one
the class doesn't know: loaded in silence, such a model still ranks pages, only wrongly (a dropped LoRA once
reversed a ranking).
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoConfig

from pipeline.backends.device import device_of, dtype_of, one_core
from pipeline.backends.page_file import open_page
from pipeline.backends.patches import heat_of, patch_grid
from pipeline.backends.pooling import POOLED, cluster_rows, mean_rows, unit_rows
from pipeline.backends.sheet_processor import SheetImageProcessor  # registers the bundled models' parts, too
from pipeline.errors import ModelError, MunimentError

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix

__all__ = ["ColPaliEmbedder"]

# model_type in config.json -> classes in colpali_engine.models
CLASSES = {
    "modernvbert": ("ColModernVBert", "ColModernVBertProcessor"),
    "idefics3": ("ColIdefics3", "ColIdefics3Processor"),
    "paligemma": ("ColPali", "ColPaliProcessor"),
    "qwen2_vl": ("ColQwen2", "ColQwen2Processor"),
    "qwen2_5_vl": ("ColQwen2_5", "ColQwen2_5_Processor"),
    "qwen3_vl": ("ColQwen3", "ColQwen3Processor"),
    "qwen3_5": ("ColQwen3_5", "ColQwen3_5Processor"),
    "gemma3": ("ColGemma3", "ColGemmaProcessor3"),
}

# What one stored multivector may have (Qdrant's limit); a page of more rows is pooled until it fits.
MAX_FLOATS = 1_048_576

SHEET_ROWS = 256
"""Rows that are stored of a sheet, at most. A page of much print has the more cells and with each a chance to match
best: on real scans (tuning half, 132 pages, 128 phrases) nDCG@10 was 0.536 by all rows, 0.594 by 256 clusters, on
generated pages (150, 137 phrases) 0.628 and 0.606."""


class ColPaliEmbedder:
    """A `PageEmbedder` over the checkpoint in `folder`. Threads may share one.

    `name` tells the index which model made it: give the model's name and revision. Raises `ModelError` when the
    checkpoint is of no known class, damaged, incomplete or has weights that the class would drop.
    """

    def __init__(
        self, folder: Path, *, name: str = "", device: str = "auto", dtype: str = "auto", batch: int = 8
    ) -> None:
        self._name = name or folder.name
        self._batch = batch
        self._lock = threading.Lock()
        self._own = threading.local()
        self._device = device_of(device)
        self._model, self._processor = _load(folder, dtype_of(dtype, self._device))
        self._model.to(self._device)
        images = getattr(self._processor, "image_processor", None)
        self._sheets = images if isinstance(images, SheetImageProcessor) else None

    @property
    def name(self) -> str:
        """Model name and revision."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of a row; 128 in all published models."""
        return int(self._model.dim)

    def embed_pages(self, images: Sequence[Path]) -> list[Matrix]:
        """One (tokens, dimension) float32 matrix a page image, unit rows, padding stripped, in order; of a page that
        was set as a sheet, `SHEET_ROWS` rows at most."""
        if self._sheets and self._device.type == "cpu" and (cores := min(torch.get_num_threads(), len(images))) > 1:
            return self._embed_apart(images, cores)
        rows: list[Matrix] = []
        for start in range(0, len(images), self._batch):
            batch = [open_page(path) for path in images[start : start + self._batch]]
            with self._lock:
                rows += self._forward(self._processor.process_images(batch))
        return [self._stored(matrix) for matrix in rows]

    def embed_query(self, query: str) -> Matrix:
        """(tokens, dimension) float32, with the augmentation tokens the model was trained with."""
        with self._lock:
            return self._forward(self._processor.process_queries(texts=[query]))[0]

    def heat(self, image: Path, query: str) -> Matrix:
        """(rows, columns) float32 over the upright page, 0..1: where it answers the query. One forward pass."""
        page = open_page(image)
        with self._lock:
            inputs = self._processor.process_images([page])
            vision = getattr(self._model.config, "vision_config", None)
            grid = patch_grid(inputs, self._processor, getattr(vision, "grid", None))
            rows = self._output(inputs)[0]
        heat = heat_of(self.embed_query(query), unit_rows(rows), grid)
        return self._sheets.sheet(page).spread(heat) if self._sheets else heat

    def pool(self, pages: Sequence[Matrix]) -> list[Matrix]:
        """Similar rows as one: what the first search stage looks at."""
        return [cluster_rows(page, POOLED) for page in pages]

    def _embed_apart(self, images: Sequence[Path], cores: int) -> list[Matrix]:
        """As `embed_pages`, each page on a core of its own.

        A sheet's network is a hundred small convolutions; cores that share them wait for each other at the end of each,
        and for the one that sets the page. Two cores, 23 real pages, three rounds: 0.77, 0.82 and 0.92 of the time of
        batches of 8.
        """
        with ThreadPoolExecutor(cores, "pages", initializer=self._begin) as pool:
            return list(pool.map(self._embed_one, images))

    def _begin(self) -> None:
        """In each thread; a tokenizer can't be shared by threads that pad."""
        one_core()
        with self._lock:
            self._own.processor = copy.deepcopy(self._processor)

    def _embed_one(self, image: Path) -> Matrix:
        (rows,) = self._forward(self._own.processor.process_images([open_page(image)]))
        return self._stored(rows)

    def _stored(self, rows: Matrix) -> Matrix:
        return cluster_rows(rows, SHEET_ROWS) if self._sheets else _fitting(rows)

    def _forward(self, inputs: Any) -> list[Matrix]:
        kept = self._kept(inputs)
        output = self._output(inputs)
        return [unit_rows(rows[mask.numpy()]) for rows, mask in zip(output, kept, strict=True)]

    def _kept(self, inputs: Any) -> Any:
        """(pages, tokens): which rows say anything; padding doesn't, nor does a cell of a sheet's empty strips."""
        kept = inputs["attention_mask"].bool().cpu()
        if "pixel_values" in inputs and self._sheets:
            cells = inputs["input_ids"].cpu() == self._model.config.image_token_id
            inked = self._sheets.inked(inputs["pixel_values"])
            kept[cells] = inked.repeat_interleave(cells.sum() // inked.numel(), dim=1).flatten()
        return kept

    def _output(self, inputs: Any) -> Any:
        """(pages, tokens, dimension), padding and all."""
        with torch.inference_mode():
            return self._model(**inputs.to(self._device)).float().cpu().numpy()


def _load(folder: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    import colpali_engine.models as zoo  # 8 s: torch's and transformers' corners it imports

    try:
        kind = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False).model_type
        if kind not in CLASSES:
            raise ModelError(f"page model {folder.name}: {kind} is no model type of the ColPali family known here")
        model_class, processor_class = (getattr(zoo, name) for name in CLASSES[kind])
        model, info = model_class.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
        )
        processor = processor_class.from_pretrained(folder, local_files_only=True)
    except MunimentError:
        raise
    except Exception as error:  # on a damaged or foreign config transformers raises whatever it stumbles over
        raise ModelError(f"page model {folder.name} can't be loaded: {type(error).__name__}") from error
    _complete(folder.name, info)
    return model.eval(), processor


def _complete(name: str, info: dict[str, Any]) -> None:
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        if found := info.get(problem):
            first = sorted(map(str, found))[0]
            raise ModelError(f"page model {name}: {len(found)} {problem.replace('_', ' ')}, such as {first}")


def _fitting(matrix: Matrix) -> Matrix:
    factor = -(-matrix.size // MAX_FLOATS)
    return mean_rows(matrix, factor) if factor > 1 else matrix
