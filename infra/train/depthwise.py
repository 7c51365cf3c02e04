"""Depthwise convolutions that learn at a bearable pace on a CPU.

oneDNN's gradient of a depthwise kernel is four times slower in bfloat16 than in float32 (a 5 x 5 over 240 channels of
16 x 256: 87 ms against 20 on an AVX512 core, torch 2.12), and it was three fifths of a training step. So that one
product is taken in float32; the others stay in bfloat16. On a GPU nothing is changed.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

__all__ = ["quicken"]


def quicken(model: nn.Module) -> None:
    """Let every depthwise convolution of the model run through `_Depthwise`; inference is left as it is."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = partial(_forward, module)


def _forward(conv: nn.Conv2d, maps: torch.Tensor) -> torch.Tensor:
    if not torch.is_grad_enabled() or not torch.is_autocast_enabled("cpu"):
        return conv._conv_forward(maps, conv.weight, conv.bias)
    return _Depthwise.apply(maps.bfloat16(), conv.weight, conv.bias, conv.stride, conv.padding)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, *shape: Any) -> torch.Tensor:
        ctx.save_for_backward(maps, weight)
        ctx.shape = shape
        return nn.functional.conv2d(maps, weight.bfloat16(), bias.bfloat16(), *shape, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, *given: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (maps, weight), (gradient,) = ctx.saved_tensors, given
        into, _ = _gradients(gradient, maps, weight.bfloat16(), ctx.shape, of_maps=True)
        _, kernel = _gradients(gradient.float(), maps.float(), weight, ctx.shape, of_maps=False)
        return into, kernel, gradient.float().sum((0, 2, 3)), None, None


def _gradients(
    gradient: torch.Tensor, maps: torch.Tensor, weight: torch.Tensor, shape: Any, *, of_maps: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    stride, padding = shape
    wanted = [of_maps, not of_maps, False]
    into, kernel, _ = torch.ops.aten.convolution_backward(
        gradient, maps, weight, None, stride, padding, [1, 1], False, [0, 0], len(weight), wanted
    )
    return into, kernel
