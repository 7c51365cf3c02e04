"""What CPU the image stage of an upright JPEG scan takes, by parts.

    python -m infra.measure.image_stage [--pages 6] [--rounds 15]

Pages: dense print as `infra.measure.throughput` makes it (grey JPEG, 200 dpi), the same at 300 dpi, and the scans of
sample_docs (150 to 200 dpi, grey and colour: letters, contracts, tables, stamps, a handwritten page). Counted are
those of which the scan itself becomes the image; on others drawing, deskewing or encoding costs many times as much.

Each is made `--rounds` times by `pipeline.render` in a worker of the pool, and the median of its CPU milliseconds
taken. Printed, for each kind, are the medians over its pages of the parts and of the whole, the whole of the dearest
page, and how many pages keep within the goal. The JPEG's decoding is the floor: nothing can be seen before it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import sample_docs
from infra.measure.full_pages import dense_scans
from infra.measure.image_parts import NAMES, Cost, Job, measured
from pipeline.pdf import open_pdf
from pipeline.settings import load_settings
from pipeline.workers import WorkerPool

__all__ = ["main", "report"]

GOAL = 25.0  # CPU milliseconds
PAGE_SECONDS = 120.0


def report(kind: str, costs: Sequence[Cost]) -> str:
    """One line of the table."""
    middle = "".join(f"{median(cost[name] for cost in costs):11.1f}" for name in NAMES)
    dearest, within = max(cost["whole"] for cost in costs), sum(cost["whole"] <= GOAL for cost in costs)
    return f"{kind:24}{len(costs):5}{middle}{dearest:11.1f}{within:6} of {len(costs)}"


def _jobs(scratch: Path, pages: int, rounds: int) -> Iterator[Job]:
    for dpi in (200, 300):
        scans = dense_scans(scratch / f"{dpi}.pdf", pages, dpi)
        for number in range(1, pages + 1):
            yield Job(f"dense print, {dpi} dpi", scans, number, scratch / "store", rounds)
    for pdf in sorted((Path(sample_docs.__file__).parent / "inbox").glob("*/*.pdf")):
        for number in range(1, len(open_pdf(pdf)) + 1):
            yield Job("scans of sample_docs", pdf, number, scratch / "store" / pdf.stem, rounds)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.image_stage", description="CPU of the image stage.")
    parser.add_argument("--pages", type=int, default=6, help="pages of dense print at either resolution")
    parser.add_argument("--rounds", type=int, default=15, help="how often each page is made")
    given = parser.parse_args(arguments)
    settings = load_settings()
    costs: dict[str, list[Cost]] = {}
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start; CPU milliseconds a page")
    with tempfile.TemporaryDirectory(prefix="muniment-image-") as temporary:
        jobs = list(_jobs(Path(temporary), given.pages, given.rounds))
        with WorkerPool(1, memory_mb=settings.worker_memory_mb, tasks_per_worker=settings.worker_tasks) as workers:
            for job, cost in workers.run(measured, jobs, seconds=PAGE_SECONDS):
                if isinstance(cost, Exception):
                    raise cost
                if cost is not None:
                    costs.setdefault(job.kind, []).append(cost)
    print(f"{'':24}pages{''.join(f'{name:>11}' for name in (*NAMES, 'dearest'))}  within {GOAL:.0f} ms")
    print("\n".join(report(kind, found) for kind, found in costs.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
