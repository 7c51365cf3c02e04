"""Ways of reading a document: which of its pages go to which frontier model.

    local                  none: what was read on this machine
    escalated              the pages that need it under the present settings
    escalated@0.7          the pages that need it when OCR's confidence may be 0.7 (MUNIMENT_ESCALATE_BELOW)
    all                    every page
    escalated@0.7:MODEL    with another model than the configured one; likewise `escalated:MODEL` and `all:MODEL`

What was read on this machine stays beside what the model reads, as in any record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.errors import UsageError
from pipeline.evaluate.walked import Walked
from pipeline.report import clip
from pipeline.triage import Policy

__all__ = ["Way", "ways_of"]

FORMS = "local, escalated, escalated@0.7 or all, the last three also as escalated:MODEL"


@dataclass(frozen=True, slots=True)
class Way:
    """`below` replaces the setting of that name where it is given; `model` is "" for `local`."""

    pages: Literal["local", "escalated", "all"]
    below: float | None = None
    model: str = ""

    def __str__(self) -> str:
        below = "" if self.below is None else f"@{self.below:g}"
        return f"{self.pages}{below}{self.model and f':{self.model}'}"

    def asks(self, walked: Walked, policy: Policy, threshold: float) -> frozenset[int]:
        """The pages of a document that go to the model; `policy` and `threshold` are the present settings."""
        if self.pages == "local":
            return frozenset()
        if self.pages == "all":
            return frozenset(each.number for each in walked.triages)
        moved = policy if self.below is None else replace(policy, escalate_below=self.below)
        return walked.needing(walked.routed(moved), threshold)


def ways_of(texts: Sequence[str], model: str) -> tuple[Way, ...]:
    """The ways as written, each once; `model` is the configured one. `UsageError` for what is no way."""
    return tuple(dict.fromkeys(_way(text, model) for text in texts))


def _way(text: str, configured: str) -> Way:
    head, colon, model = text.partition(":")  # a model's id may hold colons and at-signs of its own
    pages, at, below = head.partition("@")
    if pages == "local" and not at and not colon:
        return Way("local")
    if (colon and not model) or pages not in ("escalated", "all") or (at and pages == "all"):
        raise UsageError(f"no way to read: {clip(text, 60)!r}; known are {FORMS}")
    return Way(pages, _share(below) if at else None, model or configured)  # type: ignore[arg-type]


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"escalated@{clip(text, 20)}: a confidence from 0 to 1 is wanted")
    return share
