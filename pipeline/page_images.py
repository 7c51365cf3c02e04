"""Page-image vectors: which pages get theirs as they come in, and which wait for the night.

On a page that was read cleanly the words find as well as the picture, and the picture costs more than anything else on
the page's road. So its vectors may wait: the page is found by its words meanwhile, and judged by them alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.backends.protocols import ImagedPage
from pipeline.claims import claim
from pipeline.types import Route

if TYPE_CHECKING:
    from pipeline.backends.protocols import Images, PageInput
    from pipeline.settings import Settings
    from pipeline.types import Triage
    from pipeline.wiring import Tools

__all__ = ["at_once", "catch_up", "is_put_off"]

BATCH = 32  # pages embedded and written at a time: bounds memory, and what a kill repeats


def is_put_off(route: Route | None, settings: Settings) -> bool:
    """Whether the image of a page on this route is embedded at night only."""
    return bool(settings.page_model) and settings.page_images == "hard" and route is Route.TEXT


def at_once(pages: Sequence[PageInput], triages: Mapping[int, Triage], tools: Tools) -> Images:
    """The vectors of those of these pages whose image doesn't wait; none without a page model."""
    numbered = {page.image.number: page.image.sha256 for page in pages}
    hard = {n: sha for n, sha in numbered.items() if not is_put_off(triages[n].route, tools.settings)}
    return _embedded(hard, tools)


def catch_up(tools: Tools, seconds: float) -> tuple[int, int]:
    """With a page model: embed the page images in the index that have no vectors yet, for about so many seconds; how
    many were done, and how many still wait. An image that the store lacks stays for the reconciler."""
    until, waiting = time.monotonic() + seconds, tools.index.without_images()
    done = sum(_caught_up(document, waiting[document], tools, until) for document in sorted(waiting))
    return done, sum(map(len, waiting.values())) - done


def _caught_up(document: str, images: Mapping[int, str], tools: Tools, until: float) -> int:
    if time.monotonic() >= until:
        return 0
    done = 0
    with claim(tools.locks, tools.catalog.database, document, seconds=tools.settings.lease_seconds) as held:
        present = tools.index.pages_of(document)  # it may have been deleted, or indexed anew, before it was claimed
        here = {page: sha for page, sha in images.items() if page in present and sha in tools.store}
        for start in range(0, len(here), BATCH):
            if time.monotonic() >= until:
                break
            held.check()
            batch = dict(islice(here.items(), start, start + BATCH))
            made = _embedded(batch, tools)
            tools.index.add_images([ImagedPage(document, page, *vectors) for page, vectors in made.items()])
            done += len(batch)
    return done


def _embedded(images: Mapping[int, str], tools: Tools) -> Images:
    store, embedder = tools.store, tools.page_embedder
    if embedder is None or not images:
        return {}
    store.bring(images.values())
    rows = embedder.embed_pages([store.place(sha) for sha in images.values()])
    return dict(zip(images, zip(rows, embedder.pool(rows), strict=True), strict=True))
