"""The catalog's documents as a list to leaf through: filtered, counted and cut into pages inside the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    within = documents.c.matter.in_(matters)
    in_matter = [] if cut.matter is None else [documents.c.matter == cut.matter]
    in_status = [] if cut.status is None else [documents.c.status == cut.status]
    wanted = select(documents).where(within, *in_matter, *in_status)
    ordered = wanted.order_by(documents.c.received.desc(), documents.c.id).limit(cut.limit).offset(cut.offset)
    with database.read() as connection:
        rows = connection.execute(ordered).all()
        total = connection.execute(select(sa.func.count()).select_from(wanted.subquery())).scalar_one()
        by_status = _counted(connection, documents.c.status, within, *in_matter)
        by_matter = _counted(connection, documents.c.matter, within, *in_status)
    return Shelf(
        tuple(map(_listed, rows)),
        total,
        {DocumentStatus(status): count for status, count in by_status.items()},
        by_matter,
    )


def listed(database: Database, id: str) -> Listed:
    """One document as the list shows it. Ask the catalog first: here an id that is not there is an internal error."""
    with database.read() as connection:
        return _listed(connection.execute(select(documents).where(documents.c.id == id)).one())


def _counted(connection: Connection, column: sa.Column[str], *conditions: sa.ColumnElement[bool]) -> dict[str, int]:
    query = select(column, sa.func.count()).where(*conditions).group_by(column).order_by(column)
    return {row[0]: row[1] for row in connection.execute(query)}


def _listed(row: sa.Row[tuple[object, ...]]) -> Listed:
    named = _Named.model_validate_json(row.record) if row.record else _Named()
    title, kind = (entry.best.value or entry.best.raw if entry.best else "" for entry in (named.title, named.kind))
    return Listed(to_document(row), row.received, title, kind)
