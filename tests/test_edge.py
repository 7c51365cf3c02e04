"""The embedded engine's settings: what a page image takes, what the two stages find, what a kill leaves."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from index_helpers import point

from pipeline.backends import hybrid
from pipeline.backends.edge import EdgeIndex
from pipeline.backends.hybrid import DEPTH
from pipeline.backends.layout import Leg
from pipeline.backends.pooling import POOLED, cluster_rows
from pipeline.backends.protocols import IndexedPage, PageQuery, SparseVector
from pipeline.types import SearchFilter

TESTS = Path(__file__).parent
PAGES, ROWS, DIM, TOP = 300, 96, 128, 10
SIGNATURE = {"layout": 1, "text_model": "t@1", "text_dimension": 8, "page_model": "p@1", "page_dimension": DIM}


@pytest.fixture(scope="module")
def pages() -> list[np.ndarray]:
    """Pages whose rows wander: neighbours are alike, as patches and words are, and pages share topics."""
    rng = np.random.default_rng(7)
    topics = rng.normal(size=(40, DIM))
    made = []
    for _ in range(PAGES):
        path = topics[np.repeat(rng.integers(40, size=ROWS // 8), 8)]
        made.append(_unit(path + 0.8 * rng.normal(size=(ROWS, DIM))))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the index lies."""
    return tmp_path_factory.mktemp("edge") / "index"


@pytest.fixture(scope="module")
def index(pages: list[np.ndarray], folder: Path) -> Iterator[EdgeIndex]:
    """All pages, pooled as the product pools them."""
    index = EdgeIndex(folder, SIGNATURE)
    index.upsert([_page(number, rows) for number, rows in enumerate(pages)])
    index.optimize()
    yield index
    index.close()


@pytest.mark.parametrize(("few", "share"), [(0, 0.95), (PAGES, 0.99)])
def test_both_stages_find_what_exact_maxsim_finds(
    index: EdgeIndex, pages: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, few: int, share: float
) -> None:
    """Of the exact top ten, the search over pooled rows and stored codes finds 95 %; that over every row of all pages,
    where they are few, all but what the codes round away."""
    monkeypatch.setattr(hybrid, "EXACT", few)
    shares = []
    for question in _questions(pages):
        exact = np.argsort([-float((question @ rows.T).max(axis=1).sum()) for rows in pages])[:TOP]
        hits = index.search(PageQuery(image=question), SearchFilter(), TOP)
        shares.append(len({hit.page for hit in hits} & set(exact.tolist())) / TOP)
    assert np.mean(shares) >= share


def test_a_word_that_pooling_blurs_is_found_among_few_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row of a page answers the question and its pooled rows don't: among many pages it is no candidate."""
    index = EdgeIndex(tmp_path / "index", SIGNATURE)
    other, word = np.eye(DIM, dtype=np.float32)[:2, None]
    pages = [replace(_page(number, other), pooled=_unit(other + 0.1 * word)) for number in range(DEPTH)]
    index.upsert([*pages, replace(_page(DEPTH, np.concatenate([other, word])), pooled=other)])
    for few, found in ((0, False), (1000, True)):
        monkeypatch.setattr(hybrid, "EXACT", few)
        hits = index.search(PageQuery(image=word), SearchFilter(), TOP)
        assert (DEPTH in [hit.page for hit in hits]) is found
    index.close()


def test_a_stored_element_takes_a_byte_and_scores_as_its_float(
    index: EdgeIndex, folder: Path, pages: list[np.ndarray]
) -> None:
    """Page images lie on disk as 8-bit codes, and MaxSim over them is right within half a percent."""
    question = _questions(pages)[0]
    scores = index._nearest([Leg("image", question)], [], PAGES, None)[0]
    exact = sorted(float((question @ rows.T).max(axis=1).sum()) for rows in pages)
    assert sorted(scores.values()) == pytest.approx(exact, rel=5e-3)
    stored = [path for path in folder.rglob("*") if path.is_file() and "vector_storage-image" in str(path)]
    assert sum(path.stat().st_blocks * 512 for path in stored) < 1.5 * PAGES * ROWS * DIM


