"""Tiny ColModernVBert and ColIdefics3 checkpoints with random weights and their own tokenizers, saved to disk.

Real classes, real files: loading them runs the same code as loading a pulled checkpoint.
"""

from __future__ import annotations

from pathlib import Path

import torch
from colpali_engine.models import ColIdefics3, ColIdefics3Processor, ColModernVBert, ColModernVBertProcessor
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import Idefics3Config, Idefics3ImageProcessor, ModernVBertConfig, PreTrainedTokenizerFast

FAMILIES = ("modernvbert", "idefics3")
TILE, PATCH, SCALE, HIDDEN = 32, 8, 2, 32
SEQ = (TILE // PATCH) ** 2 // SCALE**2
SPECIALS = [
    "<pad>",
    "<|im_start|>",
    "<|begin_of_text|>",
    "<end_of_utterance>",
    "<image>",
    "<fake_token_around_image>",
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
]
VISION = {
    "hidden_size": HIDDEN,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": TILE,
    "patch_size": PATCH,
}
TEXT = {
    "hidden_size": HIDDEN,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 2048,
}


def build_colpali(family: str, folder: Path, *, seed: int = 0) -> Path:
    """Save a random checkpoint of the family into `folder`, which comes back."""
    torch.manual_seed(seed)
    tokenizer = _tokenizer()
    model = _modernvbert(tokenizer) if family == "modernvbert" else _idefics3(tokenizer)
    images = Idefics3ImageProcessor(size={"longest_edge": 4 * TILE}, max_image_size={"longest_edge": TILE})
    processor = ColModernVBertProcessor if family == "modernvbert" else ColIdefics3Processor
    model.save_pretrained(folder)
    processor(images, tokenizer, image_seq_len=SEQ).save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    """Bytes only: no corpus to train on, and no text it can't spell."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIALS, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIALS)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end_of_utterance>")


def _modernvbert(tokenizer: PreTrainedTokenizerFast) -> ColModernVBert:
    special = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "cls_token_id": 0, "sep_token_id": 0}
    text = {"model_type": "modernbert", "vocab_size": len(tokenizer), **TEXT, **special}
    config = ModernVBertConfig(
        text_config=text,
        vision_config={"model_type": "siglip_vision_model", **VISION},
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pixel_shuffle_factor=SCALE,
    )
    return ColModernVBert(config)


def _idefics3(tokenizer: PreTrainedTokenizerFast) -> ColIdefics3:
    config = Idefics3Config(
        text_config={"model_type": "llama", "vocab_size": len(tokenizer), "num_key_value_heads": 2, **TEXT},
        vision_config=VISION,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        scale_factor=SCALE,
    )
    return ColIdefics3(config)
