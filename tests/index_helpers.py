"""Small points for index tests: vectors one can reason about, payloads as `pipeline.index.build` makes them."""

from __future__ import annotations

import numpy as np

from pipeline.backends.protocols import IndexedPage, PageQuery, SparseVector
from pipeline.index import day_number
from pipeline.phrases import page_spellings, tokens

DIM = 8
SIGNATURE = {"layout": 1, "text_model": "t@1", "text_dimension": DIM, "page_model": "p@1", "page_dimension": DIM}


def unit(seed: int, rows: int = 1) -> np.ndarray:
    """Random rows of unit length."""
    matrix = np.random.default_rng(seed).normal(size=(rows, DIM)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def axis(number: int) -> np.ndarray:
    """One row: the unit vector along an axis."""
    return np.eye(DIM, dtype=np.float32)[number : number + 1]


def point(
    document: str = "d1",
    page: int = 1,
    *,
    text: str = "some words",
    vector: np.ndarray | None = None,
    image: np.ndarray | None = None,
    terms: tuple[int, ...] = (1,),
    **payload: object,
) -> IndexedPage:
    """A page; `payload` overrides matter, kind, parties, law, amounts and date."""
    date = str(payload.get("date", ""))
    fields = {
        "document": document,
        "name": f"{document}.pdf",
        "matter": payload.get("matter", "m1"),
        "page": page,
        "kind": payload.get("kind", ""),
        "parties": [" ".join(tokens(name)) for name in payload.get("parties", ())],
        "party": list(payload.get("parties", ())),
        "law": payload.get("law", ""),
        "amounts": list(payload.get("amounts", ())),
        "date": date,
        "references": [],
        "text": list(page_spellings(text)),
        "sha256": "0" * 64,
    }
    if date:
        fields["day"] = day_number(date)
    sparse = SparseVector(terms, tuple(1.0 for _ in terms))
    return IndexedPage(
        document=document,
        page=page,
        text_windows=unit(page) if vector is None else vector,
        terms=sparse,
        about=axis(0),
        about_terms=sparse,
        image=image,
        pooled=image,
        payload=fields,
    )


def by_text(vector: np.ndarray) -> PageQuery:
    """A query by text vector only."""
    return PageQuery(text=vector)


def found(hits: list) -> list[tuple[str, int]]:
    """(document, page) of each hit, in order."""
    return [(hit.document, hit.page) for hit in hits]
