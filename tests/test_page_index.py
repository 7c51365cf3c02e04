"""The contract of `PageIndex`: the embedded engine behind its owner, qdrant-client's local mode, a real server."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from index_helpers import DIM, SIGNATURE, axis, by_text, found, point, unit
from qdrant_client import QdrantClient

from pipeline.backends import qdrant
from pipeline.backends.edge import EdgeIndex
from pipeline.backends.hybrid import DEPTH
from pipeline.backends.layout import MAX_FLOATS, Leg
from pipeline.backends.owned import OwnedIndex
from pipeline.backends.protocols import ImagedPage, IndexedPage, PageIndex, PageQuery, SparseVector
from pipeline.backends.qdrant import QdrantIndex, connect
from pipeline.errors import IndexMismatch, IndexUnavailable, ModelError, UsageError
from pipeline.types import SearchFilter

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),  # local mode scans, and says so
    pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection"),  # the loopback server
]

SERVER = os.environ.get("MUNIMENT_QDRANT_URL", "")
ANYWHERE = SearchFilter()
Open = Callable[[dict[str, Any]], PageIndex]


@pytest.fixture(scope="module", params=["edge", "qdrant-local", "qdrant-server"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Opens the same index again and again, by the given signature."""
    if request.param == "edge":
        root = tmp_path_factory.mktemp("edge") / "index"
        yield lambda signature: OwnedIndex(root, signature, 1.0)
    elif request.param == "qdrant-local":
        client = QdrantClient(":memory:")
        yield lambda signature: QdrantIndex(client, "test", signature)
    elif not SERVER:
        pytest.skip("no Qdrant server here: set MUNIMENT_QDRANT_URL")
    else:
        client = connect(SERVER, os.environ.get("MUNIMENT_QDRANT_API_KEY", ""))
        name = f"muniment-test-{uuid.uuid4().hex[:8]}"
        yield lambda signature: QdrantIndex(client, name, signature)
        client.delete_collection(name)


@pytest.fixture
def index(opened: Open) -> Iterator[PageIndex]:
    """An empty index."""
    index = opened(SIGNATURE)
    index.drop()
    yield index
    if isinstance(index, OwnedIndex):
        index.close()


def test_writing_twice_is_writing_once(index: PageIndex) -> None:
    """The same page of the same document is one point, and the last write counts."""
    index.upsert([point(kind="lease"), point(page=2)])
    index.upsert([point(kind="nda")])
    assert index.count() == 2
    assert index.pages_of("d1") == {1, 2}
    assert found(index.search(by_text(unit(1)), SearchFilter(kind="NDA"), 5)) == [("d1", 1)]


def test_points_are_listed_by_matter_and_document(index: PageIndex) -> None:
    """What is compared with the catalog: every point once, under the matter it was written with."""
    assert index.documents() == {}
    index.upsert([point("d1", 1), point("d1", 2), point("d2", 1, matter="m2"), point("d3", 1)])
    assert index.documents() == {"m1": {"d1": 2, "d3": 1}, "m2": {"d2": 1}}


def test_images_may_come_later(index: PageIndex) -> None:
    """A point without image vectors is named with its image, and then found by what it is given; the rest stays."""
    index.upsert([point("d1", 1), point("d1", 2, image=axis(2)), point("d2", 1, kind="nda")])
    assert index.without_images() == {"d1": {1: "0" * 64}, "d2": {1: "0" * 64}}
    assert index.without_images("d2") == {"d2": {1: "0" * 64}}
    index.add_images([ImagedPage("d2", 1, axis(5), axis(5))])
    assert index.without_images() == {"d1": {1: "0" * 64}}
    assert found(index.search(PageQuery(image=axis(5)), ANYWHERE, 1)) == [("d2", 1)]
    assert found(index.search(by_text(unit(1)), SearchFilter(kind="nda"), 5)) == [("d2", 1)]


