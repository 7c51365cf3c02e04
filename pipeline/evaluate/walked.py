"""A golden document as a home remembers it: its record under any routing policy, with any reader of its hard pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.evaluate.goldenset import GoldenDocument
from pipeline.merge import merge
from pipeline.review import review
from pipeline.triage import Policy, decide
from pipeline.types import Document, Finding, Route, Triage
from schemas.contract import Contract

__all__ = ["Answers", "Walked"]

Answers = Mapping[int, Sequence[Finding]]
"""The grounded findings of each page that a frontier model was asked about, none where it gave no usable answer."""


@dataclass(frozen=True)
class Walked:
    """The triages of a document and the grounded findings of its pages: those that were read here (`local`), and those
    of a frontier model, where one was asked."""

    golden: GoldenDocument
    document: Document
    triages: tuple[Triage, ...]
    local: Mapping[int, Sequence[Finding]]
    frontier: Answers = field(default_factory=dict)
    _known: dict[Any, Contract] = field(default_factory=dict, repr=False, compare=False)

    def heard(self, answers: Answers) -> Walked:
        """The same document with other answers of a frontier model."""
        return Walked(self.golden, self.document, self.triages, self.local, answers)

    def routed(self, policy: Policy) -> list[Triage]:
        """The routes that this policy gives its pages."""
        return [decide(each.number, each.signals, each.verdict, policy) for each in self.triages]

    def needing(self, routed: Sequence[Triage], threshold: float) -> frozenset[int]:
        """The pages that need the frontier model: hard to read, or left with doubts by grounding."""
        hard = {each.number for each in routed if each.route is Route.FRONTIER}
        return frozenset(hard | set(review(self.record(routed), routed, threshold)))

    def record(self, routed: Sequence[Triage], escalated: frozenset[int] = frozenset()) -> Contract:
        """The record of local findings, and of the frontier model's on the escalated pages."""
        asked = {page: found for page, found in self.frontier.items() if page in escalated}
        key = (tuple(each.route for each in routed), tuple(asked))
        if key not in self._known:
            all_found = {page: [*found, *asked.get(page, ())] for page, found in self.local.items()}
            self._known[key] = merge(self.document, all_found, routed)
        return self._known[key]
