"""Points of the index for a collection of any size: those of real pages, and synthetic ones made from them.

A synthetic page takes the first 70 % of one real page and the last 30 % of another, cut alike in its words, its text
windows and its image rows, and its vectors are turned by noise: so it has a neighbourhood of its own, while
lengths, word frequencies and the spread of the vectors stay those of contracts. The texts are of 2,000 such pairs,
no vector occurs twice. Twenty pages make a document, a hundred documents a matter.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np

from infra.measure.scale_vectors import Page
from pipeline.backends.pooling import POOLED, mean_rows
from pipeline.backends.protocols import IndexedPage, PageInput, SparseVector, TextEmbedder
from pipeline.index import DocumentContext, build, document_terms, opening
from pipeline.phrases import page_spellings
from pipeline.types import Affine, Box, Document, PageImage, PageText, TextSource, Word

__all__ = ["real_points", "synthetic", "synthetic_rows"]

FIRST_SHARE, NOISE = 0.7, 0.3
PAIRS, PAGES_A_DOCUMENT, DOCUMENTS_A_MATTER = 2000, 20, 100
NOWHERE = Box(0.0, 0.0, 0.0, 0.0)


def real_points(pages: Sequence[Page], cache: Path) -> list[IndexedPage]:
    """The text points of these pages by `pipeline.index.build` with MiniLM; kept as a pickle in `cache`."""
    kept = cache / "text-points.pickle"
    if not kept.exists():
        kept.write_bytes(pickle.dumps([point for document in _documents(pages) for point in _built(document)]))
    points: list[IndexedPage] = pickle.loads(kept.read_bytes())  # written by this function
    return points


def synthetic(
    real: Sequence[IndexedPage], rows: Sequence[np.ndarray], count: int, seed: int = 0
) -> Iterator[IndexedPage]:
    """`count` points, the real ones first. `rows` are the pages' image rows; an empty sequence makes text points."""
    rng = np.random.default_rng(seed)
    pairs = rng.integers(len(real), size=(PAIRS, 2))
    words: dict[int, tuple[list[str], SparseVector]] = {}
    for number, point in enumerate(real[:count]):
        yield _with_image(point, rows[number] if rows else None)
    for number in range(len(real), count):
        pair = int(rng.integers(PAIRS))
        first, second = pairs[pair]
        if pair not in words:
            words[pair] = _words(real[first], real[second])
        image = _joined(rows[first], rows[second], rng) if rows else None
        windows = _joined(real[first].text_windows, real[second].text_windows, rng)
        yield _with_image(_synthetic(number, real[first], windows, words[pair]), image)


def synthetic_rows(rows: Sequence[np.ndarray], count: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Image rows alone, of `count` pages, the real ones first."""
    rng = np.random.default_rng(seed)
    yield from rows[:count]
    for _ in range(count - len(rows)):
        first, second = rng.integers(len(rows), size=2)
        yield _joined(rows[first], rows[second], rng)


def _with_image(point: IndexedPage, rows: np.ndarray | None) -> IndexedPage:
    """Pooled to as many rows as the product does, by neighbours: clusters of a million pages would take hours."""
    return point if rows is None else replace(point, image=rows, pooled=mean_rows(rows, max(len(rows) // POOLED, 1)))


def _words(first: IndexedPage, second: IndexedPage) -> tuple[list[str], SparseVector]:
    """What the payload holds of the joined text, and its terms."""
    words = [str(point.payload["text"][0]).split() for point in (first, second)]
    text = " ".join([*_head(words[0]), *_tail(words[1])])
    return list(page_spellings(text)), document_terms(text)


def _synthetic(
    number: int, like: IndexedPage, windows: np.ndarray, words: tuple[list[str], SparseVector]
) -> IndexedPage:
    """A page of a synthetic document, whose pages all have the same `about`."""
    document, page = divmod(number, PAGES_A_DOCUMENT)
    text, terms = words
    name = {"document": f"synthetic-{document}", "name": f"synthetic-{document}.pdf"}
    place = {"matter": f"synthetic-{document // DOCUMENTS_A_MATTER}", "page": page + 1}
    return IndexedPage(
        document=f"synthetic-{document}",
        page=page + 1,
        text_windows=windows,
        terms=terms,
        about=_turned(like.about, np.random.default_rng(document)) if like.about is not None else None,
        about_terms=terms,
        payload={**like.payload, **name, **place, "text": text},
    )


def _joined(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _turned(np.concatenate([_head(first), _tail(second)]), rng)


def _head(items: Sequence) -> Sequence:
    return items[: max(1, round(FIRST_SHARE * len(items)))]


def _tail(items: Sequence) -> Sequence:
    return items[round(FIRST_SHARE * len(items)) :]


def _turned(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unit rows, each with Gaussian noise of length 0.3 added: a cosine of about 0.96 with what it was."""
    noise = rng.standard_normal(rows.shape, dtype=np.float32) * (NOISE / np.sqrt(rows.shape[1]))
    turned: np.ndarray = rows + noise
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)


def _documents(pages: Sequence[Page]) -> Iterator[list[Page]]:
    for _, group in groupby(pages, key=lambda page: page.document):
        yield list(group)


def _built(pages: Sequence[Page]) -> list[IndexedPage]:
    name = pages[0].document
    document = Document(id=name, matter="real", name=name, sha256="0" * 64)
    texts = [_read(page) for page in pages]
    inputs = [PageInput(_image(text.number), Path(), text) for text in texts]
    return build(document, inputs, DocumentContext(opening=opening(texts[0])), _embedder())


def _read(page: Page) -> PageText:
    words = tuple(Word(text, NOWHERE) for text in page.text.split())
    return PageText(page.number, words, TextSource.LAYER)


def _image(number: int) -> PageImage:
    return PageImage(number, "0" * 64, "image/jpeg", 1, 1, 200.0, Affine())


@cache
def _embedder() -> TextEmbedder:
    from pipeline.backends.minilm import MiniLM
    from pipeline.models import minilm_path

    return MiniLM(minilm_path())