def test_later_images_are_checked(index: PageIndex) -> None:
    """What is no number poisons no index."""
    index.upsert([point()])
    with pytest.raises(ModelError, match="not a number"):
        index.add_images([ImagedPage("d1", 1, axis(1) * np.nan, axis(1))])


def test_a_page_without_image_vectors_is_judged_by_the_rest(index: PageIndex) -> None:
    """Of pages that answer alike in words, it comes before the one that looks wrong and after the one that looks
    right."""
    same = {"vector": axis(1), "terms": (1,)}
    index.upsert([point("right", image=axis(2), **same), point("waits", **same), point("wrong", image=axis(3), **same)])
    index.upsert([point("best words", vector=axis(1) + axis(4), image=axis(3)), point("no words", vector=axis(5))])
    hits = index.search(PageQuery(text=axis(1) + 0.5 * axis(4), image=axis(2)), ANYWHERE, 5)
    assert [hit.document for hit in hits] == ["right", "waits", "best words", "wrong", "no words"]
    assert hits[1].score == pytest.approx(1 / 1.5)


def test_delete_removes_one_document(index: PageIndex) -> None:
    """All pages of that document go, the others stay."""
    index.upsert([point("d1", 1), point("d1", 2), point("d2", 1)])
    index.delete("d1")
    assert (index.count(), index.pages_of("d1"), index.pages_of("d2")) == (1, set(), {1})


def test_nearest_text_window_wins(index: PageIndex) -> None:
    """A page is as near as its nearest window, and the hit brings what was shown of it, not its text."""
    index.upsert(
        [
            point("far", vector=np.concatenate([axis(1), axis(2)])),
            point("near", vector=np.concatenate([axis(1), axis(3), axis(2)])),
        ]
    )
    hits = index.search(by_text(axis(3)), ANYWHERE, 5)
    assert (hits[0].document, hits[0].window) == ("near", -1)
    assert hits[0].payload["name"] == "near.pdf"
    assert "text" not in hits[0].payload


def test_sole_candidate_scores_one(index: PageIndex) -> None:
    """A page without rivals is the best one, not a zero."""
    index.upsert([point(vector=axis(1), terms=(4,))])
    hits = index.search(PageQuery(text=axis(1), terms=SparseVector((4,), (1.0,))), ANYWHERE, 5)
    assert [hit.score for hit in hits] == [1.0]


def test_rare_terms_weigh_more(index: PageIndex) -> None:
    """IDF is applied by the index: of two pages with one query term each, the rarer term's page wins."""
    index.upsert([point("rare", 1, terms=(9,)), *(point("common", n, terms=(1,)) for n in range(1, 8))])
    hits = index.search(PageQuery(terms=SparseVector((1, 9), (1.0, 1.0))), ANYWHERE, 3)
    assert hits[0].document == "rare"


def test_document_evidence_is_asked_only_when_given(index: PageIndex) -> None:
    """`about` moves a ranking that `text` alone leaves the other way round."""
    right, wrong = point("right", vector=axis(1) * 0.5), point("wrong", vector=axis(1) * 0.6)
    index.upsert([right, IndexedPage(**{**_fields(wrong), "about": axis(5)})])
    assert found(index.search(by_text(axis(1)), ANYWHERE, 1)) == [("wrong", 1)]
    assert found(index.search(PageQuery(text=axis(1), about=axis(0)), ANYWHERE, 1)) == [("right", 1)]


def test_matter_filter_stands_inside_every_leg(index: PageIndex) -> None:
    """Another matter with more, nearer pages than any leg's depth crowds nobody out."""
    crowd = [
        point("crowd", n, matter="big", vector=axis(1), image=axis(1), terms=(1, 2, 3)) for n in range(1, DEPTH + 41)
    ]
    few = [point("few", n, matter="small", vector=axis(2), image=axis(2), terms=(1,)) for n in (1, 2, 3)]
    index.upsert([*crowd, *few])
    question = PageQuery(axis(1), SparseVector((1, 2), (1.0, 1.0)), axis(0), SparseVector((1,), (1.0,)), axis(1))
    for query in (question, by_text(axis(1)), PageQuery(image=axis(1)), PageQuery(terms=question.terms)):
        hits = index.search(query, SearchFilter(matters=("small",)), 10)
        assert sorted(found(hits)) == [("few", 1), ("few", 2), ("few", 3)]


