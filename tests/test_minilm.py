"""Sentence vectors from the packaged all-MiniLM-L6-v2."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from pipeline.backends.minilm import MiniLM
from pipeline.errors import ModelError
from pipeline.models import minilm_path


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    """The model in full precision, in batches of two."""
    return MiniLM(minilm_path(), device="cpu", dtype="float32", batch=2)


def test_vectors_are_the_published_ones(minilm: MiniLM) -> None:
    """Three sentences have the cosines the sentence-transformers manual prints for this model."""
    sentences = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = minilm.embed(sentences)
    cosines = vectors @ vectors.T
    assert [cosines[0, 1], cosines[0, 2], cosines[1, 2]] == pytest.approx([0.6660, 0.1046, 0.1411], abs=1e-4)


def test_order_and_length_survive_sorting(minilm: MiniLM) -> None:
    """Texts of mixed lengths come back in their own rows, whatever else is in the batch."""
    texts = ["notice " * 40, "law", "governing law of the state of New York", "", "rent"]
    together = minilm.embed(texts)
    assert together.shape == (5, minilm.dimension)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(minilm.embed([text])[0], vector, atol=1e-5)


def test_no_text_is_no_row(minilm: MiniLM) -> None:
    """An empty list gives an empty matrix of the right width."""
    assert minilm.embed([]).shape == (0, 384)


def test_auto_precision_means_the_same(minilm: MiniLM) -> None:
    """Whatever precision this machine is given, the vectors are the exact ones to within 1 % of the cosine."""
    texts = ["The lease ends on 31 March 2021.", "Either party may terminate on ninety days' notice."]
    assert (MiniLM(minilm_path(), device="cpu").embed(texts) * minilm.embed(texts)).sum(axis=1).min() > 0.99


def test_threads_may_share_it(minilm: MiniLM) -> None:
    """Four threads get what one gets."""
    texts = [f"clause {number}" for number in range(8)]
    expected = minilm.embed(texts)
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(minilm.embed(texts))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("damaged", ["model.safetensors", "tokenizer.json"])
def test_damaged_files_are_refused(tmp_path: Path, damaged: str) -> None:
    """Cut weights and a cut tokenizer are a `ModelError`, not a crash."""
    for file in minilm_path().iterdir():
        if file.suffix in (".json", ".safetensors"):
            (tmp_path / file.name).symlink_to(file)
    (tmp_path / damaged).unlink()
    (tmp_path / damaged).write_bytes((minilm_path() / damaged).read_bytes()[:5000])
    with pytest.raises(ModelError, match="can't be loaded"):
        MiniLM(tmp_path)
