"""Nightly batches at half price: images go up as files, the batch is sent, and some hours later its results come back.

    preparing ─► sending ─► sent ─► settled
    calls reserved, files    id      results kept, calls settled,
    uploaded                 known   files deleted

Each state is written down before the step it names, so a kill anywhere is made good by the next start: a batch that
was never sent is given up and its pages are asked about again; one whose id was not kept is found by the ids of
its requests. What a batch expired or refused waits again. Files are deleted when their batch is settled, and at each
start where a kill left them behind.

When a matter's leave is withdrawn while its batch is under way, nothing more is sent: the batch is cancelled, what it
had answered until then (and was paid for) is fetched, and its files are deleted.
"""

from __future__ import annotations

import json
import secrets
import time
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from pipeline.database import Database
from pipeline.frontier import files
from pipeline.frontier.client import FrontierClient
from pipeline.frontier.patience import patient
from pipeline.frontier.results import take
from pipeline.frontier.sdk import translated
from pipeline.frontier.work import EscalationReport, conclude_answered
from pipeline.tables import batches, calls, meta

if TYPE_CHECKING:
    from anthropic import Anthropic
    from anthropic.types.messages import MessageBatch

    from pipeline.wiring import Tools

__all__ = ["Batch", "Batches", "Call", "collect", "sweep"]

DAY = 24 * 3600.0
UNSETTLED = ("preparing", "sending", "sent")
SKEW = 300.0  # seconds by which the destination's clock may differ from ours
KEPT = 29 * DAY  # how long the destination keeps results


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was written down; `remote` is "" while the destination's id is not known."""

    id: int
    remote: str
    matter: str
    destination: str
    state: str
    created: float
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A request of a batch that has no result yet."""

    id: int
    document: str
    pages: tuple[int, ...]
    model: str

    @property
    def names(self) -> list[str]:
        """Its pages, as reports name them."""
        return [f"{self.document} page {page}" for page in self.pages]


class Batches:
    """The rows of batches; each method is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @cached_property
    def home(self) -> str:
        """How the names of this home's files and requests begin: two homes may share an account."""
        key = "frontier home"
        with self._database.write() as connection:
            self._database.insert_new(connection, meta, {"key": key, "value": secrets.token_hex(4)})
            return f"muniment-{connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar_one()}-"

    def name(self, id: int) -> str:
        """How the names of a batch's files and requests begin."""
        return f"{self.home}{id}-"

    def prepare(self, matter: str, destination: str) -> Batch:
        """A new batch, before anything of it is sent."""
        row = {"remote": "", "matter": matter, "destination": destination, "state": "preparing", "created": time.time()}
        with self._database.write() as connection:
            key = connection.execute(insert(batches).values(row | {"files": "[]"})).inserted_primary_key
        assert key is not None
        return Batch(int(key[0]), files=(), **row)  # type: ignore[arg-type]

    def note(self, id: int, **values: object) -> None:
        """Write down what changed: `remote`, `state` or `files` (a JSON list)."""
        with self._database.write() as connection:
            connection.execute(update(batches).where(batches.c.id == id).values(values))

    def unsettled(self) -> list[Batch]:
        """Batches that are not settled, oldest first."""
        query = select(batches).where(batches.c.state.in_(UNSETTLED)).order_by(batches.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            Batch(r.id, r.remote, r.matter, r.destination, r.state, r.created, tuple(json.loads(r.files))) for r in rows
        ]

    def under_way(self, document: str | None = None) -> dict[str, set[int]]:
        """Pages that batches under way ask about, by document; of one document, or of all."""
        oldest = min((batch.created for batch in self.unsettled()), default=None)
        if oldest is None:
            return {}
        which = [calls.c.started >= oldest, calls.c.state == "open", calls.c.batch != ""]
        which += [calls.c.document == document] if document is not None else []
        found: dict[str, set[int]] = {}
        with self._database.read() as connection:
            for row in connection.execute(select(calls.c.document, calls.c.pages).where(*which)):
                found.setdefault(row.document, set()).update(json.loads(row.pages))
        return found

    def asked(self, document: str) -> set[int]:
        """Pages of a document that a batch under way asks about."""
        return self.under_way(document).get(document, set())

    def calls_of(self, id: int) -> dict[int, Call]:
        """The open calls of a batch, by number."""
        query = select(calls).where(calls.c.batch == str(id), calls.c.state == "open")
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {row.id: Call(row.id, row.document, tuple(json.loads(row.pages)), row.model) for row in rows}


@translated()
def collect(tools: Tools, client: FrontierClient, report: EscalationReport) -> list[Batch]:
    """Settle the batches that have ended and conclude their documents; those still under way come back."""
    left, heard = [], set()
    for batch in tools.batches.unsettled():
        asked = {call.document for call in tools.batches.calls_of(batch.id).values()}
        if _settled(tools, client, batch, report):
            heard |= asked
        else:
            left.append(batch)
    conclude_answered(tools, heard)
    return left


@translated()
def sweep(tools: Tools, client: FrontierClient, report: EscalationReport) -> None:
    """Delete files of this home that no batch needs: a kill in the middle of an upload leaves them behind."""
    allowed = (matter for matter in tools.policies.all() if tools.policies.allows(matter, client.setup.destination))
    matter = next(allowed, None)  # one account, one list of files
    if matter is None or not client.setup.profile.files:
        return
    kept = [tools.batches.name(batch.id) for batch in tools.batches.unsettled()]
    if gone := files.sweep(client.sdk(matter), tools.batches.home, kept):
        report.note(f"{gone} files of a run that was killed were deleted at the destination")


