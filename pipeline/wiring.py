"""Settings to backends: the one place that chooses implementations, and imports them only when chosen.

`Tools` makes each part on first use, so a command pays for what it touches: `status` opens a catalog and
nothing else, `ingest` of a folder that is already here loads no model.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import UsageError
from pipeline.memo import Clock
from pipeline.settings import Settings, load_settings
from pipeline.store import Store

if TYPE_CHECKING:
    from pipeline.access.accounts import Accounts
    from pipeline.access.audit import Audit
    from pipeline.access.grants import Grants
    from pipeline.access.issuer import Issuer
    from pipeline.access.sessions import Sessions
    from pipeline.access.throttle import Throttle
    from pipeline.backends.protocols import (
        Extractor,
        PageClassifier,
        PageEmbedder,
        PageIndex,
        TextEmbedder,
    )
    from pipeline.backends.vlm_load import VlmOptions
    from pipeline.catalog import Catalog
    from pipeline.corrections import Corrections
    from pipeline.database import Database
    from pipeline.digests import Digests
    from pipeline.frontier.batches import Batches
    from pipeline.frontier.client import FrontierClient
    from pipeline.frontier.gate import Destination, Policies
    from pipeline.frontier.ledger import Ledger
    from pipeline.frontier.models import Model
    from pipeline.inbox.rescans import Rescans
    from pipeline.keeping.retention import Retention
    from pipeline.search import Searcher
    from pipeline.workers import WorkerPool

__all__ = ["Tools", "open_tools"]

T = TypeVar("T")

# Told to wait by sleeping, torch's threads leave the cores to the workers that read the next pages. By default they
# spin: a window of text then took 45 to 62 ms of CPU beside busy workers, and 24 to 28 ms like this.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch is imported


class Tools:
    """What the spine works with, made from settings on first use; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.locks: Path = settings.root / "locks"
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._made: dict[str, Any] = {}
        self._closing = ExitStack()

    @property
    def store(self) -> Store:
        """The bytes."""
        return self._once("store", self._make_store)

    @property
    def catalog(self) -> Catalog:
        """The record of everything."""
        return self._once("catalog", self._make_catalog)

    @property
    def pool(self) -> WorkerPool:
        """Worker processes for rendering and OCR."""
        return self._once("pool", self._make_pool)

    @property
    def identities(self) -> dict[str, str]:
        """The models as configured, by role (text, triage, extract, page): what remembered results hang on."""
        return self._once("identities", self._make_identities)

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

    @property
    def corrections(self) -> Corrections:
        """What people say of the values that were read."""
        from pipeline.corrections import Corrections

        return self._kept(Corrections)

    @property
    def digests(self) -> Digests:
        """What review queue and calendar need of every record."""
        return self._once("digests", self._make_digests)

    @property
    def rescans(self) -> Rescans:
        """Which documents are scans of the same paper."""
        return self._once("rescans", self._make_rescans)

    @property
    def ledger(self) -> Ledger:
        """What calls to frontier models cost."""
        from pipeline.frontier.ledger import Ledger

        return self._kept(Ledger)

    @property
    def policies(self) -> Policies:
        """What may leave the machine, matter by matter."""
        from pipeline.frontier.gate import Policies

        return self._kept(Policies)

    @property
    def batches(self) -> Batches:
        """The batches sent to frontier models."""
        from pipeline.frontier.batches import Batches

        return self._kept(Batches)

    @property
    def frontier(self) -> FrontierClient:
        """The frontier model; `UsageError` when none is configured."""
        return self.frontier_with(self.settings.frontier_model)

    def frontier_with(self, model: str) -> FrontierClient:
        """The same destination asked for another model. A price in the settings is that of the configured one."""
        return self._once(f"frontier {model}", lambda: self._make_frontier(model))

    @property
    def frontier_model(self) -> Model:
        """The frontier model by its price and image sizes, also where no destination is configured."""
        from pipeline.frontier import chosen

        return chosen.model(self.settings, self.settings.frontier_model)

    @property
    def audit(self) -> Audit:
        """Who did what."""
        from pipeline.access.audit import Audit

        return self._kept(Audit)

    @property
    def accounts(self) -> Accounts:
        """Who there is."""
        from pipeline.access.accounts import Accounts

        return self._kept(Accounts)

    @property
    def issuer(self) -> Issuer | None:
        """Who vouches for people that sign in without a password here, when one is configured."""
        from pipeline.access.issuer import issuer_of

        return self._once("issuer", lambda: issuer_of(self.settings))

    @property
    def grants(self) -> Grants:
        """Which matters they may see."""
        from pipeline.access.grants import Grants

        return self._kept(Grants)

    @property
    def sessions(self) -> Sessions:
        """Browsers that are signed in, and tokens of programs."""
        from pipeline.access.sessions import Sessions

        return self._kept(Sessions)

    @property
    def throttle(self) -> Throttle:
        """Who has to wait before they try to sign in again."""
        from pipeline.access.throttle import Throttle

        return self._kept(Throttle)

    @property
    def retention(self) -> Retention:
        """How long what is kept, and what is under legal hold."""
        from pipeline.keeping.retention import Retention

        return self._kept(Retention)

    @property
    def destination(self) -> Destination:
        """Where the frontier model is."""
        from pipeline.frontier import chosen

        return chosen.destination(self.settings)

    def opened(self, name: str) -> Any:
        """A part if it was made already, else None: for who only wants to look."""
        return self._made.get(name)

    def release_index(self) -> None:
        """Have the embedded index's owner process end now, unless another process uses it."""
        release = getattr(self.opened("index"), "release", None)  # a server has no owner here
        if release:
            release()

    def close(self) -> None:
        """Let everything go, last made first."""
        self._closing.close()

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._locks[name]:  # one each: loading a model must not hold up who only wants the catalog
            if name not in self._made:
                self._made[name] = make()
            made: T = self._made[name]
            return made

    def _kept(self, room: Callable[[Database], T]) -> T:
        """A room that keeps tables of its own in the catalog's database."""
        return self._once(room.__qualname__, lambda: room(self.catalog.database))

    def _make_store(self) -> Store:
        settings = self.settings
        if not settings.store_url:
            return Store(settings.store_dir)
        from pipeline.remote import open_store

        return open_store(settings.store_url, settings.store_dir, settings.store_cache_mb)

    def _make_catalog(self) -> Catalog:
        from pipeline.catalog import Catalog

        try:
            self.settings.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"MUNIMENT_HOME: the folder can't be made: {error.strerror}") from error
        return self._closing.enter_context(Catalog.open(self.settings.catalog_url))

    def _make_pool(self) -> WorkerPool:
        from pipeline.confinement import lacking, of_settings, prepare
        from pipeline.workers import WorkerPool

        settings = self.settings
        confinement = of_settings(settings)
        if confinement.required and (missing := lacking()):
            raise UsageError(f"MUNIMENT_CONFINEMENT=required: {'; '.join(missing.values())}")
        self._once("store", self._make_store)  # refused first if its share is not mounted: `prepare` makes folders
        prepare(confinement)
        pool = WorkerPool(settings.workers, tasks_per_worker=settings.worker_tasks, confinement=confinement)
        return self._closing.enter_context(pool)

    def _make_identities(self) -> dict[str, str]:
        from pipeline.models import MINILM_SHA256, identity, resolve

        def of(name: str) -> str:
            return identity(resolve(name, self.settings.models_dir)) if name else ""

        settings = self.settings
        named = {"triage": settings.triage_model, "extract": settings.extract_model, "page": settings.page_model}
        return {"text": MINILM_SHA256[:12], **{role: of(name) for role, name in named.items()}}

    def _make_text_embedder(self) -> TextEmbedder:
        from pipeline.backends.device import one_core
        from pipeline.backends.gather import Gathered
        from pipeline.backends.minilm import MiniLM
        from pipeline.backends.remembered import Remembered
        from pipeline.models import minilm_path

        model = MiniLM(minilm_path(), device=self.settings.device, dtype=self.settings.dtype)
        return Remembered(Gathered(model, one_core))

    def _make_page_embedder(self) -> PageEmbedder | None:
        if not self.settings.page_model:
            return None
        from pipeline.backends.late import LatePageEmbedder

        settings = self.settings
        return LatePageEmbedder(
            self._model(settings.page_model),
            name=self.identities["page"],
            device=settings.device,
            dtype=settings.dtype,
            batch=settings.batch,
        )

    def _make_classifier(self) -> PageClassifier | None:
        if not self.settings.triage_model:
            return None
        from pipeline.backends.late import LateClassifier

        folder = self._model(self.settings.triage_model)

        def load() -> PageClassifier:
            from pipeline.backends.vlm import VlmClassifier

            return VlmClassifier(folder, self._vlm_options())

        return LateClassifier(folder, load)

    def _make_extractors(self) -> Sequence[Extractor]:
        from pipeline.backends.rules import RuleExtractor

        rules = RuleExtractor(self.text_embedder)
        if not self.settings.extract_model:
            return (rules,)
        from pipeline.backends.vlm_extract import VlmExtractor

        return (rules, VlmExtractor(self._model(self.settings.extract_model), self._vlm_options()))

    def _vlm_options(self) -> VlmOptions:
        from pipeline.backends.vlm_load import VlmOptions

        settings = self.settings
        return VlmOptions(settings.device, settings.dtype, settings.quantization, settings.batch)

    def _model(self, name: str) -> Path:
        from pipeline.models import resolve

        return resolve(name, self.settings.models_dir)

    def _make_index(self) -> PageIndex:
        from pipeline.backends.engine import open_index
        from pipeline.index import Maker, page_maker, signature
        from pipeline.models import MINILM_DIMENSION, MINILM_NAME

        name = self.settings.page_model
        page = page_maker(self.identities["page"], self._model(name)) if name else None
        made_by = signature(Maker(MINILM_NAME, MINILM_DIMENSION), page or self.page_embedder)
        index = open_index(self.settings, made_by)
        self._closing.callback(index.close)
        return index

    def _make_digests(self) -> Digests:
        from pipeline.digests import Digests

        return Digests(self.catalog, self.corrections, self.settings.field_threshold)

    def _make_rescans(self) -> Rescans:
        from pipeline.inbox.rescans import Rescans

        return Rescans(self.catalog)

    def _make_frontier(self, model: str) -> FrontierClient:
        from pipeline.frontier import chosen
        from pipeline.frontier.client import FrontierClient

        client = FrontierClient(chosen.setup(self.settings, model), self.ledger, self.policies)
        self._closing.callback(client.close)
        return client

    def _make_searcher(self) -> Searcher:
        from pipeline.kept import words_at
        from pipeline.search import Searcher

        return Searcher(self.index, self.text_embedder, self.page_embedder, partial(words_at, self))


@contextmanager
def open_tools(settings: Settings | None = None) -> Iterator[Tools]:
    """Tools that are let go when the body ends."""
    tools = Tools(settings or load_settings())
    try:
        yield tools
    finally:
        tools.close()
