"""Decoding held to a JSON Schema: whatever the model prefers, only tokens that keep the answer valid are left.

llguidance compiles the schema once for a tokenizer and gives, for every row and step, the set of tokens that
may come next; the rest get a logit of minus infinity. A finished row may only end. What this guarantees is the
form, and only if the answer is allowed to end: one cut by the token limit is a prefix of valid JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import llguidance.hf
import llguidance.numpy as masks
import torch
from llguidance import LLMatcher, LLTokenizer
from transformers import LogitsProcessor

from pipeline.errors import ModelError

__all__ = ["Grammar", "JsonConstraint", "bounded"]


class Grammar:
    """A JSON Schema compiled for one tokenizer; make a `JsonConstraint` of it for every generation."""

    def __init__(self, tokenizer: Any, schema: Mapping[str, Any]) -> None:
        """`ModelError` when the tokenizer is not a fast one or the schema says what can't be constrained."""
        try:
            self.tokenizer: LLTokenizer = llguidance.hf.from_tokenizer(tokenizer)
        except ValueError as error:
            raise ModelError("the model has no fast tokenizer, which constrained answers need") from error
        # No blanks between tokens of JSON: a small model would otherwise fill its budget with them.
        self.grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), {"whitespace_flexible": False})
        if trouble := LLMatcher.validate_grammar(self.grammar, self.tokenizer):
            raise ModelError(f"the page schema can't be constrained: {trouble.splitlines()[0]}")


class JsonConstraint(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped
    """One generation's state: a matcher a row, fed with what each row has produced since the prompt."""

    def __init__(self, grammar: Grammar, rows: int) -> None:
        self._matchers = [LLMatcher(grammar.tokenizer, grammar.grammar, log_level=0) for _ in range(rows)]
        self._eos = int(grammar.tokenizer.eos_token)
        self._length = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores (rows, vocabulary) with every token that would break the schema at minus infinity."""
        if self._length:
            for matcher, token in zip(self._matchers, input_ids[:, -1].tolist(), strict=True):
                if not matcher.is_stopped():
                    matcher.consume_token(token)
        self._length = input_ids.shape[1]
        return scores.masked_fill(~self._allowed(scores.shape[1]).to(scores.device), float("-inf"))

    def _allowed(self, vocabulary: int) -> torch.Tensor:
        allowed = torch.zeros(len(self._matchers), vocabulary, dtype=torch.bool)
        for row, matcher in zip(allowed, self._matchers, strict=True):
            if matcher.is_error() or matcher.is_stopped():
                row[self._eos] = True
                continue
            bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
            mask = torch.from_numpy(np.unpackbits(bits, bitorder="little")[:vocabulary].astype(bool))
            row[: len(mask)] = mask
        return allowed