def _settled(tools: Tools, client: FrontierClient, batch: Batch, report: EscalationReport) -> bool:
    """Whether this batch came to its end; what keeps it is noted."""
    if batch.destination != client.setup.destination.host:
        return _elsewhere(tools, batch, report)
    if batch.state == "preparing":
        return _give_up(tools, client.sdk(batch.matter), batch)
    if not batch.remote:
        return _searched(tools, client, batch, report)
    return _fetched(tools, client, batch, report)


def _fetched(tools: Tools, client: FrontierClient, batch: Batch, report: EscalationReport) -> bool:
    """Settle a batch whose id is known, if it has ended."""
    sdk = client.sdk(batch.matter)
    remote = _retrieved(sdk, batch)
    if remote is None:
        return _unknown(tools, sdk, batch, report)
    if remote.processing_status != "ended":
        _withdraw(tools, client, batch, remote, report)
        return False
    if remote.results_url is None:  # archived
        return _lose(tools, sdk, batch, report)
    _settle(tools, client, batch, report)
    return True


def _retrieved(sdk: Anthropic, batch: Batch) -> MessageBatch | None:
    from anthropic import NotFoundError

    try:
        return patient(lambda: sdk.messages.batches.retrieve(batch.remote))
    except NotFoundError:
        return None


def _searched(tools: Tools, client: FrontierClient, batch: Batch, report: EscalationReport) -> bool:
    """Settle a batch whose id a kill kept from being written down; one that was never sent is given up.

    It is known by the ids of its requests, which can be read once it has ended; until then, any batch of its time that
    is not known here may be it, and is waited for.
    """
    sdk = client.sdk(batch.matter)
    known = {one.remote for one in tools.batches.unsettled()}
    unsure = False
    for remote in patient(lambda: list(sdk.messages.batches.list(limit=100))):
        sent = remote.created_at.timestamp() - batch.created
        if not -SKEW <= sent <= DAY or remote.id in known:
            continue
        if remote.processing_status != "ended":
            unsure = True
        elif _first_id(sdk, remote).startswith(tools.batches.name(batch.id)):
            tools.batches.note(batch.id, remote=remote.id, state="sent")
            return _fetched(tools, client, replace(batch, remote=remote.id, state="sent"), report)
    return False if unsure else _give_up(tools, sdk, batch)


def _first_id(sdk: Anthropic, remote: MessageBatch) -> str:
    if not remote.results_url:
        return ""
    with closing(sdk.messages.batches.results(remote.id)) as results:
        first = next(iter(results), None)
    return first.custom_id if first else ""


def _withdraw(
    tools: Tools, client: FrontierClient, batch: Batch, remote: MessageBatch, report: EscalationReport
) -> None:
    """Cancel a batch whose matter may not send its pages any more, or that holds pages of a deleted document."""
    if not tools.policies.allows(batch.matter, client.setup.destination):
        why = "its matter's leave was withdrawn"
    elif not all(tools.catalog.content(call.document) for call in tools.batches.calls_of(batch.id).values()):
        why = "a document in it was deleted"
    else:
        return
    if remote.processing_status == "in_progress":
        patient(lambda: client.sdk(batch.matter).messages.batches.cancel(batch.remote))
    report.note(f"a batch was cancelled because {why}; what it had answered is still fetched")


def _elsewhere(tools: Tools, batch: Batch, report: EscalationReport) -> bool:
    if time.time() - batch.created > KEPT:
        return _lose(tools, None, batch, report)
    report.note(f"a batch waits at {batch.destination}: name it in MUNIMENT_FRONTIER_URL to fetch what it brought")
    return False


def _unknown(tools: Tools, sdk: Anthropic, batch: Batch, report: EscalationReport) -> bool:
    """The destination does not know the batch: another account's key, or it was deleted there."""
    if time.time() - batch.created > KEPT:
        return _lose(tools, sdk, batch, report)
    report.note(f"{batch.destination} does not know batch {batch.remote}: was it sent with another key? Its pages wait")
    return False


def _lose(tools: Tools, sdk: Anthropic | None, batch: Batch, report: EscalationReport) -> bool:
    """The results can't be had any more: they count as paid, and the pages wait again."""
    lost = tools.batches.calls_of(batch.id)
    for call in lost:
        tools.ledger.lose_call(call, "the batch's results are not kept any more")
    report.lost_calls += len(lost)
    return _finish(tools, sdk, batch)


def _give_up(tools: Tools, sdk: Anthropic, batch: Batch) -> bool:
    """A batch that was never sent costs nothing: its calls are closed, its files deleted, its pages wait again."""
    for call in tools.batches.calls_of(batch.id):
        tools.ledger.close(call, "the batch was never sent")
    return _finish(tools, sdk, batch)


def _settle(tools: Tools, client: FrontierClient, batch: Batch, report: EscalationReport) -> None:
    """Match results to calls by custom id, keep the answers, delete the files."""
    sdk = client.sdk(batch.matter)
    waiting, named = tools.batches.calls_of(batch.id), tools.batches.name(batch.id)
    with closing(patient(lambda: sdk.messages.batches.results(batch.remote))) as results:
        for result in results:
            number = result.custom_id.removeprefix(named)
            if result.custom_id.startswith(named) and number.isdecimal() and int(number) in waiting:
                take(tools, client, waiting.pop(int(number)), result, report)
    for call in waiting:
        tools.ledger.close(call, "the batch brought no result for it")
    _finish(tools, sdk, batch)


def _finish(tools: Tools, sdk: Anthropic | None, batch: Batch) -> bool:
    if sdk is not None:
        files.delete(sdk, batch.files)
    tools.batches.note(batch.id, state="settled")
    return True
