"""What frontier models cost and how large an image they look at: one dated table, which settings override.

Source: the provider's public models and pricing pages as of `AS_OF` (USD a million tokens; a cache write costs
1.25 times an input token, a cache read a tenth where the table says nothing else, a batch half of everything,
and inference kept in the US a tenth more of everything).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol

from pipeline.errors import UsageError

__all__ = ["AS_OF", "BATCH_FACTOR", "MODELS", "PATCH", "Model", "Tokens", "best_size", "image_tokens", "model_of"]

AS_OF = "2026-11-22"
MILLION = Decimal(1_000_000)
CACHE_WRITE, CACHE_READ, BATCH_FACTOR = Decimal("1.25"), Decimal("0.1"), Decimal("0.5")
REGIONS = {"us": Decimal("1.1")}  # what keeping inference in a region costs, times the price; others cost the same

PATCH = 28
"""An image costs one token for each 28 × 28 pixels, begun ones counted whole."""


class Tokens(Protocol):
    """Token counts of one call, as the protocol's `usage` names them; a count not given is None or 0."""

    @property
    def input_tokens(self) -> int:
        """Tokens sent, without those of the cache."""

    @property
    def output_tokens(self) -> int:
        """Tokens answered, thinking with them."""

    @property
    def cache_creation_input_tokens(self) -> int | None:
        """Tokens written to the cache."""

    @property
    def cache_read_input_tokens(self) -> int | None:
        """Tokens read from the cache."""


@dataclass(frozen=True, slots=True)
class Model:
    """Prices in USD a million tokens; the longest edge (pixels) and the most tokens of an image it looks at.

    `cache_read` is the price of a token read from the cache as a share of `input`; `effort` says whether the model
    can be told how much to think. Thinking is paid as output and takes from the room the answer has.
    """

    id: str
    input: Decimal
    output: Decimal
    edge: int = 2576
    image_tokens: int = 4784
    cache_read: Decimal = CACHE_READ
    effort: bool = False

    def cost(self, usage: Tokens, *, batch: bool = False) -> Decimal:
        """What a call cost in USD, exactly."""
        written, read = usage.cache_creation_input_tokens or 0, usage.cache_read_input_tokens or 0
        total = self.input * (usage.input_tokens + CACHE_WRITE * written + self.cache_read * read)
        total += self.output * usage.output_tokens
        return total / MILLION * (BATCH_FACTOR if batch else 1)

    def most(self, input_tokens: int, output_tokens: int, *, batch: bool = False) -> Decimal:
        """The most a call can cost that sends so much and may answer so much, all of it written to the cache."""
        total = self.input * CACHE_WRITE * input_tokens + self.output * output_tokens
        return total / MILLION * (BATCH_FACTOR if batch else 1)


def _model(id: str, input: str, output: str, cache_read: str = "0.1") -> Model:
    return Model(id, Decimal(input), Decimal(output), cache_read=Decimal(cache_read), effort=True)


def _older(model: Model) -> Model:
    """Up to 4.6 an image was looked at with at most 1,568 pixels an edge and 1,568 tokens."""
    return replace(model, edge=1568, image_tokens=1568)


# Prompts above 100,000 tokens cost five times as much with haiku-5-5; no request here comes near that (see `prompts`).
MODELS = {
    model.id: model
    for model in (
        _model("claude-fable-5-2", "8", "40"),
        _model("claude-fable-5-1", "10", "50", "0.025"),
        _model("claude-opus-5-5", "4", "20", "0.05"),
        _model("claude-opus-5", "5", "25"),
        _model("claude-opus-4-8", "5", "25"),
        _model("claude-opus-4-7", "5", "25"),
        _model("claude-sonnet-5-5", "2", "10", "0.05"),
        _model("claude-sonnet-5", "2", "10"),
        _model("claude-haiku-5-5", "0.1", "0.5"),
        _older(_model("claude-opus-4-6", "5", "25")),
        _older(_model("claude-sonnet-4-6", "3", "15")),
        replace(_older(_model("claude-haiku-4-5", "1", "5")), effort=False),
    )
}


def model_of(id: str, prices: str = "", *, free: bool = False, region: str = "") -> Model:
    """The model by its id. `prices` is "input/output" in USD a million tokens and wins over the table; `free`
    says that a model the table doesn't know costs nothing a call (the firm's own server); `region` is where
    inference is kept ("" anywhere), which the table's prices then include.

    `UsageError` when the price is nowhere: a budget can't be kept over unknown prices.
    """
    known = MODELS.get(id)
    unknown = _older(Model(id, Decimal(0), Decimal(0)))
    if prices:
        paid_in, paid_out = _prices(prices)
        return replace(known or unknown, input=paid_in, output=paid_out)
    if known is None and not free:
        raise UsageError(f"the price of {id} is not known here (table of {AS_OF}): set MUNIMENT_FRONTIER_PRICES")
    times = REGIONS.get(region.casefold(), Decimal(1))
    return replace(known, input=known.input * times, output=known.output * times) if known else unknown


def _prices(text: str) -> tuple[Decimal, Decimal]:
    try:
        paid_in, paid_out = (Decimal(part) for part in text.split("/"))
    except (ArithmeticError, ValueError) as error:
        raise UsageError("MUNIMENT_FRONTIER_PRICES: write INPUT/OUTPUT in USD a million tokens, as 2/10") from error
    if not (paid_in.is_finite() and paid_out.is_finite() and min(paid_in, paid_out) >= 0):
        raise UsageError("MUNIMENT_FRONTIER_PRICES: prices are zero or more")
    return paid_in, paid_out


def image_tokens(width: int, height: int) -> int:
    """⌈w/28⌉ × ⌈h/28⌉."""
    return math.ceil(width / PATCH) * math.ceil(height / PATCH)


def best_size(width: int, height: int, model: Model) -> tuple[int, int]:
    """The largest size of this shape that the model looks at without shrinking it itself; never enlarged.

    Being the largest, it fills whole patches along one edge wherever their number bounds it.
    """
    longest = max(width, height)

    def at(edge: int) -> tuple[int, int]:
        return max(1, width * edge // longest), max(1, height * edge // longest)

    edges = range(1, min(longest, model.edge) + 1)
    return at(max(1, bisect_right(edges, model.image_tokens, key=lambda edge: image_tokens(*at(edge)))))
