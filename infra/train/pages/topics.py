"""What contracts are asked about: questions, and clauses that answer them and repeat few of their words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["TOPICS", "Topic"]

TEXTS = Path(__file__).with_name("texts") / "topics.txt"


@dataclass(frozen=True, slots=True)
class Topic:
    """`questions` that each of the `clauses` answers; a clause has the slots that `matter.fill` fills."""

    name: str
    questions: tuple[str, ...]
    clauses: tuple[str, ...]


def _read(text: str) -> tuple[Topic, ...]:
    _, *parts = text.split("\n[")
    return tuple(_topic(part) for part in parts)


def _topic(part: str) -> Topic:
    name, _, text = part.partition("]\n")
    lines = text.split("\n")
    asked = tuple(line.removeprefix("? ") for line in lines if line.startswith("? "))
    return Topic(name, asked, tuple(line for line in lines if line and not line.startswith("? ")))


TOPICS = _read(TEXTS.read_text("utf-8"))
