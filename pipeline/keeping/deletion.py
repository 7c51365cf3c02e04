"""Deleting documents, so that nothing of them is left in this home.

    one transaction: not under hold? ─► tombstone, audit row, and every row of the document gone
    from the tombstone, again after a kill: points ─► blobs, thumbnails ─► copies and reports ─► words in free space

The first step decides: before it nothing has happened, after it the document is gone for everybody, and what the
tombstone names is cleared away by this process, or by the next that looks (`muniment reconcile --repair`). The same
bytes that come again later are a new document. What another document or matter shares stays: a blob, or what
the stages learned of the same content.

Out of reach: backups; the file system's freed blocks; what a frontier model's provider keeps by its contract; what
PostgreSQL and a Qdrant server keep in their files until they clean up; Prefect's own record of runs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select, update

from pipeline.claims import Claim, claim
from pipeline.errors import IndexUnavailable
from pipeline.keeping.copies import unlink_copies
from pipeline.keeping.inventory import dropped, images_of, named
from pipeline.keeping.retention import due
from pipeline.rows import mark_stale
from pipeline.tables import amending, calls, corrections, deletions, documents, meta, notices, results
from pipeline.thumbnails import forget as forget_thumbnails

if TYPE_CHECKING:
    from pipeline.types import Document
    from pipeline.wiring import Tools

__all__ = ["Deleted", "delete_documents", "finish_deletions", "sweep", "unfinished"]

BUSY = "readers keep the catalog's write-ahead log from being emptied"
BATCH = "the batch a document was cut from holds its pages, and stays as long as another document of it does"
PREFECT = (
    "Prefect's own record of runs, in the folder prefect/ of the home, keeps the file's name as long as it keeps runs"
)
SERVER = "the Qdrant server keeps the words in its files until it rewrites the segment they were in"
POSTGRES = "PostgreSQL keeps the words in its files until it has vacuumed, and in its own backups and log"


@dataclass(frozen=True, slots=True)
class Deleted:
    """What deletions did: ids, how many blobs went, and what still stands somewhere (none: nothing this home can
    reach). `unfinished` counts those that the next reconciliation goes on with."""

    documents: tuple[str, ...]
    blobs: int = 0
    unfinished: int = 0
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tombstone:
    id: int
    document: str
    files: frozenset[str]  # its original, and what that was made of
    images: frozenset[str]
    asked: float


def delete_documents(tools: Tools, whys: Mapping[str, str], who: str) -> Deleted:
    """Delete these documents, each for its reason; waits while one is being worked on.

    `NotFound` for one that is not there, `OnHold` for one whose matter is under legal hold; those before it are gone
    then. Words that this home can't reach are named in what comes back.
    """
    under_way = [_bury(tools, document, why, who) for document, why in whys.items()]
    done = finish_deletions(tools)
    left = (*filter(None, under_way), *done.left)
    return Deleted(tuple(whys), done.blobs, done.unfinished, tuple(dict.fromkeys(left)))


def sweep(tools: Tools, now: float | None = None) -> Deleted:
    """Delete what was kept as long as its matter says and is under no hold."""
    whys = {one.document: f"kept for {one.days} days" for one in due(tools, now) if one.hold is None}
    return delete_documents(tools, whys, "muniment") if whys else Deleted(())


def unfinished(tools: Tools) -> list[str]:
    """Documents whose deletion a kill or an unreachable index left unfinished."""
    return [stone.document for stone in _tombstones(tools)]


def finish_deletions(tools: Tools) -> Deleted:
    """Clear away what tombstones name; what can't be reached now is tried again by the next call."""
    stones = _tombstones(tools)
    if not stones:
        return Deleted(())
    unlink_copies(tools, [(stone.document, stone.files, stone.asked) for stone in stones])
    gone, left = _forget_blobs(tools, stones)
    finished = tools.catalog.database.forget()
    left += [] if finished else [BUSY]
    left += [] if tools.catalog.database.sqlite else [POSTGRES]
    left += [PREFECT] if (tools.settings.root / "prefect").exists() else []
    try:
        left += _forget_points(tools, stones)
    except IndexUnavailable as error:
        finished = False
        left.append(f"pages in the index: {error}")
    if finished:
        _close(tools, stones)
    documents = tuple(stone.document for stone in stones)
    return Deleted(documents, len(gone), 0 if finished else len(stones), tuple(left))


