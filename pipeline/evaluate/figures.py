"""One number for each thing a golden file can measure: what a nightly run compares from night to night."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.evaluate.fields import extraction
from pipeline.evaluate.goldenset import GoldenDocument, golden_documents, look_up
from pipeline.evaluate.home import Home
from pipeline.evaluate.ranking import retrieval
from pipeline.evaluate.routes import triage

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["figures"]


def figures(lines: Sequence[str], tools: Tools) -> dict[str, float]:
    """Of a file of questions nDCG@10, within documents and across the corpus; of a file of documents field F1 (macro)
    and the share of routes that are right. What nothing in the file defines is not there.

    `UsageError` for a line that is neither.
    """
    home = Home(tools)
    if any('"query"' in line for line in lines):
        scopes = retrieval(lines, home.find)
        found = {f"nDCG@10 {scope.replace('_', ' ')}": scopes[scope]["ndcg@10"] for scope in ("in_document", "corpus")}
    else:
        found = _of_documents(golden_documents(lines), home)
    return {name: round(value, 4) for name, value in found.items() if not math.isnan(value)}


def _of_documents(documents: Sequence[GoldenDocument], home: Home) -> dict[str, float]:
    fields = [document for document in documents if document.fields]
    routes = [document for document in documents if document.routes]
    found = {"field F1": extraction(look_up(fields, home.record)).macro.value} if fields else {}
    return found | ({"routes right": triage(look_up(routes, home.routes)).agreement.value} if routes else {})
