"""Each word's place among unit vectors, where page and query are to meet: `code`.

Were it left to page and query to find a common space together, neither would have a firm target for long. So each word
has a fixed place there, the sum of fixed random directions of its letters' pairs and triples. Words spelt alike lie
near each other, so that half-read is half-found, and a word that was never seen has its place, too.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from zlib import crc32

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

__all__ = ["code", "key_of", "spelt_pieces"]

SIZES = ((2, 1.0), (3, 0.7))  # letters that follow each other, and their weight
PUNCTUATION = ".,;:()[]'\"!?-–—…“”‘’$%&/§"


def key_of(text: str) -> str:
    """What makes two printed words the same word: its letters without case and accents."""
    spelt = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in spelt if not unicodedata.combining(letter)).strip(PUNCTUATION)


@lru_cache(maxsize=1 << 16)
def code(key: str, size: int) -> torch.Tensor:
    """A word's place among unit vectors of `size` numbers, the same in every process."""
    return torch.from_numpy(_unit(_sum(f"^{key}$", size)))


def spelt_pieces(tokenizer: PreTrainedTokenizerFast, size: int) -> torch.Tensor:
    """(pieces, size): of each of the tokenizer's pieces what it says of its word's code, as unit vectors; a piece that
    is no text has zeros."""
    rows = np.zeros((len(tokenizer), size), np.float32)
    for piece in range(len(tokenizer)):
        text = "" if piece in tokenizer.all_special_ids else tokenizer.decode([piece])
        letters = key_of(text.strip())
        found = _sum(f"^{letters}" if text.startswith(" ") else letters, size)
        if letters and found.any():
            rows[piece] = _unit(found)
    return torch.from_numpy(rows)


def _sum(letters: str, size: int) -> np.ndarray:
    parts = ((letters[at : at + long], share) for long, share in SIZES for at in range(len(letters) - long + 1))
    return sum((share * _direction(part, size) for part, share in parts), np.zeros(size, np.float32))


@lru_cache(maxsize=1 << 15)
def _direction(name: str, size: int) -> np.ndarray:
    return np.random.default_rng(crc32(name.encode())).standard_normal(size).astype(np.float32)


def _unit(row: np.ndarray) -> np.ndarray:
    return row / np.linalg.norm(row)