def test_filters(index: PageIndex) -> None:
    """Matter, kind, party, dates and documents confine a search, each alone and together."""
    index.upsert(
        [
            point("a", matter="m1", kind="lease", parties=["Acme Holdings, Inc."], date="2020-01-31", law="Delaware"),
            point(
                "b", matter="m2", kind="nda", parties=["Brown & Co", "ACME Ltd"], date="2021-06-01", amounts=[5.5, 900]
            ),
            point("c", matter="m3"),
        ]
    )

    def names(**where: Any) -> list[str]:
        return sorted(hit.document for hit in index.search(by_text(unit(1)), SearchFilter(**where), 10))

    assert names() == ["a", "b", "c"]
    assert names(matters=("m1", "m3")) == ["a", "c"]
    assert names(kind="Lease") == ["a"]
    assert names(party="acme") == ["a", "b"]
    assert names(party="Acme Holdings Inc") == ["a"]
    assert names(party="holdings acme") == []
    assert names(dated_from="2020-01-31", dated_to="2021-05-31") == ["a"]
    assert names(dated_from="2020-02-01") == ["b"]
    assert names(documents=("b", "c"), matters=("m2",)) == ["b"]
    assert names(law="Delaware") == ["a"]
    assert names(amount_from=500, amount_to=1000) == names(amount_from=5.5, amount_to=5.5) == ["b"]
    assert names(amount_from=6, amount_to=899) == []
    assert names(matter="m2") == names(matter="m2", matters=("m1", "m2")) == ["b"]
    assert names(matter="m2", matters=("m1",)) == []


def test_facets_count_inside_the_wall(index: PageIndex) -> None:
    """Each facet counts the pages its values have under all other choices; a matter outside the wall is not there."""
    index.upsert([point("a", n, matter="m1", kind="lease", parties=["Acme, Inc."], law="Delaware") for n in (1, 2, 3)])
    index.upsert([point("b", matter="m1", kind="nda", parties=["Acme, Inc.", "Brown & Co"], law="Ohio")])
    index.upsert([point("c", matter="m2", kind="lease", law="Texas"), point("d", matter="walled", kind="secret kind")])
    open_to = {"matters": ("m1", "m2")}
    assert index.facets(SearchFilter(**open_to), 10) == {
        "matter": [("m1", 4), ("m2", 1)],
        "kind": [("lease", 4), ("nda", 1)],
        "party": [("Acme, Inc.", 4), ("Brown & Co", 1)],
        "law": [("Delaware", 3), ("Ohio", 1), ("Texas", 1)],
    }
    chosen = index.facets(SearchFilter(**open_to, kind="lease", matter="m1"), 10)
    assert chosen["kind"] == [("lease", 3), ("nda", 1)] and chosen["matter"] == [("m1", 3), ("m2", 1)]
    assert chosen["law"] == [("Delaware", 3)]
    assert index.facets(SearchFilter(matters=()), 10) == {"matter": [], "kind": [], "party": [], "law": []}


def test_facets_follow_every_write(index: PageIndex) -> None:
    """Counts that were asked for before are right after a page came, changed its matter, or went."""
    inside, other = SearchFilter(matters=("m1",)), SearchFilter(matters=("m2",))
    index.upsert([point("a", n, matter="m1", kind="lease") for n in (1, 2)])
    assert index.facets(inside, 10)["kind"] == [("lease", 2)]
    assert index.facets(other, 10)["kind"] == []
    index.upsert([point("b", matter="m1", kind="nda"), point("a", 2, matter="m2", kind="lease")])
    assert index.facets(inside, 10)["kind"] == [("lease", 1), ("nda", 1)]
    assert index.facets(other, 10)["kind"] == [("lease", 1)]
    index.delete("a")
    assert index.facets(inside, 10)["kind"] == [("nda", 1)]
    assert index.facets(other, 10) == {"matter": [], "kind": [], "party": [], "law": []}


