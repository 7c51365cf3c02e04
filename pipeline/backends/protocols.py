"""The Protocols the backends fulfil. Heavy libraries stay in the files that implement them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.types import Finding, PageImage, PageText, SearchFilter, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]
    Images = Mapping[int, tuple[Matrix, Matrix]]  # by page number the multivector of the page image, and it pooled

__all__ = [
    "Extractor",
    "ImagedPage",
    "IndexedPage",
    "PageClassifier",
    "PageEmbedder",
    "PageIndex",
    "PageInput",
    "PageQuery",
    "PageScore",
    "SparseVector",
    "TextEmbedder",
]


@dataclass(frozen=True, slots=True)
class PageInput:
    """What a model or an extractor is given of a page: the image file on disk and the words read."""

    image: PageImage
    image_path: Path
    text: PageText


class PageClassifier(Protocol):
    """The small local VLM: typed questions answered from answer log-probabilities."""

    @property
    def name(self) -> str:
        """Model name and revision: part of the key under which verdicts are remembered."""
        ...

    @property
    def heard(self) -> tuple[str, ...]:
        """The questions that its verdicts answer: known before any page is shown."""
        ...

    def classify(self, pages: Sequence[PageInput]) -> list[Verdict]:
        """One verdict a page, in order; batched inside."""
        ...


class Extractor(Protocol):
    """Reads findings from pages; `boxes` and `status` stay unset, grounding sets them."""

    @property
    def name(self) -> str:
        """Extractor name and revision: part of the key under which findings are remembered."""
        ...

    def extract(self, pages: Sequence[PageInput]) -> list[list[Finding]]:
        """The findings of each page, in order. All pages are of one document, given in page order."""
        ...


class TextEmbedder(Protocol):
    """Sentence vectors of unit length."""

    @property
    def name(self) -> str:
        """Model name and revision: the index records it."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Matrix:
        """(n, dimension) float32, rows of unit length."""
        ...


class PageEmbedder(Protocol):
    """ColPali-family multivectors: one row a visual token (or query token), unit length."""

    @property
    def name(self) -> str:
        """Model name and revision: the index records it."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def embed_pages(self, images: Sequence[Path]) -> list[Matrix]:
        """One (tokens, dimension) float32 matrix a page image, padding stripped."""
        ...

    def embed_query(self, query: str) -> Matrix:
        """(tokens, dimension) float32."""
        ...

    def heat(self, image: Path, query: str) -> Matrix:
        """(rows, columns) float32 over the upright page, 0..1: where it answers the query. Embeds the page anew,
        because pooled rows have lost their places; `ModelError` when the model's patches have no known layout."""
        ...

    def pool(self, pages: Sequence[Matrix]) -> list[Matrix]:
        """The same pages with rows merged, unit length: what the first search stage looks at."""
        ...


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Term ids and their weights, same length, ids ascending and unique."""

    indices: tuple[int, ...] = ()
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexedPage:
    """One point of the index: a page's vectors and the payload that filters stand on.

    `terms` and `text_windows` are the page alone; `about_terms` and `about` (one row) carry what its document
    is, and are asked only by a search over several documents. `pipeline.index.build` makes all of them and
    lists what `payload` holds.
    """

    document: str
    page: int
    text_windows: Matrix
    terms: SparseVector
    about: Matrix | None = None
    about_terms: SparseVector | None = None
    image: Matrix | None = None
    pooled: Matrix | None = None
    payload: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImagedPage:
    """The vectors of a page image whose point is in the index already; both (rows, dimension), rows of unit length."""

    document: str
    page: int
    image: Matrix
    pooled: Matrix


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A query in every form the index can use; a missing form is simply not searched.

    `about_terms` and `about` ask for the document as well as for the page. Every entry of `phrases` must stand
    on the page, in one of the spellings it lists (see `pipeline.phrases`).
    """

    text: Matrix | None = None
    terms: SparseVector | None = None
    about: Matrix | None = None
    about_terms: SparseVector | None = None
    image: Matrix | None = None
    phrases: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class PageScore:
    """A page found, its fused score and the payload it was indexed with.

    `window` is the text window that answers best, counted from 0: the second look (`pipeline.rescore`) finds it.
    """

    document: str
    page: int
    score: float
    window: int = -1
    payload: Mapping[str, object] = field(default_factory=dict)


class PageIndex(Protocol):
    """The vector index: embedded engine or server, same layout. All walls stand inside its queries."""

    def upsert(self, pages: Sequence[IndexedPage]) -> None:
        """Write or overwrite the pages' points, durably, before returning."""
        ...

    def add_images(self, pages: Sequence[ImagedPage]) -> None:
        """Give points that are there the vectors of their page images, durably, before returning."""
        ...

    def without_images(self, document: str = "") -> dict[str, dict[int, str]]:
        """By document and page number the SHA-256 of the images that have no vectors here, of all documents or one."""
        ...

    def search(self, query: PageQuery, where: SearchFilter, limit: int) -> list[PageScore]:
        """Best first. The filter stands inside every prefetch as well as on top."""
        ...

    def facets(self, where: SearchFilter, limit: int) -> dict[str, list[tuple[str, int]]]:
        """For each of `pipeline.backends.layout.FACETS` its commonest values with the pages they have inside the
        filter, the facet's own condition left out: what choosing another value would find."""
        ...

    def pages_of(self, document: str) -> set[int]:
        """The page numbers this document has in the index: the count read back after writing."""
        ...

    def documents(self) -> dict[str, dict[str, int]]:
        """Points by matter and document: what is compared with the catalog."""
        ...

    def delete(self, document: str) -> None:
        """Remove all points of a document."""
        ...

    def forget(self) -> bool:
        """Make what was deleted unreadable in the index's files; False where only the engine decides when that happens.
        May take minutes: whole segments are written anew."""
        ...

    def count(self) -> int:
        """All points."""
        ...

    def drop(self) -> None:
        """Remove the whole index, whatever made it; the next call makes an empty one."""
        ...

    def close(self) -> None:
        """Flush and let go."""
        ...
