"""Settings to backends: the one place that chooses implementations, and imports them only when chosen.

`Tools` makes each part on first use, so a command pays for what it touches: `status` opens a catalog and
nothing else, `ingest` of a folder that is already here loads no model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.memo import Clock
from pipeline.settings import Settings, load_settings
from pipeline.store import Store

if TYPE_CHECKING:
    from pipeline.backends.protocols import Extractor, PageClassifier, PageEmbedder, PageIndex, TextEmbedder
    from pipeline.catalog import Catalog
    from pipeline.search import Searcher
    from pipeline.workers import WorkerPool

__all__ = ["Tools", "open_tools"]

T = TypeVar("T")


class Tools:
    """What the spine works with, made from settings on first use; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.store = Store(settings.root / "store")
        self.locks: Path = settings.root / "locks"
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}
        self._closing = ExitStack()

    @property
    def catalog(self) -> Catalog:
        """The record of everything."""
        return self._once("catalog", self._make_catalog)

    @property
    def pool(self) -> WorkerPool:
        """Worker processes for rendering and OCR."""
        return self._once("pool", self._make_pool)

    @property
    def text_embedder(self) -> TextEmbedder:
        """Sentence vectors for text windows, queries and clauses."""
        return self._once("text_embedder", self._make_text_embedder)

    @property
    def page_embedder(self) -> PageEmbedder | None:
        """ColPali-family page-image vectors, when a model is configured."""
        return self._once("page_embedder", self._make_page_embedder)

    @property
    def classifier(self) -> PageClassifier | None:
        """The small VLM of triage, when one is configured."""
        return self._once("classifier", self._make_classifier)

    @property
    def extractors(self) -> Sequence[Extractor]:
        """Rules always; the generative local VLM when one is configured."""
        return self._once("extractors", self._make_extractors)

    @property
    def index(self) -> PageIndex:
        """The vector index: embedded engine, or a server."""
        return self._once("index", self._make_index)

    @property
    def searcher(self) -> Searcher:
        """Search over the index."""
        return self._once("searcher", self._make_searcher)

    def close(self) -> None:
        """Let everything go, last made first."""
        self._closing.close()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            made: T = self._made[name]
            return made

    def _make_catalog(self) -> Catalog:
        from pipeline.catalog import Catalog

        self.settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._closing.enter_context(Catalog.open(self.settings.catalog_url))

    def _make_pool(self) -> WorkerPool:
        from pipeline.workers import WorkerPool

        settings = self.settings
        pool = WorkerPool(
            settings.workers, memory_mb=settings.worker_memory_mb, tasks_per_worker=settings.worker_tasks
        )
        return self._closing.enter_context(pool)
