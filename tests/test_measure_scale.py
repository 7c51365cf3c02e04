"""The measurements of the index at scale: their arithmetic, on small vectors and the real engine."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from index_helpers import point
from pdfs import AGREEMENT, born_digital

from infra.measure import scale_busy, scale_curve, scale_page, scale_points, scale_sizing, scale_stages, scale_storage
from infra.measure.scale_vectors import maxsim, stacked
from pipeline.backends.protocols import IndexedPage, SparseVector
from pipeline.kept import words_at
from pipeline.search import Searcher
from pipeline.settings import load_settings
from pipeline.types import SearchFilter
from pipeline.wiring import open_tools

RNG = np.random.default_rng(3)
PAGES, DIM = 40, 128


class _Somewhere:
    name, dimension = "somewhere", 384

    def embed(self, texts: list[str]) -> np.ndarray:
        """A unit vector a text."""
        return np.eye(len(texts), self.dimension, dtype=np.float32)


@pytest.fixture(scope="module")
def pages() -> list[np.ndarray]:
    """Unit rows, pages of different lengths."""
    return [_unit(RNG.normal(size=(count, DIM))) for count in RNG.integers(5, 30, size=PAGES)]


def test_maxsim_is_the_sum_of_each_query_rows_best(pages: list[np.ndarray]) -> None:
    """Stacked pages score as each page alone, whatever their lengths."""
    question = _unit(RNG.normal(size=(4, DIM)))
    expected = [float(sum(max(row @ other for other in page) for row in question)) for page in pages]
    assert maxsim(question, *stacked(pages)) == pytest.approx(expected, abs=1e-4)
    assert scale_stages.scores_of(iter(pages), [question])[0][0] == pytest.approx(expected, abs=1e-4)


def test_clusters_are_those_of_colpali_engine(pages: list[np.ndarray]) -> None:
    """The compared pooling is the library's, only with its tree grown once."""
    import torch
    from colpali_engine.compression.token_pooling import HierarchicalTokenPooler

    page = max(pages, key=len)
    theirs = HierarchicalTokenPooler().pool_embeddings([torch.from_numpy(page)], pool_factor=4)[0].numpy()
    np.testing.assert_allclose(scale_stages.hierarchical(page, scale_stages.trees([page])[0], 4), theirs, atol=1e-5)


def test_shares_and_gains() -> None:
    """A first stage that ranks backwards reaches the exact ten only at full depth; nDCG follows the right page."""
    exact = np.arange(20.0)[None, :]
    assert scale_stages.reached(exact, exact, 10) == [1.0]
    assert scale_stages.reached(-exact, exact, 10) == [0.0]
    assert scale_stages.reached(-exact, exact, 15) == [0.5]
    assert scale_stages.ndcg(exact, [{19}]) == [1.0]
    assert scale_stages.ndcg(exact, [{18}]) == pytest.approx([1 / np.log2(3)])
    assert scale_stages.ndcg(exact, [{0}]) == [0.0]