def test_kill_while_writing_leaves_whole_pages(tmp_path: Path) -> None:
    """Without a log of its own the engine still opens after kill -9, and every page it was told to keep is whole."""
    program = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from test_edge import SIGNATURE, _page, _unit
import numpy as np
from pipeline.backends.edge import EdgeIndex
index = EdgeIndex(Path({str(tmp_path / "index")!r}), SIGNATURE)
rng = np.random.default_rng(0)
for start in range(0, 100_000, 8):
    index.upsert([_page(number, _unit(rng.normal(size=(40, 128)))) for number in range(start, start + 8)])
    print(start + 8, flush=True)
"""
    writer = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    kept = [int(writer.stdout.readline()) for _ in range(4)][-1]
    os.kill(writer.pid, signal.SIGKILL)
    kept = max([kept, *map(int, writer.stdout.read().split())])
    writer.wait()
    index = EdgeIndex(tmp_path / "index", SIGNATURE)
    found = index.pages_of("d")
    scored = index._nearest([Leg("image", _unit(np.ones((1, 128))))], [], len(found), None)[0]
    assert set(range(kept)) <= found
    assert len(scored) == len(found) == index.count()
    index.close()


def _page(number: int, rows: np.ndarray) -> IndexedPage:
    nothing = np.zeros((0, 8), dtype=np.float32)
    payload = dict(point("d", number).payload)
    return IndexedPage(
        "d", number, nothing, SparseVector(), image=rows, pooled=cluster_rows(rows, POOLED), payload=payload
    )


def _questions(pages: list[np.ndarray]) -> list[np.ndarray]:
    """Rows of some pages, blurred."""
    rng = np.random.default_rng(8)
    return [
        _unit(pages[number][rng.integers(ROWS, size=20)] + rng.normal(scale=0.05, size=(20, DIM)))
        for number in range(0, PAGES, 20)
    ]


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_what_was_deleted_can_be_forgotten(tmp_path: Path) -> None:
    """Deleted words stay in the files until the index is opened to forget them; the others are found as before, and the
    next opening rewrites segments as seldom as ever, also after a kill."""
    folder = tmp_path / "index"
    signature = SIGNATURE | {"text_dimension": 8, "page_dimension": 8}

    def words(text: bytes) -> bool:
        return any(text in path.read_bytes() for path in folder.rglob("*") if path.is_file())

    index = EdgeIndex(folder, signature)
    index.upsert([point("d1", text="zygopetalum"), point("d2", text="ordinary")])
    index.delete("d1")
    assert not index.forget() and words(b"zygopetalum")
    index.close()
    forgetful = EdgeIndex(folder, signature, forgetful=True)
    assert forgetful.forget() and not words(b"zygopetalum") and words(b"ordinary")
    forgetful.close()
    index = EdgeIndex(folder, signature)
    assert index.count() == 1 and index.pages_of("d2") == {1}
    index.close()
    kept = json.loads((folder / "shard" / "edge_config.json").read_text())["optimizers"]
    assert (kept["deleted_threshold"], kept["vacuum_min_vector_number"]) == (0.2, 1000)


def test_facets_are_counted_once_until_something_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is asked again after a write and for another wall, not for another question."""
    counted: list[str] = []

    def counting(self: EdgeIndex, key: str, conditions: object, limit: int) -> list[tuple[str, int]]:
        counted.append(key)
        return real(self, key, conditions, limit)

    real = EdgeIndex._counted
    monkeypatch.setattr(EdgeIndex, "_counted", counting)
    with contextlib.closing(EdgeIndex(tmp_path / "index", SIGNATURE)) as index:
        index.upsert([point("a", matter="m1"), point("b", matter="m2")])
        both, one = SearchFilter(matters=("m1", "m2")), SearchFilter(matters=("m1",))
        asked = [len(counted) for where in (both, both, one, one) if index.facets(where, 8)["matter"]]
        assert asked == [4, 4, 8, 8]
        index.delete("b")
        assert index.facets(both, 8)["matter"] == [("m1", 1)]
        assert len(counted) == 12
