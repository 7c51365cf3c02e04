"""Page-image embeddings: tiny real checkpoints through colpali_engine's own classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from tiny_colpali import FAMILIES, build_colpali

from pipeline.backends import colpali
from pipeline.backends.colpali import ColPaliEmbedder
from pipeline.backends.pooling import POOLED
from pipeline.errors import ModelError
from pipeline.index import Maker, page_maker
from pipeline.model_files import row_length


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved tiny checkpoint of each family."""
    return build_colpali(request.param, tmp_path_factory.mktemp("models") / request.param)


@pytest.fixture(scope="module")
def embedder(checkpoint: Path) -> ColPaliEmbedder:
    """The checkpoint, loaded as ingest loads it."""
    return ColPaliEmbedder(checkpoint, name="tiny@1", device="cpu", dtype="float32", batch=2)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three page images of two shapes, so that a batch needs padding."""
    folder = tmp_path_factory.mktemp("pages")
    paths = []
    for number, size in enumerate([(100, 140), (140, 60), (100, 140)]):
        image = Image.new("L", size, 255)
        ImageDraw.Draw(image).rectangle((10, 10 + 15 * number, 60, 30 + 15 * number), fill=0)
        paths.append(folder / f"{number}.png")
        image.save(paths[-1])
    return paths


def test_config_chooses_class(checkpoint: Path, embedder: ColPaliEmbedder) -> None:
    """The checkpoint's model_type decides which class reads it."""
    kind = json.loads((checkpoint / "config.json").read_text())["model_type"]
    assert type(embedder._model).__name__ == colpali.CLASSES[kind][0]


def test_rows_are_unit_vectors_without_padding(embedder: ColPaliEmbedder, pages: list[Path]) -> None:
    """Every row has length 1: a padded row would have length 0."""
    for matrix in embedder.embed_pages(pages):
        assert matrix.dtype == np.float32
        assert matrix.shape[1] == embedder.dimension == 128
        assert np.linalg.norm(matrix, axis=1) == pytest.approx(1.0, abs=1e-4)


def test_the_length_of_a_row_is_known_without_loading(
    checkpoint: Path, embedder: ColPaliEmbedder, tmp_path: Path
) -> None:
    """From the files alone, of an adapter too; None where no tensor is known, so that the model has to be asked."""
    assert page_maker(embedder.name, checkpoint) == Maker(embedder.name, embedder.dimension)
    adapter, other = tmp_path / "adapter", tmp_path / "other"
    for folder, name in ((adapter, "base_model.model.custom_text_proj.lora_B.weight"), (other, "head.weight")):
        folder.mkdir()
        save_file({name: torch.zeros(96, 8)}, folder / "adapter_model.safetensors")
    assert (row_length(adapter), row_length(other)) == (96, None)


def test_half_precision_keeps_unit_length(checkpoint: Path, pages: list[Path]) -> None:
    """bfloat16 models give rows of exactly unit length too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # under this suite's OMP_THREAD_LIMIT=1, bfloat16 on more threads computes in part only
    try:
        half = ColPaliEmbedder(checkpoint, device="cpu", dtype="bfloat16")
        for matrix in (*half.embed_pages(pages[:1]), half.embed_query("rent")):
            assert np.linalg.norm(matrix, axis=1) == pytest.approx(1.0, abs=1e-5)
    finally:
        torch.set_num_threads(threads)


def test_values_that_are_no_numbers_are_an_error(embedder: ColPaliEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that overflows says so instead of poisoning the index."""
    weight = next(module for name, module in embedder._model.named_modules() if name.endswith(("linear", "text_proj")))
    monkeypatch.setattr(weight, "forward", lambda hidden: hidden[..., :1].expand(*hidden.shape[:-1], 128) * torch.nan)
    with pytest.raises(ModelError, match="not numbers"):
        embedder.embed_query("rent")


def test_batch_does_not_change_a_page(embedder: ColPaliEmbedder, pages: list[Path]) -> None:
    """A page embedded beside a longer one has the rows it has alone."""
    together = embedder.embed_pages(pages)
    alone = [embedder.embed_pages([page])[0] for page in pages]
    assert {len(matrix) for matrix in together} != {len(together[0])}
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_query_has_rows_of_its_own(embedder: ColPaliEmbedder) -> None:
    """Different questions get different rows of unit length."""
    first, second = embedder.embed_query("governing law"), embedder.embed_query("notice period")
    assert np.linalg.norm(first, axis=1) == pytest.approx(1.0, abs=1e-4)
    assert first.shape != second.shape or not np.allclose(first, second)


def test_pooling_leaves_few_rows_of_each_page(embedder: ColPaliEmbedder, pages: list[Path]) -> None:
    """Every page is pooled to as many rows, in order; one of fewer stays as it is."""
    matrices = [*embedder.embed_pages(pages), np.ones((1, 128), dtype=np.float32)]
    assert [len(rows) for rows in embedder.pool(matrices)] == [min(len(m), POOLED) for m in matrices]


def test_oversized_page_is_pooled_until_it_fits(
    embedder: ColPaliEmbedder, pages: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No multivector goes above what the index takes."""
    monkeypatch.setattr(colpali, "MAX_FLOATS", 20 * 128)
    assert all(matrix.size <= 20 * 128 for matrix in embedder.embed_pages(pages))


def test_missing_weight_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    """A checkpoint without its projection would rank at random: it doesn't load."""
    broken = _edited(checkpoint, tmp_path, lambda weights: _without(weights, "linear.weight", "proj.weight"))
    with pytest.raises(ModelError, match="missing keys"):
        ColPaliEmbedder(broken, device="cpu")


def test_unexpected_weight_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    """A weight that the class would drop in silence (a LoRA) is an error."""

    def with_lora(weights: dict) -> dict:
        some = next(iter(weights.values()))
        return weights | {"text_model.layers.0.lora_A.weight": some.clone()}

    with pytest.raises(ModelError, match="unexpected keys"):
        ColPaliEmbedder(_edited(checkpoint, tmp_path, with_lora), device="cpu")


def test_unknown_model_type_is_refused(tmp_path: Path) -> None:
    """A checkpoint that is no ColPali at all is named as such."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match="bert is no model type"):
        ColPaliEmbedder(tmp_path, device="cpu")


def test_damaged_weights_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    """A cut weights file is a `ModelError`, not a crash."""
    folder = _copied(checkpoint, tmp_path)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match="can't be loaded"):
        ColPaliEmbedder(folder, device="cpu")


def _copied(checkpoint: Path, to: Path) -> Path:
    for file in checkpoint.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def _edited(checkpoint: Path, to: Path, edit) -> Path:
    folder = _copied(checkpoint, to)
    save_file(edit(load_file(folder / "model.safetensors")), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _without(weights: dict, *endings: str) -> dict:
    return {name: weight for name, weight in weights.items() if not name.endswith(endings)}
