"""The vision tower of the bundled page models: a convolutional trunk over the whole page, then a little attention.

The trunk is PP-LCNetV3's: depthwise-separable convolutions with batch norm folded in, hard-swish, a learnable affine
after it, squeeze-and-excitation where the block asks. It is written as a list of blocks in the config, so that the
published PP-OCR trunks fit (`infra.train.ppocr` converts them), the recognition trunk with its uneven strides included.

Importing this module registers the tower with transformers: `AutoConfig` and `AutoModel` then build it wherever a
checkpoint's `vision_config` names `muniment_tower`, with no remote code.
"""

# mypy: disable-error-code="misc, untyped-decorator"
# (torch and transformers are read without their types here, so mypy takes every base class for Any)

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel, initialization
from transformers.modeling_outputs import BaseModelOutput

__all__ = ["AT_ONCE", "PAPER", "Block", "PageTower", "PageTowerConfig", "cut", "joined"]

REDUCTION = 4  # PP-LCNetV3's squeeze: a quarter of the channels
PAPER = 0.99  # of a normalised pixel: nothing on a strip is darker, so it is empty
AT_ONCE = 2
"""Strips, in float32, twice as many in half precision: their maps stay in the processor's caches. 16 at once take 1.6
times as long a strip on two cores; in bfloat16 (AVX-512) 4 at once take 0.81 of what 2 take."""
WAVELENGTH = 10_000.0  # of the slowest sine, in cells: that of "Attention Is All You Need"


@dataclass(frozen=True, slots=True)
class Block:
    """One step of the trunk. `kernel` and `stride` are (down, across) in pixels of the step before.

    Depthwise then pointwise, unless `dense`: one full convolution, as a patch merging has it. `squeeze` adds
    squeeze-and-excitation between the two; `bare` leaves out the activation after the depthwise half, as PP-LCNetV3
    does where it halves both sides. `normed` puts a layer norm over the channels of each place before a dense block:
    a trunk whose batch norms are folded in leaves channels of very different size. `added` adds what came in to what a
    separable block of one size makes of it: a stack of such blocks learns as fast as one.
    """

    channels: int
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    squeeze: bool = False
    dense: bool = False
    bare: bool = False
    normed: bool = False
    added: bool = False


def _block(kernel: Sequence[int] = (3, 3), stride: Sequence[int] = (1, 1), **rest: Any) -> Block:
    (high, wide), (down, across) = kernel, stride
    return Block(kernel=(high, wide), stride=(down, across), **rest)


class PageTowerConfig(PretrainedConfig):
    """The tower's shape. `blocks` holds the fields of a `Block` each; the stem before them halves both sides.

    `image_size` is the side in pixels of the square the processor makes of a page; the tower itself takes any height
    and width that its `stride` divides. Where the processor makes a sheet of lines (`pipeline.backends.sheet`) it is
    the sheet's width, which has `strips` strips of `strip` pixels: the trunk sees each by itself and reads no ink of
    its neighbours.
    """

    model_type = "muniment_tower"

    image_size: int = 512
    num_channels: int = 3
    strip: int = 0
    strips: int = 0
    stem_channels: int = 16
    blocks: list[dict[str, Any]] | None = None
    hidden_size: int = 256
    attention_layers: int = 2
    num_attention_heads: int = 4
    intermediate_size: int = 512

    @property
    def trunk(self) -> tuple[Block, ...]:
        """The blocks, typed: JSON knows no tuples."""
        return tuple(_block(**block) for block in self.blocks or ())

    @property
    def stride(self) -> tuple[int, int]:
        """(down, across): pixels of the page to a cell of the grid."""
        down, across = (2 * math.prod(block.stride[axis] for block in self.trunk) for axis in (0, 1))
        return down, across

    @property
    def patch_size(self) -> int:
        """The side of a square patch of which a page of `image_size` has as many: so transformers counts tokens."""
        return int(self.image_size) // math.isqrt(math.prod(self.grid))

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of cells on a square page of `image_size`, or on a sheet."""
        down, across = self.stride
        return (self.strips * self.strip or self.image_size) // down, self.image_size // across


class PageTower(PreTrainedModel):
    """Pages to a grid of vectors. `forward` takes (pages, 3, height, width), normalised to mean 0.5 and deviation 0.5.

    It gives `BaseModelOutput` whose `last_hidden_state` is (pages, rows * columns, hidden_size), row by row;
    `hidden_states` holds the grid before attention, after each layer, and, last, the same as `last_hidden_state`.
    """

    config_class = PageTowerConfig
    base_model_prefix = "tower"
    main_input_name = "pixel_values"
    input_modalities = ("image",)

    def __init__(self, config: PageTowerConfig) -> None:
        super().__init__(config)
        self.stem = nn.Conv2d(config.num_channels, config.stem_channels, 3, stride=2, padding=1)
        widths = [config.stem_channels, *(block.channels for block in config.trunk)]
        self.blocks = nn.ModuleList(
            _Dense(width, block) if block.dense else _Separable(width, block)
            for width, block in zip(widths, config.trunk, strict=False)
        )
        self.projection = nn.Sequential(nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], config.hidden_size))
        self.layers = nn.ModuleList(_Attention(config) for _ in range(config.attention_layers))
        self.norm = nn.LayerNorm(config.hidden_size)
        self.post_init()

    def features(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """The trunk alone: (pages, channels, rows, columns), of a sheet strip by strip."""
        if not self.config.strip:
            return self._trunk(pixel_values)
        strips = cut(pixel_values, self.config.strip)
        empty = strips.amin(dim=(1, 2, 3)) >= PAPER
        first = empty.nonzero()[:1, 0]  # one empty strip stands for all
        shown = ~empty
        shown[first] = True
        place = shown.cumsum(0) - 1
        place[empty] = place[first]
        together = AT_ONCE * torch.float32.itemsize // strips.element_size()
        maps = [self._trunk(strips[some]) for some in shown.nonzero()[:, 0].split(together)]
        return joined(torch.cat(maps)[place], len(pixel_values))

    def _trunk(self, pixels: torch.Tensor) -> torch.Tensor:
        maps = self.stem(pixels.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            maps = block(maps)
        return maps

    def forward(self, pixel_values: torch.Tensor, **_: Any) -> BaseModelOutput:
        """See the class. Further arguments (masks: the page fills the whole image) are taken and not used."""
        return self.attend(self.features(pixel_values.to(self.dtype)))

    def attend(self, maps: torch.Tensor) -> BaseModelOutput:
        """What follows the trunk: `forward` from what `features` gives."""
        cells = self.projection(maps.flatten(2).transpose(1, 2))
        states = [cells + _positions(maps.shape[2], maps.shape[3], cells)]
        for layer in self.layers:
            states.append(layer(states[-1]))
        last = self.norm(states[-1])
        return BaseModelOutput(last_hidden_state=last, hidden_states=(*states, last))

    def get_input_embeddings(self) -> nn.Module:
        """What turns pixels into vectors."""
        return self.stem

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            initialization.kaiming_normal_(module.weight, nonlinearity="relu")
            initialization.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            initialization.trunc_normal_(module.weight, std=0.02)
            initialization.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            initialization.ones_(module.weight)
            initialization.zeros_(module.bias)
        elif isinstance(module, _Swish):
            initialization.ones_(module.scale)
            initialization.zeros_(module.shift)


class _Swish(nn.Module):
    """Hard-swish and the learnable affine that PP-LCNetV3 puts after it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        maps = functional.hardswish(maps)
        scale, shift = self.scale[0], self.shift[0]  # as plain numbers they widen no half-precision maps
        return maps * scale + shift if torch.is_grad_enabled() else maps.mul_(scale).add_(shift)


