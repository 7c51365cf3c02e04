"""The lean encoder against the model whose weights it has."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from pipeline.backends.encoder import Encoder
from pipeline.models import minilm_path

TEXTS = [
    "rent",
    "",
    "Either party may terminate this Agreement on ninety (90) days' written notice to the other.",
    "Müller & Söhne GmbH – § 4.2 „Kündigung“ 契約 \u200f עברית",
    "notice of default " * 80,
]


@pytest.fixture(scope="module")
def model() -> Any:
    """all-MiniLM-L6-v2 as transformers runs it, in full precision."""
    return AutoModel.from_pretrained(minilm_path(), local_files_only=True).eval()


def lean(model: Any) -> Encoder:
    """Ours, with the weights of theirs."""
    config = model.config
    return Encoder(
        model.state_dict(),
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        eps=config.layer_norm_eps,
    )


def test_states_are_those_of_transformers(model: Any) -> None:
    """Texts of all lengths together, without padding, have the last hidden states that each has by itself."""
    tokens = AutoTokenizer.from_pretrained(minilm_path(), local_files_only=True)
    ids = [tokens(text, truncation=True, max_length=256)["input_ids"] for text in TEXTS]
    with torch.inference_mode():
        alone = [model(torch.tensor([text])).last_hidden_state[0] for text in ids]
    for found, expected in zip(lean(model)(ids), alone, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_texts_do_not_see_each_other(model: Any) -> None:
    """What stands beside a text changes nothing of it."""
    encoder = lean(model)
    first, other = [101, 2009, 2003, 102], [101, 5060, 1997, 18287, 102]
    torch.testing.assert_close(encoder([first, other])[0], encoder([first, list(reversed(other))])[0])
