"""Nightly batches at half price: images go up as files, the batch is sent, and some hours later its results come back.

Every step is written down before the next, so a kill anywhere is made good by the next start: files of a batch that
was never sent are deleted and its pages asked about again; a batch that was sent but whose id was not kept is found
by the ids of its requests. What a batch expired or refused waits again. Files stay at the provider until they
are deleted: that happens when a batch is settled, and at each start for any that a kill left behind.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from pipeline.database import Database
from pipeline.errors import BudgetSpent
from pipeline.frontier.answers import judge
from pipeline.frontier.client import SCHEMA_TOKENS, USAGE, Asked, FrontierClient, translated
from pipeline.frontier.ledger import Planned, State
from pipeline.frontier.prompts import Part, request_content
from pipeline.frontier.readings import keep, readings_of
from pipeline.frontier.work import EscalationReport, Options, conclude, leaving
from pipeline.tables import batches, calls

if TYPE_CHECKING:
    from anthropic import Anthropic
    from anthropic.types.messages import MessageBatchIndividualResponse

    from pipeline.wiring import Tools

__all__ = ["Batch", "Batches", "collect", "submit"]

MOST_BYTES = 200_000_000  # of one batch: the limit is 256 MB, and JSON grows a little on its way
MOST_REQUESTS = 10_000  # the limit is 100,000; a smaller batch ends sooner and loses less when it expires
NAMED = "muniment-"  # how files and requests of ours begin


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it was written down; `remote` is "" while the destination's id is not known."""

    id: int
    remote: str
    matter: str
    state: str
    created: float
    files: tuple[str, ...]