@pytest.mark.parametrize(
    ("form", "low", "high", "overlap"),
    [
        (scale_storage.Form("Float32"), 4.0, 4.5, 1.0),
        (scale_storage.Form("Turbo8"), 1.0, 1.5, 0.95),
        (scale_storage.Form("Float16", "int8", True, 3.0), 3.0, 3.8, 0.95),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_forms_take_what_they_say(
    form: scale_storage.Form, low: float, high: float, overlap: float, tmp_path: Path
) -> None:
    """Bytes an element on disk, the copy in RAM within them, and hardly any loss in what is found."""
    pages = [_unit(RNG.normal(size=(64, DIM))) for _ in range(PAGES)]
    questions = [_unit(pages[n][:6] + RNG.normal(scale=0.05, size=(6, DIM))) for n in range(8)]
    exact = list(scale_stages.scores_of(pages, questions)[0])
    found = scale_storage.stored(form, pages, questions, tmp_path)
    assert low <= found.disk / (64 * DIM) <= high
    assert (found.pinned > 0) == bool(form.copy)
    assert np.mean(scale_storage.overlap(found, exact)) >= overlap
    if not form.rescore:
        assert scale_storage.correlation(found, exact) > 0.99
    assert not list(tmp_path.iterdir())


def test_synthetic_pages_follow_the_real_ones() -> None:
    """The real points come first; the others are new pages with unit vectors and the words of two real pages."""
    real = [
        point("a", 1, text="red green blue", vector=_unit(RNG.normal(size=(10, 8)))),
        point("b", 1, text="black white grey", vector=_unit(RNG.normal(size=(6, 8)))),
    ]
    images = [_unit(RNG.normal(size=(64, DIM))) for _ in real]
    made = list(scale_points.synthetic(real, images, 30))
    assert [(made[n].document, made[n].page) for n in range(2)] == [("a", 1), ("b", 1)]
    assert len({(page.document, page.page) for page in made}) == 30
    for page in made[2:]:
        assert np.linalg.norm(page.text_windows, axis=1) == pytest.approx(1.0, abs=1e-5)
        assert page.image is not None
        assert page.pooled is not None
        assert len(page.pooled) < len(page.image)
        assert set(str(page.payload["text"][0]).split()) <= {"red", "green", "blue", "black", "white", "grey"}


def test_searches_are_timed_until_the_last_page_has_come_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filled home is searched while `muniment ingest` adds a document to it, and the count says that it came."""

    monkeypatch.setattr(scale_curve, "TICK_SECONDS", 0.1)
    pdf = born_digital(tmp_path / "in" / "agreement.pdf", AGREEMENT)
    rows = [_unit(RNG.normal(size=(2, 384))) for _ in range(2)]
    points = [
        IndexedPage("a", n, row, SparseVector(), payload={"document": "a", "page": n}) for n, row in enumerate(rows, 1)
    ]
    with open_tools(load_settings(home=tmp_path / "home")) as tools:
        assert scale_busy.fill(tools, points) == 2
        searcher = Searcher(tools.index, _Somewhere(), None, scale_curve.no_words)
        found = scale_busy.searched_beside(tmp_path / "home", searcher, [pdf], ["notice period", "fees"], 1)
    assert found.pages == 1
    assert found.searches > 2
    assert 0 < found.p50 <= found.p95 <= found.longest < 1e3 * found.seconds


def test_the_filled_home_is_served_with_quotes_and_facets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hit has its words from the catalog, every document its facets; the served page is asked for and timed."""
    monkeypatch.setattr(scale_curve, "TICK_SECONDS", 0.1)
    points = [
        point(f"d{n // 2}", n % 2 + 1, text="payment is due", vector=np.eye(1, 384), matter="m") for n in range(4)
    ]
    points = [replace(one, about=None, terms=SparseVector(), about_terms=SparseVector()) for one in points]
    with open_tools(load_settings(home=tmp_path)) as tools:
        assert scale_page.fill(tools, points) == 4
        hits = Searcher(tools.index, _Somewhere(), None, partial(words_at, tools)).find("payment", SearchFilter())
        assert [hit.quote for hit in hits] == ["payment is due"] * 4
        facets = tools.index.facets(SearchFilter(), 8)
        assert [sum(pages for _, pages in facets[key]) for key in ("kind", "law", "party")] == [4, 4, 8]
        with scale_page.served(tools) as there:
            found = scale_page.answered(there, [""] * 5, 2)
        tools.release_index()
    assert (found.answers, found.hits) == (1, 0)
    assert 0 < found.p50 <= found.p95


def test_no_question_is_asked_twice() -> None:
    """Each keeps its words and has another one at its end, which is of the texts."""
    asked = scale_page.unlike(["who pays", "who pays"], ["Indemnity, warranty; the insurance of 1999"])
    assert {question.rpartition(" ")[0] for question in asked} == {"who pays"}
    ends = {question.rpartition(" ")[2] for question in asked}
    assert len(ends) == 2 and ends < {"indemnity", "warranty", "insurance"}


def test_sizing_follows_its_inputs(tmp_path: Path) -> None:
    """Every committed input says where it is from, and twice the pages need twice the cores, disk and money."""
    known = scale_sizing.inputs()
    assert all(source.startswith(("measured", "assumption", "the client")) for _, source in known.values())
    given = {name: value for name, (value, _) in known.items()}
    once = {need.what: need.amount for need in scale_sizing.needs(given)}
    assert once["pages a second"] == pytest.approx(100_000 / 86_400)
    twice = {need.what: need.amount for need in scale_sizing.needs({**given, "pages_a_day": 200_000})}
    assert twice["render and read"] == pytest.approx(2 * once["render and read"])
    assert twice["frontier model, at once"] == pytest.approx(2 * once["frontier model, at once"])
    partial = tmp_path / "inputs.json"
    partial.write_text(json.dumps({"pages_a_day": {"value": 1, "from": "me"}}))
    with pytest.raises(KeyError):
        scale_sizing.needs({name: value for name, (value, _) in scale_sizing.inputs(partial).items()})


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
