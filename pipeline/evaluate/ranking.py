"""How good page search is, on a file of questions whose pages are known."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError
from pipeline.evaluate.bootstrap import Interval, by_document, interval, mean
from pipeline.types import SearchHit

__all__ = ["MEASURES", "Golden", "golden", "measures", "retrieval"]

DEPTH = 10
MEASURES = ("ndcg@10", "recall@5", "recall@10")
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
    """nDCG@10, recall@5 and recall@10, mean over the questions, within the document and across the corpus, and
    under `intervals` the 95 % interval of each as [low, high], questions resampled by document.

    `search(query, document file name or None, limit)` gives hits best first. A gold hit is the right page of the
    right document; a question without `document` is asked across the corpus only, where the page
    number alone counts. A page found twice counts once. Raises `UsageError` that names the line for a bad line,
    and for a file without questions.
    """
    questions = [golden(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not questions:
        raise UsageError("the golden file holds no question")
    confined = [question for question in questions if question.document]
    found = {
        "in_document": _means(confined, [measures(search(q.query, q.document, DEPTH), q) for q in confined]),
        "corpus": _means(questions, [measures(search(q.corpus_query, None, DEPTH), q) for q in questions]),
    }
    return {
        **{scope: {name: each.value for name, each in means.items()} for scope, means in found.items()},
        "queries": len(questions),
        "intervals": {
            scope: {name: [each.low, each.high] for name, each in means.items()} for scope, means in found.items()
        },
    }


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


def measures(hits: Sequence[SearchHit], question: Golden) -> dict[str, float]:
    """The `MEASURES` of one question, from the hits of its search, best first."""
    found = dict.fromkeys((hit.name if question.document else "", hit.page) for hit in hits[:DEPTH])
    right = [name == question.document and page in question.gold_pages for name, page in found]
    gold = len(question.gold_pages)
    gain = sum(hit / math.log2(rank + 2) for rank, hit in enumerate(right))
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(DEPTH, gold)))
    return {"ndcg@10": gain / ideal, "recall@5": sum(right[:5]) / gold, "recall@10": sum(right) / gold}


def _text(entry: Mapping[str, Any], key: str, number: int) -> str:
    value = entry.get(key) or ""
    if not isinstance(value, str):
        raise UsageError(f"line {number}: {key} is no text")
    return value


def _means(questions: Sequence[Golden], rows: Sequence[Mapping[str, float]]) -> dict[str, Interval]:
    """The mean of each measure; a question without a document is a document of its own. No questions: 0."""
    if not rows:
        return dict.fromkeys(MEASURES, Interval(0.0, 0.0, 0.0))
    asked_of = [question.document or f"\n{number}" for number, question in enumerate(questions)]
    return {name: interval(by_document(asked_of, [row[name] for row in rows]), mean) for name in MEASURES}
