"""What stands beside a triage checkpoint in `muniment.json`: how sure it is, on which questions it is heard, and how
often it is asked which way is up.

    {"temperature": {question: T}, "bias": {question: {label: b}}, "heard": [question, ...], "turned": [90]}

`python -m infra.measure.bundled triage --fit` writes the first three from labelled pages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import ModelError
from pipeline.model_files import CALIBRATION
from pipeline.questions import QUESTIONS

__all__ = ["AnswerScale", "read_scale"]

TURNS = (90, 180, 270)


class AnswerScale(NamedTuple):
    """How logits become probabilities, softmax(logits / temperature + bias), and the questions that are heard.

    `turned`: clockwise quarter turns (90, 180, 270 degrees) in which a page is shown once more, to ask which way is up.
    """

    heard: tuple[str, ...]
    temperature: Mapping[str, float]
    bias: Mapping[str, Mapping[str, float]]
    turned: tuple[int, ...] = ()


def read_scale(folder: Path) -> AnswerScale:
    """The checkpoint's. Without the file, or without `heard` in it, all questions are heard; `ModelError` when the file
    is damaged."""
    every = tuple(question.name for question in QUESTIONS)
    try:
        content = json.loads((folder / CALIBRATION).read_text("utf-8"))
        temperature = {str(name): float(value) for name, value in content["temperature"].items()}
        bias = {str(q): {str(k): float(b) for k, b in each.items()} for q, each in content.get("bias", {}).items()}
        heard = tuple(str(name) for name in content.get("heard", every))
        turned = tuple(int(degrees) for degrees in content.get("turned", ()))
    except FileNotFoundError:
        return AnswerScale(every, {}, {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder.name}/{CALIBRATION} is no calibration: expected temperature by question") from error
    if wrong := [name for name, value in temperature.items() if not 0.01 <= value <= 100]:
        raise ModelError(f"{folder.name}/{CALIBRATION}: the temperature of {wrong[0]!r} is not within 0.01 to 100")
    if wrong := [name for name, each in bias.items() if not all(-100 <= b <= 100 for b in each.values())]:
        raise ModelError(f"{folder.name}/{CALIBRATION}: a bias of {wrong[0]!r} is not within -100 to 100")
    if unknown := [name for name in heard if name not in every]:
        raise ModelError(f"{folder.name}/{CALIBRATION}: {unknown[0]!r} is no question that could be heard")
    if crooked := [degrees for degrees in turned if degrees not in TURNS]:
        raise ModelError(f"{folder.name}/{CALIBRATION}: {crooked[0]} is no quarter turn of 90, 180 or 270 degrees")
    return AnswerScale(heard, temperature, bias, turned)
