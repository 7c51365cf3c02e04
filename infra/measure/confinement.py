"""What confining workers costs: CPU seconds until a worker answers, and of rendering and reading a page.

    python -m infra.measure.confinement [FOLDER] [--pages 60] [--rounds 3]

Takes pages of the PDFs of FOLDER (default: sample_docs/inbox), copied into a store of its own. By turns, so that
whatever else the machine does meets both alike, one worker works unconfined by the kernel (limits only) and one as a
home confines it (limits, denied calls, files); the first round warms the disk's cache and is not counted. CPU time, in
user and kernel, is what the kernel says of the worker: what a filter costs is spent there. Prints the least of each,
which other processes disturbed least, and their ratio.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import sample_docs
from pipeline.confinement import Confinement, lacking, of_settings, prepare
from pipeline.errors import MunimentError
from pipeline.read import ReadJob, read_page
from pipeline.render import RenderJob, render_page
from pipeline.settings import Settings, load_settings
from pipeline.store import Store
from pipeline.workers import WorkerPool

__all__ = ["main", "measured"]

SECONDS = 120.0
SAMPLES = Path(sample_docs.__file__).parent / "inbox"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="What confining workers costs.")
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLES)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(argv)
    found = measured(arguments.folder, arguments.pages, arguments.rounds)
    print(f"not had on this machine: {', '.join(lacking()) or 'nothing'}")
    for what in ("start", "render", "read"):
        free, confined = (min(one[what] for one in found[name]) for name in ("free", "confined"))
        unit = "until the first answer" if what == "start" else "a page"
        print(f"{what:7} {free:.3f} s unconfined, {confined:.3f} s confined ({confined / free:.3f}), {unit}")
    return 0


def measured(folder: Path, pages: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """CPU seconds to start, and of work a page to render and to read, by kind of worker and round."""
    found: dict[str, list[dict[str, float]]] = {"free": [], "confined": []}
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=Path(home))
        store = Store(settings.root / "store")
        jobs = list(islice(_jobs(folder, store, settings), pages))
        wanted = of_settings(settings)
        prepare(wanted)
        kinds = {"free": replace(wanted, readable=None, calls=False), "confined": wanted}
        for number in range(rounds + 1):
            for name, confinement in kinds.items():
                seconds = _round(confinement, jobs, settings)
                if number:
                    found[name].append(seconds)
    return found


def _jobs(folder: Path, store: Store, settings: Settings) -> list[RenderJob]:
    import pymupdf

    jobs = []
    for file in sorted(folder.rglob("*.pdf")):
        path = store.path(store.put(file.read_bytes()))
        with pymupdf.open(path, filetype="pdf") as document:
            numbers = range(1, document.page_count + 1)
        bounds = (settings.dpi, settings.max_pixels, settings.max_page_points)
        jobs += [RenderJob(path, number, store.root, *bounds) for number in numbers]
    return jobs


def _round(confinement: Confinement, jobs: Sequence[RenderJob], settings: Settings) -> dict[str, float]:
    with WorkerPool(1, tasks_per_worker=10 * len(jobs) + 10, confinement=confinement) as pool:
        list(pool.run(abs, [-1], seconds=SECONDS))
        started = _spent(pool)
        images = _done(pool.run(render_page, jobs, seconds=SECONDS))
        rendered = _spent(pool)
        reads = [ReadJob(job.pdf, image, job.store, settings.language) for job, image in images.items()]
        _done(pool.run(read_page, reads, seconds=SECONDS))
        read = _spent(pool)
    return {"start": started, "render": (rendered - started) / len(jobs), "read": (read - rendered) / len(jobs)}


def _done(results: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(results)
    if wrong := [answer for answer in found.values() if isinstance(answer, MunimentError)]:
        raise RuntimeError(f"{len(wrong)} pages failed: {wrong[0]}")
    return found


def _spent(pool: WorkerPool) -> float:
    """CPU seconds of the one worker so far (proc(5): utime and stime are fields 14 and 15)."""
    [worker] = pool._workers
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    raise SystemExit(main())
