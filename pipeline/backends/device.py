"""Where models run and in which number format: one answer for all of them."""

from __future__ import annotations

import threading
from functools import cache

import torch

from pipeline.errors import ModelError, UsageError

__all__ = ["device_of", "dtype_of", "one_core"]

_SAYING = threading.Lock()  # a thread that asks meanwhile would take the one core for what threads begin with
LEAST_COSINE = 0.99  # bfloat16 keeps 8 bits: right products stand at 0.99999, wrong ones at 0 or NaN


def device_of(wanted: str) -> torch.device:
    """The torch device of a `MUNIMENT_DEVICE`; `UsageError` when CUDA is asked for and torch sees none."""
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError("MUNIMENT_DEVICE=cuda, but torch sees no CUDA device: set MUNIMENT_DEVICE=cpu")
    return torch.device(wanted)


def dtype_of(wanted: str, device: torch.device) -> torch.dtype:
    """The torch dtype of a `MUNIMENT_DTYPE`.

    `auto` is bfloat16 where the hardware multiplies it and the product comes out right, else float32. Asked for by
    name where it comes out wrong, it is a `ModelError`.
    """
    if wanted == "auto":
        native = device.type == "cuda" or _cpu_multiplies_bfloat16()
        return torch.bfloat16 if native and _right(torch.bfloat16, device.type) else torch.float32
    dtype: torch.dtype = getattr(torch, wanted)
    if not _right(dtype, device.type):
        raise ModelError(f"{wanted} gives wrong results on this machine (OMP_THREAD_LIMIT?); set MUNIMENT_DTYPE=auto")
    return dtype


def one_core() -> None:
    """From now on this thread computes on the core it runs on; all other threads keep what they have."""
    with _SAYING:
        kept = torch.get_num_threads()
        torch.set_num_threads(1)
        # The call also says what threads begin with from now on: said again, by a thread that ends at once, as it was.
        restoring = threading.Thread(target=torch.set_num_threads, args=(kept,))
        restoring.start()
        restoring.join()


def _cpu_multiplies_bfloat16() -> bool:
    can = torch.cpu.get_capabilities()
    return bool(can.get("avx512_bf16") or can.get("amx_bf16"))


@cache
def _right(dtype: torch.dtype, device: str) -> bool:
    """Whether a product in this format means the same as in float32.

    With OMP_THREAD_LIMIT=1, oneDNN's bfloat16 kernels leave out the share of the threads that never came: torch 2.12
    then gives rows of zeros or NaN, without an error.
    """
    generator = torch.Generator().manual_seed(0)
    rows, weights = (torch.randn(n, 384, generator=generator).to(device) for n in (512, 1536))
    exact = torch.nn.functional.linear(rows, weights)
    rounded = torch.nn.functional.linear(rows.to(dtype), weights.to(dtype)).float()
    least = float(torch.nn.functional.cosine_similarity(exact, rounded, dim=1).min())
    return least > LEAST_COSINE  # False for NaN, too
