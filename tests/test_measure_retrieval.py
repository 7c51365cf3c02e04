"""The measurement of page retrieval: its baselines, its figures and its halves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from infra.measure.corpora import CORPORA, names
from infra.measure.ranked import difference, measures, won_back
from infra.measure.rankers import METHODS, Page, Rankers
from infra.measure.retrieval import load

SUBJECTS = ("rent", "notice", "pallet")
PAGES = [
    Page(("lease.pdf", 1), ("the", "rent", "is", "due", "monthly")),
    Page(("lease.pdf", 2), ("notice", "of", "thirty", "days")),
    Page(("supply.pdf", 1), ("every", "pallet", "has", "a", "rent")),
    Page(("supply.pdf", 2), ()),
]


def embed(texts: Sequence[str]) -> np.ndarray:
    """A text's vector says which subjects it names."""
    return np.array([[text.count(subject) for subject in SUBJECTS] for text in texts], np.float32)


def test_baselines_rank_by_their_own_evidence() -> None:
    """Every method puts the page that says the asked word first, an empty page never."""
    found = Rankers(PAGES, embed).rank("notice")
    assert set(found) == set(METHODS)
    assert {method: ranked[0] for method, ranked in found.items()} == dict.fromkeys(METHODS, ("lease.pdf", 2))


def test_baselines_stay_in_the_document() -> None:
    """Confined to a document only its pages are ranked."""
    found = Rankers(PAGES, embed).rank("rent", "supply.pdf")
    assert {key for ranked in found.values() for key in ranked} == {("supply.pdf", 1), ("supply.pdf", 2)}


def test_first_words_name_the_document() -> None:
    """Told its document's first words, a page is found by them."""
    told = [Page(page.key, page.words, ("Orchid",) if page.key[0] == "supply.pdf" else ()) for page in PAGES]
    assert Rankers(told, embed).rank("rent orchid")["BM25"][0] == ("supply.pdf", 1)
    assert Rankers(PAGES, embed).rank("rent orchid")["BM25"][0] == ("lease.pdf", 1)


def test_measures_by_hand() -> None:
    """One of two gold pages at rank 2: its gain is 1/log2(3), the ideal 1 + 1/log2(3)."""
    gold = frozenset({("d", 1), ("d", 9)})
    ndcg, recall5, recall10 = measures([("d", 3), ("d", 1)], gold)
    assert ndcg == pytest.approx(0.6309 / 1.6309, abs=1e-3)
    assert (recall5, recall10) == (0.5, 0.5)


def test_intervals_hold_the_figure() -> None:
    """A constant gain has no spread; the share won back is of the loss, in pairs."""
    documents = ["a"] * 5 + ["b"] * 5
    low = np.linspace(0, 0.5, 10)
    assert difference(low + 0.1, low, documents) == "+0.100 [+0.100, +0.100]"
    assert won_back(low + 0.1, low, low + 0.2, documents) == "50% [50%, 50%] of 0.200"


@pytest.mark.skipif(not CORPORA.exists(), reason="the shared corpora are not here")
def test_halves_are_disjoint_and_all_documents_are_indexed(tmp_path: Path) -> None:
    """Each half asks of its own documents; the corpus is whole in both."""
    tuning, reporting = load("cuad", "tuning", tmp_path), load("cuad", "reporting", tmp_path)
    assert tuning.pdfs == reporting.pdfs
    assert len(tuning.questions) + len(reporting.questions) == 434
    assert {question.document for question in tuning.questions} <= set(names("cuad", "tuning"))
    assert not {q.document for q in tuning.questions} & {q.document for q in reporting.questions}
