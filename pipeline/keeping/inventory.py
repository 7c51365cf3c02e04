"""Which blobs the catalog names: originals by their documents, the pictures and batches these were made of, and page
images by what rendering remembered of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import select

from pipeline.catalog import Catalog
from pipeline.rows import unpack
from pipeline.tables import documents, origins, results

__all__ = ["Rendered", "dropped", "images_of", "named", "originals", "rendered"]

CHUNK = 500  # contents in one query


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page image as it is remembered: whose page it is, by which version of the stage, and the blob."""

    sha256: str
    page: int
    version: str
    image: str


def originals(catalog: Catalog) -> list[str]:
    """The contents that documents have, sorted."""
    query = select(documents.c.sha256).where(documents.c.sha256 != "").distinct().order_by(documents.c.sha256)
    with catalog.database.read() as connection:
        return list(connection.execute(query).scalars())


def dropped(catalog: Catalog) -> list[str]:
    """The files as they were dropped, pictures and batches, of which documents were made, sorted."""
    with catalog.database.read() as connection:
        return list(connection.execute(select(origins.c.sha256).distinct().order_by(origins.c.sha256)).scalars())


def rendered(catalog: Catalog, contents: Sequence[str] | None = None) -> Iterator[Rendered]:
    """Every remembered page image, of any version; of these contents, or of all. One short transaction a few hundred
    contents: 100,000 pages take some seconds, and no writer waits."""
    wanted = iter(contents if contents is not None else _contents(catalog))
    while chunk := list(islice(wanted, CHUNK)):
        query = select(results.c.sha256, results.c.page, results.c.version, results.c.payload)
        query = query.where(results.c.sha256.in_(chunk), results.c.stage == "render")
        with catalog.database.read() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            yield Rendered(row.sha256, row.page, row.version, json.loads(unpack(row.payload))["sha256"])


def images_of(catalog: Catalog, sha256: str) -> set[str]:
    """The page images of one content."""
    return {each.image for each in rendered(catalog, [sha256])}


def named(catalog: Catalog, wanted: Collection[str]) -> set[str]:
    """Those of these blobs that are an original, what one was made of, or a page image of any content that is here."""
    if not wanted:
        return set()
    found = {each.image for each in rendered(catalog) if each.image in wanted}
    ask = iter(wanted)
    while chunk := list(islice(ask, CHUNK)):
        with catalog.database.read() as connection:
            for column in (documents.c.sha256, origins.c.sha256):
                found.update(connection.execute(select(column).where(column.in_(chunk))).scalars())
    return found


def _contents(catalog: Catalog) -> Iterator[str]:
    """The contents with stage results, read in pieces."""
    last = ""
    while True:
        query = select(results.c.sha256).where(results.c.sha256 > last).distinct().order_by(results.c.sha256)
        with catalog.database.read() as connection:
            piece = list(connection.execute(query.limit(CHUNK)).scalars())
        if not piece:
            return
        yield from piece
        last = piece[-1]
