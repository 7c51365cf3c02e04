"""Telling people what they should know when nobody watches, once: `tell(tools, Notice(kind, title, lines))`.

A notice is written into the catalog before it is sent, so nothing is told twice, and what could not be sent is tried
again by whoever looks next: each run when it ends, the watcher, the nightly run, `muniment notices --check`. Several
notices about held files that wait go out as one.

What leaves the machine is the kind, the title and the lines, and those hold ids, counts and matters; never a word of a
document. `names`, for file names and reasons, leave only with MUNIMENT_NOTICE_NAMES.
"""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select, update

from pipeline.database import Database
from pipeline.errors import NotSent
from pipeline.report import clip
from pipeline.tables import notices

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.wiring import Tools

__all__ = ["Message", "Notice", "Outbox", "Told", "channels", "deliver", "tell"]

log = logging.getLogger(__name__)

GATHERED = ("held",)  # kinds of which many come at once
QUIET = 300.0  # seconds in which notices of such a kind are gathered, after one was sent
AT_ONCE = 200  # notices that one look delivers, at most
LINES = 40  # of a message
LEASE = 120.0  # seconds for which a notice is one sender's; longer than both channels take
FIRST, LONGEST = 60.0, 3 * 3600.0  # seconds to the next try: doubled each time
GIVEN_UP = 4 * 24 * 3600.0

