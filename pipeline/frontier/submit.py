"""Sending what waits as batches: request by request reserved and uploaded, then sent when a batch is full.

No more than one batch's requests are ever in memory, and of these only the words where the destination takes files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pipeline.errors import BudgetSpent, MatterBudgetSpent
from pipeline.frontier import files, retry
from pipeline.frontier.batches import Batch
from pipeline.frontier.client import SCHEMA_TOKENS, Asked, FrontierClient
from pipeline.frontier.ledger import Planned
from pipeline.frontier.patience import patient, refused
from pipeline.frontier.prompts import request_content
from pipeline.frontier.results import unanswerable
from pipeline.frontier.sdk import failure_of, translated
from pipeline.frontier.work import EscalationReport, Options, leaving, waiting

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["MOST_BYTES", "MOST_REQUESTS", "submit"]

MOST_BYTES = 200_000_000  # of one batch: the limit is 256 MB, and JSON grows a little on its way
MOST_REQUESTS = 10_000  # the limit is 100,000; a smaller batch ends sooner and loses less when it expires


@translated()
def submit(tools: Tools, client: FrontierClient, options: Options, report: EscalationReport) -> list[Batch]:
    """Send what waits as batches, one or more a matter; pages of matters that keep theirs stay here."""
    sent: list[Batch] = []
    matters = dict.fromkeys(document.matter for document in waiting(tools, options))
    with ThreadPoolExecutor(client.setup.at_once, thread_name_prefix="upload") as executor:
        for matter in matters:
            sending = _Sending(tools, client, matter, report, executor)
            try:
                for asked in _requests(tools, client, replace(options, matters=(matter,)), report):
                    sent += sending.add(asked)
            except BudgetSpent as spent:
                report.stopped = report.stopped or str(spent)
                if not isinstance(spent, MatterBudgetSpent):
                    return sent + sending.send()
            sent += sending.send()
    return sent


def _requests(tools: Tools, client: FrontierClient, options: Options, report: EscalationReport) -> Iterator[Asked]:
    for _, requests in leaving(tools, client.setup, options, report):
        yield from requests


@dataclass
class _Sending:
    """A matter's batch while it is put together; its row is there before the first reservation."""

    tools: Tools
    client: FrontierClient
    matter: str
    report: EscalationReport
    executor: Executor
    _batch: Batch | None = None
    _files: list[str] = field(default_factory=list)
    _requests: list[dict[str, Any]] = field(default_factory=list)
    _size: int = 0

    def add(self, asked: Asked) -> list[Batch]:
        """Reserve and upload one request; the batch comes back if this one fills it."""
        if problem := next((part.problem for part in asked.parts if part.problem), ""):
            unanswerable(self.tools, self.client.setup, asked.document, asked.numbers, problem, self.report)
            return []
        if self._batch is None:
            self._batch = self.tools.batches.prepare(self.matter, self.client.setup.destination.host)
        call = self.tools.ledger.reserve(self._planned(asked, self._batch.id), self.client.setup.budget)
        request = self._request(asked, self._batch.id, call)
        if request is None:
            return []
        self._requests.append(request)
        self._size += len(json.dumps(request))
        full = self._size > MOST_BYTES or len(self._requests) >= MOST_REQUESTS
        return self.send() if full else []

    def send(self) -> list[Batch]:
        """Send what was put together; nothing where nothing was."""
        batch, self._batch = self._batch, None
        if batch is None:
            return []
        self.tools.batches.note(batch.id, files=json.dumps(self._files))
        if not self._requests:
            self.tools.batches.note(batch.id, state="settled")
            return []
        sent = self._sent(batch)
        self._requests, self._files, self._size = [], [], 0
        return [sent]

    def _sent(self, batch: Batch) -> Batch:
        from anthropic import APIStatusError

        create = self.client.sdk(self.matter).messages.batches.create
        self.tools.batches.note(batch.id, state="sending")
        try:
            remote = patient(lambda: create(requests=self._requests).id, again=False)  # type: ignore[arg-type]
        except APIStatusError as error:
            if refused(error):  # there is nothing to search for
                self.tools.batches.note(batch.id, state="preparing")
            raise
        self.tools.batches.note(batch.id, remote=remote, state="sent")
        return replace(batch, remote=remote, state="sent", files=tuple(self._files))

    def _request(self, asked: Asked, batch: int, call: int) -> dict[str, Any] | None:
        """The request as the batch holds it; None, and its pages held, when the destination refuses an image."""
        from anthropic import APIStatusError

        named, parts = self.tools.batches.name(batch), asked.parts
        if self.client.setup.profile.files:
            sdk = self.client.sdk(self.matter)
            try:
                parts, ids = files.uploaded(sdk, f"{named}{call}", parts, self.executor)
            except APIStatusError as error:
                decision = retry.decide(failure_of(error), retry.ATTEMPTS)
                if decision.next != "fail":
                    raise
                self.tools.ledger.close(call, decision.reason)
                unanswerable(self.tools, self.client.setup, asked.document, asked.numbers, decision.reason, self.report)
                return None
            self._files += ids
        messages = [{"role": "user", "content": request_content(parts)}]
        return {"custom_id": f"{named}{call}", "params": self.client.body(asked, messages)}

    def _planned(self, asked: Asked, batch: int) -> Planned:
        """Reserved by our own count: having the destination count would send every page twice."""
        setup = self.client.setup
        tokens = SCHEMA_TOKENS + sum(part.tokens for part in asked.parts)
        most = setup.model.most(tokens, self.client.most_output(asked), batch=True)
        host, model = setup.destination.host, setup.model.id
        return Planned(asked.run, asked.document, asked.matter, asked.numbers, host, model, most, str(batch))
