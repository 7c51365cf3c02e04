"""What frontier models cost and how large an image they look at: one dated table, which settings override.

Source: the provider's public models and pricing pages as of `AS_OF` (USD a million tokens; a cache write costs
1.25 times an input token, a cache read a tenth, a batch half of everything).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from pipeline.errors import UsageError

__all__ = ["AS_OF", "BATCH_FACTOR", "MODELS", "PATCH", "Model", "Tokens", "best_size", "image_tokens", "model_of"]

AS_OF = "2026-11-22"
MILLION = Decimal(1_000_000)
CACHE_WRITE, CACHE_READ, BATCH_FACTOR = Decimal("1.25"), Decimal("0.1"), Decimal("0.5")

PATCH = 28
"""An image costs one token for each 28 × 28 pixels, begun ones counted whole."""


class Tokens(Protocol):
    """Token counts of one call, as the protocol's `usage` names them; a count not given is None or 0."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None
    cache_read_input_tokens: int | None


@dataclass(frozen=True, slots=True)
class Model:
    """Prices in USD a million tokens; the longest edge (pixels) and the most tokens of an image it looks at."""

    id: str
    input: Decimal
    output: Decimal
    edge: int = 2576
    image_tokens: int = 4784

    def cost(self, usage: Tokens, *, batch: bool = False) -> Decimal:
        """What a call cost in USD, exactly."""
        written, read = usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0
        total = self.input * (usage.input_tokens + CACHE_WRITE * written + CACHE_READ * read)
        total += self.output * usage.output_tokens
        return total / MILLION * (BATCH_FACTOR if batch else 1)

    def most(self, input_tokens: int, output_tokens: int, *, batch: bool = False) -> Decimal:
        """The most a call can cost that sends so much and may answer so much, all of it written to the cache."""
        total = self.input * CACHE_WRITE * input_tokens + self.output * output_tokens
        return total / MILLION * (BATCH_FACTOR if batch else 1)


def _model(id: str, input: str, output: str, edge: int = 2576, image_tokens: int = 4784) -> Model:
    return Model(id, Decimal(input), Decimal(output), edge, image_tokens)


# Up to 4.6 an image was looked at with at most 1,568 pixels an edge and 1,568 tokens.
MODELS = {
    model.id: model
    for model in (
        _model("claude-fable-5-2", "8", "40"),
        _model("claude-fable-5-1", "10", "50"),
        _model("claude-opus-5-5", "4", "20"),
        _model("claude-opus-5", "5", "25"),
        _model("claude-opus-4-8", "5", "25"),
        _model("claude-opus-4-7", "5", "25"),
        _model("claude-sonnet-5-5", "2", "10"),
        _model("claude-sonnet-5", "2", "10"),
        _model("claude-opus-4-6", "5", "25", 1568, 1568),
        _model("claude-sonnet-4-6", "3", "15", 1568, 1568),
        _model("claude-haiku-4-5", "1", "5", 1568, 1568),
    )
}


def model_of(id: str, prices: str = "", *, free: bool = False) -> Model:
    """The model by its id. `prices` is "input/output" in USD a million tokens and wins over the table; `free`
    says that a model the table doesn't know costs nothing a call (the firm's own server).

    `UsageError` when the price is nowhere: a budget can't be kept over unknown prices.
    """
    known = MODELS.get(id)
    if prices:
        try:
            paid_in, paid_out = (Decimal(part) for part in prices.split("/"))
        except (ArithmeticError, ValueError) as error:
            raise UsageError("MUNIMENT_FRONTIER_PRICES: write INPUT/OUTPUT in USD a million tokens, as 2/10") from error
        if not (paid_in.is_finite() and paid_out.is_finite() and min(paid_in, paid_out) >= 0):
            raise UsageError("MUNIMENT_FRONTIER_PRICES: prices are zero or more")
        return replace(known or _model(id, "0", "0"), input=paid_in, output=paid_out)
    if known is None and not free:
        raise UsageError(f"the price of {id} is not known here (table of {AS_OF}): set MUNIMENT_FRONTIER_PRICES")
    return known or _model(id, "0", "0", 1568, 1568)


def image_tokens(width: int, height: int) -> int:
    """⌈w/28⌉ × ⌈h/28⌉."""
    return math.ceil(width / PATCH) * math.ceil(height / PATCH)


def best_size(width: int, height: int, model: Model) -> tuple[int, int]:
    """The largest size of this shape that the model looks at without shrinking it itself; never enlarged.

    Whole patches are aimed at, because a begun one costs as much as a whole one.
    """
    scale = min(1.0, model.edge / max(width, height))
    while image_tokens(*(size := _scaled(width, height, scale))) > model.image_tokens:
        scale *= min(0.999, math.sqrt(model.image_tokens / image_tokens(*size)))
    return size


def _scaled(width: int, height: int, scale: float) -> tuple[int, int]:
    return max(1, math.floor(width * scale)), max(1, math.floor(height * scale))
