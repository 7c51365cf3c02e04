"""Findings from words at known places, with quotes that grounding finds at those very places.

A quote is a run of the page's words in reading order. The label belongs to it where it stands right before the
value; where the value alone stands on the page more than once, the words around it are quoted with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from pipeline.ground import fold
from pipeline.rules.view import EXTRACTOR
from pipeline.types import Finding, PageText

__all__ = ["Page", "Placed", "Printed"]

LABEL = 6
"""Words before a value in which its label is quoted with it."""

CONTEXT = 12
"""Words on either side of a value quoted at most to tell it from another place with the same words."""


class Placed(Protocol):
    """A value with its words' places in the page, its text as printed, and the places of its label's words."""

    @property
    def places(self) -> tuple[int, ...]:
        """Of the value's words, in the order they are read across the page."""
        ...

    @property
    def label_places(self) -> tuple[int, ...]:
        """Of the label's words; empty where there is none."""
        ...

    @property
    def text(self) -> str:
        """The value as printed."""
        ...


@dataclass(frozen=True)
class Printed:
    """A value without a label."""

    places: tuple[int, ...]
    text: str
    label_places: tuple[int, ...] = ()


class Page:
    """A page's words, for quoting."""

    def __init__(self, text: PageText) -> None:
        self._number = text.number
        self._words = text.words

    def finding(self, field: str, value: Placed, normal: str, confidence: float, **detail: str) -> Finding:
        """A finding whose confidence is the rule's times the words' own."""
        words = [self._words[place] for place in value.places]
        sure = confidence * sum(word.confidence for word in words) / len(words)
        quote = self._quote(value.places, value.label_places)
        kept = {name: text for name, text in detail.items() if text}
        return Finding(field, self._number, value.text, normal, quote, round(sure, 3), EXTRACTOR, detail=kept)

    def _quote(self, places: Sequence[int], label: Sequence[int]) -> str:
        first, last = min(places), max(places) + 1
        if last - first > len(places) + CONTEXT:  # scattered: no run of words holds it, so none is claimed
            return " ".join(self._words[place].text for place in places)
        if label and 0 < first - max(label) <= 2 and first - min(label) <= LABEL:
            first = min(label)
        for _ in range(CONTEXT):
            if self._alone(first, last):
                break
            first, last = self._wider(first, last)
        return " ".join(word.text for word in self._words[first:last])

    def _wider(self, first: int, last: int) -> tuple[int, int]:
        """One word more: of the same line if it has one on either side, else on both sides."""
        before, after = max(0, first - 1), min(len(self._words), last + 1)
        if self._words[before].line == self._words[first].line and before < first:
            return before, last
        if self._words[after - 1].line == self._words[last - 1].line and after > last:
            return first, after
        return before, after

    def _alone(self, first: int, last: int) -> bool:
        """Whether these words stand on the page nowhere else, nor before this as a part of other words."""
        needle = "".join(self._folds[first:last])
        return bool(needle) and self._text.find(needle) == sum(map(len, self._folds[:first]))

    @cached_property
    def _folds(self) -> list[str]:
        return [fold(word.text) for word in self._words]

    @cached_property
    def _text(self) -> str:
        return "".join(self._folds)
