"""The index on a Qdrant server, through qdrant-client: the same collection as the embedded one.

What made the index stands in one reserved point (`SIGNATURE_POINT`), because a collection can carry no note on
servers before 1.16. It has no vectors, so no leg finds it, and every count leaves it out.
"""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

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
    check,
    check_image,
    dense_vectors,
    match_signature,
    point_id,
    vectors_of,
)
from pipeline.backends.protocols import ImagedPage, IndexedPage, SparseVector
from pipeline.errors import IndexMismatch, IndexUnavailable, UsageError

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix

__all__ = ["QdrantIndex", "connect"]

SIGNATURE_POINT = "00000000-0000-5000-8000-000000000001"
# The server refuses requests above 32 MiB; a float takes at most 12 bytes of JSON at 7 decimals.
REQUEST_BYTES, FLOAT_BYTES, DECIMALS = 24 << 20, 12, 7
SCROLL = 1000

T = TypeVar("T")


def connect(url: str, api_key: str = "", timeout: int = 60, authority: Path | None = None) -> QdrantClient:
    """A client for a server, whose certificate is checked against `authority` or the system's.

    Raises `IndexUnavailable` when the URL is none, `UsageError` when the authority's file can't be read.
    """
    own: dict[str, Any] = {}
    if authority:
        try:
            own["verify"] = ssl.create_default_context(cafile=authority)
        except OSError as error:
            raise UsageError("MUNIMENT_QDRANT_CA: no certificates can be read there") from error
    try:
        return QdrantClient(url=url, api_key=api_key or None, timeout=timeout, check_compatibility=False, **own)
    except ValueError as error:
        raise IndexUnavailable("MUNIMENT_QDRANT_URL is no URL of a Qdrant server") from error


