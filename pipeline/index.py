"""The index stage: a read page becomes one point, with every vector a search can ask for.

A page is a multivector of overlapping word windows and a sparse BM25 vector. What its document is (title, kind,
parties, first words) is kept in vectors of its own, so that a search inside one document is not disturbed by words
that all its pages share, while a search over many documents knows whose page it looks at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pipeline.backends.protocols import IndexedPage, PageEmbedder, PageInput, SparseVector, TextEmbedder
from pipeline.look import pack
from pipeline.model_files import row_length
from pipeline.phrases import page_spellings, tokens
from pipeline.types import Document, PageText

if TYPE_CHECKING:
    from pipeline.backends.protocols import Images
    from schemas.contract import Contract
    from schemas.fields import Entry, FieldValue

__all__ = [
    "DocumentContext",
    "Maker",
    "build",
    "context_of",
    "day_number",
    "document_terms",
    "opening",
    "page_maker",
    "query_terms",
    "signature",
    "stems",
    "sum_of",
    "terms_of",
    "windows",
    "without",
]

# Raised whenever points made before no longer mean the same; an index of another layout asks to be rebuilt.
LAYOUT = 6

# From the measurement this layout had to beat (shared corpora, CUAD): windows of 90 words, every 60.
WINDOW, STRIDE = 90, 60
MAX_WINDOWS = 2000  # of a page; 120,000 words are no page of a contract, and a multivector has its limit

# Mean page length BM25 normalises by, in words without stop words. A constant, so that a point never depends on its
# neighbours; 450 is a full contract page.
MEAN_PAGE, K1 = 450.0, 1.2
OPENING = 80  # words of the document's beginning that join its context


@dataclass(frozen=True, slots=True)
class DocumentContext:
    """What is known of the document when its pages are indexed; empty fields are simply not known.

    `opening` is the document's first words (see `opening`), `date` is ISO (agreement or effective date), `law` the
    governing law, `amounts` the sums it names, in any currency, `references` the reference numbers read, by page.
    """

    opening: str = ""
    title: str = ""
    kind: str = ""
    parties: tuple[str, ...] = ()
    date: str = ""
    law: str = ""
    amounts: tuple[float, ...] = ()
    references: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Maker:
    """What the index needs to know of an embedding model, without loading it: name and length of a vector."""

    name: str
    dimension: int


def signature(text: Maker | TextEmbedder, page: Maker | PageEmbedder | None) -> dict[str, Any]:
    """What made the index: layout and models. Vectors of two signatures can't be compared."""
    return {
        "layout": LAYOUT,
        "text_model": text.name,
        "text_dimension": text.dimension,
        "page_model": page.name if page else "",
        "page_dimension": page.dimension if page else 0,
    }


def page_maker(name: str, folder: Path) -> Maker | None:
    """The page-image model of this folder; None where its files don't say how long a vector is."""
    length = row_length(folder)
    return Maker(name, length) if length else None


def windows(count: int) -> list[tuple[int, int]]:
    """The word ranges [start, stop) of a page of `count` words: 90 words, every 60, the last one not a mere tail."""
    if not count:
        return []
    starts = range(0, max(count - (WINDOW - STRIDE), 1), STRIDE)
    return [(start, min(start + WINDOW, count)) for start in starts[:MAX_WINDOWS]]


def build(
    document: Document,
    pages: Sequence[PageInput],
    context: DocumentContext,
    text_embedder: TextEmbedder,
    images: Images | None = None,
) -> list[IndexedPage]:
    """The points of these pages of one document, text vectors computed in one go; `images` as `pipeline.page_images`
    makes them."""
    about = _about(document, context)
    spans = [windows(len(page.text.words)) for page in pages]
    texts = [_span(page, *span) for page, own in zip(pages, spans, strict=True) for span in own]
    vectors = text_embedder.embed([about, *texts])
    named, about_terms = sorted(set(stems(about))), document_terms(about)
    # windows overlap, and words come again: each is taken apart once
    terms = {text: stems(text) for text in {word.text for page in pages for word in page.text.words}}
    points, at = [], 1
    for page, windowed in zip(pages, spans, strict=True):
        stop = at + len(windowed)
        own = document_terms(page.text.text)
        image, pooled = (images or {}).get(page.text.number, (None, None))
        points.append(
            IndexedPage(
                document=document.id,
                page=page.text.number,
                text_windows=vectors[at:stop],
                terms=own,
                about=vectors[:1],
                about_terms=_joined(own, about_terms),
                image=image,
                pooled=pooled,
                payload=_payload(document, page, context)
                | {"look": pack(vectors[at:stop], _window_terms(page, windowed, terms), named)},
            )
        )
        at = stop
    return points


def context_of(contract: Contract, shown: Sequence[PageInput]) -> DocumentContext:
    """What the record says of the document as a whole: title, kind, parties, date, references."""
    references: dict[int, tuple[str, ...]] = {}
    for reference in contract.reference_numbers.values:
        for evidence in reference.evidence:
            references[evidence.page] = (*references.get(evidence.page, ()), reference.value or reference.raw)
    return DocumentContext(
        title=_best(contract.title),
        kind=_best(contract.kind),
        parties=tuple(party.value or party.raw for party in contract.parties.values),
        date=_best(contract.agreement_date) or _best(contract.effective_date),
        law=_best(contract.governing_law),
        amounts=tuple(sorted({found for one in contract.amounts.values if (found := sum_of(one.value)) is not None})),
        opening=opening(shown[0].text) if shown else "",
        references=references,
    )


