"""The triage VLM itself: Llava's architecture around the page tower, built from a recipe; and how training asks it.

Nothing here is a class of our own but the tower: `AutoModelForImageTextToText` loads what is saved, and `VlmClassifier`
asks it as it asks any other checkpoint. Training puts the same prompt and answer sheet and reads the same slots.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaImageProcessor,
    LlavaProcessor,
)

from infra.train.triage_recipe import Recipe, TextShape
from infra.train.triage_words import CHAT_TEMPLATE, IMAGE, tokenizer
from pipeline.backends.answer_sheet import Sheet, answer_logits, sheet_of, with_sheet
from pipeline.backends.tower import PageTowerConfig
from pipeline.questions import instruction

__all__ = ["Asker", "build", "processor_of", "save"]

WHITE = (1.0, 1.0, 1.0)  # the mean that is taken off: Llava's processor pads with it, and white paper becomes 0
SPREAD = (0.5, 0.5, 0.5)
SHARD = "14MB"


def build(recipe: Recipe) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A model with random weights (torch's generator decides them) and its processor."""
    processor = processor_of(recipe)
    words = processor.tokenizer
    tower = _tower(recipe)
    rows, columns = tower.grid
    config = LlavaConfig(
        vision_config=tower,
        text_config=_llama(recipe.text, len(words), words.pad_token_id),
        image_token_index=processor.image_token_id,
        image_seq_length=rows * columns,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        tie_word_embeddings=True,
    )
    return LlavaForConditionalGeneration(config), processor


def processor_of(recipe: Recipe) -> LlavaProcessor:
    """The processor: pages padded with white to a square, then scaled to the recipe's edge."""
    images = LlavaImageProcessor(
        do_pad=True,
        do_center_crop=False,
        size={"height": recipe.edge, "width": recipe.edge},
        image_mean=WHITE,
        image_std=SPREAD,
    )
    return LlavaProcessor(
        images,
        tokenizer(),
        patch_size=_tower(recipe).patch_size,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
        image_token=IMAGE,
    )


def save(model: Any, processor: LlavaProcessor, folder: Path) -> None:
    """The checkpoint as `load_vlm` wants it, in half precision and in shards that fit where files are bounded."""
    model.to(torch.float16).save_pretrained(folder, max_shard_size=SHARD)
    processor.save_pretrained(folder)


@dataclass(frozen=True, slots=True)
class Asker:
    """Puts the questions to a model in training: the prompt is the same for every page, so it is encoded once."""

    prompt: dict[str, torch.Tensor]
    sheet: Sheet

    @classmethod
    def of(cls, processor: LlavaProcessor, edge: int, device: torch.device) -> Asker:
        """The prompt of a page of `edge` x `edge` pixels, on the device."""
        sheet = sheet_of(processor.tokenizer)
        content = [{"type": "image"}, {"type": "text", "text": instruction(sheet.lettered)}]
        text = processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        page = np.full((edge, edge, 3), 255, np.uint8)
        encoded = processor(images=[page], text=[text], return_tensors="pt")
        prompt = {key: value.to(device) for key, value in encoded.items() if key != "pixel_values"}
        return cls(with_sheet(prompt, sheet.ids), sheet)

    def inputs(self, pages: torch.Tensor) -> dict[str, torch.Tensor]:
        """The model's inputs for grey pages (uint8, (pages, edge, edge)): what the processor makes of such a page,
        without its detours, which took a fifth of a step's time."""
        grey = (pages.float() / 255 - WHITE[0]) / SPREAD[0]
        pixels = grey[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        asked = {key: value.expand(len(pages), -1) for key, value in self.prompt.items()}
        return {**asked, "pixel_values": pixels}

    def logits(self, model: Any, pages: torch.Tensor) -> list[torch.Tensor]:
        """For each question the logits of its options, (pages, options)."""
        return answer_logits(model, self.inputs(pages), self.sheet)


def _tower(recipe: Recipe) -> PageTowerConfig:
    shape = dataclasses.asdict(recipe.tower)
    return PageTowerConfig(image_size=recipe.edge, **{**shape, "blocks": list(shape["blocks"])})


def _llama(shape: TextShape, vocabulary: int, pad: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=4096,
        pad_token_id=pad,
        bos_token_id=None,
        eos_token_id=pad,
        tie_word_embeddings=True,
    )