Send = Callable[["Settings", "Message"], None]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something people should know. `kind` is one short word (held, budget, night, disk, step, part, outage, …).

    Two notices of one `key` are the same notice; without a key, those that say the same.
    """

    kind: str
    title: str
    lines: Sequence[str] = ()
    names: Sequence[str] = ()
    key: str = ""

    @property
    def digest(self) -> str:
        """What the outbox knows it by."""
        same = [self.kind, self.key] if self.key else [self.kind, self.title, *self.lines, *self.names]
        return hashlib.sha256(json.dumps(same).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Message:
    """A notice, or several of a kind, as it leaves: `id` is the same for each try."""

    id: str
    kind: str
    title: str
    lines: tuple[str, ...]
    link: str
    at: float
    host: str = field(default_factory=socket.gethostname)


@dataclass(frozen=True, slots=True)
class Told:
    """A row of the outbox: `sent` and `due` are times, None for not yet and for no more."""

    kind: str
    title: str
    channel: str
    created: float
    sent: float | None
    due: float | None
    tries: int


def tell(tools: Tools, notice: Notice) -> None:
    """Have people told, now if it can be sent now. Never raises: what goes wrong is in the log."""
    try:
        if Outbox(tools.catalog.database, tools.settings).put(notice):
            deliver(tools)
    except Exception as error:  # telling must not end what is told about
        log.error("a notice of kind %s could not be written down: %s", notice.kind, type(error).__name__)


def deliver(tools: Tools) -> None:
    """Send what is due. Never raises."""
    try:
        Outbox(tools.catalog.database, tools.settings).deliver(channels(tools.settings))
    except Exception as error:
        log.error("notices could not be sent: %s", type(error).__name__)


def channels(settings: Settings) -> dict[str, Send]:
    """The ways out that are configured, by name."""
    from pipeline.telling import mail, webhook

    ways: dict[str, Send] = {}
    if settings.webhook_url:
        ways["webhook"] = webhook.send
    if settings.mail_to:
        ways["mail"] = mail.send
    return ways


class Outbox:
    """See the module's docstring; short transactions, from any process of any machine."""

    def __init__(self, database: Database, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._settings = settings
        self._now = now

    def put(self, notice: Notice) -> bool:
        """Write it down; whether it is new here."""
        with self._database.write() as connection:
            return self.add(connection, notice)

    def add(self, connection: Connection, notice: Notice) -> bool:
        """As `put`, in a transaction of the caller's."""
        if connection.execute(select(notices.c.id).where(notices.c.key == notice.digest)).first():
            return False
        log.warning("notice %s: %s", notice.kind, notice.title)
        now = self._now()
        ways = channels(self._settings)
        # Names that will not leave are not kept: they would outlive the document they are of.
        names = list(notice.names) if ways and self._settings.notice_names else []
        body = json.dumps(asdict(notice) | {"lines": list(notice.lines), "names": names})
        row = {"key": notice.digest, "kind": notice.kind, "body": body, "created": now, "tries": 0}
        for channel in ways:
            due = self._first_try(connection, notice.kind, channel)
            self._database.insert_new(connection, notices, row | {"channel": channel, "due": due})
        if not ways:
            self._database.insert_new(connection, notices, row | {"channel": "", "due": None})
        return True

    def deliver(self, ways: dict[str, Send]) -> None:
        """Send what is due by these ways; one that fails is left alone until the next look."""
        for channel, send in ways.items():
            for rows in self._due(channel):
                if (claimed := self._claimed(rows)) and not self._sent(send, channel, claimed):
                    break

    def listed(self, limit: int = 50) -> list[Told]:
        """The latest, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(notices).order_by(notices.c.id.desc()).limit(limit)).all()
        return [
            Told(row.kind, json.loads(row.body)["title"], row.channel, row.created, row.sent, row.due, row.tries)
            for row in rows
        ]

    def unsent(self) -> int:
        """How many wait to be sent."""
        with self._database.read() as connection:
            count = select(func.count()).select_from(notices).where(notices.c.due.is_not(None))
            return int(connection.execute(count).scalar_one())

    def _first_try(self, connection: Connection, kind: str, channel: str) -> float:
        """Now; of a kind that comes in numbers, when the one before is some minutes old."""
        if kind not in GATHERED:
            return self._now()
        latest = select(func.max(notices.c.sent)).where(notices.c.kind == kind, notices.c.channel == channel)
        return max(self._now(), (connection.execute(latest).scalar() or 0.0) + QUIET)

    def _due(self, channel: str) -> list[list[Any]]:
        """What is to be sent by this way now: one message each, those of a gathered kind together."""
        query = select(notices).where(notices.c.due <= self._now(), notices.c.channel == channel)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(notices.c.id).limit(AT_ONCE)).all()
        groups: dict[str, list[Any]] = {}
        for row in rows:
            groups.setdefault(row.kind if row.kind in GATHERED else str(row.id), []).append(row)
        return list(groups.values())

    def _claimed(self, rows: Iterable[Any]) -> list[Any]:
        """Those that nobody else is sending; for a while they are ours."""
        ours = []
        with self._database.write() as connection:
            for row in rows:
                mine = update(notices).where(notices.c.id == row.id, notices.c.due == row.due)
                until = {"due": self._now() + LEASE, "tries": row.tries + 1}
                if connection.execute(mine.values(until)).rowcount:
                    ours.append(row)
        return ours

    def _sent(self, send: Send, channel: str, rows: Sequence[Any]) -> bool:
        try:
            send(self._settings, self._message(rows))
        except NotSent as error:
            log.warning("a notice could not be sent by %s: %s", channel, error)
            self._put_off(rows)
            return False
        with self._database.write() as connection:
            for row in rows:
                ended = {"sent": self._now(), "due": None, "body": _nameless(row.body)}
                connection.execute(update(notices).where(notices.c.id == row.id).values(ended))
        return True

    def _put_off(self, rows: Iterable[Any]) -> None:
        now = self._now()
        with self._database.write() as connection:
            for row in rows:
                later = now + min(LONGEST, FIRST * 2 ** min(row.tries, 20))
                given_up = {"due": None, "body": _nameless(row.body)}
                values = given_up if now - row.created > GIVEN_UP else {"due": later}
                connection.execute(update(notices).where(notices.c.id == row.id).values(values))

    def _message(self, rows: Sequence[Any]) -> Message:
        found = [Notice(**json.loads(row.body)) for row in rows]
        lines = [line for one in found for line in (*([one.title] if len(found) > 1 else []), *self._lines(one))]
        shown = [clip(line, 300) for line in lines[:LINES]]
        if len(lines) > LINES:
            shown.append(f"… and {len(lines) - LINES} lines more: muniment status, or the page of operations")
        title = found[0].title if len(found) == 1 else f"{len(found)} notices: {found[0].title}; …"
        link = f"{self._settings.public_url.rstrip('/')}/operations" if self._settings.public_url else ""
        return Message(rows[0].key[:32], rows[0].kind, clip(title, 200), tuple(shown), link, rows[0].created)

    def _lines(self, notice: Notice) -> list[str]:
        return [*notice.lines, *(notice.names if self._settings.notice_names else ())]


def _nameless(body: str) -> str:
    """A notice that has left, or never will, without the names in it."""
    return json.dumps(json.loads(body) | {"names": []})
