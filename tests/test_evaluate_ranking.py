"""The retrieval figures, against rankings whose figures are known."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from pipeline.errors import UsageError
from pipeline.evaluate.ranking import retrieval
from pipeline.types import SearchHit


def line(**entry: Any) -> str:
    """One golden line with defaults."""
    return json.dumps({"query": "q", "document": "a.pdf", "gold_pages": [2]} | entry)


def ranking(*pages: tuple[str, int]):
    """A search that always answers this."""
    return lambda query, document, limit: [SearchHit("id", name, "m", page, 1.0, "") for name, page in pages]


def test_perfect_ranking_scores_one() -> None:
    """All gold pages first is 1.0 in every measure."""
    scores = retrieval([line(gold_pages=[2, 3])], ranking(("a.pdf", 3), ("a.pdf", 2)))
    perfect = {"ndcg@10": 1.0, "recall@5": 1.0, "recall@10": 1.0}
    certain = {name: [1.0, 1.0] for name in perfect}
    assert scores == {
        "in_document": perfect,
        "corpus": perfect,
        "queries": 1,
        "intervals": {"in_document": certain, "corpus": certain},
    }


def test_late_hit_is_discounted() -> None:
    """One of two gold pages at rank 7: recall@5 is 0, recall@10 a half, the gain that of rank 7."""
    pages = [("a.pdf", number) for number in (11, 12, 13, 14, 15, 16, 2)]
    scores = retrieval([line(gold_pages=[2, 3])], ranking(*pages))["corpus"]
    assert scores["recall@5"] == 0.0
    assert scores["recall@10"] == 0.5
    assert scores["ndcg@10"] == pytest.approx((1 / math.log2(8)) / (1 + 1 / math.log2(3)))


def test_right_page_of_the_wrong_document_is_wrong() -> None:
    """Across the corpus a gold hit is document and page."""
    assert retrieval([line()], ranking(("b.pdf", 2)))["corpus"]["recall@10"] == 0.0


def test_page_found_twice_counts_once() -> None:
    """Neither recall nor gain grows by repetition, and no rank is lost to it."""
    scores = retrieval([line()], ranking(("a.pdf", 1), ("a.pdf", 1), ("a.pdf", 2)))["corpus"]
    assert scores["recall@10"] == 1.0
    assert scores["ndcg@10"] == pytest.approx(1 / math.log2(3))


def test_each_scope_asks_its_own_question() -> None:
    """Within the document `query`, across the corpus `corpus_query` or else `query`; quotes are no operator."""
    asked = []
    lines = [line(query='the "Term"', corpus_query="the term of Acme"), line(query="plain")]
    retrieval(lines, lambda *question: asked.append(question) or [])
    assert asked == [
        ("the  Term ", "a.pdf", 10),
        ("plain", "a.pdf", 10),
        ("the term of Acme", None, 10),
        ("plain", None, 10),
    ]


def test_question_without_document_counts_across_the_corpus_only() -> None:
    """The page number alone counts then."""
    scores = retrieval([line(document="")], ranking(("z.pdf", 2)))
    assert scores["in_document"] == {"ndcg@10": 0.0, "recall@5": 0.0, "recall@10": 0.0}
    assert scores["corpus"]["recall@10"] == 1.0


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        (line(gold_pages=[]), "gold_pages"),
        (line(gold_pages=[0]), "gold_pages"),
        (line(gold_pages=[True]), "gold_pages"),
        (line(gold_pages="2"), "gold_pages"),
        (line(query=" "), "query is empty"),
        (line(query=7), "query is no text"),
        (line(document=["a"]), "document is no text"),
    ],
)
def test_bad_line_is_named_by_its_number(bad: str, reason: str) -> None:
    """A golden file with a mistake is refused before any search, with the line and what is wrong."""
    with pytest.raises(UsageError, match=rf"line 3: .*{reason}"):
        retrieval([line(), "", bad], ranking())


def test_empty_file_is_refused() -> None:
    """No questions is no result of 0.0."""
    with pytest.raises(UsageError, match="no question"):
        retrieval(["\n"], ranking())


def test_intervals_resample_documents() -> None:
    """Ten questions about each of two documents, one found always and one never: between 0 and 1 all is open."""
    lines = [line(document=name, query=name) for name in ("a.pdf", "b.pdf") for _ in range(10)]
    scores = retrieval(lines, ranking(("a.pdf", 2)))
    assert scores["in_document"]["recall@5"] == 0.5
    assert scores["intervals"]["in_document"]["recall@5"] == [0.0, 1.0]
