"""The catalog: the truth about documents, their pages, findings, stage results and runs.

Everything else (the vector index, Prefect's states) can be rebuilt from here and from the store. Methods are
one short transaction each and may be called from any thread of any process. Text that came from outside is
made storable on its way in (`pipeline/names.py`); every error is of `pipeline/errors.py`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import socket
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import PurePath
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, delete, insert, select, update

from pipeline import processes
from pipeline.claims import Claim
from pipeline.database import Database, open_database
from pipeline.errors import NotFound, UsageError
from pipeline.names import clean_name, document_id, one_line, storable
from pipeline.rows import Run, pack, replace_pages, replace_record, to_document, to_finding, to_outcome, to_run, unpack
from pipeline.tables import documents, findings, meta, origins, pages, results, runs, sources
from pipeline.telling.logs import event
from pipeline.types import Document, DocumentStatus, Finding, Origin, PageOutcome, PageStatus

__all__ = ["Catalog", "Run", "document_id"]

log = logging.getLogger(__name__)

LISTED = 10  # ids named in an error about an ambiguous name
_PREFIX = re.compile(r"[0-9a-f]{4,64}")
_SHOWN = [documents.c[name] for name in ("id", "matter", "name", "sha256", "status", "reason", "page_count")]


class Catalog:
    """See the module's docstring; made by `Catalog.open`."""

    def __init__(self, database: Database, claim: Claim | None = None) -> None:
        self._database = database
        self._claim = claim or Claim()

    @classmethod
    def open(cls, url: str) -> Catalog:
        """The catalog at an SQLAlchemy URL, created or migrated to the newest revision.

        `CatalogError` when it can't be reached or is of a newer Muniment, `UsageError` for a wrong URL.
        """
        return cls(open_database(url))

    @property
    def database(self) -> Database:
        """The database itself, for the rooms that keep tables of their own in it."""
        return self._database

    def under(self, claim: Claim) -> Catalog:
        """The same catalog for the holder of a claim on a document: what it writes about the document is refused with
        `ClaimLost` once another holds it."""
        return Catalog(self._database, claim)

    def close(self) -> None:
        """Let the database go."""
        self._database.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    # ---- documents

    def add(self, document: Document, source: str, origin: Origin | None = None) -> tuple[Document, bool]:
        """Register a document and the path it came from, and what it was made of; whether it is new here.

        The same content in the same matter gives the document already there, as it stands. A document
        without `sha256` stands for a file or folder that could not be read; it goes once that was read.
        """
        document = replace(document, matter=storable(document.matter), name=clean_name(document.name))
        path = PurePath(clean_name(source))
        keys = [_digest(str(place)) for place in (path, *path.parents)]
        row = {"key": keys[0], "path": str(path), "name_key": _digest(document.name), "first_seen": time.time()}
        with self._database.write() as connection:
            stored, created = self._register(connection, document)
            self._database.insert_new(connection, sources, {**row, "document": stored.id})
            if origin:
                self._database.insert_new(connection, origins, {**asdict(origin), "document": stored.id})
            if document.sha256:
                there = select(sources.c.document).where(sources.c.key.in_(keys))
                unread = (documents.c.sha256 == "", documents.c.matter == document.matter)
                connection.execute(delete(documents).where(*unread, documents.c.id.in_(there)))
        return stored, created

    def document(self, key: str, matters: Sequence[str] | None = None) -> Document:
        """The document of this id, else of this file name, else the one whose id begins so (4 digits or more).

        `NotFound` when there is none, `UsageError` that lists the ids when there are several.
        """
        with self._database.read() as connection:
            for meaning in _meanings(key):
                query = select(*_SHOWN).where(meaning, *_within(matters)).order_by(documents.c.received)
                found = connection.execute(query.limit(LISTED + 1)).all()
                if len(found) == 1:
                    return to_document(found[0])
                if found:
                    ids = ", ".join(row.id for row in found[:LISTED]) + (", …" if len(found) > LISTED else "")
                    raise UsageError(f"{clean_name(key)} is more than one document, name it by id: {ids}")
        raise NotFound(f"no document {clean_name(key)}")

    def documents(self, matters: Sequence[str] | None = None, status: DocumentStatus | None = None) -> list[Document]:
        """All documents in the order they came; `matters=None` is every matter, an empty one none."""
        conditions = list(_within(matters))
        if status is not None:
            conditions.append(documents.c.status == status)
        query = select(*_SHOWN).where(*conditions).order_by(documents.c.received, documents.c.id)
        with self._database.read() as connection:
            return [to_document(row) for row in connection.execute(query)]

    def content(self, id: str) -> str:
        """The SHA-256 of the document's bytes; "" when it is here no more, or never could be read."""
        with self._database.read() as connection:
            return connection.execute(select(documents.c.sha256).where(documents.c.id == id)).scalar() or ""

    def holds(self, sha256: str) -> bool:
        """Whether any document has this content."""
        query = select(documents.c.id).where(documents.c.sha256 == sha256).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def sources(self, id: str) -> list[str]:
        """The paths this content came from, in the order they were first seen."""
        query = select(sources.c.path).where(sources.c.document == id).order_by(sources.c.first_seen, sources.c.key)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def origins(self, id: str) -> list[Origin]:
        """The files in the store that the document was made of; none for one that is its own original."""
        query = select(origins.c.sha256, origins.c.pages).where(origins.c.document == id).order_by(origins.c.sha256)
        with self._database.read() as connection:
            return [Origin(row.sha256, row.pages) for row in connection.execute(query)]

    def set_status(self, id: str, status: DocumentStatus, reason: str = "", page_count: int | None = None) -> None:
        """Say where the document stands; the reason is kept as one line."""
        values: dict[str, Any] = {"status": status, "reason": one_line(reason)}
        if page_count is not None:
            values["page_count"] = page_count
        with self._document_row(id) as connection:
            connection.execute(update(documents).where(documents.c.id == id).values(values))

    # ---- stage results

    def result(self, sha256: str, page: int, stage: str, version: str) -> str | None:
        """The JSON kept for this content, page (0: the whole document), stage and version."""
        query = select(results.c.payload).where(*_of_stage(sha256, stage, version), results.c.page == page)
        with self._database.read() as connection:
            payload = connection.execute(query).scalar()
        return None if payload is None else unpack(payload)

    def results(self, sha256: str, stage: str, version: str) -> dict[int, str]:
        """The JSON kept for each page of this content by this stage and version, in page order."""
        query = select(results.c.page, results.c.payload).where(*_of_stage(sha256, stage, version))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(results.c.page)).all()
        return {row.page: unpack(row.payload) for row in rows}

    def results_at(self, places: Collection[tuple[str, int]], stage: str, version: str) -> dict[tuple[str, int], str]:
        """The JSON kept for these (document id, page) by this stage and version, in one question; what has none is
        left out."""
        ids, numbers = {id for id, _ in places}, {number for _, number in places}
        place = sa.tuple_(documents.c.id, results.c.page)
        # Of the pairs alone SQLite makes no use: it would walk over every page of the firm. By each half it finds them.
        found = sa.and_(documents.c.id.in_(ids), results.c.page.in_(numbers), place.in_(list(places)))
        query = (
            select(documents.c.id, results.c.page, results.c.payload)
            .join(results, sa.and_(*_of_stage(documents.c.sha256, stage, version)))
            .where(found)
        )
        with self._database.read() as connection:
            return {(row.id, row.page): unpack(row.payload) for row in connection.execute(query)}

    def result_versions(self, sha256: str, stage: str) -> list[str]:
        """The versions of this stage that have results of this content."""
        query = select(results.c.version).where(results.c.sha256 == sha256, results.c.stage == stage).distinct()
        with self._database.read() as connection:
            return sorted(connection.execute(query).scalars())

    def save(self, sha256: str, page: int, stage: str, version: str, payload: str, seconds: float) -> None:
        """Keep a stage's JSON, durably before this returns; what the key already has stays."""
        row = {"sha256": sha256, "page": page, "stage": stage, "version": version, "payload": pack(payload)}
        with self._database.write() as connection:
            self._database.insert_new(connection, results, {**row, "seconds": seconds})

    def remember(self, sha256: str, stage: str, version: str, payloads: Mapping[int, str], seconds: float) -> None:
        """As `save`, for pages whose JSON became known together, each after so many seconds: all of them or none.

        A kill takes nothing back; a power cut may until the next other write, for it can be computed anew.
        """
        key = {"sha256": sha256, "stage": stage, "version": version, "seconds": seconds}
        rows = [{**key, "page": page, "payload": pack(payload)} for page, payload in payloads.items()]
        with self._database.write(lasting=False) as connection:
            self._database.insert_all_new(connection, results, rows)

    def overwrite(self, sha256: str, page: int, stage: str, version: str, payload: str) -> None:
        """Keep a stage's JSON in the place of what the key has."""
        row = {"sha256": sha256, "page": page, "stage": stage, "version": version, "payload": pack(payload)}
        with self._database.write() as connection:
            connection.execute(delete(results).where(*_of_stage(sha256, stage, version), results.c.page == page))
            self._database.insert_new(connection, results, {**row, "seconds": 0.0})

    def remembered(self, sha256: str) -> int:
        """How many results of this content are kept, of any stage and version."""
        query = select(sa.func.count()).select_from(results).where(results.c.sha256 == sha256)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def forget(self, sha256: str, stage: str, version: str, pages: Sequence[int]) -> None:
        """These pages' results of this stage and version are to be computed anew."""
        with self._database.write() as connection:
            which = [*_of_stage(sha256, stage, version), results.c.page.in_(list(pages))]
            connection.execute(delete(results).where(*which))

    # ---- pages, findings, record

    def set_pages(self, id: str, outcomes: Sequence[PageOutcome]) -> None:
        """Replace the document's pages."""
        with self._document_row(id) as connection:
            replace_pages(connection, id, outcomes)

    def pages(self, id: str) -> list[PageOutcome]:
        """How each page of the document ended, in page order."""
        query = select(pages).where(pages.c.document == id).order_by(pages.c.number)
        with self._database.read() as connection:
            return [to_outcome(row) for row in connection.execute(query)]

    def page_totals(self, matters: Sequence[str] | None = None) -> dict[PageStatus, int]:
        """Pages by status."""
        query = select(pages.c.status, sa.func.count()).join(documents).where(*_within(matters))
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(pages.c.status).order_by(pages.c.status))
            return {PageStatus(status): count for status, count in rows}

    def set_record(self, id: str, record_json: str, found: Sequence[Finding]) -> None:
        """Replace the document's record and its findings."""
        with self._document_row(id) as connection:
            replace_record(connection, id, record_json, found)

    def record(self, id: str) -> str | None:
        """The document's record as JSON, or None while there is none."""
        with self._database.read() as connection:
            return connection.execute(select(documents.c.record).where(documents.c.id == id)).scalar()

    def findings(self, id: str) -> list[Finding]:
        """The document's findings in the order they were given."""
        query = select(findings).where(findings.c.document == id).order_by(findings.c.position)
        with self._database.read() as connection:
            return [to_finding(row) for row in connection.execute(query)]

    def stating(self, matter: str, field: str, values: Sequence[str] | None = None) -> list[str]:
        """Ids of the matter's documents with a finding of this field, or with one of these normal forms of it."""
        # EXISTS, not a join: SQLite would join from the field's findings of all matters
        stated = select(findings.c.position).where(findings.c.document == documents.c.id, findings.c.field == field)
        if values is not None:
            stated = stated.where(findings.c.value.in_(list(values)))
        query = select(documents.c.id).where(documents.c.matter == matter, stated.exists())
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(documents.c.received, documents.c.id)).scalars())

    def finish(
        self,
        id: str,
        status: DocumentStatus,
        reason: str,
        outcomes: Sequence[PageOutcome],
        record_json: str,
        found: Sequence[Finding],
    ) -> None:
        """The moment a document is done: status, pages, record and findings in one transaction."""
        values: dict[str, Any] = {"status": status, "reason": one_line(reason)}
        if outcomes:
            values["page_count"] = len(outcomes)
        with self._document_row(id) as connection:
            connection.execute(update(documents).where(documents.c.id == id).values(values))
            replace_pages(connection, id, outcomes)
            replace_record(connection, id, record_json, found)

    # ---- index

    def set_indexed(self, id: str, signature: str) -> None:
        """All pages of the document were counted in the index of this signature."""
        with self._document_row(id) as connection:
            connection.execute(update(documents).where(documents.c.id == id).values(indexed=signature))

    def indexed(self, id: str) -> str | None:
        """The signature of the index that holds the document, or None."""
        with self._database.read() as connection:
            return connection.execute(select(documents.c.indexed).where(documents.c.id == id)).scalar()

    # ---- runs

    def start_run(self, kind: str) -> int:
        """Write down that a run of this process began; its number."""
        pid = os.getpid()
        row = {"kind": kind, "status": "running", "host": socket.gethostname(), "pid": pid, "started": time.time()}
        row |= {"birth": processes.birth(pid), "seconds": "{}", "totals": "{}"}
        with self._database.write() as connection:
            key = connection.execute(insert(runs).values(row)).inserted_primary_key
        assert key is not None
        event(log, "a run began", run=int(key[0]), kind=kind)
        return int(key[0])

    def finish_run(
        self, run: int, seconds_by_stage: Mapping[str, float], totals: Mapping[str, int], status: str = "finished"
    ) -> None:
        """Write down how the run ended, its seconds by stage and its totals."""
        values = {"status": status, "finished": time.time()}
        values |= {"seconds": json.dumps(dict(seconds_by_stage)), "totals": json.dumps(dict(totals))}
        with self._database.write() as connection:
            if not connection.execute(update(runs).where(runs.c.id == run).values(values)).rowcount:
                raise NotFound(f"no run {run}")
        event(log, "a run ended", run=run, status=status, **{name.replace(" ", "_"): n for name, n in totals.items()})

    def runs(self, limit: int = 20) -> list[Run]:
        """The latest runs, newest first; one whose process on this host is gone is `interrupted`."""
        with self._database.read() as connection:
            rows = connection.execute(select(runs).order_by(runs.c.id.desc()).limit(limit)).all()
        return [to_run(row) for row in rows]

    def unfinished_runs(self, *kinds: str) -> list[int]:
        """Runs of these kinds whose end was never written down: they are at work, or gone."""
        query = select(runs.c.id).where(runs.c.kind.in_(kinds), runs.c.status == "running").order_by(runs.c.id)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    # ---- anything else worth remembering

    def meta(self, key: str) -> str | None:
        """The value kept under this key."""
        with self._database.read() as connection:
            return connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar()

    def set_meta(self, key: str, value: str) -> None:
        """Keep a value under this key."""
        with self._database.write() as connection:
            if not self._database.insert_new(connection, meta, {"key": key, "value": value}):
                connection.execute(update(meta).where(meta.c.key == key).values(value=value))

    # ---- private

    def _register(self, connection: Connection, document: Document) -> tuple[Document, bool]:
        """Insert unless there. Twelve hex digits collide once in a while over millions of documents
        (about 1 % at 2.4 million): the later document then takes a longer id, the same on every run."""
        for id in (document.id, *(document_id(document.matter, document.sha256, n) for n in (24, 64))):
            row = {name: getattr(document, name) for name in Document.__dataclass_fields__}
            row |= {"id": id, "reason": one_line(document.reason), "received": time.time()}
            created = self._database.insert_new(connection, documents, row)
            stored = to_document(connection.execute(select(*_SHOWN).where(documents.c.id == id)).one())
            if (stored.matter, stored.sha256) == (document.matter, document.sha256):
                break
        return stored, created

    @contextmanager
    def _document_row(self, id: str) -> Iterator[Connection]:
        """A writing transaction that has the document's row, and the claim; `NotFound` when there is no row."""
        with self._database.write() as connection:
            self._claim.fence(connection)
            if (
                connection.execute(select(documents.c.id).where(documents.c.id == id).with_for_update()).scalar()
                is None
            ):
                raise NotFound(f"no document {clean_name(id)}")
            yield connection


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _within(matters: Sequence[str] | None) -> list[sa.ColumnElement[bool]]:
    return [] if matters is None else [documents.c.matter.in_(matters)]


def _of_stage(sha256: str | sa.ColumnElement[str], stage: str, version: str) -> list[sa.ColumnElement[bool]]:
    return [results.c.sha256 == sha256, results.c.stage == stage, results.c.version == version]


def _meanings(key: str) -> Iterator[sa.ColumnElement[bool]]:
    yield documents.c.id == key
    yield documents.c.id.in_(select(sources.c.document).where(sources.c.name_key == _digest(clean_name(key))))
    if _PREFIX.fullmatch(key):
        yield (documents.c.id >= key) & (documents.c.id < key + "g")  # LIKE would read every id: g follows f
