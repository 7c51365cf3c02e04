"""Search while pages come in: the product's own home, its own `muniment ingest` in a process beside it.

The index of a home is filled with points (real pages and synthetic ones), then PDFs are ingested into the same home at
full speed: rendering, reading, extraction, embedding and writing take whatever the cores give. Meanwhile questions
are put to the product's `Searcher`, again and again until the last document is done. No answer is remembered: each
question counts as asked for the first time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

from infra.measure.scale_curve import BATCH, LIMIT, settled
from pipeline.types import SearchFilter

if TYPE_CHECKING:
    from pipeline.backends.protocols import IndexedPage
    from pipeline.search import Searcher
    from pipeline.wiring import Tools

__all__ = ["Busy", "fill", "searched_beside"]

MATTER = "arriving"
WAIT_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Busy:
    """Searches beside an ingest: how many, milliseconds of half, of 95 % and of all of them; pages that came in, and
    how long that took."""

    searches: int
    p50: float
    p95: float
    longest: float
    pages: int
    seconds: float


def fill(tools: Tools, points: Iterable[IndexedPage]) -> int:
    """Write the points into the home's index and wait until its graphs are built; how many there are."""
    rest = iter(points)
    while batch := list(islice(rest, BATCH)):
        tools.index.upsert(batch)
    announced = json.loads((tools.settings.root / "index" / "owner.json").read_text(encoding="utf-8"))
    tools.index.tidy()
    settled(psutil.Process(announced["pid"]))
    return tools.index.count()


def searched_beside(
    home: Path, searcher: Searcher, pdfs: Sequence[Path], questions: Sequence[str], at_once: int
) -> Busy:
    """Ingest these files in a process of its own, and search with so many threads until it has ended."""
    for question in questions[: 2 * at_once]:  # models and connections are there before the clock runs
        searcher.rank(question, SearchFilter(), LIMIT)
    before, start = searcher.index.count(), time.perf_counter()
    with _ingest(home, pdfs) as writer, ThreadPoolExecutor(at_once) as threads:
        asking = [threads.submit(_asked, searcher, questions[at::at_once], writer) for at in range(at_once)]
        times = [milliseconds for one in asking for milliseconds in one.result()]
        code = writer.wait(WAIT_SECONDS)
    if code not in (0, 3):  # 3: went well, and a document was refused or held
        raise RuntimeError(f"muniment ingest ended with {code}")
    p50, p95 = np.percentile(times, [50, 95])
    pages = searcher.index.count() - before
    return Busy(len(times), float(p50), float(p95), max(times), pages, time.perf_counter() - start)


def _asked(searcher: Searcher, questions: Sequence[str], writer: subprocess.Popen[bytes]) -> list[float]:
    """Milliseconds of each search, one after the other while the writer lives."""
    times = []
    for question in cycle(questions):
        if writer.poll() is not None:
            break
        start = time.perf_counter()
        searcher.rank(question, SearchFilter(), LIMIT)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def _ingest(root: Path, pdfs: Sequence[Path]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pipeline", "ingest", *map(str, pdfs), "--matter", MATTER, "--json"]
    return subprocess.Popen(command, env=os.environ | {"MUNIMENT_HOME": str(root)}, stdout=subprocess.DEVNULL)
