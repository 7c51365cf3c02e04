"""What review queue and calendar need of every record, kept ready, so that ten thousand documents answer at once.

A record or a correction that changes marks its document's digest stale in the same transaction (`rows.mark_stale`);
the digest is made anew by whoever looks next, and by the pipeline when it finishes a document. A digest also grows
old by itself: deadlines of a contract that renews move on when a day has passed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, delete, func, insert, select, update

from pipeline.amendments import amended_by
from pipeline.catalog import Catalog
from pipeline.corrections import Corrections
from pipeline.days.deadlines import KINDS, Deadline, Kind, deadlines_of, holds_until
from pipeline.days.moved import Amendment, Moved, moved_by
from pipeline.doubts import Doubt, Rank, doubts_of
from pipeline.frontier.ledger import matter_key
from pipeline.reliance import effective
from pipeline.rows import to_outcome
from pipeline.tables import amending, deadlines, digests, documents, doubts, pages
from pipeline.types import Document, PageStatus
from schemas.contract import Contract

__all__ = ["Asked", "Digests", "Due", "Position", "Queued", "written"]

VERSION = 1  # raised when doubts or deadlines are found in another way
SECONDS = 1.0  # of one look at the queue, at most, that may go into catching up
_DEADLINE = TypeAdapter(Deadline)

Position = tuple[int, float, str, int]
"""Where an item of the queue stands: (rank, certainty, document, position), in the order of the queue."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A doubt and the document it is about."""

    document: str
    name: str
    matter: str
    at: Position
    doubt: Doubt


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline, the document it is about, the names of what amends that, or may, and the other days that follow from
    these: where there are none, the day may be another all the same."""

    document: str
    name: str
    matter: str
    deadline: Deadline
    amended_by: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """Which deadlines: in these matters, of these kinds, due in a range of ISO dates ("" is open); `dated` False asks
    for those that can't be computed."""

    matters: Sequence[str]
    kinds: Sequence[Kind] = KINDS
    since: str = ""
    through: str = ""
    dated: bool = True


class Digests:
    """See the module's docstring. `threshold` is `settings.field_threshold`."""

    def __init__(self, catalog: Catalog, corrections: Corrections, threshold: float) -> None:
        self._catalog = catalog
        self._database = catalog.database
        self._corrections = corrections
        self._threshold = threshold
        self._version = f"{VERSION} {threshold}"

    def catch_up(self, seconds: float = SECONDS) -> int:
        """Make stale digests anew for so long at most; how many are left."""
        give_up = time.monotonic() + seconds
        stale = self._stale()
        for done, document in enumerate(stale):
            if time.monotonic() > give_up:
                return len(stale) - done
            self.renew(document)
        return 0

    def arrived(self, document: Document) -> None:
        """The document was worked off: amendments of its matter that are already here may be about it."""
        if others := [id for id in self._catalog.stating(document.matter, "amends") if id != document.id]:
            with self._database.write() as connection:
                connection.execute(update(digests).where(digests.c.document.in_(others)).values(version=""))
        self.renew(document.id)

    def renew(self, document: str) -> None:
        """Make this document's digest anew; nothing happens to one without a record."""
        today, changed = date.today(), self._amended_by(document)
        with self._database.write() as connection:
            query = select(digests.c.document).where(digests.c.document == document).with_for_update()
            if connection.execute(query).first() is None:
                return
            said = self._corrections.of(document)  # read under the lock: one made later marks the digest stale again
            row = connection.execute(select(documents).where(documents.c.id == document)).one()
            contract = _record(row.record)
            found = doubts_of(contract, said, _held(connection, document), self._threshold) if contract else []
            due = deadlines_of(effective(contract, said), today) if contract else []
            _replace(connection, row, found, due)
            _replace_amended(connection, document, changed)
            fresh = {"version": self._version, "until": holds_until(due, today)}
            connection.execute(update(digests).where(digests.c.document == document).values(fresh))

    def queue(self, matters: Sequence[str], after: Position | None = None, limit: int = 1) -> list[Queued]:
        """The items of the queue in these matters, least certain first; `after` leaves out those up to this one."""
        order = (doubts.c.rank, doubts.c.certainty, doubts.c.document, doubts.c.position)
        query = _joined(doubts).where(_inside(doubts, matters))
        if after is not None:
            query = query.where(sa.tuple_(*order) > sa.tuple_(*map(sa.literal, after)))
        with self._database.read() as connection:
            return [_queued(row) for row in connection.execute(query.order_by(*order).limit(limit))]

    def doubt(self, matters: Sequence[str], document: str, field: str, key: str) -> Queued | None:
        """The item about this value, if it is in the queue."""
        this = (doubts.c.document == document, doubts.c.field == field, doubts.c.key == key)
        with self._database.read() as connection:
            row = connection.execute(_joined(doubts).where(_inside(doubts, matters), *this)).first()
        return _queued(row) if row else None

    def queue_counts(self, matters: Sequence[str]) -> dict[Rank, int]:
        """Items of the queue by rank."""
        query = select(doubts.c.rank, func.count()).where(_inside(doubts, matters)).group_by(doubts.c.rank)
        with self._database.read() as connection:
            counted = {Rank(rank): count for rank, count in connection.execute(query)}
        return {rank: counted.get(rank, 0) for rank in Rank}

    def deadlines(self, asked: Asked, limit: int, *, latest_first: bool = False) -> list[Due]:
        """The deadlines asked for, next first."""
        order = (deadlines.c.due, deadlines.c.document, deadlines.c.position)
        query = _joined(deadlines).where(*_wanted(asked))
        query = query.order_by(*((column.desc() for column in order) if latest_first else order)).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            names = _amendments(connection, {row.document for row in rows})
        moved = {document: self._moved(document, amending) for document, amending in names.items()}
        return [_due(row, names.get(row.document, {}), moved.get(row.document, [])) for row in rows]

    def deadline_counts(self, asked: Asked) -> dict[Kind, int]:
        """How many there are of each kind, whatever kinds are asked for."""
        whole = Asked(asked.matters, KINDS, asked.since, asked.through, asked.dated)
        query = select(deadlines.c.kind, func.count()).where(*_wanted(whole)).group_by(deadlines.c.kind)
        with self._database.read() as connection:
            counted = {row[0]: row[1] for row in connection.execute(query)}
        return {kind: counted.get(kind, 0) for kind in KINDS}

    def _amended_by(self, document: str) -> list[str]:
        """Ids of what this document amends, or may; compared before the writing begins, for it reads many records."""
        contract = _record(self._catalog.record(document))
        if contract is None or contract.amends.best is None:
            return []
        return [each.document for each in amended_by(contract, self._catalog.document(document).matter, self._catalog)]

    def _moved(self, document: str, amending: Mapping[str, str]) -> list[dict[str, Moved]]:
        """The other days of the document's deadlines, by each of what amends it."""
        today, agreement = date.today(), self._relied(document)
        records = [(id, name, self._relied(id)) for id, name in amending.items()]
        known = [Amendment(id, name, record) for id, name, record in records if record]
        return [moved_by(agreement, each, today) for each in known] if agreement else []

    def _relied(self, document: str) -> Contract | None:
        contract = _record(self._catalog.record(document))
        return effective(contract, self._corrections.of(document)) if contract else None

    def _stale(self) -> list[str]:
        version, until, today = digests.c.version, digests.c.until, date.today().isoformat()
        # each a range of one index: the usual answer, none, must not read a row a document
        over = (version == self._version) & (until > "") & (until < today)
        old = (version < self._version, version > self._version, over)
        query = sa.union_all(*(select(digests.c.document).where(each) for each in old))
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())


