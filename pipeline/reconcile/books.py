"""What is written down of work: deletions, stage results, runs, calls and batches that did not come to their end."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, delete, or_, select

from pipeline import processes
from pipeline.frontier.runs import put_right
from pipeline.keeping.deletion import finish_deletions, unfinished
from pipeline.reconcile.faults import Fault, Look, settled
from pipeline.stages import versions
from pipeline.tables import documents, results, runs

__all__ = ["check_books", "check_deletions", "check_results"]

ASKING = ("escalate", "compare")  # runs whose books `put_right` closes
BATCH_SECONDS = 2 * 24 * 3600.0  # a batch ends within one day, and the next night fetches it
CHUNK = 500


def check_deletions(look: Look) -> Iterator[Fault]:
    """Before all else: what a deletion left is no fault of store or index."""
    if open_ := unfinished(look.tools):
        left = finish_deletions(look.tools).unfinished if look.repair else len(open_)
        yield Fault("deletion-unfinished", len(open_), len(open_) - left, tuple(open_))


def check_results(look: Look) -> Iterator[Fault]:
    """Stage results nobody asks for any more. Those of other settings go only where a document with the same content is
    done under the present ones: a wrong setting on the line that starts this must not cost an archive its readings."""
    now = versions(look.tools)
    old = or_(*(and_(results.c.stage == stage, results.c.version != version) for stage, version in now.items()))
    done = select(documents.c.sha256).where(documents.c.indexed == now["index"])
    yield from _superfluous(look, "results-unnamed", results.c.sha256.not_in(select(documents.c.sha256)))
    yield from _superfluous(look, "results-old", and_(old, results.c.sha256.in_(done)))


def _superfluous(look: Look, kind: str, which: ColumnElement[bool]) -> Iterator[Fault]:
    database = look.tools.catalog.database
    with database.read() as connection:
        contents = list(connection.execute(select(results.c.sha256).where(which).distinct()).scalars())
    for start in range(0, len(contents) if look.repair else 0, CHUNK):
        some = results.c.sha256.in_(contents[start : start + CHUNK])
        with database.write() as connection:
            connection.execute(delete(results).where(some, which))
    if contents:
        yield Fault(kind, len(contents), len(contents) if look.repair else 0, ())


def check_books(look: Look) -> Iterator[Fault]:
    """Runs of this host whose process is gone, the ledger they left, and batches nobody fetched."""
    tools = look.tools
    count = put_right(tools, repair=look.repair)
    if count:
        yield Fault("books-open", count, count if look.repair else 0, ())
    yield from settled(
        look, "run-unended", _unended(look), lambda run: tools.catalog.finish_run(run, {}, {}, "interrupted")
    )
    late = [batch for batch in tools.batches.unsettled() if batch.created < time.time() - BATCH_SECONDS]
    yield from settled(look, "batch-late", late)


def _unended(look: Look) -> list[int]:
    query = select(runs).where(
        runs.c.status == "running", runs.c.host == socket.gethostname(), runs.c.kind.not_in(ASKING)
    )
    with look.tools.catalog.database.read() as connection:
        rows = connection.execute(query.order_by(runs.c.id)).all()
    return [row.id for row in rows if not processes.alive(row.pid, row.birth)]
