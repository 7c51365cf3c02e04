"""The store against the catalog: what is missing, what is damaged, and what nobody names.

The store's blobs are a sorted array of the first 8 bytes of their names, 9 bytes a blob with its mark: 10 million page
images take 90 MB. Two of 10 million share these 8 bytes once in 370,000 homes, and then a leftover stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select

from pipeline.errors import StoreError
from pipeline.ingest import ingest_document
from pipeline.keeping.inventory import Rendered, dropped, named, originals, rendered
from pipeline.reconcile.faults import Fault, Look, settled
from pipeline.stages import versions
from pipeline.store import LEFTOVER_SECONDS, LOST
from pipeline.tables import documents
from pipeline.types import Document, DocumentStatus

if TYPE_CHECKING:
    from pipeline.store import Store
    from pipeline.wiring import Tools

__all__ = ["GRACE", "check_blobs", "of_contents"]

GRACE = LEFTOVER_SECONDS
"""Seconds for which a blob that nobody names is left alone: a run may be about to name it."""

CHUNK = 500
DELETED_AT_ONCE = 20_000  # each lot asks the whole catalog once more who names it


def check_blobs(look: Look) -> Iterator[Fault]:
    """Blobs that are damaged (`deep`), set aside, missing or unnamed."""
    tools = look.tools
    if look.deep:
        yield from _damaged(look)
    aside = list(tools.store.aside())
    yield from settled(look, "blob-aside", aside, lambda sha256: tools.store.discard([sha256], _asker(tools)))
    stored = _Stored(tools.store)
    contents = originals(tools.catalog)
    gone = [sha256 for sha256 in contents if not stored.named(sha256) and sha256 not in tools.store]
    yield from _lost_originals(look, gone)
    files = [sha256 for sha256 in dropped(tools.catalog) if not stored.named(sha256) and sha256 not in tools.store]
    yield from settled(look, "origin-lost", files)
    yield from _lost_images(look, stored, {*contents} - {*gone})
    yield from _unnamed(look, stored)


class _Stored:
    """The blobs of the store, each marked once somebody names it."""

    def __init__(self, store: Store) -> None:
        self.names = np.fromiter((_short(sha256) for sha256 in store.blobs()), dtype=np.uint64)
        self.marks = np.zeros(len(self.names), dtype=bool)

    def named(self, sha256: str) -> bool:
        """Mark the blob; whether it is there."""
        place = self._place(sha256)
        if place is not None:
            self.marks[place] = True
        return place is not None

    def unmarked(self, sha256: str) -> bool:
        """Whether the blob was there from the beginning and nobody named it."""
        place = self._place(sha256)
        return place is not None and not self.marks[place]

    def _place(self, sha256: str) -> int | None:
        place = int(np.searchsorted(self.names, name := _short(sha256)))
        return place if place < len(self.names) and self.names[place] == name else None


def of_contents(tools: Tools, contents: Collection[str]) -> list[Document]:
    """The documents with these contents."""
    wanted, found = iter(contents), list[str]()
    while chunk := list(islice(wanted, CHUNK)):
        query = select(documents.c.id).where(documents.c.sha256.in_(chunk)).order_by(documents.c.received)
        with tools.catalog.database.read() as connection:
            found += connection.execute(query).scalars()
    return [tools.catalog.document(id) for id in found]


def _damaged(look: Look) -> Iterator[Fault]:
    """Read every blob. What is set aside is missing from then on, and dealt with as that."""
    store = look.tools.store
    damaged = [sha256 for sha256 in store.blobs() if sha256 in store and not store.whole(sha256)]
    yield from settled(look, "blob-damaged", damaged, store.quarantine)


def _lost_originals(look: Look, gone: Collection[str]) -> Iterator[Fault]:
    tools = look.tools

    def hold(document: Document) -> None:
        tools.catalog.set_status(document.id, DocumentStatus.HELD, LOST)

    def receive(document: Document) -> None:
        tools.catalog.set_indexed(document.id, "")
        tools.catalog.set_status(document.id, DocumentStatus.RECEIVED)

    yield from settled(look, "original-lost", of_contents(tools, gone), hold)
    held = [each for each in tools.catalog.documents(status=DocumentStatus.HELD) if each.reason == LOST]
    yield from settled(look, "original-back", [each for each in held if each.sha256 in tools.store], receive)


def _lost_images(look: Look, stored: _Stored, contents: Collection[str]) -> Iterator[Fault]:
    """Only those of the present settings are missed; all of them are needed."""
    tools, now = look.tools, versions(look.tools)["render"]

    def there(each: Rendered) -> bool:
        return stored.named(each.image) or each.image in tools.store  # the first one marks it: it goes before all else

    missed = (each for each in rendered(tools.catalog) if not there(each))
    pages = {each.sha256 for each in missed if each.version == now and each.sha256 in contents}

    def render(document: Document) -> bool:
        tools.catalog.set_indexed(document.id, "")
        return ingest_document(document, tools, retry=True).reason != LOST

    yield from settled(look, "image-lost", of_contents(tools, pages), render)


def _unnamed(look: Look, stored: _Stored) -> Iterator[Fault]:
    """A blob may be put, and found there already, a moment before it is named: the young ones are left alone."""
    store, oldest = look.tools.store, look.now - GRACE
    old = [sha256 for sha256 in store.blobs() if stored.unmarked(sha256) and store.put_at(sha256) < oldest]
    gone = 0
    for start in range(0, len(old) if look.repair else 0, DELETED_AT_ONCE):
        try:
            gone += len(store.discard(old[start : start + DELETED_AT_ONCE], _asker(look.tools)))
        except StoreError:
            break
    if old:
        yield Fault("blob-unnamed", len(old), gone, tuple(old[:10]))


def _asker(tools: Tools) -> Callable[[Collection[str]], Collection[str]]:
    return lambda some: named(tools.catalog, some)


def _short(sha256: str) -> np.uint64:
    return np.uint64(int(sha256[:16], 16))
