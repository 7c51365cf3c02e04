"""Loading a local vision-language model, and turning pages into its inputs.

The same care for every family: offline, no remote code, safetensors only, no weight missing, images bounded.
The families are Idefics3/SmolVLM, which cut an image into square tiles, Qwen-VL, which takes it as one grid of
patches, and Llava with a processor that pads it to one square, as the bundled model's does; they differ here only in
how the bound on the image's size is written down.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor, BitsAndBytesConfig
from transformers.utils import logging as transformers_logging

import pipeline.backends.tower  # noqa: F401 - registers the bundled models' tower with transformers
from pipeline.backends.device import device_of, dtype_of
from pipeline.backends.page_file import open_page
from pipeline.errors import ModelError, MunimentError, UsageError
from pipeline.models import identity

__all__ = ["Vlm", "VlmOptions", "in_batches", "load_vlm"]

T = TypeVar("T")

TILED = ("idefics3", "smolvlm")
GRIDDED = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")
PADDED = ("llava",)


@dataclass(frozen=True, slots=True)
class VlmOptions:
    """Where and how a VLM runs; the first four fields are the settings of the same names.

    `longest_edge` bounds the page image in pixels; 0 leaves it to the use: looking takes less than reading.
    """

    device: str = "auto"
    dtype: str = "auto"
    quantization: str = "none"
    batch: int = 8
    longest_edge: int = 0


@dataclass(frozen=True, slots=True)
class Vlm:
    """A loaded checkpoint: transformers model (eval mode) and processor (left padding), and their name."""

    model: Any
    processor: Any
    name: str
    options: VlmOptions

    @property
    def tokenizer(self) -> Any:
        """The processor's tokenizer."""
        return self.processor.tokenizer

    def open(self, pages: Sequence[Path]) -> list[Image.Image]:
        """The page images out of the store, no larger than they may be."""
        return [open_page(page, self.options.longest_edge) for page in pages]

    def inputs(self, pages: Sequence[Image.Image], instruction: str) -> dict[str, torch.Tensor]:
        """The model's inputs for one chat turn a page, the page image first, up to where the answer begins.

        Rows are padded on the left, so that every row's answer begins at the same position.
        """
        content = [{"type": "image"}, {"type": "text", "text": instruction}]
        prompt = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        images = [[page] for page in pages]
        encoded = self.processor(
            images=images, text=[prompt] * len(pages), padding=True, padding_side="left", return_tensors="pt"
        )
        return {key: value.to(self.model.device) for key, value in encoded.items()}


def in_batches(run: Callable[[Sequence[Path]], list[T]], images: Sequence[Path], size: int) -> list[T]:
    """What `run` gives for each image, `size` images at a time; a batch the device can't hold is run in halves.

    `ModelError` when not even one page fits.
    """
    results: list[T] = []
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        try:
            results += run(batch)
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise ModelError(
                    "one page is too much for the device: choose a smaller model or MUNIMENT_DEVICE=cpu"
                ) from error
            results += in_batches(run, batch, (len(batch) + 1) // 2)
    return results


def load_vlm(folder: Path, options: VlmOptions) -> Vlm:
    """Load a checkpoint from disk. `ModelError`: it is damaged or of another family; `UsageError`: bad settings."""
    transformers_logging.disable_progress_bar()
    device = device_of(options.device)
    quantization = _quantization(options.quantization, device)
    try:
        family = _family(folder)
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model, info = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype_of(options.dtype, device),
            device_map=device,
            quantization_config=quantization,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        _check(folder, processor, info)
        _bound(processor.image_processor, family, options.longest_edge)
    except MunimentError:
        raise
    except Exception as error:  # on a damaged or foreign config transformers raises whatever it stumbles over
        raise ModelError(f"{folder.name} can't be loaded as a vision-language model: {_first_line(error)}") from error
    suffix = "" if options.quantization == "none" else f"+{options.quantization}"
    return Vlm(model.eval(), processor, identity(folder) + suffix, options)


def _family(folder: Path) -> str:
    family = str(AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False).model_type)
    if family not in TILED + GRIDDED + PADDED:
        raise ValueError(f"family {family!r} is not one of {', '.join(TILED + GRIDDED + PADDED)}")
    return family


def _check(folder: Path, processor: Any, info: dict[str, Any]) -> None:
    """Refuse a checkpoint that would run without part of its weights, an unmerged adapter's included."""
    found = {kind: sorted(map(str, info.get(f"{kind}_keys") or ())) for kind in ("missing", "mismatched")}
    found["unmerged adapter"] = sorted(key for key in map(str, info.get("unexpected_keys") or ()) if "lora_" in key)
    for kind, keys in found.items():
        if keys:
            raise ModelError(f"{folder.name}: {len(keys)} {kind} weights, e.g. {keys[0]}")
    processor.chat_template = processor.chat_template or processor.tokenizer.chat_template
    if not processor.chat_template:
        raise ModelError(f"{folder.name} has no chat template: an instruction-tuned checkpoint is needed")


def _bound(image_processor: Any, family: str, longest_edge: int) -> None:
    """Keep the processor from scaling the page up again: Idefics3 stretches to its size, Qwen counts pixels.

    Llava's square is the model's own and stays; `ModelError` when it is cut out of the page instead of padded to it.
    """
    if family in PADDED:
        if not image_processor.do_pad or image_processor.do_center_crop:
            raise ModelError("this Llava checkpoint crops the page: one whose processor pads it to a square is needed")
        return
    size = dict(image_processor.size)
    bound = longest_edge if family in TILED else longest_edge * longest_edge
    image_processor.size = {**size, "longest_edge": min(int(size.get("longest_edge") or bound), bound)}


def _quantization(name: str, device: torch.device) -> BitsAndBytesConfig | None:
    if name == "none":
        return None
    if device.type != "cuda":
        raise UsageError(f"MUNIMENT_QUANTIZATION={name} needs a CUDA device: set MUNIMENT_QUANTIZATION=none")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise UsageError(f"MUNIMENT_QUANTIZATION={name} needs bitsandbytes: run `pip install bitsandbytes`")
    if name == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
