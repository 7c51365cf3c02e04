"""How long a matter's documents are kept, and the legal hold that keeps them from being deleted at all.

Both are decided matter by matter, by a person whose name and reason stand in the audit log. A matter nobody decided on
keeps everything. A hold outweighs everything: nothing of the matter is deleted, by a person or by time, until it is
released. Days count from the moment a document came in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select, update

from pipeline.access.audit import Audit
from pipeline.database import Database
from pipeline.errors import OnHold, UsageError
from pipeline.frontier.ledger import matter_key
from pipeline.names import clean_matter, one_line
from pipeline.tables import documents, retention

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["Due", "Hold", "Retention", "Rule", "due"]

DAY = 24 * 3600.0
LONGEST = 100 * 366  # days; more is a slip of the finger


@dataclass(frozen=True, slots=True)
class Hold:
    """Who put a matter under legal hold, why, and when (seconds since 1970)."""

    who: str
    why: str
    since: float


@dataclass(frozen=True, slots=True)
class Rule:
    """What was decided on a matter; `days` None: its documents are kept for ever."""

    matter: str
    days: int | None = None
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A document that was kept as long as its matter says; `hold` keeps it nevertheless."""

    document: str
    matter: str
    received: float
    days: int
    hold: Hold | None


class Retention:
    """The decisions; each method is one short transaction, from any thread of any process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._audit = Audit(database)

    def of(self, matter: str) -> Rule:
        """What was decided on this matter."""
        with self._database.read() as connection:
            row = connection.execute(select(retention).where(retention.c.key == matter_key(matter))).first()
        return _rule(row) if row else Rule(matter)

    def all(self) -> list[Rule]:
        """The matters somebody decided on, by name."""
        with self._database.read() as connection:
            return [_rule(row) for row in connection.execute(select(retention).order_by(retention.c.name))]

    def keep(self, matter: str, days: int | None, who: str) -> None:
        """From now on the matter's documents are deleted after so many days; None: never."""
        if days is not None and not 1 <= days <= LONGEST:
            raise UsageError(f"documents are kept for 1 to {LONGEST:,} days, or for ever")
        self._decide(matter, {"days": days}, who, "retention", {"days": days})

    def hold(self, matter: str, why: str, who: str) -> None:
        """From now on nothing of the matter is deleted. `UsageError` without a reason."""
        if not (reason := one_line(why)):
            raise UsageError("a legal hold needs a reason")
        values = {"held_by": one_line(who), "held_why": reason, "held_since": time.time()}
        self._decide(matter, values, who, "hold", {"done": "held", "why": reason})

    def release(self, matter: str, who: str) -> None:
        """The hold is over; `UsageError` when there is none."""
        if self.of(clean_matter(matter)).hold is None:
            raise UsageError("the matter is under no legal hold")
        nothing = dict.fromkeys(("held_by", "held_why", "held_since"))
        self._decide(matter, nothing, who, "hold", {"done": "released"})

    def check(self, connection: Connection, matter: str) -> None:
        """`OnHold` while the matter is under legal hold; none can be put on it before the transaction ends."""
        row = connection.execute(
            select(retention).where(retention.c.key == matter_key(matter)).with_for_update()
        ).first()
        if row and row.held_by is not None:
            day = datetime.fromtimestamp(row.held_since).date()
            raise OnHold(
                f"the matter is under legal hold since {day} by {row.held_by} ({row.held_why}): nothing was deleted"
            )

    def _decide(self, matter: str, values: dict[str, Any], who: str, what: str, detail: dict[str, Any]) -> None:
        name = clean_matter(matter)
        key = matter_key(name)
        with self._database.write() as connection:
            self._database.insert_new(connection, retention, {"key": key, "name": name})
            connection.execute(update(retention).where(retention.c.key == key).values(values))
            self._audit.append(connection, who, what, "", {"matter": name, **detail})


def due(tools: Tools, now: float | None = None) -> Iterator[Due]:
    """The documents whose time is over, matter by matter, oldest first."""
    now = time.time() if now is None else now
    for rule in tools.retention.all():
        if rule.days is None:
            continue
        query = select(documents.c.id, documents.c.received)
        query = query.where(documents.c.matter == rule.matter, documents.c.received < now - rule.days * DAY)
        with tools.catalog.database.read() as connection:
            rows = connection.execute(query.order_by(documents.c.received)).all()
        for row in rows:
            yield Due(row.id, rule.matter, row.received, rule.days, rule.hold)


def _rule(row: Any) -> Rule:
    hold = Hold(row.held_by, row.held_why, row.held_since) if row.held_by is not None else None
    return Rule(row.name, row.days, hold)
