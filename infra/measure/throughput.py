"""How many pages a second, at which cost in CPU and memory, stage by stage; and beside ocrmypdf up to the words.

    python -m infra.measure.throughput [--pages 12] [--long 600] [--quick]

Makes its own documents from the texts of sample_docs: dense scans (`scanify`'s `light`: 200 dpi grey JPEG, about 600
words a page), the same pages born-digital, and one long born-digital document with a scan every tenth page. Prints

- dense scans and born-digital pages, one stage after the other over all pages: seconds, CPU seconds, CPU a page, pages
  a second, and the peak memory (PSS) of this process, its workers and the index owner; then the whole run
  (`ingest_paths`) over the same pages, where stages overlap, and how many cores 100,000 pages a day take at that cost;
- ocrmypdf on the very same scans, if it and its tesseract are on the PATH or named by OCRMYPDF, with as many jobs as
  there are workers, writing a plain PDF without optimising it: compared with the road up to `read`. Says which
  models either used;
- the long document through `muniment ingest` in a process of its own: pages a second and peak memory, start included.

Models of page images take part as MUNIMENT_PAGE_MODEL, MUNIMENT_PAGE_IMAGES and MUNIMENT_TRIAGE_MODEL say; by default
the image of a page that reads well waits for the night. `--quick` is a sixth of it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from infra.measure.family import Watch
from infra.measure.full_pages import born_digital, dense_scans, long_document
from infra.measure.walk import walk
from pipeline import stages
from pipeline.backends.ocr import tessdata_folder
from pipeline.intake import discover, take
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.wiring import Tools, open_tools

__all__ = ["Row", "main", "stage_by_stage", "whole_run"]

DAY = 100_000 / 86_400  # pages a second
UP_TO_READ = ("inspect", "render", "read")


@dataclass(frozen=True)
class Row:
    """One line of a table: what ran, over how many pages, and what it took."""

    name: str
    pages: int
    wall: float
    cpu: float
    peak: int

    def __str__(self) -> str:
        rate, each = self.pages / max(self.wall, 1e-9), 1000 * self.cpu / max(self.pages, 1)
        cost = f"{self.wall:8.1f} s {self.cpu:8.1f} s {each:8.0f} ms {rate:8.2f}/s"
        return f"{self.name:30}{cost} {self.peak / 2**20:8,.0f} MiB"


HEAD = f"{'':30}{'wall':>10}{'CPU':>11}{'CPU a page':>12}{'pages':>10}{'peak PSS':>13}"


@dataclass
class _Table:
    """Rows in the order they were measured."""

    mark: str
    pages: int
    rows: list[Row] = field(default_factory=list)

    @contextmanager
    def row(self, name: str) -> Iterator[None]:
        """Measure what runs inside."""
        with Watch(mark=self.mark) as watch:
            yield
        self.rows.append(Row(name, self.pages, watch.wall, watch.cpu, watch.peak))


def stage_by_stage(paths: Sequence[Path], pages: int, home: Path) -> list[Row]:
    """Each stage over all the documents before the next one begins."""
    table = _Table(str(home), pages)
    with open_tools(load_settings(home=home)) as tools:
        with table.row("load the text model"):
            tools.text_embedder.embed(["to wake it"])
        found = [take(one, tools.store, tools.catalog, max_file_mb=1024)[0] for one in discover(paths, "m", "m")]
        works = [stages.Work(document, tools) for document in found]
        with table.row("inspect"):
            infos = [stages.inspect(work) for work in works]
        with table.row("render"):
            images = [stages.render(work, info) for work, info in zip(works, infos, strict=True)]
        with table.row("read"):
            texts = [stages.read(work, image) for work, image in zip(works, images, strict=True)]
        inputs = [stages.readable(*one) for one in zip(works, images, texts, strict=True)]
        with table.row("triage"):
            routes = [stages.triage(work, page) for work, page in zip(works, inputs, strict=True)]
        with table.row("extract"):
            found_in = [stages.extract(*one) for one in zip(works, inputs, routes, strict=True)]
        with table.row("merge, settle"):
            contracts = [stages.merge(*one) for one in zip(works, infos, found_in, routes, strict=True)]
            for one in zip(works, images, texts, routes, contracts, strict=True):
                stages.settle(*one)
        with table.row("index"):
            for one in zip(works, inputs, routes, contracts, strict=True):
                stages.index(*one)
    return table.rows


def whole_run(paths: Sequence[Path], pages: int, home: Path) -> Row:
    """`ingest_paths` over the documents, models loaded before the clock starts."""
    with open_tools(load_settings(home=home)) as tools:
        _wake(tools)
        with Watch(mark=str(home)) as watch:
            ingest_paths(paths, "m", tools)
    return Row("whole run", pages, watch.wall, watch.cpu, watch.peak)


def _wake(tools: Tools) -> None:
    tools.text_embedder.embed(["to wake it"])
    if tools.page_embedder is not None and tools.settings.page_images == "all":
        blank = tools.settings.root / "blank.png"
        Image.new("L", (85, 110), 255).save(blank)
        tools.page_embedder.embed_pages([blank])


def ocrmypdf(pdf: Path, pages: int, scratch: Path, jobs: int) -> Row | None:
    """The peer on the same file; None where it is not installed or fails."""
    program = os.environ.get("OCRMYPDF") or shutil.which("ocrmypdf")
    if not program or not shutil.which("tesseract"):
        return None
    options = ["--output-type", "pdf", "--optimize", "0", "--jobs", str(jobs), "--quiet"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    with Watch(mark=str(scratch)) as watch:
        done = subprocess.run(
            [program, *options, str(pdf), str(scratch / "ocrmypdf.pdf")],
            env=environment | {"TMPDIR": str(scratch)},
            check=False,
        )
    return Row("ocrmypdf", pages, watch.wall, watch.cpu, watch.peak) if done.returncode == 0 else None


def _models() -> str:
    """Which English model either reader uses."""
    ours = tessdata_folder(None, "eng") / "eng.traineddata"
    program, listed = shutil.which("tesseract"), ""
    if program:
        listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False).stdout
    theirs = Path(listed.partition('"')[2].partition('"')[0]) / "eng.traineddata"
    return f"eng.traineddata by SHA-256: ours {_digest(ours)}, theirs {_digest(theirs)}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else "not found"


def _compare(rows: Sequence[Row], peer: Row | None) -> Iterator[str]:
    ours = [row for row in rows if row.name in UP_TO_READ]
    wall, pages = sum(row.wall for row in ours), rows[0].pages
    total = Row("up to read", pages, wall, sum(row.cpu for row in ours), max(row.peak for row in ours))
    yield str(total)
    if peer is None:
        yield "ocrmypdf: not installed (pip install ocrmypdf, Debian's tesseract-ocr), not compared"
        return
    yield str(peer)
    yield f"up to read: {peer.wall / wall:.2f} times ocrmypdf's pages a second; {_models()}"


def _tell(title: str, lines: Sequence[object]) -> None:
    print("\n".join([f"\n{title}", HEAD, *map(str, lines)]), flush=True)


def _at_scale(row: Row) -> str:
    """What the whole run's cost means for 100,000 pages a day."""
    cores = row.cpu / row.pages * DAY
    return f"{row.cpu / row.wall:.1f} cores busy; 100,000 pages a day ({DAY:.2f}/s) take {cores:.1f} cores at this cost"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.throughput", description="Pages a second by stage.")
    parser.add_argument("--pages", type=int, default=12, help="dense scans; four times as many are born-digital")
    parser.add_argument("--long", type=int, default=600, help="pages of the long document; 0: none")
    parser.add_argument("--quick", action="store_true", help="a sixth of the pages")
    given = parser.parse_args(arguments)
    few, many = (max(given.pages // 6, 2), given.long // 6) if given.quick else (given.pages, given.long)
    with tempfile.TemporaryDirectory(prefix="muniment-speed-") as temporary:
        scratch = Path(temporary)
        workers = load_settings().workers
        print(f"{workers} workers, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start")
        scans = dense_scans(scratch / "dense.pdf", few)
        rows = stage_by_stage([scans], few, scratch / "home-1")
        peer = ocrmypdf(scans, few, scratch, workers)
        whole = whole_run([scans], few, scratch / "home-2")
        _tell(f"dense scans, {few} pages", [*rows, *_compare(rows, peer), whole, _at_scale(whole)])
        born = born_digital(scratch / "born", 4 * few)
        rows = stage_by_stage(born, 4 * few, scratch / "home-3")
        whole = whole_run(born, 4 * few, scratch / "home-4")
        _tell(f"born-digital, {4 * few} pages in {len(born)} documents", [*rows, whole, _at_scale(whole)])
        if many:
            long = long_document(scratch / "long" / "long.pdf", many, scans)
            outcome = walk(long.parent, scratch)
            row = Row("muniment ingest", many, outcome.wall, outcome.cpu, outcome.peak)
            ended = f"{len(outcome.documents[0]['pages'])} pages, {outcome.documents[0]['status']}"
            _tell(f"one document of {many} pages, every tenth a scan", [row, f"ended: {ended}"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