@pytest.mark.parametrize("where", [{"matters": ()}, {"documents": ()}, {"matters": ("nobody's",)}, {"party": "!"}])
def test_nothing_allowed_is_nothing_found(index: PageIndex, where: dict[str, Any]) -> None:
    """An empty list of matters is no matter at all, never every matter."""
    index.upsert([point()])
    assert index.search(by_text(unit(1)), SearchFilter(**where), 10) == []


def test_bad_date_is_a_usage_error(index: PageIndex) -> None:
    """A date the filter can't compare is refused, not ignored."""
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        index.search(by_text(unit(1)), SearchFilter(dated_from="31.1.2020"), 10)


def test_phrases_are_complete(index: PageIndex) -> None:
    """Every page with the phrase is found although no leg ranks it, and no page without it."""
    index.upsert([point("d", n, text="x", terms=(1,)) for n in range(1, 41)])
    index.upsert([point("d", n, text="the Quiet  Enjoyment\nclause", terms=(7,)) for n in range(41, 51)])
    query = PageQuery(terms=SparseVector((1,), (1.0,)), phrases=(("quiet enjoyment",),))
    assert sorted(page for _, page in found(index.search(query, ANYWHERE, 50))) == list(range(41, 51))
    assert len(index.search(query, ANYWHERE, 4)) == 4


def test_endless_limit_is_no_endless_work(index: PageIndex) -> None:
    """A limit of a billion makes the engine reserve no room for a billion."""
    index.upsert([point("d", n, text="rent") for n in (1, 2)])
    assert len(index.search(by_text(unit(1)), ANYWHERE, 10**9)) == 2
    assert len(index.search(PageQuery(text=unit(1), phrases=(("rent",),)), ANYWHERE, 10**9)) == 2


def test_any_spelling_but_every_phrase(index: PageIndex) -> None:
    """Spellings of a phrase are alternatives; several phrases must all stand on the page."""
    index.upsert([point("both", text="alpha beta gamma delta"), point("one", text="alphabeta")])
    spelled = PageQuery(text=unit(1), phrases=(("alpha beta", "alphabeta"),))
    assert sorted(found(index.search(spelled, ANYWHERE, 5))) == [("both", 1), ("one", 1)]
    all_of = PageQuery(text=unit(1), phrases=(("alpha beta", "alphabeta"), ("gamma delta",)))
    assert found(index.search(all_of, ANYWHERE, 5)) == [("both", 1)]
    apart = PageQuery(text=unit(1), phrases=(("alpha gamma",),))
    assert index.search(apart, ANYWHERE, 5) == []


def test_page_images_are_ranked_by_all_their_rows(index: PageIndex) -> None:
    """Rows that pooling blurs count in full: pooled rows alone would rank these the other way."""
    good = IndexedPage(**{**_fields(point("good", image=axis(1))), "pooled": axis(1) * 0.1 + axis(2)})
    poor = IndexedPage(**{**_fields(point("poor", image=axis(1) * 0.2)), "pooled": axis(1)})
    index.upsert([good, poor])
    assert found(index.search(PageQuery(image=axis(1)), ANYWHERE, 2)) == [("good", 1), ("poor", 1)]


def test_page_without_words_or_image_is_kept(index: PageIndex) -> None:
    """A blank page counts as indexed and can be found by filter and phrase only."""
    blank = IndexedPage("blank", 1, np.zeros((0, DIM), np.float32), SparseVector(), payload=point("blank").payload)
    index.upsert([blank])
    assert index.pages_of("blank") == {1}
    assert index.search(by_text(unit(1)), ANYWHERE, 5) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(index: PageIndex, value: float) -> None:
    """Nothing of a batch with a NaN in it is written."""
    bad = unit(1).copy()
    bad[0, 0] = value
    with pytest.raises(ModelError, match="not a number"):
        index.upsert([point("fine"), point("bad", vector=bad)])
    assert index.count() == 0


