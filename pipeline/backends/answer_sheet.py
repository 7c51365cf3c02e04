"""The answer sheet: all of triage's questions asked of a vision-language model in one forward pass.

The prompt (page image, the questions with their allowed answers) is followed by a fixed answer sheet that stands
where the model's reply would begin:

    kind: ?
    handwriting: ?
    ...

The logits at the token before each `?` are the model's distribution over how that line goes on. Restricted to
the first tokens of the question's allowed answers and put through a softmax, they are the probabilities of the
answers: nothing is generated, so there is nothing to parse and no label that was not offered.

Why `?` stands in every slot: it is the same for every page and says nothing, so a later answer can't follow from an
earlier guess (as it would in generated text), and all positions are known before the pass. What this costs:
the model never sees its own answers, so related questions may contradict each other; a `?` above makes another
`?` likely below, which takes from all answers of a question and so falls out of the softmax; and a probability
is only as honest as the model: a checkpoint may carry a temperature a question in `muniment.json`, fitted on
labelled pages.

Only the first tokens in which the answers differ are compared, so all must be different. That is checked against
the tokenizer at load; a question whose words collide is asked with letters (A, B, C, ...) instead.

Training (`infra/train/triage.py`) reads its logits from the same positions by the same function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import torch

from pipeline.errors import ModelError
from pipeline.questions import QUESTIONS

__all__ = ["Sheet", "answer_logits", "sheet_of", "with_sheet"]

BLANK = "?"


class Sheet(NamedTuple):
    """The answer sheet in tokens: `slots` are the positions in `ids` whose logits answer each question,
    `answers` the token ids of each question's options in their order, `lettered` the questions asked by letter."""

    ids: list[int]
    slots: list[int]
    answers: list[tuple[int, ...]]
    lettered: frozenset[str]


def sheet_of(tokenizer: Any) -> Sheet:
    """The sheet as this tokenizer writes it; `ModelError` when two answers to a question begin alike."""
    sheet = Sheet([], [], [], frozenset())
    lettered = set()
    for question in QUESTIONS:
        start = ("\n" if sheet.ids else "") + f"{question.name}: "
        line = _line(tokenizer, start, [option.word for option in question.options])
        if line is None:
            lettered.add(question.name)
            line = _line(tokenizer, start, question.letters)
        if line is None:
            raise ModelError(f"the model's tokenizer can't tell the answers to {question.name!r} apart")
        stem, answers, blank = line
        sheet.ids.extend(stem)
        sheet.slots.append(len(sheet.ids) - 1)
        sheet.ids.extend(blank)
        sheet.answers.append(answers)
    return sheet._replace(lettered=frozenset(lettered))


def _line(tokenizer: Any, start: str, words: Sequence[str]) -> tuple[list[int], tuple[int, ...], list[int]] | None:
    """One line of the sheet: the tokens all answers begin with, the token by which each goes on, and the blank's.

    None when two answers go on with the same token. Whole lines are tokenized, because most tokenizers join
    the blank before a word to the word, and some do not.
    """
    *whole, blank = (_ids(tokenizer, start + word) for word in (*words, BLANK))
    stem = [tokens[0] for tokens in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*whole, blank, strict=False))]
    if not stem or any(len(ids) == len(stem) for ids in whole):
        return None
    first = tuple(ids[len(stem)] for ids in whole)
    return (stem, first, blank[len(stem) :]) if len(set(first)) == len(first) else None


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))


def answer_logits(model: Any, inputs: Mapping[str, Any], sheet: Sheet) -> list[torch.Tensor]:
    """One forward pass over inputs that end in the sheet: a question, the logits (rows, options), float32."""
    start = inputs["input_ids"].shape[1] - len(sheet.ids)
    positions = torch.tensor([start + slot for slot in sheet.slots], device=inputs["input_ids"].device)
    scores = model(**inputs, logits_to_keep=positions, use_cache=False).logits.float()
    return [scores[:, at, list(ids)] for at, ids in enumerate(sheet.answers)]


def with_sheet(inputs: dict[str, torch.Tensor], ids: Sequence[int]) -> dict[str, torch.Tensor]:
    """The inputs with the answer sheet appended to every row; it is text (type 0), and attended to."""
    rows, device = inputs["input_ids"].shape[0], inputs["input_ids"].device
    sheet = torch.tensor(ids, device=device).expand(rows, -1)
    added = {"input_ids": sheet, "attention_mask": torch.ones_like(sheet), "mm_token_type_ids": torch.zeros_like(sheet)}
    joined = {
        key: torch.cat([inputs[key], extra.to(inputs[key].dtype)], 1) for key, extra in added.items() if key in inputs
    }
    return {**inputs, **joined}
