"""Direct calls, several at once. An answer is kept the moment it is there: a kill costs the calls in flight alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.errors import BudgetSpent, FrontierStopped, MunimentError, NotAllowed
from pipeline.frontier.client import Asked, Deferred, FrontierClient, Outcome
from pipeline.frontier.readings import keep, readings_of
from pipeline.frontier.work import EscalationReport, Options, conclude, leaving, waiting

if TYPE_CHECKING:
    from pipeline.types import Document
    from pipeline.wiring import Tools

__all__ = ["Direct"]

Request = tuple["Document", Asked]


@dataclass
class Direct:
    """One run's asking. A document is concluded when its last request is answered."""

    tools: Tools
    client: FrontierClient
    options: Options
    report: EscalationReport
    _left: dict[str, int] = field(default_factory=dict)

    def work_off(self) -> None:
        """Ask about all that waits; a spent budget or a refused account ends the asking."""
        self.options.on_start(len(waiting(self.tools, self.options)))
        requests = self._requests()
        with ThreadPoolExecutor(self.client.setup.at_once, thread_name_prefix="frontier") as executor:
            running: dict[Future[Outcome], Request] = {}
            while self._fill(executor, requests, running):
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    self._done(running.pop(future), future)
        for id, count in self._left.items():
            if count:  # the asking ended before its last request
                self._conclude(self.tools.catalog.document(id))

    def _requests(self) -> Iterator[Request]:
        for document, requests in leaving(self.tools, self.client.setup, self.options, self.report):
            if requests:
                self._left[document.id] = len(requests)
            for asked in requests:
                yield document, asked

    def _fill(
        self, executor: ThreadPoolExecutor, requests: Iterator[Request], running: dict[Future[Outcome], Request]
    ) -> bool:
        """As many calls as may run are running; False when nothing runs any more."""
        while len(running) < self.client.setup.at_once and not self.report.stopped:
            request = next(requests, None)
            if request is None:
                break
            running[executor.submit(self.client.ask, request[1])] = request
        return bool(running)

    def _done(self, request: Request, future: Future[Outcome]) -> None:
        document, asked = request
        self._take(document, asked, future)
        self._left[document.id] -= 1
        if not self._left[document.id]:
            self._conclude(document)

    def _conclude(self, document: Document) -> None:
        self.options.on_done(conclude(self.tools, document))

    def _take(self, document: Document, asked: Asked, future: Future[Outcome]) -> None:
        """Remember what a request brought, and count it."""
        names = {number: f"{document.id} page {number}" for number in asked.numbers}
        try:
            outcome = future.result()
        except NotAllowed as refusal:
            self.report.kept_back[document.id] = str(refusal)
            return
        except MunimentError as error:
            if isinstance(error, (BudgetSpent, FrontierStopped)):
                self.report.stopped = self.report.stopped or str(error)
            outcome = Deferred(str(error))
        if isinstance(outcome, Deferred):
            self.report.deferred |= dict.fromkeys(names.values(), outcome.reason)
            return
        readings = readings_of(self.client.setup, outcome, asked.numbers)
        keep(self.tools.catalog, document.sha256, readings)
        self.report.answered += sum(reading.page is not None for reading in readings.values())
        self.report.failed |= {names[n]: reading.failed for n, reading in readings.items() if reading.page is None}