class _Squeeze(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, channels // REDUCTION, 1)
        self.up = nn.Conv2d(channels // REDUCTION, channels, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        weights = functional.relu(self.down(maps.mean(dim=(2, 3), keepdim=True)))
        return maps * functional.hardsigmoid(self.up(weights))


class _Separable(nn.Module):
    def __init__(self, width: int, block: Block) -> None:
        super().__init__()
        self.added = block.added
        self.depth = nn.Conv2d(width, width, block.kernel, block.stride, _padding(block), groups=width)
        self.depth_act = nn.Identity() if block.bare else _Swish()
        self.squeeze = _Squeeze(width) if block.squeeze else nn.Identity()
        self.point = nn.Conv2d(width, block.channels, 1)
        self.point_act = _Swish()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        made = self.point_act(self.point(self.squeeze(self.depth_act(self.depth(maps)))))
        return maps + made if self.added else made


class _Dense(nn.Module):
    def __init__(self, width: int, block: Block) -> None:
        super().__init__()
        self.norm = _Norm(width) if block.normed else nn.Identity()
        self.point = nn.Conv2d(width, block.channels, block.kernel, block.stride, _padding(block))
        self.point_act = _Swish()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.point_act(self.point(self.norm(maps)))


class _Norm(nn.LayerNorm):
    """A layer norm over the channels of maps."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return super().forward(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _Attention(nn.Module):
    """A plain pre-norm transformer layer: every cell sees the whole page."""

    def __init__(self, config: PageTowerConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.heads = config.num_attention_heads
        self.before = nn.LayerNorm(size)
        self.mixed = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, size)
        self.between = nn.LayerNorm(size)
        self.up = nn.Linear(size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, size)

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        pages, count, size = cells.shape
        mixed = self.mixed(self.before(cells)).view(pages, count, 3, self.heads, size // self.heads)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        cells = cells + self.out(seen.transpose(1, 2).reshape(pages, count, size))
        return cells + self.down(functional.gelu(self.up(self.between(cells))))


def cut(images: torch.Tensor, height: int) -> torch.Tensor:
    """(images * strips, channels, height, width): each image's strips from the top, a batch of their own."""
    return images.unflatten(2, (-1, height)).transpose(1, 2).flatten(0, 1)


def joined(strips: torch.Tensor, images: int) -> torch.Tensor:
    """The way back: (images, channels, all rows, columns)."""
    return strips.unflatten(0, (images, -1)).transpose(1, 2).flatten(2, 3)


def _padding(block: Block) -> tuple[int, int]:
    """Half the kernel where it is odd; a merging with an even kernel covers its cells exactly and needs none."""
    down, across = (side // 2 if side % 2 else 0 for side in block.kernel)
    return down, across


def _positions(rows: int, columns: int, cells: torch.Tensor) -> torch.Tensor:
    """(rows * columns, hidden_size): sines and cosines of the row in one half, of the column in the other."""
    quarter = cells.shape[-1] // 4
    rates = WAVELENGTH ** (-torch.arange(quarter, device=cells.device) / quarter)
    down, across = (torch.arange(count, device=cells.device)[:, None] * rates for count in (rows, columns))
    down = torch.cat([down.sin(), down.cos()], dim=1)[:, None].expand(rows, columns, -1)
    across = torch.cat([across.sin(), across.cos()], dim=1)[None].expand(rows, columns, -1)
    return torch.cat([down, across], dim=-1).flatten(0, 1).to(cells.dtype)


AutoConfig.register(PageTowerConfig.model_type, PageTowerConfig, exist_ok=True)
AutoModel.register(PageTowerConfig, PageTower, exist_ok=True)