def _best(entry: Entry[FieldValue]) -> str:
    return (entry.best.value or entry.best.raw) if entry.best else ""


def opening(first_page: PageText) -> str:
    """The document's first 80 words: they name it even when nothing was extracted."""
    return " ".join(word.text for word in first_page.words[:OPENING])


def document_terms(text: str) -> SparseVector:
    """BM25 term weights of a text, without IDF: the index multiplies that in when asked, so it follows the corpus."""
    vector = _bm25().embed_document(" ".join(tokens(text)))
    return _sparse(dict(zip(vector.indices, vector.values, strict=True)))


def query_terms(text: str) -> SparseVector:
    """The distinct terms of a query, each of weight 1."""
    vector = _bm25().embed_query(" ".join(tokens(text)))
    return _sparse(dict.fromkeys(vector.indices, 1.0))


def stems(text: str) -> list[int]:
    """The terms of a text in their order, each as often as it is said; stop words have none."""
    return [term for token in tokens(text) for term in _stem(token)]


def without(query: str, known: Set[int]) -> str:
    """The query without the words whose terms are all known; all of it when nothing else is asked."""
    kept = [word for word in query.split() if not (said := terms_of(word)) or not known >= set(said)]
    return " ".join(kept) if stems(" ".join(kept)) else query


@lru_cache(maxsize=100_000)
def terms_of(word: str) -> tuple[int, ...]:
    """The terms of one printed word, `stems` of it: a page's words come again on the next."""
    return tuple(stems(word))


@lru_cache(maxsize=100_000)
def _stem(token: str) -> tuple[int, ...]:
    return tuple(_bm25().embed_query(token).indices)


@cache
def _bm25() -> Any:
    """The engine's own tokenizer: English stop words and Snowball stems, ids by murmur hash."""
    from qdrant_edge import Bm25, Bm25Config

    return Bm25(Bm25Config(k=K1, b=0.75, avg_len=MEAN_PAGE, language="english"))


def _sparse(weights: Mapping[int, float]) -> SparseVector:
    ordered = sorted(weights.items())
    return SparseVector(tuple(term for term, _ in ordered), tuple(float(weight) for _, weight in ordered))


def _joined(page: SparseVector, about: SparseVector) -> SparseVector:
    """The page's terms, where those that name the document weigh the same on each of its pages.

    In a question such as "notice period, Acme supply agreement" the last three words choose the document. By
    counting them on the page, BM25 would prefer whichever page says "Acme" most.
    """
    weights = dict(zip(page.indices, page.values, strict=True)) | dict.fromkeys(about.indices, K1 + 1)
    return _sparse(weights)


def _about(document: Document, context: DocumentContext) -> str:
    """What the document is, in words. Firms name files so that they find them, and a question may say that name."""
    name = " ".join(tokens(unquote(PurePath(document.name).stem)))
    return ". ".join(filter(None, (context.title, context.kind, "; ".join(context.parties), name, context.opening)))


def _span(page: PageInput, start: int, stop: int) -> str:
    return " ".join(word.text for word in page.text.words[start:stop])


def _window_terms(page: PageInput, spans: Sequence[tuple[int, int]], terms: Mapping[str, list[int]]) -> list[list[int]]:
    """`stems` of each window, from those of its words."""
    of_words = [terms[word.text] for word in page.text.words]
    return [[term for said in of_words[start:stop] for term in said] for start, stop in spans]


def _payload(document: Document, page: PageInput, context: DocumentContext) -> dict[str, object]:
    """What filters stand on (`day` is 20210329 for 2021-03-29, absent when the date isn't whole) and hits show.

    `build` adds what the second look reads (`pipeline.look`).
    """
    references = context.references.get(page.text.number, ())
    payload: dict[str, object] = {
        "document": document.id,
        "name": document.name,
        "matter": document.matter,
        "page": page.text.number,
        "kind": context.kind.casefold(),
        "parties": [party for name in context.parties if (party := " ".join(tokens(name)))],
        "party": [party for name in context.parties if (party := " ".join(name.split()))],
        "law": context.law,
        "amounts": list(context.amounts),
        "date": context.date,
        "references": list(references),
        "text": list(page_spellings(page.text.text, references)),
        "sha256": page.image.sha256,
        "confidence": page.text.confidence,
    }
    if (day := day_number(context.date)) is not None:
        payload["day"] = day
    return payload


def sum_of(money: str) -> float | None:
    """1250.0 for "USD 1250.00"; None for what is no normalised sum."""
    _, _, digits = money.partition(" ")
    try:
        value = float(digits)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def day_number(iso: str) -> int | None:
    """20210329 for "2021-03-29"; None for what is no whole ISO date."""
    try:
        parsed = date.fromisoformat(iso)
    except ValueError:
        return None
    return parsed.year * 10_000 + parsed.month * 100 + parsed.day
