"""Stage results remembered in the catalog, so that a re-run repeats only what changed or was in flight.

A result is keyed by the content's SHA-256, the page, the stage and the stage's *version*: a digest of the
stage's own version, of every setting and model that shapes it, and of the version of the stage before it.
Changing a model therefore invalidates its stage and what comes after, and nothing else.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import MunimentError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from pipeline.catalog import Catalog

__all__ = ["Clock", "Memo", "chain"]

T = TypeVar("T")


class Clock:
    """Seconds of work by stage, added up over pages and documents that are worked on side by side."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere, as in a worker process."""
        with self._lock:
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by stage so far, in the order the stages were first met."""
        with self._lock:
            return {name: round(value, 3) for name, value in self._seconds.items()}


def chain(parts: Mapping[str, str]) -> dict[str, str]:
    """Stage versions from what shapes each stage, in road order: each digest covers all before it."""
    versions: dict[str, str] = {}
    digest = hashlib.sha256()
    for stage, part in parts.items():
        digest.update(f"{stage}={part}\n".encode())
        versions[stage] = digest.hexdigest()[:16]
    return versions


@dataclass(frozen=True, slots=True)
class Memo:
    """What is remembered of one document's content."""

    catalog: Catalog
    sha256: str
    versions: Mapping[str, str]

    def pages(
        self,
        stage: str,
        kind: type[T],
        numbers: Sequence[int],
        compute: Callable[[Sequence[int]], Iterable[Mapping[int, T | MunimentError]]],
    ) -> dict[int, T | MunimentError]:
        """The stage's result for each page: remembered, or computed now and kept the moment it is there.

        `compute` gets the page numbers that are missing and yields their results by number: as many at a time as
        become known together, which are then kept together. An error of our tree is passed on but never remembered,
        so that a later run tries that page again.
        """
        version = self.versions[stage]
        adapter: TypeAdapter[T] = _adapter(kind)
        known = self.catalog.results(self.sha256, stage, version)
        done: dict[int, T | MunimentError] = {n: adapter.validate_json(known[n]) for n in numbers if n in known}
        missing = [n for n in numbers if n not in done]
        started = time.perf_counter()
        for results in compute(missing) if missing else ():
            done |= results
            each = (time.perf_counter() - started) / max(len(results), 1)
            kept = {n: one for n, one in results.items() if not isinstance(one, MunimentError)}
            payloads = {n: adapter.dump_json(one).decode() for n, one in kept.items()}
            self.catalog.remember(self.sha256, stage, version, payloads, each)
            started = time.perf_counter()
        return {n: done[n] for n in numbers}

    def replace(self, stage: str, kind: type[T], number: int, result: T) -> None:
        """Put this result in the place of what the stage remembered of the page; that stays beside it (`beside`)."""
        version, adapter = self.versions[stage], _adapter(kind)
        if before := self.catalog.result(self.sha256, number, stage, version):
            self.beside(stage, kind, number, adapter.validate_json(before), "before")
        self.catalog.overwrite(self.sha256, number, stage, version, adapter.dump_json(result).decode())

    def beside(self, stage: str, kind: type[T], number: int, result: T, mark: str) -> None:
        """Remember a result that nobody takes for the stage's, under a version of its own: deletion finds by it what it
        names in the store."""
        payload = _adapter(kind).dump_json(result).decode()
        self.catalog.overwrite(self.sha256, number, stage, f"{self.versions[stage]}-{mark}", payload)

    def forget(self, stage: str, numbers: Sequence[int]) -> None:
        """What the stage remembered of these pages is to be computed anew."""
        self.catalog.forget(self.sha256, stage, self.versions[stage], numbers)

    def whole(self, stage: str, kind: type[T], compute: Callable[[], T]) -> T:
        """The stage's one result for the whole document (kept as page 0); errors of `compute` pass through."""

        def one(_missing: Sequence[int]) -> Iterator[Mapping[int, T | MunimentError]]:
            yield {0: compute()}

        result = self.pages(stage, kind, [0], one)[0]
        assert not isinstance(result, MunimentError)  # compute() returns a T or raises
        return result


def _build_adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


# pydantic's codec of a type: building one takes milliseconds, so each is built once
_adapter: Callable[[Any], Any] = cache(_build_adapter)
