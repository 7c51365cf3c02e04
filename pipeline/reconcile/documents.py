"""Documents against their pages, and against their points in the index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from pipeline.errors import IndexMismatch, IndexUnavailable, NotFound
from pipeline.ingest import ingest_document
from pipeline.reconcile.faults import Fault, Look, settled
from pipeline.stages import versions
from pipeline.store import LOST
from pipeline.tables import documents, pages
from pipeline.types import DocumentStatus, Route

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["check_documents", "check_index"]

SETTLING = 3600.0  # seconds a document may stand as received before it is spoken of


@dataclass(frozen=True, slots=True)
class _Row:
    """A document as its row has it; `read` once there is a record of it."""

    id: str
    matter: str
    status: str
    reason: str
    received: float
    indexed: str
    read: bool
    page_count: int


def check_documents(look: Look) -> Iterator[Fault]:
    """Documents that stand between two states."""
    rows, now = _rows(look.tools), versions(look.tools)["index"]
    listed = _counted(look.tools)
    waiting = [row for row in rows if row.status == DocumentStatus.RECEIVED and row.received < look.now - SETTLING]
    worked = [row for row in rows if row.read and row.status != DocumentStatus.RECEIVED and row.reason != LOST]
    torn = [row for row in worked if listed.get(row.id, 0) != row.page_count]
    loose = [row for row in worked if not row.indexed and row not in torn]
    yield from settled(look, "pages-incomplete", torn, lambda row: _walk(look.tools, row.id))
    yield from settled(look, "not-indexed", loose, lambda row: _walk(look.tools, row.id))
    yield from settled(look, "unworked", waiting)
    yield from settled(look, "outdated", [row for row in worked if row.indexed and row.indexed != now])


def check_index(look: Look) -> Iterator[Fault]:
    """Points that are missing, misplaced, or of nobody. The catalog is read before the index: what arrives meanwhile
    has points that are not expected yet, and never lacks one that is."""
    tools, now = look.tools, versions(look.tools)["index"]
    rows = {row.id: row for row in _rows(tools)}
    listed, shown = _counted(tools), _counted(tools, shown=True)
    try:
        there, points = tools.index.documents(), tools.index.count()
    except (IndexUnavailable, IndexMismatch):
        yield Fault("index-unreadable", 1, 0, ())
        return
    whole = (row for row in rows.values() if row.read and listed.get(row.id, 0) == row.page_count)
    indexed = [row for row in whole if row.indexed == now]
    misplaced = _misplaced(there, rows)
    missing = [
        row
        for row in indexed
        if row.id not in misplaced and there.get(row.matter, {}).get(row.id, 0) != shown.get(row.id, 0)
    ]
    yield from settled(look, "points-missing", [row for row in missing if _lacks(tools, row)], _anew(tools))
    yield from settled(look, "points-misplaced", sorted(misplaced), _anew(tools))
    unknown = {id for of_matter in there.values() for id in of_matter if id not in rows}
    yield from settled(look, "points-unknown", [id for id in sorted(unknown) if _gone(tools, id)], tools.index.delete)
    if stray := points - sum(count for of_matter in there.values() for count in of_matter.values()):
        yield Fault("points-stray", abs(stray), 0, ())


def _rows(tools: Tools) -> list[_Row]:
    kept = (documents.c[name] for name in ("id", "matter", "status", "reason", "received", "indexed", "page_count"))
    query = select(*kept, documents.c.record.is_not(None).label("read")).order_by(documents.c.received)
    with tools.catalog.database.read() as connection:
        rows = connection.execute(query).mappings().all()
    return [_Row(**{**row, "indexed": row["indexed"] or ""}) for row in rows]


def _counted(tools: Tools, *, shown: bool = False) -> dict[str, int]:
    """Pages in the catalog by document; `shown`: those that show something and could be read, each of them a point."""
    query = select(pages.c.document, func.count()).group_by(pages.c.document)
    if shown:
        query = query.where(pages.c.route.is_not(None), pages.c.route != Route.BLANK)
    with tools.catalog.database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def _misplaced(there: Mapping[str, Mapping[str, int]], rows: Mapping[str, _Row]) -> set[str]:
    return {id for matter, ids in there.items() for id in ids if id in rows and rows[id].matter != matter}


def _lacks(tools: Tools, row: _Row) -> bool:
    """The second look: the document still counts as indexed, and its points still differ from its pages."""
    if tools.catalog.indexed(row.id) != row.indexed:
        return False
    wanted = {page.number for page in tools.catalog.pages(row.id) if page.route not in (None, Route.BLANK)}
    return tools.index.pages_of(row.id) != wanted and tools.catalog.indexed(row.id) == row.indexed


def _gone(tools: Tools, id: str) -> bool:
    try:
        tools.catalog.document(id)
    except NotFound:
        return True
    return False


def _anew(tools: Tools) -> Callable[[_Row | str], bool]:
    def index(found: _Row | str) -> bool:
        id = found if isinstance(found, str) else found.id
        tools.index.delete(id)
        return _walk(tools, id)

    return index


def _walk(tools: Tools, id: str) -> bool:
    """Down the road again, where all but what is missing is remembered; whether it got to the end."""
    tools.catalog.set_indexed(id, "")
    document = ingest_document(tools.catalog.document(id), tools, retry=True)
    return bool(tools.catalog.indexed(document.id))
