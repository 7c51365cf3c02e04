"""Models that are loaded when the first page is shown to them: most documents show none.

Loading costs seconds and memory, transformers most of both. What a classifier is heard on, and how long a page model's
rows are, is known without it; so are a question's rows, where the text half of the page model can be had alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from pipeline.answer_scale import read_scale
from pipeline.backends.protocols import PageClassifier, PageEmbedder, PageInput
from pipeline.model_files import row_length
from pipeline.types import Verdict

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix
    from pipeline.backends.query_rows import QueryRows

__all__ = ["LateClassifier", "LatePageEmbedder"]

Loaded = TypeVar("Loaded")


class _Once(Generic[Loaded]):
    """What `load` makes, made at the first call; threads that come meanwhile wait for it."""

    def __init__(self, load: Callable[[], Loaded]) -> None:
        self._load, self._lock = load, threading.Lock()
        self._made: tuple[Loaded] | None = None

    def __call__(self) -> Loaded:
        with self._lock:
            self._made = self._made or (self._load(),)
        return self._made[0]


class LateClassifier:
    """`PageClassifier` over a checkpoint in `folder`; `load` makes the real one, once. Threads may share it."""

    def __init__(self, folder: Path, load: Callable[[], PageClassifier]) -> None:
        """`ModelError` for a damaged calibration file; what else is wrong with a checkpoint, loading finds."""
        self._heard = read_scale(folder).heard
        self._real = _Once(load)

    @property
    def name(self) -> str:
        """That of the loaded classifier."""
        return self._real().name

    @property
    def heard(self) -> tuple[str, ...]:
        """The questions that its verdicts answer."""
        return self._heard

    def classify(self, pages: Sequence[PageInput]) -> list[Verdict]:
        """As the loaded classifier does."""
        return self._real().classify(pages)


class LatePageEmbedder:
    """`PageEmbedder` over the checkpoint in `folder`, with the arguments of `ColPaliEmbedder`, which is loaded once.
    Threads may share it."""

    def __init__(self, folder: Path, *, name: str, device: str, dtype: str, batch: int) -> None:
        """`ModelError` for a damaged weights file; what else is wrong with a checkpoint, loading finds."""

        def load() -> PageEmbedder:
            from pipeline.backends.colpali import ColPaliEmbedder

            return ColPaliEmbedder(folder, name=name, device=device, dtype=dtype, batch=batch)

        def load_queries() -> QueryRows | None:
            from pipeline.backends.query_rows import query_rows

            return query_rows(folder, device, dtype)

        self._name, self._dimension = name, row_length(folder)
        self._real, self._queries = _Once(load), _Once(load_queries)

    @property
    def name(self) -> str:
        """Model name and revision."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of a row."""
        return self._dimension or self._real().dimension

    def embed_pages(self, images: Sequence[Path]) -> list[Matrix]:
        """As the loaded model does."""
        return self._real().embed_pages(images)

    def embed_query(self, query: str) -> Matrix:
        """The rows that the loaded model gives, without it where that can be."""
        queries = self._queries()
        return queries(query) if queries else self._real().embed_query(query)

    def heat(self, image: Path, query: str) -> Matrix:
        """As the loaded model has it."""
        return self._real().heat(image, query)

    def pool(self, pages: Sequence[Matrix]) -> list[Matrix]:
        """As the loaded model does."""
        return self._real().pool(pages)
