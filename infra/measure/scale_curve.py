"""The embedded index as it grows: rates, sizes and latencies of the product's own path.

Points are written through `OwnedIndex` to an owner process in a home of its own; searches go through `Searcher`,
query embedding included, by 1 and by 8 threads of one process, as a web server would ask. Times of a shared
machine are noise, so the CPU time of both processes stands beside them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from infra.measure.scale_storage import disk_bytes
from infra.measure.scale_vectors import DIMENSION
from pipeline.backends.owned import OwnedIndex
from pipeline.backends.protocols import IndexedPage, TextEmbedder
from pipeline.page_words import PageWords
from pipeline.phrases import tokens
from pipeline.search import Searcher
from pipeline.types import SearchFilter

__all__ = ["AT_ONCE", "BATCH", "LIMIT", "Grown", "Latency", "Level", "Lookup", "Written", "no_words", "settled"]

BATCH, LIMIT = 256, 10
AT_ONCE = (1, 8)
IDLE = 3600.0
TICK_SECONDS, QUIET_TICKS = 1.0, 3
END_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds a search: half and 95 % are done in this time; CPU of the asking process and the owner together."""

    p50: float
    p95: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Written:
    """What it took to add `pages`: pages a second until they are durable, CPU ms a page for that and for the graphs.

    `longest` is the slowest call of 256 pages, in seconds: one in which graphs were built, and searches waited.
    """

    pages: int
    rate: float
    longest: float
    cpu_ms: float
    graph_seconds: float
    graph_cpu_ms: float


@dataclass(frozen=True, slots=True)
class Level:
    """One size of the index. KiB a page on disk; MiB of the owner after searching: its own, and mapped files."""

    pages: int
    written: Written
    disk_kib: float
    own_mib: float
    mapped_mib: float
    open_seconds: float
    embed: Latency
    searches: Mapping[int, Latency]


class Lookup:
    """A `PageEmbedder` for questions whose rows are known; embedding pages is not its business."""

    name, dimension = "stand-in@1", DIMENSION

    def __init__(self, rows: Mapping[str, np.ndarray]) -> None:
        self._rows = {_key(question): known for question, known in rows.items()}

    def embed_query(self, query: str) -> np.ndarray:
        """The question's rows; `Searcher` hands it over with its white space evened out."""
        return self._rows[_key(query)]


class Grown:
    """An index under `root` that is made larger and searched. `pages` is None for an index of text alone."""

    def __init__(self, root: Path, text: TextEmbedder, pages: Lookup | None) -> None:
        self._root, self._text, self._pages = root, text, pages
        self._signature = {
            "layout": 0,
            "text_model": text.name,
            "text_dimension": text.dimension,
            "page_model": pages.name if pages else "",
            "page_dimension": pages.dimension if pages else 0,
        }

    def close(self) -> None:
        """End the owner that an error left behind."""
        if (self._root / "owner.json").exists():
            _end(self._owner())

    def to(self, size: int, points: Iterator[IndexedPage], added: int, questions: Sequence[str]) -> Level:
        """Take `added` more points, which makes `size`, and search with these questions in an owner started anew."""
        written = self._add(points, added)
        start = time.perf_counter()
        index = self._opened()
        opened = time.perf_counter() - start
        owner = self._owner()
        searcher: Any = Searcher(index, self._text, self._pages, words_of=no_words)  # type: ignore[arg-type]
        searches = {at_once: _latency(owner, _ranking(searcher), questions, at_once) for at_once in AT_ONCE}
        embed = _latency(owner, lambda question: self._text.embed([question]), questions, 1)
        index.close()
        own, mapped = _memory(owner)
        disk = sum(disk_bytes(path) for path in self._root.rglob("*") if path.is_file())
        _end(owner)
        return Level(size, written, disk / size / 1024, own, mapped, opened, embed, searches)

    def _add(self, points: Iterator[IndexedPage], added: int) -> Written:
        index = self._opened()
        owner = self._owner()
        calls, before, left = [0.0], _cpu(owner), added
        while left and (batch := list(islice(points, min(BATCH, left)))):
            start = time.perf_counter()
            index.upsert(batch)
            calls.append(time.perf_counter() - start)
            left -= len(batch)
        index.close()
        written = _cpu(owner)
        waited = settled(owner)
        built = _cpu(owner) - written
        _end(owner)
        return Written(
            pages=added,
            rate=added / sum(calls),
            longest=max(calls),
            cpu_ms=1e3 * (written - before) / added,
            graph_seconds=waited,
            graph_cpu_ms=1e3 * built / added,
        )

    def _opened(self) -> OwnedIndex:
        index = OwnedIndex(self._root, self._signature, IDLE)
        index.count()
        return index

    def _owner(self) -> psutil.Process:
        return psutil.Process(json.loads((self._root / "owner.json").read_text())["pid"])


def _key(question: str) -> str:
    return " ".join(tokens(question))


def _ranking(searcher: Searcher) -> Callable[[str], object]:
    return lambda question: searcher.rank(question, SearchFilter(), LIMIT)


def _latency(owner: psutil.Process, ask: Callable[[str], object], questions: Sequence[str], at_once: int) -> Latency:
    """Every question once, `at_once` threads; the first answers, which warm up, are not counted."""

    def clocked(question: str) -> float:
        start = time.perf_counter()
        ask(question)
        return 1e3 * (time.perf_counter() - start)

    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(clocked, questions[: 2 * at_once]))
        before = _cpu(owner) + time.process_time()
        times = list(threads.map(clocked, questions))
    spent = _cpu(owner) + time.process_time() - before
    p50, p95 = np.percentile(times, [50, 95])
    return Latency(float(p50), float(p95), 1e3 * spent / len(questions))


def settled(owner: psutil.Process) -> float:
    """Seconds until the owner, left alone, has nothing more to do."""
    start = time.perf_counter()
    quiet = 0
    while quiet < QUIET_TICKS:
        before = _cpu(owner)
        time.sleep(TICK_SECONDS)
        quiet = quiet + 1 if _cpu(owner) - before < TICK_SECONDS / 20 else 0
    return time.perf_counter() - start - QUIET_TICKS * TICK_SECONDS


def _cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def _memory(process: psutil.Process) -> tuple[float, float]:
    """MiB of its own and of files it has mapped, which the kernel may take back."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:] if line.endswith("kB")}
    return sizes["Pss_Anon"] / 1024, sizes["Pss_File"] / 1024


def _end(owner: psutil.Process) -> None:
    owner.terminate()
    owner.wait(END_SECONDS)


def no_words(places: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], PageWords]:
    """None of any page: what is asked for is the ranking."""
    return {}
