"""Another scan of the same paper: documents of one matter whose pages look alike are linked. Each stays what it is.

Looks alone can't tell two contracts of one template: their records can. A link is not made, and one that was made is
undone, where both records name parties or numbers, and not the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz
from sqlalchemy import Connection, delete, func, insert, or_, select

from pipeline.catalog import Catalog
from pipeline.frontier.ledger import matter_key
from pipeline.ground import fold, same_name
from pipeline.inbox.prints import BYTES, aligned, unpacked
from pipeline.tables import documents, prints, rescans
from pipeline.types import Document
from schemas.contract import Contract
from schemas.fields import Entry, FieldValue

__all__ = ["Rescan", "Rescans", "contradiction"]

VERSION = 1  # of how a page's look is computed: those of another one are not compared
NEARLY_ALL = 0.8  # of the pages that show something
MORE_PAGES = 2  # that one of two scans may have
ALIKE_NAMES = 80  # similarity (0..100) of a party's name in two scans: a poor one garbles a letter in five


@dataclass(frozen=True, slots=True)
class Rescan:
    """A document that is another scan of the same paper: its id and name, and how many of the pages that show
    something look alike."""

    document: str
    name: str
    alike: int
    shown: int


class Rescans:
    """See the module's docstring."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._database = catalog.database

    def compare(self, document: Document, looks: Sequence[str], record: Contract) -> list[Rescan]:
        """Keep how the document's pages look and link it with those of its matter that look the same.

        `looks` are those of `prints.look_of`, page by page.
        """
        packed = b"".join(bytes.fromhex(look) if look else bytes(BYTES) for look in looks)
        if not any(packed):
            return []
        with self._database.write() as connection:
            self._keep(connection, document, packed, len(looks))
        found = []
        for row in self._candidates(document, len(looks)):
            alike, shown = aligned(unpacked(packed), unpacked(row.hashes))
            if alike >= NEARLY_ALL * shown and not self._contradicted(record, row.document):
                found.append(Rescan(row.document, row.name, alike, shown))
        with self._database.write() as connection:
            self._link(connection, document.id, found)
        return found

    def of(self, id: str) -> list[Rescan]:
        """The documents that are linked with this one, whichever came first."""
        pairs = ((rescans.c.document, rescans.c.earlier), (rescans.c.earlier, rescans.c.document))
        found: dict[str, Rescan] = {}
        with self._database.read() as connection:
            for this, other in pairs:
                query = select(other.label("other"), documents.c.name, rescans.c.alike, rescans.c.shown)
                query = query.join(documents, documents.c.id == other).where(this == id).order_by(documents.c.received)
                for row in connection.execute(query):
                    found.setdefault(row.other, Rescan(row.other, row.name, row.alike, row.shown))
        return list(found.values())

    def count(self, matters: Sequence[str] | None = None) -> int:
        """How many documents are linked with an earlier one."""
        query = select(func.count(rescans.c.document.distinct())).join(documents, documents.c.id == rescans.c.document)
        if matters is not None:
            query = query.where(documents.c.matter.in_(matters))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _keep(self, connection: Connection, document: Document, packed: bytes, pages: int) -> None:
        row = {"document": document.id, "matter": matter_key(document.matter), "version": VERSION}
        connection.execute(delete(prints).where(prints.c.document == document.id))
        connection.execute(insert(prints).values(**row, pages=pages, hashes=packed))

    def _candidates(self, document: Document, pages: int) -> list[Any]:
        """Documents of the matter that have about as many pages."""
        near = prints.c.pages.between(pages - MORE_PAGES, pages + MORE_PAGES)
        query = select(prints.c.document, prints.c.hashes, documents.c.name).join(documents)
        query = query.where(prints.c.matter == matter_key(document.matter), near, prints.c.version == VERSION)
        with self._database.read() as connection:
            return list(connection.execute(query.where(prints.c.document != document.id)).all())

    def _contradicted(self, record: Contract, other: str) -> bool:
        kept = self._catalog.record(other)
        return bool(kept and contradiction(record, Contract.model_validate_json(kept)))

    def _link(self, connection: Connection, id: str, found: Sequence[Rescan]) -> None:
        """What was found now is all there is: the records may have told two documents apart since."""
        connection.execute(delete(rescans).where(or_(rescans.c.document == id, rescans.c.earlier == id)))
        for one in found:
            row = {"document": id, "earlier": one.document, "alike": one.alike, "shown": one.shown}
            connection.execute(insert(rescans).values(row))


def contradiction(one: Contract, other: Contract) -> str:
    """Why these can't be the same paper: "" where nothing speaks against it.

    What only one of them says does not: a poor scan loses values. And only what stands verified on a page speaks.
    """
    if _differ(_values(one.parties), _values(other.parties)):
        return "other parties"
    numbers, others = _values(one.reference_numbers), _values(other.reference_numbers)
    if numbers and others and not any(fuzz.ratio(fold(a), fold(b)) >= ALIKE_NAMES for a in numbers for b in others):
        return "another number"
    return ""


def _differ(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether each names somebody whom the other does not."""
    return _names_more(some, others) and _names_more(others, some)


def _names_more(some: Sequence[str], others: Sequence[str]) -> bool:
    return any(not any(_same(name, other) for other in others) for name in some)


def _same(name: str, other: str) -> bool:
    return same_name(name, other) or fuzz.ratio(fold(name), fold(other)) >= ALIKE_NAMES


def _values(entry: Entry[Any]) -> list[str]:
    values: Sequence[FieldValue] = entry.values
    return [value.value or value.raw for value in values if value.status == "verified"]
