"""What a reconciliation costs: seconds, CPU and memory over a home of so many pages, without and with `--deep`.

    python -m infra.measure.reconciling [--pages 100000] [--folder /dev/shm]

Makes a home whose rows, blobs and points are what ingest leaves, 20 pages a document, with words made up and blobs
of 4 KiB (a real page image is some 50 times that: what `--deep` reads grows with it, nothing else does). Reconciles it
once as it is, once with `--deep`, and once after one in a thousand documents each lost a page image, its points or a
page, read-only. Prints a line each, and exits with 1 when the whole home has a fault or what went missing is not
found exactly.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from sqlalchemy import delete, insert

from pipeline.backends.protocols import IndexedPage, SparseVector
from pipeline.keeping.inventory import images_of
from pipeline.names import document_id
from pipeline.reconcile import Reconciliation, reconcile
from pipeline.report import table
from pipeline.rows import pack
from pipeline.settings import load_settings
from pipeline.stages import versions
from pipeline.tables import documents, pages, results
from pipeline.wiring import Tools, open_tools

__all__ = ["fill", "main"]

PAGES = 20  # of one document
BYTES = 4096  # of one blob
STAGES = {"read": 12_000, "triage": 400, "extract": 2_000}  # bytes of JSON a page, beside the image's


def fill(tools: Tools, count: int) -> None:
    """A home of so many pages."""
    known, noise = versions(tools), random.Random(1)
    words = " ".join(f"{noise.randrange(10**6):x}" for _ in range(4000))
    for number in range(count // PAGES):
        sha256 = tools.store.put(noise.randbytes(BYTES))
        id, matter = document_id("acme", sha256), "acme"
        images = [tools.store.put(noise.randbytes(BYTES)) for _ in range(PAGES)]
        row = {"id": id, "matter": matter, "name": f"{number}.pdf", "sha256": sha256, "status": "done", "reason": ""}
        row |= {"page_count": PAGES, "received": float(number), "record": "{}", "indexed": known["index"]}
        listed = {"document": id, "route": "text", "status": "extracted", "reasons": "[]"}
        with tools.catalog.database.write() as connection:
            connection.execute(insert(documents).values(row))
            connection.execute(insert(pages), [listed | {"number": n} for n in range(1, PAGES + 1)])
            connection.execute(insert(results), list(_results(sha256, images, known, words)))
        tools.index.upsert([_point(id, matter, n) for n in range(1, PAGES + 1)])


def _results(sha256: str, images: Sequence[str], known: dict[str, str], words: str) -> Iterator[dict[str, object]]:
    for page, image in enumerate(images, 1):
        payloads = {"render": f'{{"number": {page}, "sha256": "{image}", "width": 1700, "height": 2200}}'}
        payloads |= {stage: f'"{words[page : page + size]}"' for stage, size in STAGES.items()}
        for stage, payload in payloads.items():
            row = {"sha256": sha256, "page": page, "stage": stage, "version": known[stage]}
            yield row | {"payload": pack(payload), "seconds": 0.1}


def _point(document: str, matter: str, page: int) -> IndexedPage:
    unit = np.zeros((1, 384), dtype=np.float32)
    unit[0, page] = 1.0
    payload = {"document": document, "matter": matter, "page": page, "name": "x.pdf", "text": []}
    return IndexedPage(
        document, page, unit, SparseVector((1,), (1.0,)), unit, SparseVector((1,), (1.0,)), payload=payload
    )


def _damage(tools: Tools) -> dict[str, int]:
    """Take away one in a thousand of each, at least one; how many of each kind must be found."""
    known = tools.catalog.documents()
    few = max(1, len(known) // 1000)
    for document in known[-few:]:
        tools.store.place(min(images_of(tools.catalog, document.sha256))).unlink()
    for document in known[:few]:
        tools.index.delete(document.id)
    torn = [document.id for document in known[few : 2 * few]]
    with tools.catalog.database.write() as connection:
        connection.execute(delete(pages).where(pages.c.document.in_(torn), pages.c.number == 1))
    return {"image-lost": few, "pages-incomplete": few, "points-missing": few}


def _timed(tools: Tools, what: str, *, deep: bool = False) -> tuple[Reconciliation, tuple[str, ...]]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = reconcile(tools, deep=deep)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    spent = (time.perf_counter() - wall, time.process_time() - cpu)
    return found, (what, *(f"{seconds:.1f}" for seconds in spent), f"{peak}", str(len(found.faults)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; exit code 1 when what was found is not what is wrong."""
    parser = argparse.ArgumentParser(description="What a reconciliation costs.")
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where the home lies, for instance /dev/shm")
    chosen = parser.parse_args(arguments)
    kept = tempfile.TemporaryDirectory(prefix="reconciling-", dir=chosen.folder)
    with kept as name, open_tools(load_settings(home=Path(name))) as tools:
        fill(tools, chosen.pages)
        whole, first = _timed(tools, "as it is")
        deep, second = _timed(tools, "deep", deep=True)
        wanted = _damage(tools)
        damaged, third = _timed(tools, "one in a thousand gone")
        tools.release_index()
    head = (f"{chosen.pages} pages", "seconds", "CPU seconds", "peak MiB", "kinds of faults")
    print(table([head, first, second, third]))
    found = {fault.kind: fault.count for fault in damaged.faults}
    return 0 if not whole.faults and not deep.faults and found == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