class QdrantIndex(HybridIndex):
    """A `PageIndex` over a collection. Threads and processes may share the server.

    The collection is made on first use. Raises `IndexMismatch` when other models made it, `IndexUnavailable` when
    the server can't be reached or refuses.
    """

    def __init__(self, client: QdrantClient, collection: str, signature: Mapping[str, Any]) -> None:
        self._client = client
        self._collection = collection
        self._signature = dict(signature)
        self._open = False

    def upsert(self, pages: Sequence[IndexedPage]) -> None:
        """Write or overwrite these points; the server has applied them when this returns."""
        for page in pages:
            check(page)
        self._ready()
        for batch in _batches(pages, _bytes):
            with _translated():
                self._client.upsert(self._collection, [_point(page) for page in batch], wait=True)

    def add_images(self, pages: Sequence[ImagedPage]) -> None:
        """Give points that are there the vectors of their page images; the server has them when this returns."""
        for page in pages:
            check_image(page)
        self._ready()
        for batch in _batches(pages, lambda page: (page.image.size + page.pooled.size) * FLOAT_BYTES):
            with _translated():
                self._client.update_vectors(self._collection, [_imaged(page) for page in batch], wait=True)

    def delete(self, document: str) -> None:
        """Remove all points of a document."""
        self._ready()
        selector = models.FilterSelector(filter=_filter([AnyOf("document", (document,))]))
        with _translated():
            self._client.delete(self._collection, selector, wait=True)

    def forget(self) -> bool:
        """The server rewrites a segment when a fifth of it was deleted (its `deleted_threshold`), not when asked."""
        return False

    def count(self) -> int:
        """All points."""
        self._ready()
        with _translated():
            return self._client.count(self._collection, count_filter=_filter([]), exact=True).count

    def drop(self) -> None:
        """Remove the collection, whatever made it."""
        with _translated():
            self._client.delete_collection(self._collection)
        self._open = False

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _nearest(
        self,
        legs: Sequence[Leg],
        conditions: Sequence[Condition],
        depth: int,
        among: Sequence[Sequence[str]] | None = None,
    ) -> list[dict[str, float]]:
        self._ready()
        walls = [_filter(conditions, points) for points in among] if among else [_filter(conditions)] * len(legs)
        requests = [
            models.QueryRequest(query=_vector(leg.using, leg.vector), using=leg.using, filter=own, limit=depth)
            for leg, own in zip(legs, walls, strict=True)
        ]
        with _translated():
            answers = self._client.query_batch_points(self._collection, requests)
        return [{str(point.id): float(point.score) for point in answer.points} for answer in answers]

    def _matching(self, conditions: Sequence[Condition], limit: int | None) -> list[str]:
        self._ready()
        found: list[str] = []
        offset = None
        while limit is None or len(found) < limit:
            size = SCROLL if limit is None else min(SCROLL, limit - len(found))
            with _translated():
                records, offset = self._client.scroll(
                    self._collection, _filter(conditions), limit=size, offset=offset, with_payload=False
                )
            found += [str(record.id) for record in records]
            if offset is None:
                break
        return found

    def _counted(self, key: str, conditions: Sequence[Condition], limit: int) -> list[tuple[str, int]]:
        self._ready()
        with _translated():
            answer = self._client.facet(
                self._collection, key, facet_filter=_filter(conditions), limit=limit, exact=True
            )
        return [(str(hit.value), hit.count) for hit in answer.hits]

    def _fetch(self, points: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        with _translated():
            records = self._client.retrieve(self._collection, list(points), SHOWN_FIELDS, with_vectors=False)
        return {str(record.id): record.payload or {} for record in records}

    def _ready(self) -> None:
        """Make the collection or check what made it, once."""
        if self._open:
            return
        with _translated():
            made_by = self._made_by()
            if made_by is None and not self._points():
                self._create()  # nothing there, or a process was killed while it made the collection
                made_by = self._made_by()
        if made_by is None:
            raise IndexMismatch("the index does not say what made it; run `muniment index rebuild`")
        match_signature(made_by, self._signature)
        self._open = True

    def _made_by(self) -> Mapping[str, Any] | None:
        if not self._client.collection_exists(self._collection):
            return None
        notes = self._client.retrieve(self._collection, [SIGNATURE_POINT])
        made: Mapping[str, Any] | None = json.loads((notes[0].payload or {})["signature"]) if notes else None
        return made

    def _points(self) -> int:
        exists = self._client.collection_exists(self._collection)
        return self._client.count(self._collection).count if exists else 0

    def _create(self) -> None:
        with contextlib.suppress(ApiException, ValueError):  # another process made it between question and answer
            self._client.create_collection(
                self._collection,
                vectors_config=_dense(self._signature),
                sparse_vectors_config={
                    name: models.SparseVectorParams(modifier=models.Modifier.IDF) for name in SPARSE
                },
                on_disk_payload=True,
            )
        for field, kind in INDEXED_FIELDS.items():
            self._client.create_payload_index(self._collection, field, _field_index(kind), wait=True)
        note = models.PointStruct(id=SIGNATURE_POINT, vector={}, payload={"signature": json.dumps(self._signature)})
        self._client.upsert(self._collection, [note], wait=True)


def _dense(signature: Mapping[str, Any]) -> dict[str, models.VectorParams]:
    multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    return {
        name: models.VectorParams(
            size=size,
            distance=models.Distance.DOT,
            multivector_config=None if name == "about" else multi,
            hnsw_config=models.HnswConfigDiff(m=0) if name == "image" else None,
            on_disk=name == "image",
        )
        for name, size in dense_vectors(signature).items()
    }


def _field_index(kind: str) -> Any:
    if kind == "tenant":
        return models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    if kind == "phrase":
        return models.TextIndexParams(
            type=models.TextIndexType.TEXT, tokenizer=models.TokenizerType.WORD, lowercase=True, phrase_matching=True
        )
    kinds = models.PayloadSchemaType
    return {"keyword": kinds.KEYWORD, "integer": kinds.INTEGER, "float": kinds.FLOAT}[kind]


def _point(page: IndexedPage) -> models.PointStruct:
    vectors = {name: _vector(name, vector) for name, vector in vectors_of(page).items()}
    return models.PointStruct(id=point_id(page.document, page.page), vector=vectors, payload=dict(page.payload))


def _imaged(page: ImagedPage) -> models.PointVectors:
    vectors = {"pooled": _vector("pooled", page.pooled), "image": _vector("image", page.image)}
    return models.PointVectors(id=point_id(page.document, page.page), vector=vectors)


def _vector(name: str, vector: Matrix | SparseVector) -> Any:
    if isinstance(vector, SparseVector):
        return models.SparseVector(indices=list(vector.indices), values=list(vector.values))
    rows = np.round(vector.astype(np.float64), DECIMALS).tolist()
    return rows[0] if name == "about" else rows


def _batches(pages: Sequence[T], bytes_of: Callable[[T], int]) -> Iterator[list[T]]:
    batch: list[T] = []
    size = 0
    for page in pages:
        own = bytes_of(page)
        if batch and size + own > REQUEST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(page)
        size += own
    if batch:
        yield batch


def _bytes(page: IndexedPage) -> int:
    """An upper estimate of the page's JSON."""
    floats = sum(2 * len(v.indices) if isinstance(v, SparseVector) else v.size for v in vectors_of(page).values())
    return floats * FLOAT_BYTES + len(json.dumps(dict(page.payload)))


def _filter(conditions: Sequence[Condition], among: Sequence[str] | None = None) -> models.Filter:
    must: list[Any] = [_condition(condition) for condition in conditions]
    if among is not None:
        must.append(models.HasIdCondition(has_id=list(among)))
    return models.Filter(must=must, must_not=[models.HasIdCondition(has_id=[SIGNATURE_POINT])])


def _condition(condition: Condition) -> Any:
    match condition:
        case AnyOf(key, values):
            return models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))
        case Between(key, low, high):
            return models.FieldCondition(key=key, range=models.Range(gte=low, lte=high))
        case Lacking(vector):
            return models.Filter(must_not=[models.HasVectorCondition(has_vector=vector)])
        case Phrase(key, spellings):
            found = [models.FieldCondition(key=key, match=models.MatchPhrase(phrase=text)) for text in spellings]
            return models.Filter(should=list(found))


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Client errors may carry the request, which holds document text: only their kind is passed on."""
    try:
        yield
    except ApiException as error:
        status = getattr(error, "status_code", None)
        reason = f"answered {status}" if status else "can't be reached"
        raise IndexUnavailable(f"the Qdrant server {reason}") from error
