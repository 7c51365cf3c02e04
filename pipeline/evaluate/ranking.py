"""How good retrieval is, on a file of questions whose pages are known."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from pipeline.errors import UsageError
from pipeline.types import SearchHit

__all__ = ["Golden", "golden", "retrieval"]

DEPTH = 10
# A golden question is plain words: its quotation marks are not the search language's exact phrases.
_PLAIN = str.maketrans(dict.fromkeys('"“”„«»', " "))
Search = Callable[[str, str | None, int], Sequence[SearchHit]]


@dataclass(frozen=True, slots=True)
class Golden:
    """One question: asked within `document` as `query`, across the corpus as `corpus_query`; pages count from 1."""

    query: str
    corpus_query: str
    document: str
    gold_pages: frozenset[int]


def retrieval(lines: Iterable[str], search: Search) -> dict[str, Any]:
    """nDCG@10, recall@5 and recall@10, mean over the questions, within the document and across the corpus.

    `search(query, document file name or None, limit)` gives hits best first. A gold hit is the right page of the
    right document; a question without `document` is asked across the corpus only, where the page
    number alone counts. A page found twice counts once. Raises `UsageError` that names the line for a bad line,
    and for a file without questions.
    """
    questions = [golden(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not questions:
        raise UsageError("the golden file holds no question")
    confined = [_measures(search(q.query, q.document, DEPTH), q) for q in questions if q.document]
    across = [_measures(search(q.corpus_query, None, DEPTH), q) for q in questions]
    return {"in_document": _mean(confined), "corpus": _mean(across), "queries": len(questions)}


def golden(line: str, number: int) -> Golden:
    """One JSON line; `UsageError` names its number and what is wrong, never its content."""
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise UsageError(f"line {number}: not JSON") from error
    if not isinstance(entry, Mapping):
        raise UsageError(f"line {number}: not a JSON object")
    pages = entry.get("gold_pages")
    if not isinstance(pages, list) or not pages or not all(type(page) is int and page > 0 for page in pages):
        raise UsageError(f"line {number}: gold_pages is no list of page numbers from 1")
    query = _text(entry, "query", number)
    if not query.strip():
        raise UsageError(f"line {number}: query is empty")
    return Golden(
        query=query.translate(_PLAIN),
        corpus_query=(_text(entry, "corpus_query", number) or query).translate(_PLAIN),
        document=_text(entry, "document", number),
        gold_pages=frozenset(pages),
    )


def _text(entry: Mapping[str, Any], key: str, number: int) -> str:
    value = entry.get(key) or ""
    if not isinstance(value, str):
        raise UsageError(f"line {number}: {key} is no text")
    return value


def _measures(hits: Sequence[SearchHit], question: Golden) -> dict[str, float]:
    found = dict.fromkeys((hit.name if question.document else "", hit.page) for hit in hits)
    right = [name == question.document and page in question.gold_pages for name, page in found]
    gold = len(question.gold_pages)
    gain = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(right))
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(DEPTH, gold)))
    return {"ndcg@10": gain / ideal, "recall@5": sum(right[:5]) / gold, "recall@10": sum(right) / gold}


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: fmean(row[key] for row in rows) if rows else 0.0 for key in ("ndcg@10", "recall@5", "recall@10")}
