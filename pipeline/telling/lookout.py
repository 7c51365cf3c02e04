"""What is worth telling, as the catalog and the machine have it now; each of it is told once.

held       documents held or rejected since people were last told, in one notice
budget     a run that a spent budget or a refused account ended
failed     a run that ended with an error, once a day and kind
outage     a frontier model that answered nothing, once a day
night      no nightly run ended well for 26 hours, once a night
disk       nearly no space left, once a day
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, insert, or_, select

from pipeline.tables import documents, runs, told
from pipeline.telling.notices import Notice, Outbox, deliver, tell
from pipeline.types import DocumentStatus

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.wiring import Tools

__all__ = ["expect_nights", "look", "looking"]

log = logging.getLogger(__name__)

REFUSED = (DocumentStatus.HELD, DocumentStatus.REJECTED)
EXPECTED = "nightly runs expected since"  # key of the catalog
NIGHTLY, ESCALATE = "nightly", "escalate"
NIGHT, DAY = 26 * 3600.0, 24 * 3600.0
BACK = 3 * DAY  # how far runs are looked at: what is older, nobody looked for that long either
EVERY = 60.0  # seconds between two looks of a process that stays
MIB = 1 << 20
LISTED = 12  # ids and names of a matter
_LOCK = 0x746F6C64  # any constant that only this takes as a PostgreSQL advisory lock


def look(tools: Tools, now: float | None = None) -> None:
    """Tell what is new, and send what is due. Never raises, so that every run and every watcher may end with it."""
    moment = time.time() if now is None else now
    try:
        _tell_held(tools)
        for notice in (*_runs(tools, moment), *_night(tools, moment), *_disk(tools.settings, moment)):
            tell(tools, notice)
    except Exception as error:
        log.error("what is worth telling could not be looked for: %s", type(error).__name__)
    deliver(tools)


def expect_nights(tools: Tools) -> None:
    """From now on nightly runs are planned here: people are told when the first one does not come either."""
    if tools.catalog.meta(EXPECTED) is None:
        tools.catalog.set_meta(EXPECTED, str(time.time()))


@contextmanager
def looking(tools: Tools) -> Iterator[None]:
    """Look each minute while the body runs, in a thread of its own: a slow mail server holds up nothing else."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(EVERY):
            look(tools)

    threading.Thread(target=work, name="lookout", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _tell_held(tools: Tools) -> None:
    """Documents are marked as told in the transaction that writes the notice: neither is there without the other."""
    database = tools.catalog.database
    outbox = Outbox(database, tools.settings)
    with database.write() as connection:
        database.alone(connection, _LOCK)
        refused = select(documents.c.id).where(documents.c.status.in_(REFUSED))
        connection.execute(delete(told).where(told.c.document.not_in(refused)))
        if found := _untold(connection):
            connection.execute(delete(told).where(told.c.document.in_([row.id for row in found])))
            connection.execute(insert(told), [{"document": row.id, "status": row.status} for row in found])
            outbox.add(connection, _held(found))


def _untold(connection: Connection) -> list[Any]:
    columns = [documents.c[name] for name in ("id", "matter", "name", "status", "reason")]
    query = select(*columns).outerjoin(told).where(documents.c.status.in_(REFUSED))
    new = or_(told.c.document.is_(None), told.c.status != documents.c.status)
    return list(connection.execute(query.where(new).order_by(documents.c.received, documents.c.id)))


def _held(found: list[Any]) -> Notice:
    counts = Counter(row.status for row in found)
    title = " and ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    matters: dict[str, list[Any]] = {}
    for row in found:
        matters.setdefault(row.matter, []).append(row)
    lines = [f"matter {matter}: {len(rows)}: {_ids(rows)}" for matter, rows in sorted(matters.items())]
    names = [f"{row.name} [{row.id}]: {row.status}: {row.reason}" for row in found[: LISTED * 3]]
    what = "document" if len(found) == 1 else "documents"
    ids = ",".join(row.id for row in found)
    return Notice("held", f"{title} {what}: a person should look", lines, names, key=f"{ids} {time.time()}")


def _ids(rows: list[Any]) -> str:
    return ", ".join(row.id for row in rows[:LISTED]) + (", …" if len(rows) > LISTED else "")


def _runs(tools: Tools, now: float) -> Iterator[Notice]:
    """Of the runs of the last days, those with an end that people should know."""
    query = select(runs).where(runs.c.started > now - BACK, runs.c.finished.is_not(None))
    with tools.catalog.database.read() as connection:
        found = connection.execute(query.order_by(runs.c.started, runs.c.id)).all()
    for run in found:
        which, when = f"run {run.id} ({run.kind})", _clock(run.finished)
        if run.status == "budget-stopped":
            spent = tools.ledger.paid(run.id)
            lines = [f"{which} ended at {when} after {spent:.4f} USD; what it left waits for the next one"]
            yield Notice("budget", "a budget or the account stopped an escalation", lines, key=f"budget {run.id}")
        elif run.status == "failed":
            yield Notice(
                "failed", f"{which} failed", [f"it ended at {when}"], key=f"failed {run.kind} {_day(run.finished)}"
            )
        elif failed := json.loads(run.totals).get("steps failed"):
            lines = [f"`muniment report {run.id}` says which and why; the others went on"]
            yield Notice("step", f"{failed} steps of {which} failed", lines, key=f"steps {run.id}")
        elif run.kind == ESCALATE and _unanswered(json.loads(run.totals)):
            lines = [f"{which} put off {json.loads(run.totals)['pages deferred']} pages at {when}; they wait"]
            yield Notice("outage", "the frontier model answered nothing", lines, key=f"outage {_day(run.finished)}")


def _unanswered(totals: dict[str, int]) -> bool:
    return totals.get("pages deferred", 0) > 0 and not totals.get("pages answered", 0) + totals.get("pages failed", 0)


def _night(tools: Tools, now: float) -> Iterator[Notice]:
    """The catalog's runs decide, whatever a scheduler believes; a home that has none and expects none misses none."""
    ours, expected = runs.c.kind == NIGHTLY, float(tools.catalog.meta(EXPECTED) or math.inf)
    well = func.max(runs.c.finished).filter(runs.c.status == "finished")
    with tools.catalog.database.read() as connection:
        first, latest = connection.execute(select(func.min(runs.c.started), well).where(ours)).one()
    since = latest or min(expected, first or math.inf)
    late = now - since
    if late > NIGHT:
        nights = int((late - NIGHT) // DAY) + 1
        last = f"the last one ended at {_clock(latest)}" if latest else "none ever did"
        key = f"night {since} {nights}"
        yield Notice("night", f"no nightly run ended well for {late / 3600:.0f} hours", [last], key=key)


def _disk(settings: Settings, now: float) -> Iterator[Notice]:
    free = shutil.disk_usage(settings.root).free // MIB
    if free < settings.min_free_mb:
        title = f"only {free} MiB are free for the home"
        lines = [f"under {settings.min_free_mb} MiB nothing is taken in (MUNIMENT_MIN_FREE_MB)"]
        yield Notice("disk", title, lines, key=f"disk {_day(now)}")


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M %z")


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment).date().isoformat()