def _bury(tools: Tools, id: str, why: str, who: str) -> str:
    """Set the tombstone and take every row away, in one transaction; what is under way elsewhere comes back."""
    with _claimed(tools, id):
        document = tools.catalog.document(id)
        asked = tools.batches.asked(id)
        images = images_of(tools.catalog, document.sha256)
        files = {document.sha256, *(origin.sha256 for origin in tools.catalog.origins(id))} - {""}
        detail = {"matter": document.matter, "why": why, "pages": document.page_count}
        with tools.catalog.database.write() as connection:
            tools.retention.check(connection, document.matter)
            stone = {"document": id, "files": json.dumps(sorted(files)), "images": json.dumps(sorted(images))}
            connection.execute(insert(deletions).values(asked=time.time(), **stone))
            tools.audit.append(connection, who, "deletion", id, detail)
            _erase(connection, document)
    return f"{len(asked)} pages lie in a batch at the frontier model: `muniment escalate` cancels it" if asked else ""


def _claimed(tools: Tools, id: str) -> AbstractContextManager[Claim]:
    """Nobody works on the document meanwhile."""
    return claim(tools.locks, tools.catalog.database, id, seconds=tools.settings.lease_seconds)


def _erase(connection: Connection, document: Document) -> None:
    """Pages, findings, sources, digest, doubts, deadlines and tallies go with the document's row; what hangs on its
    content goes unless another document has it."""
    amendments = select(amending.c.document).where(amending.c.target == document.id)
    for amendment in list(connection.execute(amendments).scalars()):
        mark_stale(connection, amendment)
    connection.execute(delete(amending).where(amending.c.target == document.id))
    connection.execute(delete(corrections).where(corrections.c.document == document.id))
    connection.execute(update(calls).where(calls.c.document == document.id).values(reason=""))  # the money stays
    _unname(connection, document.id)
    connection.execute(delete(meta).where(meta.c.key == f"nights {document.id}"))
    connection.execute(delete(documents).where(documents.c.id == document.id))
    shared = select(documents.c.id).where(documents.c.sha256 == document.sha256).exists()
    connection.execute(delete(results).where(results.c.sha256 == document.sha256, ~shared))


def _unname(connection: Connection, id: str) -> None:
    """Notices that tell of the document keep their counts and ids and lose every file's name."""
    rows = connection.execute(select(notices.c.id, notices.c.body).where(notices.c.body.contains(id))).all()
    for row in rows:
        body = json.dumps(json.loads(row.body) | {"names": []})
        connection.execute(update(notices).where(notices.c.id == row.id).values(body=body))


def _tombstones(tools: Tools) -> list[_Tombstone]:
    query = select(deletions).where(deletions.c.finished.is_(None)).order_by(deletions.c.id)
    with tools.catalog.database.read() as connection:
        rows = connection.execute(query).all()
    return [_tombstone(row) for row in rows]


def _tombstone(row: Any) -> _Tombstone:
    files, images = frozenset(json.loads(row.files)), frozenset(json.loads(row.images))
    return _Tombstone(row.id, row.document, files, images, row.asked)


def _forget_blobs(tools: Tools, stones: Sequence[_Tombstone]) -> tuple[list[str], list[str]]:
    """Which blobs went; what stays although it shows what was deleted."""
    files = {blob for stone in stones for blob in stone.files}
    blobs = files | {blob for stone in stones for blob in stone.images}
    gone = tools.store.discard(blobs, lambda some: named(tools.catalog, some))
    forget_thumbnails(tools.settings.root / "thumbnails", (blob for blob in blobs if blob not in tools.store))
    return gone, [BATCH] if files.intersection(dropped(tools.catalog)) else []


def _forget_points(tools: Tools, stones: Sequence[_Tombstone]) -> list[str]:
    """Out of the index, and out of its files; what stays readable comes back."""
    for stone in stones:
        with _claimed(tools, stone.document):
            if not tools.catalog.content(stone.document):  # else its bytes came again, and these points are that one's
                tools.index.delete(stone.document)
    return [] if tools.index.forget() else [SERVER]


def _close(tools: Tools, stones: Sequence[_Tombstone]) -> None:
    """What is kept of a deletion for good: whose, and when; who and why stands in the audit log."""
    values = {"finished": time.time(), "files": "[]", "images": "[]"}
    with tools.catalog.database.write() as connection:
        connection.execute(update(deletions).where(deletions.c.id.in_([s.id for s in stones])).values(values))
