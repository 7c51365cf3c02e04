"""The embedded index: Qdrant's engine in this process, one shard in one folder.

Only one process can hold the shard; `owner.py` is that process, and everybody else asks it. The folder holds
`signature.json` (which models made the index), `holder.lock` and `shard/`, and appears under its name complete or not
at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import qdrant_edge as qe

from pipeline.backends.hybrid import HybridIndex
from pipeline.backends.layout import (
    INDEXED_FIELDS,
    SHOWN_FIELDS,
    SPARSE,
    AnyOf,
    Between,
    Condition,
    Lacking,
    Leg,
    Phrase,
    PointId,
    check,
    check_image,
    dense_vectors,
    match_signature,
    point_id,
    vectors_of,
)
from pipeline.backends.protocols import ImagedPage, IndexedPage, SparseVector
from pipeline.errors import IndexMismatch, IndexUnavailable
from pipeline.types import SearchFilter

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix

__all__ = ["EdgeIndex"]

BATCH = 64  # points in one write to the log; 64 pages of 1,000 patches are 32 MiB
SCROLL = 1000

SEGMENT_KB = 65_536
"""Vectors that one graph spans, at most, in KiB: of some 15,000 text pages. The engine merges what is new into what is
there and builds the merged graph anew, up to this size; without a bound, growing is quadratic (the first 66,000 pages
took 35 minutes of CPU), and writers wait as long as the largest graph takes."""

OPTIMIZE_AFTER, OPTIMIZE_SHARE, OPTIMIZE_MOST = 2000, 0.25, 10_000
"""Points written since the graphs were last brought up to date, from which it is due: so many, or this share of all,
but no more than the last. What has no graph yet is compared one by one, and building it is what writers wait for."""

COUNTS_KEPT = 64
"""Filters whose facets are kept, those asked for last."""

_USUAL, _FORGETFUL = (0.2, 1000), (0.0, 1)
"""From which share of deleted points, and in segments of how many, a segment is rewritten: the engine's defaults, and
wherever anything was deleted."""


class EdgeIndex(HybridIndex):
    """A `PageIndex` over a shard this process holds, opened once. Threads may share it: the engine answers while it
    is written to and while graphs are built; writers take turns.

    Raises `IndexMismatch` when other models made the index, `IndexUnavailable` when another process holds it.
    """

    def __init__(self, folder: Path, signature: Mapping[str, Any], *, forgetful: bool = False) -> None:
        """`forgetful`: `forget` will rewrite every segment in which something was deleted."""
        if not folder.exists():
            _create(folder, signature)
        self._made_by = _made_by(folder)
        self.match(signature)
        self._forgetful = forgetful
        self._lock = _held(folder)
        try:
            with _translated():
                self._shard = _loaded(folder, self._made_by, forgetful=forgetful)
        except BaseException:
            self._lock.close()
            raise
        self._writing = threading.Lock()
        self._building = threading.Lock()
        self._written = 0
        self._changes = 0  # calls that wrote or deleted points
        self._counts = lru_cache(COUNTS_KEPT)(self._facets_after)

    def match(self, signature: Mapping[str, Any]) -> None:
        """Raise `IndexMismatch` unless this is what made the index."""
        match_signature(self._made_by, signature)

    def upsert(self, pages: Sequence[IndexedPage]) -> None:
        """Write or overwrite these points. They are on disk when this returns."""
        for page in pages:
            check(page)
        with self._changing():
            for start in range(0, len(pages), BATCH):
                points = [_point(page) for page in pages[start : start + BATCH]]
                self._shard.update(qe.UpdateOperation.upsert_points(points))
            self._shard.flush()
            self._written += len(pages)

    def add_images(self, pages: Sequence[ImagedPage]) -> None:
        """Give points that are there the vectors of their page images, durably."""
        for page in pages:
            check_image(page)
        with self._writing, _translated():
            for start in range(0, len(pages), BATCH):
                vectors = [_imaged(page) for page in pages[start : start + BATCH]]
                self._shard.update(qe.UpdateOperation.update_vectors(vectors))
            self._shard.flush()
            self._written += len(pages)

    def delete(self, document: str) -> None:
        """Remove all points of a document, durably."""
        with self._changing():
            filtered = _filter([AnyOf("document", (document,))])
            self._shard.update(qe.UpdateOperation.delete_points_by_filter(filtered))
            self._shard.flush()

    def facets(self, where: SearchFilter, limit: int) -> dict[str, list[tuple[str, int]]]:
        """Commonest first, equal ones by name. Counting takes longer than finding pages, and no question changes it:
        the counts are kept, each under its whole filter with the wall of matters, until something is written."""
        return self._counts(self._changes, where, limit)

    def count(self) -> int:
        """All points."""
        with _translated():
            return int(self._shard.count(qe.CountRequest(exact=True)))

    def due(self) -> bool:
        """Whether so much was written that searches gain by `optimize`."""
        written = self._written
        return written >= OPTIMIZE_AFTER and written >= min(OPTIMIZE_SHARE * self.count(), OPTIMIZE_MOST)

    def optimize(self) -> None:
        """Build the graphs over what was written since; searches are right before it and meanwhile, only slower."""
        if written := self._written:
            with self._building, _translated():
                self._shard.optimize()
            with self._writing:
                self._written -= written

    def forget(self) -> bool:
        """Rewrite the segments in which points were deleted, if the index was opened for it (and say so): until then
        their words stay in the files. Searches are right meanwhile."""
        with self._building, _translated():
            self._shard.optimize()
            self._shard.flush()
        return self._forgetful

    def close(self) -> None:
        """Flush and let go of the shard."""
        with self._lock, _translated():
            self._shard.flush()
            self._shard.close()

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """One writer at a time. However it ends, what was counted before it is counted anew after it."""
        with self._writing, _translated():
            try:
                yield
            finally:
                self._changes += 1

    def _facets_after(self, _changes: int, where: SearchFilter, limit: int) -> dict[str, list[tuple[str, int]]]:
        return super().facets(where, limit)

    def _nearest(
        self,
        legs: Sequence[Leg],
        conditions: Sequence[Condition],
        depth: int,
        among: Sequence[Sequence[PointId]] | None = None,
    ) -> list[dict[PointId, float]]:
        walls = [_filter(conditions, points) for points in among] if among else [_filter(conditions)] * len(legs)
        queries = [qe.Query.Nearest(_vector(leg.using, leg.vector), using=leg.using) for leg in legs]
        requests = [qe.QueryRequest(depth, query=query, filter=own) for query, own in zip(queries, walls, strict=True)]
        with _translated():
            answers = self._shard.query_batch(qe.QueryBatchRequest(requests))
        return [{_number(point.id): point.score for point in answer} for answer in answers]

    def _matching(self, conditions: Sequence[Condition], limit: int | None) -> list[PointId]:
        found: list[PointId] = []
        offset = None
        while limit is None or len(found) < limit:
            size = SCROLL if limit is None else min(SCROLL, limit - len(found))
            request = qe.ScrollRequest(offset=offset, limit=size, filter=_filter(conditions), with_payload=False)
            with _translated():
                records, offset = self._shard.scroll(request)
            found += [_number(record.id) for record in records]
            if offset is None:
                break
        return found

    def _counted(self, key: str, conditions: Sequence[Condition], limit: int) -> list[tuple[str, int]]:
        with _translated():
            answer = self._shard.facet(qe.FacetRequest(key, limit=limit, exact=True, filter=_filter(conditions)))
        return [(str(hit.value), int(hit.count)) for hit in answer.hits]

    def _fetch(self, points: Sequence[PointId]) -> dict[PointId, Mapping[str, Any]]:
        with _translated():
            records = self._shard.retrieve([_named(point) for point in points], SHOWN_FIELDS, with_vector=False)
        return {_number(record.id): record.payload or {} for record in records}


def _held(folder: Path) -> IO[bytes]:
    """The lock of the one holder, freed by closing it or by death; the engine's own hangs on its write-ahead log."""
    lock = (folder / "holder.lock").open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise IndexUnavailable("the index is held by another process") from error
    return lock