def _record(text: str | None) -> Contract | None:
    """The record; None for one of another schema, which the next run makes anew."""
    try:
        return Contract.model_validate_json(text or "")
    except ValidationError:
        return None


def _held(connection: Connection, document: str) -> dict[int, str]:
    query = select(pages).where(pages.c.document == document, pages.c.status == PageStatus.HELD)
    outcomes = map(to_outcome, connection.execute(query.order_by(pages.c.number)))
    return {outcome.number: "; ".join(outcome.reasons) for outcome in outcomes}


def _replace(connection: Connection, document: Any, found: Sequence[Doubt], due: Sequence[Deadline]) -> None:
    place = {"document": document.id, "matter": matter_key(document.matter)}
    for table, items, row in ((doubts, found, _doubt_row), (deadlines, due, _deadline_row)):
        connection.execute(delete(table).where(table.c.document == document.id))
        made: Callable[[Any], dict[str, Any]] = row
        if rows := [place | {"position": position} | made(item) for position, item in enumerate(items)]:
            connection.execute(insert(table), rows)


def _doubt_row(doubt: Doubt) -> dict[str, Any]:
    return {name: getattr(doubt, name) for name in Doubt.__dataclass_fields__}


def _deadline_row(deadline: Deadline) -> dict[str, Any]:
    return {"kind": deadline.kind, "due": deadline.due, "body": written(deadline)}


def written(deadline: Deadline) -> str:
    """The deadline as it is kept."""
    return _DEADLINE.dump_json(deadline).decode("utf-8", "replace")


def _joined(table: sa.Table) -> sa.Select[Any]:
    name = (documents.c.name.label("document_name"), documents.c.matter.label("matter_name"))
    return select(table, *name).join(documents, documents.c.id == table.c.document)


def _inside(table: sa.Table, matters: Sequence[str]) -> sa.ColumnElement[bool]:
    return table.c.matter.in_([matter_key(matter) for matter in matters])


def _wanted(asked: Asked) -> list[sa.ColumnElement[bool]]:
    conditions = [_inside(deadlines, asked.matters), deadlines.c.kind.in_(asked.kinds)]
    conditions.append(deadlines.c.due != "" if asked.dated else deadlines.c.due == "")
    conditions += [deadlines.c.due >= asked.since] if asked.since else []
    return conditions + ([deadlines.c.due <= asked.through] if asked.through else [])


def _queued(row: Any) -> Queued:
    at = (row.rank, row.certainty, row.document, row.position)
    doubt = Doubt(Rank(row.rank), row.certainty, row.field, row.key, row.page, row.reason)
    return Queued(row.document, row.document_name, row.matter_name, at, doubt)


def _due(row: Any, amendments: Mapping[str, str], moved: Iterable[Mapping[str, Moved]]) -> Due:
    deadline = _DEADLINE.validate_json(row.body)
    others = tuple(days[deadline.id] for days in moved if deadline.id in days)
    return Due(row.document, row.document_name, row.matter_name, deadline, tuple(amendments.values()), others)


def _amendments(connection: Connection, targets: Iterable[str]) -> dict[str, dict[str, str]]:
    """What amends these documents, by their id: ids and names. An amendment lies in the matter of what it changes."""
    query = select(amending.c.target, documents.c.id, documents.c.name)
    query = query.join(documents, documents.c.id == amending.c.document)
    found: dict[str, dict[str, str]] = {}
    for target, id, name in connection.execute(
        query.where(amending.c.target.in_(list(targets))).order_by(documents.c.received)
    ):
        found.setdefault(target, {})[id] = name
    return found


def _replace_amended(connection: Connection, document: str, targets: Iterable[str]) -> None:
    connection.execute(delete(amending).where(amending.c.document == document))
    if rows := [{"document": document, "target": target} for target in dict.fromkeys(targets)]:
        connection.execute(insert(amending), rows)
