"""The fixed list of typed questions that triage puts to the small local VLM.

A question has a name (the key in `Verdict.answers`), what is asked, and its allowed answers: a label for the
policy and a word for the model. Words are plain English and short, because a small model knows those best.
"""

from __future__ import annotations

import string
from collections.abc import Collection
from typing import NamedTuple

__all__ = ["QUESTIONS", "Option", "Question", "instruction"]


class Option(NamedTuple):
    """An allowed answer: `label` for the policy, `word` for the model."""

    label: str
    word: str


class Question(NamedTuple):
    """One typed question; its answer is one of `options`."""

    name: str
    ask: str
    options: tuple[Option, ...]

    @property
    def letters(self) -> str:
        """One capital letter an option: the answers of last resort, when words can't be told apart."""
        return string.ascii_uppercase[: len(self.options)]


def _options(*words: str, **renamed: str) -> tuple[Option, ...]:
    return tuple(Option(renamed.get(word, word), word) for word in words)


QUESTIONS = (
    Question(
        "kind",
        "what kind of document the page belongs to",
        _options("agreement", "amendment", "order", "invoice", "letter", "form", "schedule", "report", "other"),
    ),
    Question("handwriting", "whether anything besides a signature is written by hand", _options("yes", "no")),
    Question(
        "stamp",
        "whether there is a rubber stamp or a signature",
        _options("none", "stamp", "signature", "both", none="no"),
    ),
    Question("table", "whether there is a table", _options("none", "simple", "dense", none="no")),
    Question("legibility", "how well the text can be read", _options("good", "fair", "poor")),
    Question(
        "rotation",
        "which way the top of the text points",
        _options("up", "right", "down", "left", up="0", right="90", down="180", left="270"),
    ),
    Question(
        "language",
        "which language the text is in",
        _options(
            "English",
            "German",
            "French",
            "Spanish",
            "Italian",
            "Portuguese",
            "Dutch",
            "Chinese",
            "Russian",
            "Arabic",
            "other",
            English="en",
            German="de",
            French="fr",
            Spanish="es",
            Italian="it",
            Portuguese="pt",
            Dutch="nl",
            Chinese="zh",
            Russian="ru",
            Arabic="ar",
        ),
    ),
)


def instruction(lettered: Collection[str] = ()) -> str:
    """The prompt that goes with a page image; questions named in `lettered` offer letters instead of words."""
    lines = ["This is a scanned page. Answer each line with exactly one of the answers in brackets."]
    for question in QUESTIONS:
        if question.name in lettered:
            pairs = zip(question.letters, question.options, strict=True)
            answers = ", ".join(f"{letter} = {option.word}" for letter, option in pairs)
        else:
            answers = ", ".join(option.word for option in question.options)
        lines.append(f"{question.name}: {question.ask} ({answers})")
    return "\n".join(lines)
