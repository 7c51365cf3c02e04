"""Decoding held to a JSON Schema: whatever the model prefers, only tokens that keep the answer valid are left.

llguidance compiles the schema once for a tokenizer and gives, for every row and step, the set of tokens that
may come next; the rest get a logit of minus infinity. A finished row may only end. What this guarantees is the
form, and only if the answer comes to its end: one cut by the token limit is a prefix of valid JSON.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import llguidance.hf
import numpy as np
import torch
from llguidance import LLMatcher
from transformers import LogitsProcessor

from pipeline.errors import ModelError

__all__ = ["Grammar", "JsonConstraint"]


class Grammar:
    """A JSON Schema compiled for one tokenizer; make a `JsonConstraint` of it for every generation."""

    def __init__(self, tokenizer: Any, schema: Mapping[str, Any]) -> None:
        """`ModelError` when the tokenizer is not a fast one or the schema says what can't be constrained."""
        try:
            self.tokenizer = llguidance.hf.from_tokenizer(tokenizer)
        except ValueError as error:
            raise ModelError("the model has no fast tokenizer, which constrained answers need") from error
        # No blanks between the tokens of JSON: a small model would fill its budget with them.
        self.text = LLMatcher.grammar_from_json_schema(json.dumps(schema), {"whitespace_flexible": False})
        if trouble := LLMatcher.validate_grammar(self.text, self.tokenizer):
            raise ModelError(f"the schema can't be constrained: {trouble.splitlines()[0]}")


class JsonConstraint(LogitsProcessor):  # type: ignore[misc]  # transformers is not typed
    """The state of one greedy generation: a matcher a row, fed with what each row has produced so far."""

    def __init__(self, grammar: Grammar, rows: int) -> None:
        self._matchers = [LLMatcher(grammar.tokenizer, grammar.text, log_level=0) for _ in range(rows)]
        self._eos = int(grammar.tokenizer.eos_token)
        self._started = False
        self._log_probability = [0.0] * rows
        self._free = [0] * rows

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores (rows, vocabulary) with every token that would break the schema at minus infinity."""
        if self._started:
            for matcher, token in zip(self._matchers, input_ids[:, -1].tolist(), strict=True):
                if not matcher.is_stopped():
                    matcher.consume_token(token)
        self._started = True
        allowed = torch.from_numpy(self._allowed(scores.shape[1])).to(scores.device)
        self._note(scores, allowed)
        return scores.masked_fill(~allowed, float("-inf"))

    def complete(self, row: int) -> bool:
        """Whether the row's answer came to its end and the grammar never failed."""
        return bool(self._matchers[row].is_accepting() and not self._matchers[row].is_error())

    def confidence(self, row: int) -> float:
        """Geometric mean of the chosen tokens' probabilities, over the steps where the schema left a choice.

        The probabilities are the model's own, before the constraint: a model that wanted to say something else
        is less sure of what it was made to say.
        """
        return math.exp(self._log_probability[row] / self._free[row]) if self._free[row] else 0.0

    def _allowed(self, vocabulary: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        allowed = np.zeros((len(self._matchers), vocabulary), dtype=np.bool_)
        for row, matcher in zip(allowed, self._matchers, strict=True):
            if matcher.is_stopped() or matcher.is_error():
                row[self._eos] = True
                continue
            bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
            width = min(len(bits), vocabulary)
            row[:width] = bits[:width].astype(np.bool_)
        return allowed

    def _note(self, scores: torch.Tensor, allowed: torch.Tensor) -> None:
        """Add what greedy search is about to choose to each unfinished row's tally."""
        chosen = torch.log_softmax(scores.float(), dim=-1).masked_fill(~allowed, float("-inf")).amax(dim=-1).tolist()
        for row, choices in enumerate(allowed.sum(dim=-1).tolist()):
            if choices > 1 and not self._matchers[row].is_stopped():
                self._log_probability[row] += chosen[row]
                self._free[row] += 1
