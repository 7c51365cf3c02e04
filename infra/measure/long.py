"""A document of 600 pages, and 2,000 documents of one page: do they end, and does the memory stay flat?

    python -m infra.measure.long [--pages 600] [--documents 2000]

Makes small born-digital pages, no two alike, and has `muniment ingest` take them in and work them off, in a process of
its own and an empty home each: rendering, reading, extraction, embedding and index are the real ones. Prints pages a
second and, by kind of process, the memory (PSS) one process took at most and its growth from the second third of the
run to the last. The long document's memory is held against that of one of 30 pages, because stages, and with them the
models that are loaded, follow each other over the whole document; that of the many documents against their own.

Exits with 1 if a document or page did not end; if the run or a worker took over half as much again for the long
document as for the short one; or if their memory grew by more than 15 % over the many. The index owner's memory is
told, too: it holds an index that grows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1")

from infra.measure.flat import GROWTH, Memory, growth
from infra.measure.full_pages import everlasting
from pipeline.report import table
from pipeline.types import DocumentStatus, PageStatus

__all__ = ["Run", "ingest", "main", "many_documents", "one_document"]

SHORT, LONGER = 30, 0.5  # pages of the document a long one is held against; by how much it may take more memory
BOUNDED = {"the run", "the workers"}
WIDTH, HEIGHT, WORDS = 300, 220, 60  # of a page, in points
IDLE_SECONDS = 2.0
DEADLINE = 3600.0
ENDED = (PageStatus.EXTRACTED, PageStatus.AWAITING, PageStatus.BLANK)
SETTLED = (DocumentStatus.DONE, DocumentStatus.AWAITING)


@dataclass(frozen=True)
class Run:
    """What a run left: documents and pages that ended, its seconds, its processes' memory."""

    documents: int
    pages: int
    seconds: float
    memory: Memory

    def unfinished(self, documents: int, pages: int) -> list[str]:
        """What did not end, of so many."""
        if (self.documents, self.pages) == (documents, pages):
            return []
        return [f"{self.documents} of {documents} documents and {self.pages} of {pages} pages ended"]

    def grown(self) -> list[str]:
        """Whose memory went on growing."""
        found = {kind: growth(seen) for kind, seen in self.memory.seen.items() if kind in BOUNDED}
        return [f"the memory of {kind} grew by {by:.0%}" for kind, by in found.items() if by > GROWTH]

    def above(self, short: Run) -> list[str]:
        """Who took more memory than for a short document."""
        kinds = self.memory.seen.keys() & short.memory.seen.keys() & BOUNDED
        found = {kind: max(self.memory.seen[kind]) / max(short.memory.seen[kind]) - 1 for kind in sorted(kinds)}
        return [f"{kind} took {by:.0%} more than for {SHORT} pages" for kind, by in found.items() if by > LONGER]


def one_document(folder: Path, pages: int) -> None:
    """One PDF of so many pages in the folder."""
    _write(folder / "long.pdf", range(pages))


def many_documents(folder: Path, documents: int) -> None:
    """So many PDFs of a page in the folder."""
    for number in range(documents):
        _write(folder / f"page-{number:05}.pdf", [number])


def ingest(inbox: Path, scratch: Path, every: float = 2.0) -> Run:
    """Have `muniment ingest` work the folder off, in a home below `scratch`."""
    own = {"MUNIMENT_HOME": str(scratch / "home"), "MUNIMENT_INDEX_IDLE_SECONDS": str(IDLE_SECONDS)}
    command = [sys.executable, "-m", "pipeline", "ingest", str(inbox), "--matter", "long", "--json"]
    start = time.monotonic()
    process = subprocess.Popen(command, env=os.environ | own, stdout=subprocess.PIPE)
    with process, Memory(process.pid, str(scratch), every) as memory:
        printed, _ = process.communicate(timeout=DEADLINE)
    documents = json.loads(printed or b'{"documents": []}')["documents"]
    pages = sum(page["status"] in ENDED for document in documents for page in document["pages"])
    settled = sum(document["status"] in SETTLED for document in documents)
    return Run(settled, pages, time.monotonic() - start, memory)


def _write(target: Path, numbers: Sequence[int]) -> None:
    import pymupdf

    target.parent.mkdir(parents=True, exist_ok=True)
    words = everlasting(numbers[0])
    with pymupdf.open() as document:
        for number in numbers:
            page = document.new_page(width=WIDTH, height=HEIGHT)
            text = f"Sheet {number}. " + " ".join(islice(words, WORDS))
            page.insert_textbox((20, 20, WIDTH - 20, HEIGHT - 10), text, fontsize=8, fontname="tiro")
        document.save(target, deflate=True, no_new_id=True)


def _told(what: str, make: Callable[[Path, int], None], size: int) -> Run:
    with tempfile.TemporaryDirectory(prefix="long-") as folder:
        make(Path(folder) / "inbox", size)
        run = ingest(Path(folder) / "inbox", Path(folder))
    print(f"{what}: {run.seconds:.0f} s, {run.pages / run.seconds:.1f} pages/s")
    print(table(run.memory.rows()), flush=True)
    return run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; exit code 1 when it was not as it should be."""
    parser = argparse.ArgumentParser(description="A long document and many short ones, and the memory they take.")
    parser.add_argument("--pages", type=int, default=600, help="of the long document")
    parser.add_argument("--documents", type=int, default=2000, help="of one page")
    chosen = parser.parse_args(arguments)
    short = _told(f"a document of {SHORT} pages", one_document, SHORT)
    long = _told(f"a document of {chosen.pages} pages", one_document, chosen.pages)
    many = _told(f"{chosen.documents} documents of one page", many_documents, chosen.documents)
    wrong = [*long.unfinished(1, chosen.pages), *long.above(short)]
    wrong += [*many.unfinished(chosen.documents, chosen.documents), *many.grown()]
    print(*(wrong or ["all ended, memory flat"]), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
