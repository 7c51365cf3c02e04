"""What people say of the values that were read: accepted, corrected, absent or unreadable; who said it, and when.

The machine's reading is never overwritten, and nothing a person said is lost: a later word supersedes an earlier one
of the same value, and withdrawing restores what stood before. A value is known by its document (content in a matter),
its field and its key, so that a record made anew finds it again; a field that can have one value only is known by its
name. `pipeline/reliance.py` says what a reader should rely on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from sqlalchemy import Connection, insert, select

from pipeline.database import Database
from pipeline.errors import NotFound, Superseded
from pipeline.frontier.ledger import matter_key
from pipeline.ground import fold
from pipeline.names import clean_name
from pipeline.rows import mark_stale
from pipeline.tables import corrections, digests, documents
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Amended
from schemas.fields import FieldValue

__all__ = ["PAGE", "Correction", "Corrections", "Standing", "Verdict", "standing", "value_key"]

PAGE = "page"
"""The field under which a person says what a held page is; the key is its number."""

Verdict = Literal["accepted", "corrected", "absent", "unreadable", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Correction:
    """One word of a person about one value.

    `value` is what is true in its normal form ("" where the verdict says that there is none), `raw` as the page or
    the person writes it, `page` where it stands (0: not said). `machine` is what the person had before them, None when
    nothing was read. `made_on` is the id of the correction it supersedes, 0 for the first; `made` is in seconds since
    1970.
    """

    document: str
    field: str
    key: str
    verdict: Verdict
    who: str
    value: str = ""
    raw: str = ""
    page: int = 0
    machine: FieldValue | None = None
    made_on: int = 0
    id: int = 0
    made: float = 0.0


Standing = dict[tuple[str, str], Correction]
"""The corrections in force of one document, by (field, key)."""


class Corrections:
    """The table of corrections. Methods are one short transaction each, from any thread of any process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, said: Correction) -> Correction:
        """Write it down, durably; it comes back with its id and time.

        `Superseded` when another correction of this value was made since the one it was made on; `NotFound` when
        there is no such document.
        """
        said = replace(said, made=time.time())
        with self._database.write() as connection:
            matter = select(documents.c.matter).where(documents.c.id == said.document)
            name = connection.execute(matter.with_for_update()).scalar()
            if name is None:
                raise NotFound(f"no document {clean_name(said.document)}")
            last = _last(connection, said)
            if (last.id if last else 0) != said.made_on:
                raise Superseded(_since(last))
            number = connection.execute(insert(corrections).values(_row(said, name))).inserted_primary_key
            assert number is not None
            if connection.execute(select(digests.c.document).where(digests.c.document == said.document)).first():
                mark_stale(connection, said.document)
        return replace(said, id=int(number[0]))

    def withdraw(self, said: Correction, who: str) -> Correction:
        """Take a correction back: what stood before it stands again. `Superseded` when it is not its value's last."""
        return self.record(replace(said, verdict="withdrawn", who=who, made_on=said.id, id=0))

    def history(self, document: str) -> list[Correction]:
        """Everything people said of this document, oldest first."""
        query = select(corrections).where(corrections.c.document == document).order_by(corrections.c.id)
        with self._database.read() as connection:
            return [_correction(row) for row in connection.execute(query)]

    def of(self, document: str) -> Standing:
        """The corrections in force of this document."""
        return standing(self.history(document))

    def last(self, document: str, field: str, key: str) -> int:
        """The id of the last correction of this value, withdrawn or not; 0 when there is none."""
        chain = [each.id for each in self.history(document) if (each.field, each.key) == (field, key)]
        return max(chain, default=0)

    def last_by(self, who: str, matters: Sequence[str]) -> Correction | None:
        """The latest correction this person made in these matters that is still the last word on its value."""
        keys = [matter_key(matter) for matter in matters]
        later = corrections.alias()
        superseded = select(later.c.id).where(
            later.c.document == corrections.c.document,
            later.c.field == corrections.c.field,
            later.c.key == corrections.c.key,
            later.c.made_on == corrections.c.id,
        )
        mine = (corrections.c.matter.in_(keys), corrections.c.who == who, corrections.c.verdict != "withdrawn")
        query = select(corrections).where(*mine, ~superseded.exists()).order_by(corrections.c.id.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return _correction(row) if row else None

    def documents(self, matters: Sequence[str] | None = None) -> list[str]:
        """Ids of the documents somebody said something of; `matters=None` is every matter."""
        query = select(corrections.c.document).distinct().order_by(corrections.c.document)
        if matters is not None:
            query = query.where(corrections.c.matter.in_([matter_key(matter) for matter in matters]))
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())


def standing(history: Iterable[Correction]) -> Standing:
    """The corrections in force, of all that were made, oldest first: a withdrawn one uncovers the one before it."""
    stacks: dict[tuple[str, str], list[Correction]] = {}
    for each in history:
        stack = stacks.setdefault((each.field, each.key), [])
        if each.verdict != "withdrawn":
            stack.append(each)
        elif stack:
            stack.pop()
    return {place: stack[-1] for place, stack in stacks.items() if stack}


def value_key(field: str, value: FieldValue | None) -> str:
    """What a value of a field is known by across readings: "" where the field has one, or where nothing was read."""
    if value is None or field in SINGLE_FIELDS:
        return ""
    parts = [fold(value.value or value.raw) or value.raw]
    if field == "clauses":
        parts += [str(value.evidence[0].page if value.evidence else 0), fold(value.raw)]
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def _last(connection: Connection, said: Correction) -> Correction | None:
    same = [corrections.c[name] == getattr(said, name) for name in ("document", "field", "key")]
    row = connection.execute(select(corrections).where(*same).order_by(corrections.c.id.desc()).limit(1)).first()
    return _correction(row) if row else None


def _since(last: Correction | None) -> str:
    if last is None:
        return "nothing was kept: no correction of this value was ever made"
    how = "took a correction of it back" if last.verdict == "withdrawn" else "said what it is"
    return f"nothing was kept: {clean_name(last.who)} {how} after you opened it"


def _row(said: Correction, matter: str) -> dict[str, Any]:
    row = {name: getattr(said, name) for name in Correction.__dataclass_fields__ if name != "id"}
    return row | {"machine": said.machine.model_dump_json() if said.machine else "", "matter": matter_key(matter)}


def _correction(row: Any) -> Correction:
    values = {name: getattr(row, name) for name in Correction.__dataclass_fields__}
    assert row.verdict in get_args(Verdict)
    return Correction(**values | {"machine": _machine(row.field, row.machine)})


def _machine(field: str, text: str) -> FieldValue | None:
    """The value as it was kept, also when the schema has gained or lost a detail since."""
    from pydantic_core import from_json

    if not text:
        return None
    model = LIST_FIELDS.get(field, Amended if field == "amends" else FieldValue)
    kept = from_json(text)
    return model.model_validate({name: kept[name] for name in model.model_fields if name in kept})
