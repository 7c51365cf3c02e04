"""A query's rows by the text half alone, against colpali_engine's whole model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_colpali import build_colpali
from tokenizers import Tokenizer

from pipeline.backends.colpali import ColPaliEmbedder
from pipeline.backends.query_rows import query_rows
from pipeline.errors import ModelError
from pipeline.models import SHELF

CPU = "cpu"
QUERIES = [
    "rent",
    "Either party may terminate this Agreement on ninety (90) days' written notice to the other.",
    "Müller & Söhne GmbH – § 4.2 „Kündigung“ 契約 \u200f עברית <end_of_utterance><pad>",
    "notice of default " * 60,  # beyond the reach of the layers that see their neighbours only
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_colpali("modernvbert", tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.parametrize("kind", ["tiny", "bundled"])
def test_rows_are_those_of_the_whole_model(kind: str, tiny: Path) -> None:
    """Short and long, in any script, the words of special tokens among them; the augmentation's rows with them."""
    folder = tiny if kind == "tiny" else SHELF / "muniment-page"
    whole = ColPaliEmbedder(folder, device="cpu", dtype="float32")
    rows = query_rows(folder, CPU, "float32")
    assert rows is not None
    for query in QUERIES:
        np.testing.assert_allclose(rows(query), whole.embed_query(query), atol=2e-5)


def test_half_precision_points_the_same_way(tiny: Path) -> None:
    """Unit rows; each within rounding of what full precision gives."""
    exact, rounded = (query_rows(tiny, CPU, dtype) for dtype in ("float32", "bfloat16"))
    assert exact is not None
    assert rounded is not None
    found = rounded(QUERIES[1])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (found * exact(QUERIES[1])).sum(axis=1).min() > 0.99


def test_what_a_tokenizer_was_saved_with_is_left_out(tiny: Path, tmp_path: Path) -> None:
    """A query is neither padded nor cut, though its tokenizer's file says so: the whole model's processor does not."""
    folder = shutil.copytree(tiny, tmp_path / "padded")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=40)
    tokenizer.enable_truncation(12)
    tokenizer.save(str(folder / "tokenizer.json"))
    found, expected = (query_rows(one, CPU, "float32") for one in (folder, tiny))
    assert found is not None
    assert expected is not None
    for query in QUERIES[:2]:
        np.testing.assert_array_equal(found(query), expected(query))


@pytest.mark.parametrize(
    "changed",
    [
        {"model_type": "idefics3"},
        {"text_config": {"hidden_activation": "silu"}},
        {"text_config": {"norm_bias": True}},
        {"text_config": {"rope_parameters": {}}},
        {"text_config": {"layer_types": None}},
    ],
)
def test_another_architecture_is_left_to_the_whole_model(tiny: Path, tmp_path: Path, changed: dict) -> None:
    """None, before a weight is read."""
    config = json.loads((tiny / "config.json").read_text())
    text = {**config["text_config"], **changed.get("text_config", {})}
    (tmp_path / "config.json").write_text(json.dumps({**config, **changed, "text_config": text}))
    assert query_rows(tmp_path, CPU, "float32") is None


@pytest.mark.parametrize("more", [True, False])
def test_a_weight_more_or_less_is_left_to_the_whole_model(tiny: Path, tmp_path: Path, more: bool) -> None:
    """An adapter that is dropped in silence still gives rows, only wrong ones."""
    folder = shutil.copytree(tiny, tmp_path / "other")
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("layers.1.attn.Wqkv.weight"))
    if more:
        weights[name.replace(".weight", ".lora_A.weight")] = torch.ones(2, 2)
    else:
        del weights[name]
    save_file(weights, folder / "model.safetensors")
    assert query_rows(folder, CPU, "float32") is None


@pytest.mark.parametrize("broken", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_damaged_checkpoint_is_named(tiny: Path, tmp_path: Path, broken: str) -> None:
    """By its folder, and nothing of its content."""
    folder = tmp_path / "bad"
    folder.mkdir()
    for path in tiny.iterdir():
        (folder / path.name).write_bytes(b"{" if path.name == broken else path.read_bytes())
    with pytest.raises(ModelError, match="page model bad can't be loaded"):
        query_rows(folder, CPU, "float32")
