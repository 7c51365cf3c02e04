"""Page-image vectors: which pages get theirs as they come in, and which wait for the night.

On a page that was read cleanly the words find as well as the picture, and the picture costs more than anything else on
the page's road. So its vectors may wait: the page is found by its words meanwhile, and judged by them alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.backends.protocols import ImagedPage
from pipeline.claims import claim
from pipeline.errors import AlreadyRunning, DocumentHeld, StoreError
from pipeline.types import Route

if TYPE_CHECKING:
    from pipeline.backends.protocols import Images, PageInput
    from pipeline.settings import Settings
    from pipeline.types import Triage
    from pipeline.wiring import Tools

__all__ = ["at_once", "catch_up", "is_put_off"]

BATCH = 32  # pages embedded and written at a time: bounds memory, and what a kill repeats
NAMED = 5  # documents, at most, whose ids stand in an error


def is_put_off(route: Route | None, settings: Settings) -> bool:
    """Whether the image of a page on this route is embedded at night only."""
    waiting = settings.page_images == "night" or (settings.page_images == "hard" and route is Route.TEXT)
    return bool(settings.page_model) and waiting


def at_once(pages: Sequence[PageInput], triages: Mapping[int, Triage], tools: Tools) -> Images:
    """The vectors of those of these pages whose image doesn't wait; none without a page model."""
    numbered = {page.image.number: page.image.sha256 for page in pages}
    hard = {n: sha for n, sha in numbered.items() if not is_put_off(triages[n].route, tools.settings)}
    return _embedded(hard, tools)


def catch_up(tools: Tools, seconds: float) -> tuple[int, int]:
    """With a page model: embed the page images in the index that have no vectors yet, for about so many seconds; how
    many were done, and how many still wait. An image that the store lacks stays for the reconciler, a document that
    somebody works on for the next night. `StoreError` at the end, when all others are done, if one is damaged."""
    until, waiting = time.monotonic() + seconds, tools.index.without_images()
    done, damaged = 0, []
    for document in sorted(waiting):
        try:
            for made in _caught_up(document, tools, until):
                done += made
        except AlreadyRunning:
            continue
        except DocumentHeld:
            damaged.append(document)
    if damaged:
        raise StoreError(
            f"{done} page images embedded; {len(damaged)} documents have a damaged one ({', '.join(damaged[:NAMED])}): "
            "run `muniment reconcile --deep --repair`"
        )
    return done, sum(map(len, waiting.values())) - done


def _caught_up(document: str, tools: Tools, until: float) -> Iterator[int]:
    """How many were embedded, batch by batch."""
    if time.monotonic() >= until:
        return
    locks, seconds = tools.locks, tools.settings.lease_seconds
    with claim(locks, tools.catalog.database, document, seconds=seconds, wait=False) as held:
        # Asked anew: before it was claimed it may have been deleted, or indexed with other images.
        images = tools.index.without_images(document).get(document, {})
        here = {page: sha for page, sha in images.items() if sha in tools.store}
        for start in range(0, len(here), BATCH):
            if time.monotonic() >= until:
                return
            held.check()
            batch = dict(islice(here.items(), start, start + BATCH))
            made = _embedded(batch, tools)
            tools.index.add_images([ImagedPage(document, page, *vectors) for page, vectors in made.items()])
            yield len(batch)


def _embedded(images: Mapping[int, str], tools: Tools) -> Images:
    store, embedder = tools.store, tools.page_embedder
    if embedder is None or not images:
        return {}
    store.bring(images.values())
    rows = embedder.embed_pages([store.place(sha) for sha in images.values()])
    return dict(zip(images, zip(rows, embedder.pool(rows), strict=True), strict=True))
