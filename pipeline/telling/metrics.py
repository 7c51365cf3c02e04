"""What Prometheus reads of a home: counts the database makes, inside a few seconds made once.

No series names a matter, a document or a person: matters are clients, and who reads metrics is seldom who may know
them. Counters that end with `_total` fall when documents are deleted; that is what a `rate` of Prometheus expects of a
restart, too.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from pipeline import __version__
from pipeline.inbox.space import PAUSED
from pipeline.operations import Operations
from pipeline.tables import documents, runs
from pipeline.telling.notices import Outbox
from pipeline.types import DocumentStatus, PageStatus

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from pipeline.wiring import Tools

__all__ = ["CONTENT_TYPE", "Cached", "exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEPT = 5.0  # seconds
DAY = 24 * 3600.0
OPEN = (DocumentStatus.RECEIVED, DocumentStatus.AWAITING, DocumentStatus.HELD)


def exposition(tools: Tools) -> bytes:
    """The metrics in the text format that every Prometheus reads."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(_Collector(tools))
    return generate_latest(registry)


class Cached:
    """The metrics, made anew when they are older than a few seconds; several who ask at once wait for one making."""

    def __init__(self, make: Callable[[], bytes], now: Callable[[], float] = time.monotonic) -> None:
        self._make, self._now = make, now
        self._lock = threading.Lock()
        self._made: tuple[float, bytes] | None = None

    def __call__(self) -> bytes:
        """The text."""
        with self._lock:
            if self._made is None or self._now() - self._made[0] > KEPT:
                self._made = (self._now(), self._make())
            return self._made[1]


class _Collector:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def collect(self) -> Iterator[Metric]:
        """All families, each with its unit in its name."""
        yield _gauge("build", "the version that answers", [({"version": __version__}, 1)])
        yield from self._documents()
        yield from self._runs()
        yield from self._money()
        yield from self._machine()

    def _documents(self) -> Iterator[Metric]:
        sums = Operations(self._tools.catalog.database)
        ours, theirs = sums.totals(None)
        yield _gauge("documents", "documents by where they stand", _all(ours, DocumentStatus, "status"))
        yield _gauge("pages", "pages by how they ended", _all(theirs, PageStatus, "status"))
        indexed, indexable = sums.indexed(None)
        yield _gauge("documents_indexed", "read documents that are in the search index", [({}, indexed)])
        yield _gauge("documents_indexable", "read documents that could be", [({}, indexable)])
        oldest = select(documents.c.status, func.min(documents.c.received)).where(documents.c.status.in_(OPEN))
        with self._tools.catalog.database.read() as connection:
            found = connection.execute(oldest.group_by(documents.c.status)).all()
        now = time.time()
        ages = [({"status": str(status)}, max(0.0, now - received)) for status, received in found]
        yield _gauge("oldest_waiting_seconds", "age of the oldest document that stands so", ages)
        index = self._tools.opened("index")
        if index is not None:  # asking would start the index's owner, and load its model
            yield _gauge("index_points", "pages in the search index", [({}, index.count())])

    def _runs(self) -> Iterator[Metric]:
        ended = select(runs.c.kind, runs.c.status, func.count(), func.max(runs.c.finished))
        lately = select(runs.c.seconds).where(runs.c.started > time.time() - DAY)
        with self._tools.catalog.database.read() as connection:
            ends = connection.execute(ended.group_by(runs.c.kind, runs.c.status)).all()
            spent = connection.execute(lately).scalars().all()
        labels = [({"kind": kind, "status": status}, count) for kind, status, count, _ in ends]
        yield _counter("runs", "runs by kind and end", labels)
        well = [({"kind": kind}, moment) for kind, status, _, moment in ends if status == "finished"]
        yield _gauge("last_success_timestamp_seconds", "when a run of this kind last ended well", well)
        seconds: Counter[str] = Counter()
        for one in spent:
            seconds.update(json.loads(one))
        stages = [({"stage": stage}, total) for stage, total in sorted(seconds.items())]
        yield _gauge("stage_seconds_day", "seconds of work by stage, of the runs of the last 24 hours", stages)

    def _money(self) -> Iterator[Metric]:
        settings = self._tools.settings
        spent = Operations(self._tools.catalog.database).spend(None, time.time() - DAY)["model"]
        paid = [({"model": one.key}, float(one.usd)) for one in spent]
        unsure = [({"model": one.key}, float(one.unsure)) for one in spent]
        yield _gauge("frontier_usd_day", "USD paid for frontier calls of the last 24 hours", paid)
        yield _gauge("frontier_unsure_usd_day", "USD that calls without an end may have cost", unsure)
        calls = [({"model": one.key}, one.calls) for one in spent]
        yield _gauge("frontier_calls_day", "frontier calls of the last 24 hours", calls)
        bounds = {"run": settings.budget_run, "day": settings.budget_day, "matter": settings.budget_matter}
        budgets = [({"scope": scope}, float(bound)) for scope, bound in bounds.items() if bound is not None]
        yield _gauge("budget_usd", "the most that may be spent", budgets)

    def _machine(self) -> Iterator[Metric]:
        disk = shutil.disk_usage(self._tools.settings.root)
        yield _gauge("disk_free_bytes", "space left for the home", [({}, disk.free)])
        yield _gauge("disk_size_bytes", "space of that file system", [({}, disk.total)])
        paused = self._tools.catalog.meta(PAUSED)
        yield _gauge("intake_paused", "1 while the watcher takes nothing in for want of space", [({}, bool(paused))])
        unsent = Outbox(self._tools.catalog.database, self._tools.settings).unsent()
        yield _gauge("notices_unsent", "notices that wait to be sent", [({}, unsent)])


def _all(counts: dict[str, int], statuses: Iterable[str], label: str) -> list[tuple[dict[str, str], float]]:
    """A count for each status, also where there is none: an alert needs the zero."""
    return [({label: str(status)}, counts.get(status, 0)) for status in statuses]


def _gauge(name: str, text: str, values: Iterable[tuple[dict[str, str], float]]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return _filled(GaugeMetricFamily, name, text, list(values))


def _counter(name: str, text: str, values: Iterable[tuple[dict[str, str], float]]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    return _filled(CounterMetricFamily, name, text, list(values))


def _filled(family: Any, name: str, text: str, values: list[tuple[dict[str, str], float]]) -> Metric:
    names = list(values[0][0]) if values else []
    made: Metric = family(f"muniment_{name}", text, labels=names)
    for labels, value in values:
        made.add_metric([labels[one] for one in names], value)  # type: ignore[attr-defined]
    return made
