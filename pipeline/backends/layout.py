"""What both index backends share: the names in the collection, the walls of a query, and how scores are fused.

    text         multivector   word windows of the page, MaxSim, HNSW
    about        vector        what its document is, HNSW
    terms        sparse, IDF   BM25 of the page
    about_terms  sparse, IDF   the same, its document's naming terms evened out over all pages
    pooled       multivector   pooled page image, MaxSim, HNSW: finds candidates
    image        multivector   page image, MaxSim, no graph, on disk: scores candidates

**Fusion** is ours, because it needs every candidate's score in every kind of evidence, which a server-side RRF over
ranks doesn't have. Each kind is scaled to 0..1 over the candidates and they are added with equal weight. Chosen
on ContractNLI (205 questions, text layer), where it beat RRF (k 60) in nDCG@10 by 0.869 to 0.866 within the document
and 0.611 to 0.553 across documents; `ABOUT_WEIGHT` too was set there (0, 0.25, 0.5 tried). On CUAD (434 questions,
text layer, MiniLM and BM25, of the document only its first words known), which nothing was set on: within the document
nDCG@10 0.804, recall@5 0.926; across documents 0.783, 0.944, and 0.610, 0.834 without `about` and `about_terms`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.backends.protocols import ImagedPage, IndexedPage, PageQuery, SparseVector
from pipeline.errors import IndexMismatch, ModelError, UsageError
from pipeline.index import day_number
from pipeline.phrases import spellings
from pipeline.types import SearchFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.backends.protocols import Matrix

    Scores = NDArray[np.float64]

__all__ = [
    "FACETS",
    "INDEXED_FIELDS",
    "SHOWN_FIELDS",
    "SPARSE",
    "AnyOf",
    "Between",
    "Condition",
    "Lacking",
    "Leg",
    "Phrase",
    "PointId",
    "check",
    "check_image",
    "dense_vectors",
    "first_stage",
    "fuse",
    "match_signature",
    "point_id",
    "second_stage",
    "unchosen",
    "vectors_of",
    "walls",
]

INDEXED_FIELDS = {
    "document": "keyword",
    "matter": "tenant",
    "kind": "keyword",
    "parties": "phrase",
    "party": "keyword",
    "law": "keyword",
    "amounts": "float",
    "day": "integer",
    "text": "phrase",
}
FACETS = ("matter", "kind", "party", "law")
"""What a search is narrowed by, counted by `PageIndex.facets`."""
SHOWN_FIELDS = [
    *("document", "name", "matter", "page", "kind", "parties", "date", "references", "sha256"),
    *("look", "confidence"),
]
SPARSE = ("terms", "about_terms")
ABOUT_WEIGHT = 0.5

PointId = Any
"""A point's UUID in the form that costs an engine's backend least, number or string: a search handles a thousand."""

# Qdrant refuses a multivector above this many floats.
MAX_FLOATS = 1_048_576
_NAMESPACE = uuid.UUID("8f6f2f43-6f3c-5e0a-9c55-1f6f4d8f0a11")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The field holds one of the values."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """The field holds one of the spellings, word for word."""

    key: str
    spellings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """low <= field <= high; None is open."""

    key: str
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Lacking:
    """The point has no vector of this name."""

    vector: str


Condition = AnyOf | Phrase | Between | Lacking


@dataclass(frozen=True, slots=True)
class Leg:
    """One nearest-neighbour question: a query vector and the named vector it is compared with."""

    using: str
    vector: Matrix | SparseVector


def point_id(document: str, page: int) -> str:
    """The same page is the same point, however often it is written."""
    return str(uuid.uuid5(_NAMESPACE, f"{document}\n{page}"))


def dense_vectors(signature: Mapping[str, Any]) -> dict[str, int]:
    """Named dense vectors and their sizes, for the models of this signature."""
    vectors = {"text": signature["text_dimension"], "about": signature["text_dimension"]}
    if signature["page_dimension"]:
        vectors |= {"pooled": signature["page_dimension"], "image": signature["page_dimension"]}
    return vectors


def match_signature(made: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `IndexMismatch` unless the index was made by what is configured now."""
    changed = [key for key in wanted if made.get(key) != wanted[key]]
    if changed:
        parts = ", ".join(f"{key} {made.get(key) or 'none'} (now {wanted[key] or 'none'})" for key in changed)
        raise IndexMismatch(f"the index was made with {parts}; configure what made it, or run `muniment index rebuild`")


def walls(where: SearchFilter, phrases: Sequence[tuple[str, ...]] = ()) -> list[Condition] | None:
    """What every leg of a query must stand inside; None when nothing can match.

    Raises `UsageError` when a date is not ISO.
    """
    found: list[Condition] = [Phrase("text", phrase) for phrase in phrases]
    if where.matters is not None:
        found.append(AnyOf("matter", where.matters))
    if where.matter is not None:
        found.append(AnyOf("matter", (where.matter,)))
    if where.documents is not None:
        found.append(AnyOf("document", where.documents))
    if where.kind:
        found.append(AnyOf("kind", (where.kind.casefold(),)))
    if where.party:
        found.append(Phrase("parties", spellings(where.party)))
    if where.law:
        found.append(AnyOf("law", (where.law,)))
    if where.amount_from is not None or where.amount_to is not None:
        found.append(Between("amounts", where.amount_from, where.amount_to))
    if where.dated_from or where.dated_to:
        found.append(Between("day", _day(where.dated_from), _day(where.dated_to)))
    return None if any(_impossible(condition) for condition in found) else found


