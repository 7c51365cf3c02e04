"""The page retriever's score: phrases, MaxSim and the figures printed."""

from __future__ import annotations

import numpy as np
import pytest

from infra.measure.page_retriever import Query, figures, queries_of, scores_of

TEXTS = [
    (["notice of default"], ["Notice", "of", "default", "shall"]),
    ([], []),
    (["of default"], ["any", "notice", "OF", "default"]),
    (["rent is"], ["the", "rent", "is", "due"]),
]


def test_every_page_with_the_words_is_right() -> None:
    """A phrase's pages are all that carry it whole, capitals aside; a page without words asks nothing."""
    found = {query.text: (query.document, query.pages) for query in queries_of(TEXTS, seed=3)}
    assert found == {
        "notice of default": (0, frozenset({0, 2})),
        "of default": (0, frozenset({0, 2})),
        "rent is": (0, frozenset({3})),
    }


def test_scores_are_maxsim() -> None:
    """Each row of the query counts its best row of the page, queries of different length side by side."""
    rng = np.random.default_rng(0)
    queries = [rng.normal(size=(rows, 8)).astype(np.float32) for rows in (3, 5, *[2] * 20)]
    pages = [rng.normal(size=(rows, 8)).astype(np.float32) for rows in (4, 9)]
    expected = [[(query @ page.T).max(1).sum() for page in pages] for query in queries]
    np.testing.assert_allclose(scores_of(queries, pages), expected, rtol=1e-4)


def test_figures_of_a_perfect_and_of_a_useless_ranking() -> None:
    """Right pages in front give 1; behind ten others 0; the second place gives what nDCG's definition says."""
    queries = [Query("a", at, frozenset({at})) for at in range(20)]
    assert figures(np.eye(20), queries)["nDCG@10"] == "1.000 [1.000, 1.000]"
    assert figures(-np.eye(20), queries)["nDCG@10"].startswith("0.000")
    second = np.eye(20) + 2 * np.roll(np.eye(20), 1, axis=1)
    assert figures(second, queries)["nDCG@10"].startswith("0.631")
    assert figures(second, queries)["recall@1"].startswith("0.000")


def test_a_random_order_has_the_figure_said_of_it() -> None:
    """Measured on random scores, nDCG@10 comes out as computed."""
    rng = np.random.default_rng(1)
    queries = [Query("a", at, frozenset({at % 40, (at + 1) % 40})) for at in range(4000)]
    said = figures(rng.random((4000, 40)), queries)
    assert float(said["nDCG@10"].split()[0]) == pytest.approx(float(said["nDCG@10 of a random order"]), abs=0.01)