def _create(folder: Path, signature: Mapping[str, Any]) -> None:
    """Make a complete empty index beside its place, then rename it there."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-index-"))
    try:
        (part / "shard").mkdir()
        with _translated():
            shard = qe.EdgeShard.create(str(part / "shard"), _config(signature))
            for field, kind in INDEXED_FIELDS.items():
                shard.update(qe.UpdateOperation.create_field_index(field, _field_index(kind)))
            shard.flush()
            shard.close()
        (part / "signature.json").write_text(json.dumps(dict(signature)), encoding="utf-8")
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _made_by(folder: Path) -> Mapping[str, Any]:
    try:
        made: Mapping[str, Any] = json.loads((folder / "signature.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IndexMismatch("the index does not say what made it; run `muniment index rebuild`") from error
    return made


def _loaded(folder: Path, made_by: Mapping[str, Any], *, forgetful: bool) -> qe.EdgeShard:
    """The engine keeps the configuration it was opened with: the next opening takes back what a forgetful one left."""
    shard = folder / "shard"
    if forgetful:
        return qe.EdgeShard.load(str(shard), _config(made_by, _FORGETFUL))
    kept = json.loads((shard / "edge_config.json").read_text(encoding="utf-8")).get("optimizers") or {}
    if kept.get("vacuum_min_vector_number") == _FORGETFUL[1]:
        return qe.EdgeShard.load(str(shard), _config(made_by))
    return qe.EdgeShard.load(str(shard))


def _config(signature: Mapping[str, Any], vacuum: tuple[float, int] = _USUAL) -> qe.EdgeConfig:
    """Half precision for what the graphs walk over, TurboQuant's 8 bits in place of floats for the page images.

    `python -m infra.measure.scale storage` gives bytes and losses. No write-ahead log: it took 2 to 5 bytes a
    float, as much as the vectors or more, and every `upsert` ends with a flush, which alone makes points durable.
    """
    dense = {name: _dense(name, size) for name, size in dense_vectors(signature).items()}
    sparse = {name: qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf) for name in SPARSE}
    share, size = vacuum
    optimizers = qe.EdgeOptimizersConfig(
        deleted_threshold=share, vacuum_min_vector_number=size, max_segment_size=SEGMENT_KB
    )
    return qe.EdgeConfig(vectors=dense, sparse_vectors=sparse, optimizers=optimizers, wal_enabled=False)


def _dense(name: str, size: int) -> qe.EdgeVectorParams:
    image = name == "image"
    return qe.EdgeVectorParams(
        size,
        qe.Distance.Dot,  # every row has unit length, so this is the cosine, and MaxSim is exact
        multivector_config=None if name == "about" else qe.MultiVectorConfig(qe.MultiVectorComparator.MaxSim),
        datatype=qe.VectorStorageDatatype.Turbo8 if image else qe.VectorStorageDatatype.Float16,
        hnsw_config=qe.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000) if image else None,
        memory=qe.Memory.Cold if image else qe.Memory.Cached,
    )


def _field_index(kind: str) -> Any:
    if kind == "tenant":
        return qe.KeywordIndexParams(is_tenant=True)
    if kind == "phrase":
        return qe.TextIndexParams(tokenizer=qe.TokenizerType.Word, lowercase=True, phrase_matching=True)
    kinds = qe.PayloadSchemaType
    return {"keyword": kinds.Keyword, "integer": kinds.Integer, "float": kinds.Float}[kind]


def _point(page: IndexedPage) -> qe.Point:
    vectors = {name: _vector(name, vector) for name, vector in vectors_of(page).items()}
    return qe.Point(uuid.UUID(point_id(page.document, page.page)), vectors, dict(page.payload))


def _imaged(page: ImagedPage) -> qe.PointVectors:
    vectors: dict[str, Any] = {"pooled": page.pooled, "image": page.image}
    return qe.PointVectors(uuid.UUID(point_id(page.document, page.page)), vectors)


def _vector(name: str, vector: Matrix | SparseVector) -> Any:
    if isinstance(vector, SparseVector):
        return qe.SparseVector(list(vector.indices), list(vector.values))
    return vector[0] if name == "about" else vector


def _number(id: Any) -> int:
    number: int = id.int
    return number


def _named(point: PointId) -> str:
    """A UUID as the engine reads it. Taking one apart and making one of Python's would cost five times as much."""
    return f"{point:032x}"


def _filter(conditions: Sequence[Condition], among: Sequence[PointId] | None = None) -> qe.Filter:
    must = [_condition(condition) for condition in conditions]
    if among is not None:
        must.append(qe.HasIdCondition({_named(point) for point in among}))
    return qe.Filter(must=must)


def _condition(condition: Condition) -> Any:
    match condition:
        case AnyOf(key, values):
            return qe.FieldCondition(key, match=qe.MatchAny(list(values)))
        case Between(key, low, high):
            return qe.FieldCondition(key, range=qe.RangeFloat(gte=low, lte=high))
        case Lacking(vector):
            return qe.Filter(must_not=[qe.HasVectorCondition(vector)])
        case Phrase(key, spellings):
            return qe.Filter(should=[qe.FieldCondition(key, match=qe.MatchPhrase(text)) for text in spellings])


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The engine raises bare `Exception`; its text may quote a payload, so only the kind is passed on."""
    try:
        yield
    except (IndexMismatch, IndexUnavailable):
        raise
    except Exception as error:
        raise IndexUnavailable("the embedded index refused an operation") from error
