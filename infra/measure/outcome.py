"""What a run leaves in a home, to be held against what an undisturbed run leaves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pipeline.wiring import Tools

__all__ = ["Outcome", "differences", "outcome_of"]


@dataclass(frozen=True)
class Outcome:
    """What must be the same: every document by name with status, pages, record and findings, and its points."""

    documents: dict[str, Any]
    points: dict[str, dict[str, int]]


def outcome_of(tools: Tools) -> Outcome:
    """What stands in a home."""
    documents = {}
    for one in tools.catalog.documents():
        state = (one.status, one.reason, one.page_count, tools.catalog.pages(one.id), tools.catalog.findings(one.id))
        record = json.loads(tools.catalog.record(one.id) or "null")
        documents[one.name] = (one.id, one.sha256, state, record, sorted(tools.index.pages_of(one.id)))
    return Outcome(documents, tools.index.documents())


def differences(whole: Outcome, found: Outcome) -> list[str]:
    """What an undisturbed run left otherwise, in words; empty when all is the same."""
    names = sorted(whole.documents.keys() | found.documents.keys())
    other = [name for name in names if whole.documents.get(name) != found.documents.get(name)]
    said = [f"{name} is not what the undisturbed run made of it" for name in other]
    if found.points != whole.points:
        said.append("the index has other points than after the undisturbed run")
    return said
