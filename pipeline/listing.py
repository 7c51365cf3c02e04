"""The catalog's documents as a list to leaf through: filtered, counted and cut into pages inside the query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy import Connection, select

from pipeline.database import Database
from pipeline.rows import to_document
from pipeline.tables import documents
from pipeline.types import Document, DocumentStatus
from schemas.fields import Entry, FieldValue

__all__ = ["Listed", "Shelf", "listed", "shelf"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A document with what tells it apart: `received` in seconds since 1970, title and kind as read ("": not known)."""

    document: Document
    received: float
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """One page of the list, newest first, and the counts of the whole: `total` of what was asked for, `by_status` over
    the same matters, `by_matter` over the same status."""

    documents: tuple[Listed, ...]
    total: int
    by_status: dict[DocumentStatus, int]
    by_matter: dict[str, int]


class _Named(BaseModel):
    """The part of a record that names its document; the rest is not even looked at."""

    title: Entry[FieldValue] = Entry()
    kind: Entry[FieldValue] = Entry()


@dataclass(frozen=True, slots=True)
class Cut:
    """Which documents are wanted: of `matter` and `status` (None: of any), `limit` of them after `offset`."""

    matter: str | None = None
    status: DocumentStatus | None = None
    limit: int = 50
    offset: int = 0


def shelf(database: Database, matters: Sequence[str], cut: Cut) -> Shelf:
    """The documents of these matters that are wanted. Counts never reach beyond `matters`."""
    with database.read() as connection:
        rows = connection.execute(_wanted(matters, cut)).all()
        counts = _counts(connection, matters)
    by_status, by_matter = Counter[DocumentStatus](), Counter[str]()
    for (matter, status), count in sorted(counts.items()):
        if cut.matter in (None, matter):
            by_status[DocumentStatus(status)] += count
        if cut.status in (None, status):
            by_matter[matter] += count
    total = by_status.total() if cut.status is None else by_status[cut.status]
    return Shelf(tuple(map(_listed, rows)), total, dict(sorted(by_status.items())), dict(by_matter))


def listed(database: Database, id: str) -> Listed:
    """One document as the list shows it. Ask the catalog first: here an id that is not there is an internal error."""
    with database.read() as connection:
        return _listed(connection.execute(select(documents).where(documents.c.id == id)).one())


def _wanted(matters: Sequence[str], cut: Cut) -> sa.Select[Any]:
    """The rows of the page. Which they are is read from an index alone; only theirs are fetched, with their records."""
    conditions: list[sa.ColumnElement[bool]] = [documents.c.matter.in_(matters)]
    conditions += [] if cut.matter is None else [documents.c.matter == cut.matter]
    conditions += [] if cut.status is None else [documents.c.status == cut.status]
    order = (documents.c.received.desc(), documents.c.id)
    ids = select(documents.c.id).where(*conditions).order_by(*order).limit(cut.limit).offset(cut.offset)
    return select(documents).where(documents.c.id.in_(ids)).order_by(*order)


def _counts(connection: Connection, matters: Sequence[str]) -> dict[tuple[str, str], int]:
    """Documents by (matter, status): one pass over an index that has them in this order."""
    place = (documents.c.matter, documents.c.status)
    query = select(*place, sa.func.count()).where(documents.c.matter.in_(matters)).group_by(*place)
    return {(matter, status): count for matter, status, count in connection.execute(query)}


def _listed(row: sa.Row[tuple[object, ...]]) -> Listed:
    named = _Named.model_validate_json(row.record) if row.record else _Named()
    title, kind = (entry.best.value or entry.best.raw if entry.best else "" for entry in (named.title, named.kind))
    return Listed(to_document(row), row.received, title, kind)
