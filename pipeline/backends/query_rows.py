"""ColModernVBert's rows of a query, over the files of its checkpoint: ModernBERT's encoder and the projection.

colpali_engine computes the same, and loading it takes 8 s of a core and 300 MB more in every process that searches,
for a page image's half of the model that no question needs. Here the text half is read alone. Architecture: Warner et
al. 2024, "Smarter, Better, Faster, Longer"; arithmetic as in transformers' `ModernBertModel`, held to it by a test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from pipeline.backends.device import device_of, dtype_of
from pipeline.backends.pooling import unit_rows
from pipeline.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.backends.protocols import Matrix

__all__ = ["QueryRows", "query_rows"]

AUGMENTATION = "<end_of_utterance>" * 10  # what colpali_engine's processor of this class sets behind a query
TEXT_MODEL, PROJECTION = "text_model.", "custom_text_proj."
WORKS_LIKE = {"model_type": "modernbert", "hidden_activation": "gelu"}
BARE = ("attention_bias", "mlp_bias", "norm_bias")  # in no published ModernBERT


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Weights of each step; `looked` makes queries, keys and values in one product, the first layer's input is normed
    already. A token sees those at most `reach` away; all, where it is None."""

    before: Tensor | None
    looked: Tensor
    mixed: Tensor
    norm: Tensor
    widened: Tensor
    narrowed: Tensor
    theta: float
    reach: int | None


class QueryRows:
    """Calls may overlap: nothing is changed by one."""

    def __init__(self, tokenizer: Tokenizer, weights: Mapping[str, Tensor], text: Mapping[str, Any]) -> None:
        """Take over the text half, its weights by their names in a `ModernBertModel` and `custom_text_proj.*`; `text`
        is its part of config.json. `KeyError` when something is missing."""
        tokenizer.no_padding()  # a file may bring either along
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._heads, self._eps = text["num_attention_heads"], text["norm_eps"]
        self._tokens = weights["embeddings.tok_embeddings.weight"]
        self._first, self._last = weights["embeddings.norm.weight"], weights["final_norm.weight"]
        self._layers = [_layer(weights, text, number) for number in range(text["num_hidden_layers"])]
        self._projection = weights[f"{PROJECTION}weight"], weights[f"{PROJECTION}bias"]

    def __call__(self, query: str) -> Matrix:
        """(tokens, dimension) float32, unit rows, those of the augmentation with them."""
        ids = self._tokenizer.encode(query + AUGMENTATION).ids
        with torch.inference_mode():
            hidden = self._normed(self._tokens[torch.tensor(ids, device=self._tokens.device)], self._first)
            for layer in self._layers:
                hidden = self._passed(hidden, layer)
            return unit_rows(linear(self._normed(hidden, self._last), *self._projection).float().cpu().numpy())

    def _passed(self, hidden: Tensor, layer: _Layer) -> Tensor:
        before = hidden if layer.before is None else self._normed(hidden, layer.before)
        hidden = hidden + linear(self._attended(linear(before, layer.looked), layer), layer.mixed)
        shown, gate = linear(self._normed(hidden, layer.norm), layer.widened).chunk(2, dim=-1)
        return hidden + linear(gelu(shown) * gate, layer.narrowed)

    def _attended(self, looked: Tensor, layer: _Layer) -> Tensor:
        """(tokens, width)."""
        tokens = len(looked)
        queries, keys, values = looked.view(tokens, 3, self._heads, -1).permute(1, 2, 0, 3).unbind(0)
        places = torch.arange(tokens, device=looked.device)
        seen = None if layer.reach is None else (places[:, None] - places).abs() <= layer.reach
        queries, keys = (_turned(part, places, layer.theta) for part in (queries, keys))
        mixed = scaled_dot_product_attention(queries[None], keys[None], values[None], attn_mask=seen)
        return mixed[0].transpose(0, 1).reshape(tokens, -1)

    def _normed(self, hidden: Tensor, weight: Tensor) -> Tensor:
        return layer_norm(hidden, hidden.shape[-1:], weight, None, self._eps)


def query_rows(folder: Path, device: str = "auto", dtype: str = "auto") -> QueryRows | None:
    """The text half of the checkpoint in `folder`; None where it is no ColModernVBert as published, or has a weight
    more (an adapter's) or less, so that only the whole model can tell. `ModelError` for a damaged one."""
    place = device_of(device)
    form = dtype_of(dtype, place)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        text = config.get("text_config", {})
        if config["model_type"] != "modernvbert" or not _is_known(text):
            return None
        tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))
        weights = {name: tensor.to(place, form) for name, tensor in _text_half(folder).items()}
        return QueryRows(tokenizer, weights, text) if set(weights) == _expected(text) else None
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelError(f"page model {folder.name} can't be loaded: {type(error).__name__}") from error


def _is_known(text: Mapping[str, Any]) -> bool:
    turns = text.get("rope_parameters", {})
    return (
        all(text.get(name) == value for name, value in WORKS_LIKE.items())
        and not any(text.get(name) for name in BARE)
        and all(text.get(name) for name in ("layer_types", "local_attention", "norm_eps"))
        and all(turns.get(kind, {}).get("rope_type") == "default" for kind in text["layer_types"])
    )


def _text_half(folder: Path) -> dict[str, Tensor]:
    """Its tensors; training puts one prefix or another before their names."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (no mapping)
                _, is_text, rest = name.rpartition(TEXT_MODEL)
                _, is_last, end = name.rpartition(PROJECTION)
                if is_text or is_last:
                    found[rest if is_text else is_last + end] = tensors.get_tensor(name)
    return found


def _expected(text: Mapping[str, Any]) -> set[str]:
    layers = range(text["num_hidden_layers"])
    steps = ("attn_norm", "attn.Wqkv", "attn.Wo", "mlp_norm", "mlp.Wi", "mlp.Wo")
    names = {f"layers.{number}.{step}.weight" for number in layers for step in steps} - {"layers.0.attn_norm.weight"}
    ends = {"embeddings.tok_embeddings.weight", "embeddings.norm.weight", "final_norm.weight"}
    return names | ends | {f"{PROJECTION}weight", f"{PROJECTION}bias"}


def _layer(weights: Mapping[str, Tensor], text: Mapping[str, Any], number: int) -> _Layer:
    kind, name = text["layer_types"][number], f"layers.{number}"
    return _Layer(
        before=weights[f"{name}.attn_norm.weight"] if number else None,
        looked=weights[f"{name}.attn.Wqkv.weight"],
        mixed=weights[f"{name}.attn.Wo.weight"],
        norm=weights[f"{name}.mlp_norm.weight"],
        widened=weights[f"{name}.mlp.Wi.weight"],
        narrowed=weights[f"{name}.mlp.Wo.weight"],
        theta=text["rope_parameters"][kind]["rope_theta"],
        reach=text["local_attention"] // 2 if kind == "sliding_attention" else None,
    )


def _turned(parts: Tensor, places: Tensor, theta: float) -> Tensor:
    """Rotary positions (Su et al. 2021), halves of a head as the pair; (heads, tokens, width of a head)."""
    half = parts.shape[-1] // 2
    speeds = theta ** -(torch.arange(half, device=parts.device) / half)
    angles = torch.outer(places.float(), speeds)
    first, second = parts.float().split(half, dim=-1)
    cos, sin = angles.cos().to(parts.dtype), angles.sin().to(parts.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(parts.dtype)
