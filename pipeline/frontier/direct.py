"""Direct calls, several at once. An answer is kept the moment it is there: a kill costs the calls in flight alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.errors import BudgetSpent, FrontierStopped, MatterBudgetSpent, MunimentError, NotAllowed
from pipeline.frontier.client import Asked, Deferred, FrontierClient
from pipeline.frontier.readings import FrontierReading, keep, readings_of
from pipeline.frontier.work import EscalationReport

if TYPE_CHECKING:
    from pipeline.catalog import Catalog
    from pipeline.types import Document

__all__ = ["Direct"]

Request = tuple["Document", Asked]
Answer = Deferred | dict[int, FrontierReading]


@dataclass
class Direct:
    """One run's asking of one model. `on_done` is told a document when its last request was made, and whether any was
    answered; it is not told those that the asking left in the middle."""

    catalog: Catalog
    client: FrontierClient
    report: EscalationReport
    on_done: Callable[[Document, bool], None] = lambda _document, _answered: None
    _left: dict[str, int] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)  # documents
    _spent: set[str] = field(default_factory=set)  # matters whose budget is
    _ended: bool = False

    def work_off(self, documents: Iterable[tuple[Document, list[Asked]]]) -> None:
        """Make the requests of these documents; a spent budget or a refused account ends the asking."""
        requests = self._requests(documents)
        with ThreadPoolExecutor(self.client.setup.at_once, thread_name_prefix="frontier") as executor:
            running: dict[Future[Answer], Request] = {}
            while self._fill(executor, requests, running):
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    self._done(running.pop(future), future)

    def _requests(self, documents: Iterable[tuple[Document, list[Asked]]]) -> Iterator[Request]:
        for document, requests in documents:
            if requests:
                self._left[document.id] = len(requests)
            for asked in requests:
                yield document, asked

    def _fill(
        self, executor: ThreadPoolExecutor, requests: Iterator[Request], running: dict[Future[Answer], Request]
    ) -> bool:
        """As many calls as may run are running; False when nothing runs any more."""
        while len(running) < self.client.setup.at_once and not self._ended:
            request = next(requests, None)
            if request is None:
                break
            if request[0].matter not in self._spent:
                running[executor.submit(self._ask, *request)] = request
        return bool(running)

    def _ask(self, document: Document, asked: Asked) -> Answer:
        """In a thread of its own, to its end: also when the run is interrupted, what was paid is kept."""
        outcome = self.client.ask(asked)
        if isinstance(outcome, Deferred):
            return outcome
        readings = readings_of(self.client.setup, outcome, asked.numbers)
        keep(self.catalog, document.sha256, readings)
        return readings

    def _done(self, request: Request, future: Future[Answer]) -> None:
        document, asked = request
        self._take(document, asked, future)
        self._left[document.id] -= 1
        if not self._left[document.id]:
            self.on_done(document, document.id in self._answered)

    def _take(self, document: Document, asked: Asked, future: Future[Answer]) -> None:
        """Count what a request brought."""
        names = {number: f"{document.id} page {number}" for number in asked.numbers}
        try:
            answer = future.result()
        except NotAllowed as refusal:
            self.report.kept_back[document.id] = str(refusal)
            return
        except MunimentError as error:
            answer = self._refused(document, error)
        if isinstance(answer, Deferred):
            self.report.deferred |= dict.fromkeys(names.values(), answer.reason)
            return
        self._answered.add(document.id)
        self.report.answered += sum(reading.page is not None for reading in answer.values())
        self.report.failed |= {names[n]: reading.failed for n, reading in answer.items() if reading.page is None}

    def _refused(self, document: Document, error: MunimentError) -> Deferred:
        """No call was made, or none more can be: the pages wait. The spent budget of a matter leaves the others."""
        if isinstance(error, MatterBudgetSpent):
            self._spent.add(document.matter)
        elif isinstance(error, (BudgetSpent, FrontierStopped)):
            self._ended = True
        if isinstance(error, (BudgetSpent, FrontierStopped)):
            self.report.stopped = self.report.stopped or str(error)
        return Deferred("the budget is spent" if isinstance(error, BudgetSpent) else str(error))
