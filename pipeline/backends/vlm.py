"""Triage's classifier: a small VLM answers all typed questions about a page in ONE forward pass.

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
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import torch

from pipeline.backends.protocols import PageInput
from pipeline.backends.vlm_load import VlmOptions, in_batches, load_vlm
from pipeline.errors import ModelError
from pipeline.model_files import CALIBRATION
from pipeline.questions import QUESTIONS, instruction
from pipeline.types import Answer, Verdict

__all__ = ["VlmClassifier"]

BLANK = "?"
LOOKING = 1024  # pixels of the longest edge: 90 dpi on a letter page, at which a hand still differs from print


class VlmClassifier:
    """`PageClassifier` over a transformers checkpoint of the Idefics3/SmolVLM or Qwen-VL family.

    Threads may share one: a lock lets one batch through at a time (fast tokenizers can't be used by two at once).
    """

    def __init__(self, folder: Path, options: VlmOptions | None = None) -> None:
        """Load from disk; `ModelError` or `UsageError` name what is wrong and how to mend it."""
        options = options or VlmOptions()
        self._vlm = load_vlm(folder, replace(options, longest_edge=options.longest_edge or LOOKING))
        self._lock = threading.Lock()
        self._sheet = _sheet(self._vlm.tokenizer)
        self._temperatures = _temperatures(folder)
        self._instruction = instruction(self._sheet.lettered)
        asked = json.dumps([self._instruction, self._temperatures, self._vlm.options.longest_edge])
        self._name = f"{self._vlm.name}/{hashlib.sha256(asked.encode()).hexdigest()[:8]}"

    @property
    def name(self) -> str:
        """Checkpoint and revision, then a digest of the questions, their calibration and the image bound."""
        return self._name

    def classify(self, pages: Sequence[PageInput]) -> list[Verdict]:
        """One verdict a page, in order; `options.batch` pages a forward pass."""
        with self._lock:
            rows = in_batches(self.logits, [page.image_path for page in pages], self._vlm.options.batch)
        return [self._verdict(row) for row in rows]

    def logits(self, images: Sequence[Path]) -> list[list[torch.Tensor]]:
        """One forward pass: for each image and question, the logits (float32) of the allowed answers."""
        inputs = _with_sheet(self._vlm.inputs(images, self._instruction), self._sheet.ids)
        length = inputs["input_ids"].shape[1]
        start = length - len(self._sheet.ids)
        positions = torch.tensor([start + slot for slot in self._sheet.slots], device=self._vlm.model.device)
        with torch.inference_mode():
            output = self._vlm.model(**inputs, logits_to_keep=positions, use_cache=False)
        scores = output.logits.float().cpu()
        return [[row[at, list(ids)] for at, ids in enumerate(self._sheet.answers)] for row in scores]

    def _verdict(self, row: Sequence[torch.Tensor]) -> Verdict:
        answers = {}
        for question, logits in zip(QUESTIONS, row, strict=True):
            probabilities = torch.softmax(logits / self._temperatures.get(question.name, 1.0), dim=0)
            best = int(probabilities.argmax())
            answers[question.name] = Answer(question.options[best].label, float(probabilities[best]))
        return Verdict(answers, self._name)


class _Sheet(NamedTuple):
    """The answer sheet in tokens: `slots` are the positions in `ids` whose logits answer each question,
    `answers` the token ids of each question's options in their order, `lettered` the questions asked by letter."""

    ids: list[int]
    slots: list[int]
    answers: list[tuple[int, ...]]
    lettered: frozenset[str]


def _sheet(tokenizer: Any) -> _Sheet:
    sheet = _Sheet([], [], [], frozenset())
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


def _with_sheet(inputs: dict[str, torch.Tensor], ids: Sequence[int]) -> dict[str, torch.Tensor]:
    """The inputs with the answer sheet appended to every row; it is text (type 0), and attended to."""
    rows, device = inputs["input_ids"].shape[0], inputs["input_ids"].device
    sheet = torch.tensor(ids, device=device).expand(rows, -1)
    added = {"input_ids": sheet, "attention_mask": torch.ones_like(sheet), "mm_token_type_ids": torch.zeros_like(sheet)}
    joined = {
        key: torch.cat([inputs[key], extra.to(inputs[key].dtype)], 1) for key, extra in added.items() if key in inputs
    }
    return {**inputs, **joined}


def _temperatures(folder: Path) -> dict[str, float]:
    """`{"temperature": {question: T}}` of the checkpoint's calibration file; probabilities are softmax(logits / T)."""
    try:
        content = json.loads((folder / CALIBRATION).read_text("utf-8"))
        found = {str(name): float(value) for name, value in content["temperature"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder.name}/{CALIBRATION} is no calibration: expected temperature by question") from error
    if wrong := [name for name, value in found.items() if not 0.01 <= value <= 100]:
        raise ModelError(f"{folder.name}/{CALIBRATION}: the temperature of {wrong[0]!r} is not within 0.01 to 100")
    return found