class Batches:
    """The rows of batches; each method is one short transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prepare(self, matter: str, destination: str) -> int:
        """A new batch, before anything of it is sent; its number."""
        row = {"remote": "", "matter": matter, "destination": destination, "state": "preparing", "files": "[]"}
        with self._database.write() as connection:
            key = connection.execute(insert(batches).values(row | {"created": time.time()})).inserted_primary_key
        assert key is not None
        return int(key[0])

    def note(self, id: int, **values: object) -> None:
        """Write down what changed: `remote`, `state` or `files`."""
        with self._database.write() as connection:
            connection.execute(update(batches).where(batches.c.id == id).values(values))

    def unsettled(self) -> list[Batch]:
        """Batches that are not settled, oldest first."""
        query = select(batches).where(batches.c.state != "settled").order_by(batches.c.id)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Batch(r.id, r.remote, r.matter, r.state, r.created, tuple(json.loads(r.files))) for r in rows]

    def asked(self, document: str) -> set[int]:
        """Pages of a document that an open batch asks about."""
        query = select(calls.c.pages).where(calls.c.document == document, calls.c.state == "open", calls.c.batch != "")
        with self._database.read() as connection:
            return {page for pages in connection.execute(query).scalars() for page in json.loads(pages)}

    def calls_of(self, id: int) -> dict[int, tuple[str, tuple[int, ...]]]:
        """The open calls of a batch: number -> document and pages."""
        query = select(calls).where(calls.c.batch == str(id), calls.c.state == "open")
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {row.id: (row.document, tuple(json.loads(row.pages))) for row in rows}


@translated()
def submit(tools: Tools, client: FrontierClient, options: Options, report: EscalationReport) -> list[Batch]:
    """Send what waits as batches, one or more a matter; pages of matters that keep theirs stay here."""

    by_matter: dict[str, list[Asked]] = {}
    for document, asked in leaving(tools, client.setup, options, report):
        by_matter.setdefault(document.matter, []).extend(asked)
    sent = []
    for matter, requests in by_matter.items():
        for some in _split(requests):
            batch = _send(tools, client, matter, some, report)
            sent += [batch] if batch else []
    return sent


@translated()
def collect(tools: Tools, client: FrontierClient, report: EscalationReport) -> list[Batch]:
    """Settle the batches that have ended and clear up after kills; those that are still under way come back."""
    left = []
    for batch in tools.batches.unsettled():
        sdk = client.sdk(batch.matter)
        found = _found(sdk, batch) if not batch.remote else batch
        if found is None:
            _give_up(tools, sdk, batch)
            continue
        if sdk.messages.batches.retrieve(found.remote).processing_status != "ended":
            left.append(found)
            continue
        _settle(tools, client, found, report)
    _sweep(tools, client, {file for batch in left for file in batch.files})
    return left


def _split(asked: Sequence[Asked]) -> Iterator[list[Asked]]:
    """As many requests to a batch as its limits take."""
    some: list[Asked] = []
    size = 0
    for one in asked:
        own = sum(len(json.dumps(part.blocks)) for part in one.parts)
        if some and (size + own > MOST_BYTES or len(some) == MOST_REQUESTS):
            yield some
            some, size = [], 0
        some.append(one)
        size += own
    if some:
        yield some


def _send(
    tools: Tools, client: FrontierClient, matter: str, asked: Sequence[Asked], report: EscalationReport
) -> Batch | None:
    """One batch: reserved call by call, its images uploaded, sent; None when the budget has no room for any of it."""
    id = tools.batches.prepare(matter, client.setup.destination.host)
    reserved: list[tuple[int, Asked]] = []
    for one in asked:
        try:
            reserved.append((tools.ledger.reserve(_planned(client, one, id), client.setup.budget), one))
        except BudgetSpent as spent:
            report.stopped = str(spent)
            break
    if not reserved:
        tools.batches.note(id, state="settled")
        return None
    sdk = client.sdk(matter)
    requests = [_request(tools, client, sdk, id, call, one) for call, one in reserved]
    remote = sdk.messages.batches.create(requests=requests).id  # type: ignore[arg-type]
    tools.batches.note(id, remote=remote, state="sent")
    return next(batch for batch in tools.batches.unsettled() if batch.id == id)


def _planned(client: FrontierClient, asked: Asked, batch: int) -> Planned:
    setup = client.setup
    tokens = SCHEMA_TOKENS + sum(part.tokens for part in asked.parts)
    most = setup.model.most(tokens, client.most_output(asked), batch=True)
    host = setup.destination.host
    return Planned(asked.run, asked.document, asked.matter, asked.numbers, host, setup.model.id, most, str(batch))


def _request(
    tools: Tools, client: FrontierClient, sdk: Anthropic, batch: int, call: int, asked: Asked
) -> dict[str, Any]:
    if client.setup.profile.files:
        asked = replace(asked, parts=tuple(_uploaded(tools, sdk, batch, part) for part in asked.parts))
    messages = [{"role": "user", "content": request_content(asked.parts)}]
    return {"custom_id": f"{NAMED}{batch}-{call}", "params": client.body(asked, messages)}


def _uploaded(tools: Tools, sdk: Anthropic, batch: int, part: Part) -> Part:
    """The part with its image as a file at the destination, written down before it is used."""
    blocks = []
    for block in part.blocks:
        if block["type"] == "image":
            data = base64.standard_b64decode(block["source"]["data"])
            file = sdk.files.upload(file=(f"{NAMED}{batch}.jpg", data, "image/jpeg")).id
            known = next(one.files for one in tools.batches.unsettled() if one.id == batch)
            tools.batches.note(batch, files=json.dumps([*known, file]))
            blocks.append({"type": "image", "source": {"type": "file", "file_id": file}})
        else:
            blocks.append(block)
    return replace(part, blocks=tuple(blocks))


def _found(sdk: Anthropic, batch: Batch) -> Batch | None:
    """A batch whose id a kill kept from being written down, by the ids of its requests; None if it was never sent.

    They can be read once it has ended; until then a batch as old as this one may be it, and is waited for.
    """
    for remote in sdk.messages.batches.list(limit=100):
        if remote.created_at.timestamp() < batch.created - 60:
            break
        if remote.processing_status != "ended":
            return replace(batch, remote=remote.id)
        first = next(iter(sdk.messages.batches.results(remote.id)), None)
        if first and first.custom_id.startswith(f"{NAMED}{batch.id}-"):
            return replace(batch, remote=remote.id)
    return None


def _give_up(tools: Tools, sdk: Anthropic, batch: Batch) -> None:
    """A batch that was never sent costs nothing: its calls are closed, its files deleted, its pages wait again."""
    for call in tools.batches.calls_of(batch.id):
        tools.ledger.close(call, "the batch was never sent")
    _delete(sdk, batch.files)
    tools.batches.note(batch.id, state="settled")


def _settle(tools: Tools, client: FrontierClient, batch: Batch, report: EscalationReport) -> None:
    """Match results to calls by custom id, keep the answers, delete the files, merge the documents."""
    sdk = client.sdk(batch.matter)
    open_calls = tools.batches.calls_of(batch.id)
    documents = set()
    for result in sdk.messages.batches.results(batch.remote):
        call = _number(result.custom_id, batch.id)
        if call not in open_calls:
            continue
        document, pages = open_calls.pop(call)
        documents.add(document)
        _result(tools, client, call, (document, pages), result, report)
    for call in open_calls:
        tools.ledger.close(call, "the batch brought no result for it")
    _delete(sdk, batch.files)
    tools.batches.note(batch.id, state="settled")
    for document in sorted(documents):
        conclude(tools, tools.catalog.document(document))


def _result(
    tools: Tools,
    client: FrontierClient,
    call: int,
    asked: tuple[str, tuple[int, ...]],
    result: MessageBatchIndividualResponse,
    report: EscalationReport,
) -> None:
    id, pages = asked
    names = [f"{id} page {page}" for page in pages]
    if result.result.type != "succeeded":  # errored, canceled or expired: not charged, and asked again
        tools.ledger.close(call, f"the batch's request {result.result.type}")
        report.deferred |= dict.fromkeys(names, f"the batch's request {result.result.type}")
        return
    message = result.result.message
    reading = judge(message, pages)
    usage = {name: int(getattr(message.usage, name, 0) or 0) for name in USAGE}
    readings = readings_of(client.setup, reading, pages)
    keep(tools.catalog, tools.catalog.document(id).sha256, readings)
    failed = {name: one.failed for name, one in zip(names, readings.values(), strict=True) if one.page is None}
    state: State = "failed" if failed else "settled"
    tools.ledger.settle(call, client.setup.model.cost(message.usage, batch=True), usage, state=state)
    report.answered += len(pages) - len(failed)
    report.failed |= failed


def _number(custom_id: str, batch: int) -> int:
    """The call a result belongs to; -1 for one of somebody else."""
    head, _, tail = custom_id.rpartition("-")
    return int(tail) if head == f"{NAMED}{batch}" and tail.isdigit() else -1


def _delete(sdk: Anthropic, files: Sequence[str]) -> None:
    from anthropic import NotFoundError

    for file in files:
        try:
            sdk.files.delete(file)
        except NotFoundError:
            continue  # deleted before a kill


def _sweep(tools: Tools, client: FrontierClient, kept: set[str]) -> None:
    """Delete files of ours that no open batch needs: a kill between upload and note leaves one behind."""
    if not client.setup.profile.files:
        return
    for matter in tools.policies.all():
        if not tools.policies.allows(matter, client.setup.destination):
            continue
        sdk = client.sdk(matter)
        ours = [file.id for file in sdk.files.list() if file.filename.startswith(NAMED) and file.id not in kept]
        _delete(sdk, ours)
        return  # one account, one list