def unchosen(where: SearchFilter, facet: str) -> SearchFilter:
    """The filter without this facet's own choice; the wall of matters stays."""
    return replace(where, **{facet: None})


def check(page: IndexedPage) -> None:
    """Refuse what would poison the index: the embedded engine stores NaN without a word, and finds it first.

    Raises `ModelError`, for it is a model that made the vector.
    """
    for name, matrix in vectors_of(page).items():
        values = np.asarray(matrix.values) if isinstance(matrix, SparseVector) else matrix
        _check(page.page, name, values)


def check_image(page: ImagedPage) -> None:
    """The same for vectors that come later."""
    _check(page.page, "image", page.image)
    _check(page.page, "pooled", page.pooled)


def _check(page: int, name: str, values: Any) -> None:
    if not np.isfinite(values).all():
        raise ModelError(f"page {page}: vector {name} has a value that is not a number")
    if values.size > MAX_FLOATS:
        raise ModelError(f"page {page}: vector {name} has more than {MAX_FLOATS} values")


def vectors_of(page: IndexedPage) -> dict[str, Matrix | SparseVector]:
    """The named vectors this page really has."""
    named: dict[str, Matrix | SparseVector | None] = {
        "text": page.text_windows,
        "about": page.about,
        "terms": page.terms,
        "about_terms": page.about_terms,
        "pooled": page.pooled,
        "image": page.image,
    }
    return {name: vector for name, vector in named.items() if vector is not None and _rows(vector)}


def first_stage(query: PageQuery) -> list[Leg]:
    """The legs that find candidates, over all of very many points inside the walls."""
    return _legs(query, image="pooled")


def second_stage(query: PageQuery) -> list[Leg]:
    """The same evidence for the candidates, or all of few points, page images now by MaxSim over all their rows."""
    return _legs(query, image="image")


def fuse(legs: Sequence[Leg], scores: Sequence[Mapping[PointId, float]]) -> list[tuple[PointId, float]]:
    """(point id, score) best first: the mean over the kinds of evidence, each 0 for its worst candidate and 1 for its
    best. A page whose image has no vectors yet is judged by the other kinds."""
    ids = sorted({point for found in scores for point in found})
    if not ids:
        return []
    by_name = {leg.using: found for leg, found in zip(legs, scores, strict=True)}
    text, about = by_name.pop("text", {}), by_name.pop("about", {})
    image = by_name.pop("image", {})
    kinds = [_column(found, ids) for found in by_name.values()]
    if text or about:
        kinds.insert(0, _column(text, ids) + ABOUT_WEIGHT * _column(about, ids))
    totals, counted = sum(map(_scaled, kinds), np.zeros(len(ids))), np.full(len(ids), len(kinds))
    if len(image) > 1 or (image and not kinds):  # beside other evidence one alone is the best of nothing
        seen = [at for at, point in enumerate(ids) if point in image]
        totals[seen] += _scaled(np.array([image[ids[at]] for at in seen]))
        counted[seen] += 1
    totals /= np.maximum(counted, 1)
    order = np.argsort(-totals, kind="stable").tolist()
    return [(ids[at], float(totals[at])) for at in order]


def _legs(query: PageQuery, image: str) -> list[Leg]:
    named = {
        "text": query.text,
        "about": query.about,
        "terms": query.terms,
        "about_terms": query.about_terms,
        image: query.image,
    }
    return [Leg(name, vector) for name, vector in named.items() if vector is not None and _rows(vector)]


def _rows(vector: Matrix | SparseVector) -> int:
    return len(vector.indices) if isinstance(vector, SparseVector) else len(vector)


def _column(found: Mapping[PointId, float], ids: Sequence[PointId]) -> Scores:
    return np.array([found.get(point, 0.0) for point in ids])


def _scaled(values: Scores) -> Scores:
    low, high = float(values.min()), float(values.max())
    if high == low:  # nothing to choose between them; a sole candidate is the best one
        return np.full(len(values), 1.0 if high > 0 else 0.0)
    return (values - low) / (high - low)


def _impossible(condition: Condition) -> bool:
    """An empty list of values or spellings: an engine would take it for no condition at all."""
    match condition:
        case AnyOf(_, choices) | Phrase(_, choices):
            return not choices
        case _:
            return False


def _day(iso: str | None) -> int | None:
    if not iso:
        return None
    day = day_number(iso)
    if day is None:
        raise UsageError("a date filter is written YYYY-MM-DD")
    return day
