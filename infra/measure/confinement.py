"""What confining workers costs: seconds until a worker answers, and pages a second rendered and read.

    python -m infra.measure.confinement [FOLDER] [--pages 60] [--rounds 3]

Takes pages of the PDFs of FOLDER (default: sample_docs/inbox), copied into a store of its own. By turns, so that
whatever else the machine does meets both alike, one worker works unconfined by the kernel (limits only) and one as a
home confines it (limits, denied calls, files); the first round warms the disk's cache and is not counted. Prints the
median of each and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import sample_docs
from pipeline.confinement import Confinement, lacking, of_settings, prepare
from pipeline.read import ReadJob, read_page
from pipeline.render import RenderJob, render_page
from pipeline.settings import Settings, load_settings
from pipeline.store import Store
from pipeline.types import PageImage
from pipeline.worker import timed
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
        free, confined = (statistics.median(round[what] for round in found[name]) for name in ("free", "confined"))
        unit = "s until the first answer" if what == "start" else "s of work a page"
        print(f"{what:7} {free:.4f} unconfined, {confined:.4f} confined ({confined / free:.3f}) {unit}")
    return 0


def measured(folder: Path, pages: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Seconds to start, and of work a page to render and to read, by kind of worker and round."""
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
        began = time.perf_counter()
        list(pool.run(abs, [-1], seconds=SECONDS))
        start = time.perf_counter() - began
        rendered = dict(pool.run(timed, [(render_page, job) for job in jobs], seconds=SECONDS))
        images = {call[1]: answer for call, answer in rendered.items() if isinstance(answer, tuple)}
        reads = [ReadJob(job.pdf, image, job.store, settings.language) for job, (image, _) in images.items()]
        read = [answer for _, answer in pool.run(timed, [(read_page, job) for job in reads], seconds=SECONDS)]
    assert all(isinstance(image, PageImage) for image, _ in images.values())
    spent = [seconds for _, seconds in images.values()], [a[1] for a in read if isinstance(a, tuple)]
    return {"start": start, "render": statistics.mean(spent[0]), "read": statistics.mean(spent[1])}


if __name__ == "__main__":
    raise SystemExit(main())