def test_oversized_multivector_is_refused(index: PageIndex) -> None:
    """What the engine would refuse is refused before anything is sent."""
    with pytest.raises(ModelError, match="more than 1048576"):
        index.upsert([point(image=np.full((MAX_FLOATS // DIM + 1, DIM), 0.1, dtype=np.float32))])
    assert index.count() == 0


def test_other_models_are_a_mismatch_that_names_the_fix(index: PageIndex, opened: Open) -> None:
    """An index made by other models says which, and how to go on."""
    index.upsert([point()])
    other = opened({**SIGNATURE, "page_model": "q@2"})
    with pytest.raises(IndexMismatch, match=r"page_model p@1 \(now q@2\).*muniment index rebuild"):
        other.count()
    other.drop()
    assert other.count() == 0


@pytest.fixture(params=["edge", "qdrant-local"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EdgeIndex | QdrantIndex]:
    """The engine itself, whose single legs a test can ask."""
    edge = request.param == "edge"
    index = EdgeIndex(tmp_path / "index", SIGNATURE) if edge else QdrantIndex(QdrantClient(":memory:"), "t", SIGNATURE)
    yield index
    index.close()


def test_maxsim_equals_score_multi_vector(engine: EdgeIndex | QdrantIndex) -> None:
    """The index scores a page image as colpali_engine does, but for what 8 bits an element lose."""
    import torch
    from colpali_engine.utils.processing_utils import BaseVisualRetrieverProcessor

    images = [unit(n, rows=5 + n) for n in range(12)]
    question = unit(99, rows=4)
    engine.upsert([point("d", n, image=image) for n, image in enumerate(images, 1)])
    scores = engine._nearest([Leg("image", question)], [], 12, None)[0]
    expected = BaseVisualRetrieverProcessor.score_multi_vector(
        [torch.from_numpy(question)], [torch.from_numpy(image) for image in images], device="cpu"
    )[0]
    exact = 1e-5 if isinstance(engine, QdrantIndex) else 1e-2
    assert sorted(scores.values()) == pytest.approx(sorted(expected.tolist()), abs=exact)


def test_second_process_is_told_the_index_is_held(tmp_path: Path) -> None:
    """The engine allows one holder; a second one gets our error, not the engine's."""
    first = EdgeIndex(tmp_path / "index", SIGNATURE)
    with pytest.raises(IndexUnavailable, match="another process"):
        EdgeIndex(tmp_path / "index", SIGNATURE)
    first.close()


class Loopback(ThreadingHTTPServer):
    """Answers the REST calls of the index as an empty Qdrant would, and keeps every request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str, str | None, bytes]] = []
        self.note: dict[str, Any] | None = None
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def bodies(self, ending: str, method: str) -> list[dict[str, Any]]:
        return [json.loads(body) for verb, path, _, body in self.requests if verb == method and ending in path]


class _Handler(BaseHTTPRequestHandler):
    server: Loopback

    def do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, self.headers.get("api-key"), body))
        answer = json.dumps({"result": self._result(body), "status": "ok", "time": 0.0}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do

    def _result(self, body: bytes) -> Any:
        path = self.path.partition("?")[0]
        if path.endswith("/exists"):
            return {"exists": self.server.note is not None}
        if path.endswith("/points/query/batch"):
            return [{"points": []} for _ in json.loads(body)["searches"]]
        if path.endswith("/count"):
            return {"count": 0}
        if path.endswith("/points/scroll"):
            return {"points": [], "next_page_offset": None}
        if self.command == "POST" and path.endswith("/points"):
            return [self.server.note] if self.server.note else []
        if self.command == "PUT" and path.endswith("/points"):
            written = json.loads(body)["points"]
            if written[0]["id"] == qdrant.SIGNATURE_POINT:
                self.server.note = {"id": written[0]["id"], "payload": written[0]["payload"]}
        return {"operation_id": 1, "status": "completed"} if "/points" in path or "/index" in path else True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """A loopback server in a thread."""
    server = Loopback()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_server_requests_stay_small_and_wait(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are cut into requests under the limit; each waits until applied and carries the key."""
    monkeypatch.setattr(qdrant, "REQUEST_BYTES", 200_000)
    index = QdrantIndex(connect(loopback.url, "key"), "contracts", SIGNATURE)
    index.upsert([point("d", n, image=unit(n, rows=500)) for n in range(1, 13)])
    writes = [(path, body) for verb, path, _, body in loopback.requests if verb == "PUT" and "/points" in path][1:]
    assert 1 < len(writes) < 13
    assert all("wait=true" in path and len(body) < 200_000 for path, body in writes)
    assert sum(len(json.loads(body)["points"]) for _, body in writes) == 12
    assert {key for _, _, key, _ in loopback.requests} == {"key"}


def test_largest_page_fits_a_request(loopback: Loopback) -> None:
    """A page with as many floats as a multivector may have stays under the server's 32 MiB."""
    index = QdrantIndex(connect(loopback.url), "contracts", SIGNATURE)
    image = np.full((MAX_FLOATS // DIM, DIM), -0.35355339, dtype=np.float32)
    index.upsert([IndexedPage(**{**_fields(point(image=image)), "pooled": image[: len(image) // 3]})])
    assert max(len(body) for *_, body in loopback.requests) < 32 << 20


def test_server_gets_the_same_layout(loopback: Loopback) -> None:
    """The collection: MaxSim multivectors, no graph over full page images, IDF on both sparse vectors, indexes."""
    QdrantIndex(connect(loopback.url), "contracts", SIGNATURE).count()
    made = loopback.bodies("/collections/contracts", "PUT")[0]
    assert set(made["vectors"]) == {"text", "about", "pooled", "image"}
    assert made["vectors"]["image"]["hnsw_config"]["m"] == 0
    assert made["vectors"]["image"]["on_disk"] is True
    assert {name: made["vectors"][name].get("multivector_config") for name in ("about", "text")} == {
        "about": None,
        "text": {"comparator": "max_sim"},
    }
    assert [made["sparse_vectors"][name]["modifier"] for name in ("terms", "about_terms")] == ["idf", "idf"]
    fields = {body["field_name"]: body["field_schema"] for body in loopback.bodies("/index", "PUT")}
    assert fields["matter"]["is_tenant"] is True
    assert fields["text"]["phrase_matching"] is True


def test_server_queries_carry_the_walls(loopback: Loopback) -> None:
    """Each search in a batch has the matter condition in its own filter, and so has what counts the pages before."""
    index = QdrantIndex(connect(loopback.url), "contracts", SIGNATURE)
    index.search(PageQuery(axis(1), SparseVector((1,), (1.0,)), image=axis(1)), SearchFilter(matters=("m",)), 5)
    searches = loopback.bodies("/points/query/batch", "POST")[0]["searches"]
    assert [search["using"] for search in searches] == ["text", "terms", "image"]
    for search in [*loopback.bodies("/points/scroll", "POST"), *searches]:
        assert {"key": "matter", "match": {"any": ["m"]}} in search["filter"]["must"]


def test_server_errors_are_ours(loopback: Loopback) -> None:
    """A refusing, an absent and an impossible server are `IndexUnavailable`, without document text."""
    loopback.status = 503
    with pytest.raises(IndexUnavailable, match="answered 503"):
        QdrantIndex(connect(loopback.url), "c", SIGNATURE).count()
    with pytest.raises(IndexUnavailable, match="can't be reached"):
        QdrantIndex(connect("http://127.0.0.1:1"), "c", SIGNATURE).count()
    with pytest.raises(IndexUnavailable, match="no URL"):
        connect("http://[")


def _fields(page: IndexedPage) -> dict[str, Any]:
    return {name: getattr(page, name) for name in IndexedPage.__slots__}
