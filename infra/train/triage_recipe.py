"""Recipes of the triage VLM: its shape and how it is trained, one preset for each kind of machine.

`cpu` is what learns on one core within an hour or two; `accelerator` is the size that the product's 0.3 s a page allow
on two cores, to be trained on a GPU. `tiny` is for tests: it runs the same code in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.backends.tower import Block

__all__ = ["PRESETS", "Recipe", "TextShape", "TowerShape"]


@dataclass(frozen=True, slots=True)
class TowerShape:
    """What `PageTowerConfig` asks for; see there."""

    blocks: tuple[Block, ...]
    stem_channels: int = 16
    hidden_size: int = 128
    attention_layers: int = 2
    num_attention_heads: int = 4
    intermediate_size: int = 256


@dataclass(frozen=True, slots=True)
class TextShape:
    """The tiny Llama: the image's cells and the answer sheet are all it reads, so it is small."""

    hidden_size: int = 128
    intermediate_size: int = 256
    layers: int = 2
    heads: int = 4


@dataclass(frozen=True, slots=True)
class Recipe:
    """One preset.

    `edge` is the side in pixels of the square a page is padded and scaled to, `rate` AdamW's peak learning rate and
    `trunk_rate` the factor on it for the trunk. `fresh` is the share of a batch that was never trained on; the rest is
    drawn from the pages before it, so that a slow generator can feed a fast trainer. `alone` is the share of the budget
    in which the trunk learns without the language model.
    """

    tower: TowerShape
    text: TextShape = field(default_factory=TextShape)
    edge: int = 512
    batch: int = 16
    rate: float = 1e-3
    trunk_rate: float = 2.0
    decay: float = 0.05
    fresh: float = 0.5
    alone: float = 0.3


def _halving(*widths: int) -> tuple[Block, ...]:
    """Full convolutions that halve the page, one more at each size below a quarter; five widths are a stride of 64.

    On a CPU they are the cheapest trunk by time: most of a depthwise one goes into moving its maps to and from memory.
    """
    first, *rest = (Block(width, stride=(2, 2), dense=True) for width in widths)
    return (first, *(block for half in rest for block in (half, Block(half.channels, dense=True))))


PRESETS = {
    "cpu": Recipe(
        TowerShape(_halving(16, 32, 64, 160, 256), stem_channels=8),
        TextShape(),
        edge=768,
        rate=2e-3,
        fresh=0.2,
        alone=0.5,
    ),
    "accelerator": Recipe(
        TowerShape(
            _halving(48, 96, 192, 384),
            stem_channels=32,
            hidden_size=320,
            attention_layers=6,
            num_attention_heads=8,
            intermediate_size=1024,
        ),
        TextShape(320, 1024, layers=3, heads=8),
        edge=768,
        batch=128,
        fresh=0.1,
    ),
    "tiny": Recipe(
        TowerShape(
            _halving(8, 8, 16, 16), 4, hidden_size=32, attention_layers=1, num_attention_heads=2, intermediate_size=64
        ),
        TextShape(32, 64, layers=1, heads=2),
        edge=128,
        batch=4,
        rate=3e-3,
    ),
}
