"""Triage's classifier: a small VLM answers all typed questions about a page in ONE forward pass, and which way is up in
as many more as its checkpoint asks for.

See `pipeline/backends/answer_sheet.py` for how the questions are put and what their logits mean.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from pipeline.answer_scale import read_scale
from pipeline.backends.answer_sheet import answer_logits, sheet_of, with_sheet
from pipeline.backends.protocols import PageInput
from pipeline.backends.vlm_load import VlmOptions, in_batches, load_vlm
from pipeline.errors import ModelError
from pipeline.questions import QUESTIONS, instruction
from pipeline.types import Answer, Verdict
from pipeline.upright import quarter_turn

__all__ = ["VlmClassifier"]

UP = [question.name for question in QUESTIONS].index("rotation")
LOOKING = 1024  # pixels of the longest edge: 90 dpi on a letter page, at which a hand still differs from print


class VlmClassifier:
    """`PageClassifier` over a transformers checkpoint of the Idefics3/SmolVLM, Qwen-VL or Llava family.

    Its verdicts hold the answers to the questions that the checkpoint's calibration file says it is heard on: all of
    them, unless it was measured to be worse at some than the signals are.

    Threads may share one: a lock lets one batch through at a time (fast tokenizers can't be used by two at once).
    """

    def __init__(self, folder: Path, options: VlmOptions | None = None) -> None:
        """Load from disk; `ModelError` or `UsageError` name what is wrong and how to mend it."""
        options = options or VlmOptions()
        self._vlm = load_vlm(folder, replace(options, longest_edge=options.longest_edge or LOOKING))
        self._lock = threading.Lock()
        self._sheet = sheet_of(self._vlm.tokenizer)
        self._scale = read_scale(folder)
        self._instruction = instruction(self._sheet.lettered)
        asked = json.dumps([self._instruction, self._scale, self._vlm.options.longest_edge])
        self._name = f"{self._vlm.name}/{hashlib.sha256(asked.encode()).hexdigest()[:8]}"

    @property
    def name(self) -> str:
        """Checkpoint and revision, then a digest of the questions, their calibration and the image bound."""
        return self._name

    @property
    def heard(self) -> tuple[str, ...]:
        """The questions that its verdicts answer."""
        return self._scale.heard

    def classify(self, pages: Sequence[PageInput]) -> list[Verdict]:
        """One verdict a page, in order; `options.batch` pages a forward pass."""
        with self._lock:
            rows = in_batches(self.logits, [page.image_path for page in pages], self._vlm.options.batch)
        return [self._verdict(row) for row in rows]

    def logits(self, images: Sequence[Path]) -> list[list[torch.Tensor]]:
        """One forward pass: for each image and question, the logits (float32) of the allowed answers.

        One more for each turn that the calibration names: what pages turned by it say of which way is up is turned
        back, and the mean taken of what was said. A model that leans to one side leans to both sides so.
        """
        pages = self._vlm.open(images)
        logits = self._asked(pages)
        said = [logits[UP]]
        for degrees in self._scale.turned:
            turned = self._asked([quarter_turn(page, degrees) for page in pages])
            said.append(turned[UP].roll(-degrees // 90, dims=1))  # its answers go round clockwise, as the page went
        logits[UP] = torch.stack(said).mean(dim=0)
        return [list(row) for row in zip(*logits, strict=True)]

    def _asked(self, pages: Sequence[Image.Image]) -> list[torch.Tensor]:
        """By question the logits (pages, answers)."""
        inputs = with_sheet(self._vlm.inputs(pages, self._instruction), self._sheet.ids)
        with torch.inference_mode():
            return [rows.cpu() for rows in answer_logits(self._vlm.model, inputs, self._sheet)]

    def _verdict(self, row: Sequence[torch.Tensor]) -> Verdict:
        answers = {}
        for question, logits in zip(QUESTIONS, row, strict=True):
            if question.name not in self._scale.heard:
                continue
            bias = torch.tensor(
                [self._scale.bias.get(question.name, {}).get(each.label, 0.0) for each in question.options]
            )
            probabilities = torch.softmax(logits / self._scale.temperature.get(question.name, 1.0) + bias, dim=0)
            if not torch.isfinite(probabilities).all():
                raise ModelError("the triage model gave values that are not numbers; try MUNIMENT_DTYPE=float32")
            best = int(probabilities.argmax())
            answers[question.name] = Answer(question.options[best].label, float(probabilities[best]))
        return Verdict(answers, self._name)
