"""The generative local VLM: it looks at a page image and fills the page schema, and nothing else.

It is given the image alone, not the words OCR read: a quote counts as verified when it is found in those words,
which proves something only if the model did not copy it from them. Its answer is constrained JSON, so it always
parses if it comes to its end; an answer cut at the token limit is thrown away whole and the reason logged,
because half a list of amounts looks like all of them. A page without findings still has those of the rules.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from transformers import GenerationConfig, LogitsProcessorList

from pipeline.backends.constrained import Grammar, JsonConstraint
from pipeline.backends.protocols import PageInput
from pipeline.backends.vlm_load import VlmOptions, in_batches, load_vlm
from pipeline.findings import findings_from_page
from pipeline.types import Finding
from schemas.page import PageRecord

__all__ = ["AnswerLimits", "VlmExtractor", "bounded", "outline"]

log = logging.getLogger(__name__)

ASK = "Read this scanned page and report what stands on it as one JSON object, with nothing before or after it."
READING = 1536  # pixels of the longest edge: 140 dpi on a letter page, at which 10 pt print is 20 pixels high


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """How long an answer may get, so that a model that repeats itself comes to an end.

    A dense page of the corpora has about 12 items worth keeping in a list; a quote is at most 40 words, 300
    characters. 3,000 tokens hold such a page; it is the budget that cuts, not the two bounds.
    """

    tokens: int = 3000
    items: int = 12
    characters: int = 300


class VlmExtractor:
    """`Extractor` over a transformers checkpoint of a family that `vlm_load` knows; threads may share one."""

    def __init__(self, folder: Path, options: VlmOptions | None = None, limits: AnswerLimits | None = None) -> None:
        """Load from disk; `ModelError` or `UsageError` name what is wrong and how to mend it."""
        options = options or VlmOptions()
        self._vlm = load_vlm(folder, replace(options, longest_edge=options.longest_edge or READING))
        self._limits = limits or AnswerLimits()
        self._lock = threading.Lock()
        schema = bounded(PageRecord.model_json_schema(), self._limits)
        self._grammar = Grammar(self._vlm.tokenizer, schema)
        self._instruction = f"{ASK}\n{outline(PageRecord.model_json_schema())}"
        # Greedy, and free of what checkpoints bring along: a repetition penalty breaks JSON and quotes.
        self._vlm.model.generation_config = GenerationConfig(
            max_new_tokens=self._limits.tokens,
            do_sample=False,
            eos_token_id=self._grammar.tokenizer.eos_token,
            pad_token_id=self._vlm.tokenizer.pad_token_id,
        )
        asked = json.dumps([self._instruction, schema, self._limits.tokens, self._vlm.options.longest_edge])
        self._name = f"{self._vlm.name}/{hashlib.sha256(asked.encode()).hexdigest()[:8]}"

    @property
    def name(self) -> str:
        """Checkpoint and revision, then a digest of the prompt, the schema, the limits and the image bound."""
        return self._name

    def extract(self, pages: Sequence[PageInput]) -> list[list[Finding]]:
        """The findings of each page, in order; a page whose answer was cut or makes no sense has none."""
        with self._lock:
            answers = in_batches(self.answers, [page.image_path for page in pages], self._vlm.options.batch)
        return [self._findings(page.image.number, *answer) for page, answer in zip(pages, answers, strict=True)]

    def answers(self, images: Sequence[Path]) -> list[tuple[str, float, bool]]:
        """For each image the generated JSON, the model's confidence (0..1), and whether it came to its end."""
        inputs = self._vlm.inputs(self._vlm.open(images), self._instruction)
        constraint = JsonConstraint(self._grammar, len(images))
        with torch.inference_mode():
            output = self._vlm.model.generate(**inputs, logits_processor=LogitsProcessorList([constraint]))
        texts = self._vlm.tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return [(text, constraint.confidence(row), constraint.complete(row)) for row, text in enumerate(texts)]

    def _findings(self, page: int, text: str, confidence: float, complete: bool) -> list[Finding]:
        if not complete:
            log.warning("page %d: answer of the local VLM cut at %d tokens, nothing taken", page, self._limits.tokens)
            return []
        try:
            record = PageRecord.model_validate_json(text)
        except ValidationError as error:
            log.warning("page %d: answer of the local VLM breaks the schema %d times", page, error.error_count())
            return []
        return findings_from_page(record, page, self._name, confidence)


def bounded(schema: Mapping[str, Any], limits: AnswerLimits) -> dict[str, Any]:
    """The schema with a bound on every list and every string that has none."""

    def visit(node: Any) -> Any:
        if isinstance(node, list):
            return [visit(each) for each in node]
        if not isinstance(node, dict):
            return node
        visited = {key: visit(value) for key, value in node.items()}
        if node.get("type") == "string" and not node.keys() & {"enum", "const", "format", "pattern"}:
            visited.setdefault("maxLength", limits.characters)
        if node.get("type") == "array":
            visited.setdefault("maxItems", limits.items)
        return visited

    return dict(visit(schema))


def outline(schema: Mapping[str, Any]) -> str:
    """The schema as a person would write it down: a line a field, nested by indentation, with its description."""
    return "\n".join(_lines(schema, schema.get("$defs", {}), ""))


def _lines(node: Mapping[str, Any], definitions: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, field in node.get("properties", {}).items():
        inner = field.get("items", field)
        inner = definitions.get(str(inner.get("$ref", "")).rpartition("/")[2], inner)
        kind = "list" if field.get("type") == "array" else ""
        choices = " | ".join(map(str, inner.get("enum", ())))
        said = "; ".join(part for part in (f"{kind} {choices}".strip(), field.get("description", "")) if part)
        yield f"{indent}{name}: {said}".rstrip()
        yield from _lines(inner, definitions, indent + "  ")
