"""Tiny vision-language checkpoints of every supported family, built with random weights and saved to disk.

Each has its own byte-level tokenizer, processor, chat template and model, in the real classes and the real file
layout, so that loading them runs the same code as loading a pulled checkpoint.
"""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)

from pipeline.questions import QUESTIONS, instruction

FAMILIES = ("idefics3", "smolvlm", "qwen2_vl", "qwen2_5_vl", "qwen3_vl")

TILE, PATCH, SCALE = 32, 8, 2
SEQ = (TILE // PATCH) ** 2 // SCALE**2
HIDDEN = 32
TEXT = {
    "hidden_size": HIDDEN,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.2,
}

IDEFICS_SPECIALS = [
    "<|im_start|>",
    "<end_of_utterance>",
    "<image>",
    "<video>",
    "<fake_token_around_image>",
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
]
IDEFICS_CHAT = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}:"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant: {% endif %}"
)
QWEN_SPECIALS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]
QWEN_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build_vlm(family: str, folder: Path, *, words: bool = True, seed: int = 0) -> Path:
    """Save a random checkpoint of the family into `folder`, which comes back.

    `words=False` leaves the tokenizer without merges: every word is spelled byte by byte, so answers that
    begin with the same letter share their first token.
    """
    torch.manual_seed(seed)
    processor, model = _idefics(family, words) if family in ("idefics3", "smolvlm") else _qwen(family, words)
    tokenizer = processor.tokenizer
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, repetition_penalty=1.5
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def byte_level_tokenizer(specials: list[str], eos: str, pad: str, words: bool) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer that knows the words of triage's questions (or, without `words`, bytes only)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    size = 2000 if words else len(specials) + len(alphabet)
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=specials, initial_alphabet=alphabet)
    corpus = [instruction(), *(f"{q.name}: {option.word}" for q in QUESTIONS for option in q.options)]
    tokenizer.train_from_iterator(corpus * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=eos, pad_token=pad)


def _idefics(family: str, words: bool):
    tokenizer = byte_level_tokenizer(IDEFICS_SPECIALS, "<end_of_utterance>", "<|im_start|>", words)
    sizes = {"size": {"longest_edge": 4 * TILE}, "max_image_size": {"longest_edge": TILE}}
    shape = {
        "image_token_id": tokenizer.convert_tokens_to_ids("<image>"),
        "pad_token_id": tokenizer.pad_token_id,
        "scale_factor": SCALE,
        "text_config": {"model_type": "llama", "vocab_size": len(tokenizer), **TEXT},
        "vision_config": {
            "hidden_size": HIDDEN,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": TILE,
            "patch_size": PATCH,
        },
    }
    if family == "idefics3":
        images = Idefics3ImageProcessor(**sizes)
        processor = Idefics3Processor(images, tokenizer, image_seq_len=SEQ, chat_template=IDEFICS_CHAT)
        return processor, Idefics3ForConditionalGeneration(Idefics3Config(**shape))
    images = SmolVLMImageProcessor(**sizes)
    video = SmolVLMVideoProcessor(
        size={"longest_edge": TILE},
        max_image_size={"longest_edge": TILE},
        num_frames=2,
        fps=1,
        video_sampling={"fps": 1, "max_frames": 2, "video_size": {"longest_edge": TILE}},
    )
    processor = SmolVLMProcessor(images, tokenizer, video, image_seq_len=SEQ, chat_template=IDEFICS_CHAT)
    return processor, SmolVLMForConditionalGeneration(SmolVLMConfig(**shape))


def _qwen(family: str, words: bool):
    tokenizer = byte_level_tokenizer(QWEN_SPECIALS, "<|im_end|>", "<|endoftext|>", words)
    ids = {
        "image_token_id": tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        "video_token_id": tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids("<|vision_end|>"),
    }
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
    text = {"vocab_size": len(tokenizer), "rope_parameters": rope, **TEXT}
    sizes = {"patch_size": PATCH, "temporal_patch_size": 2, "merge_size": 2}
    images = Qwen2VLImageProcessor(size={"shortest_edge": 16 * 16, "longest_edge": 128 * 128}, **sizes)
    vision = {"depth": 2, "num_heads": 4, "patch_size": PATCH, "temporal_patch_size": 2, "spatial_merge_size": 2}
    if family == "qwen2_vl":
        vision |= {"embed_dim": HIDDEN, "hidden_size": HIDDEN, "mlp_ratio": 2}
        config, make, kind = Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor
    elif family == "qwen2_5_vl":
        vision |= {"hidden_size": HIDDEN, "out_hidden_size": HIDDEN, "intermediate_size": 64, "window_size": 32}
        vision |= {"fullatt_block_indexes": [1]}
        config, make, kind = Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
    else:
        vision |= {"hidden_size": HIDDEN, "out_hidden_size": HIDDEN, "intermediate_size": 64}
        vision |= {"deepstack_visual_indexes": [0], "num_position_embeddings": 64}
        text |= {"head_dim": 8}
        config, make, kind = Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor
    video = (Qwen3VLVideoProcessor if family == "qwen3_vl" else Qwen2VLVideoProcessor)(**sizes)
    processor = kind(images, tokenizer, video, chat_template=QWEN_CHAT)
    return processor, make(config(text_config=text, vision_config=vision, **ids))
