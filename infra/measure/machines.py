"""Several machines on one catalog and one store, shown as processes; one of them is killed in the middle.

    . infra/ci-postgres.sh && python -m infra.measure.machines [--documents 24] [--pages 3] [--machines 2]

Takes in small born-digital documents made here, into a schema of their own on the PostgreSQL server of
MUNIMENT_TEST_POSTGRES_URL and a shared folder. Each machine is a process with a home of its own (its locks, its
workers, its thumbnails) and a host name of its own, so that no other looks whether its process lives. All work off
what was received until nothing is left; the first one gets kill -9 in the middle of a document, after it has ended
some. Each writes down when it held which document and which stage results it computed.

No Qdrant server can be had here: the machines share the embedded index by a link in each home, which only processes
of one machine can do. Prints who did what, and exits with 1 if a document was lost or doubled, was in the hands of
two machines at once, or was worked on again though nobody was killed over it.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1")

sys.path.append(str(Path(__file__).parents[2] / "tests"))
from databases import POSTGRES, fresh_url
from pdfs import AGREEMENT, LEASE, born_digital

import pipeline.ingest
from pipeline.catalog import Catalog
from pipeline.claims import claim
from pipeline.intake import discover, take
from pipeline.report import table
from pipeline.run import work_off
from pipeline.settings import load_settings
from pipeline.tables import leases
from pipeline.types import DocumentStatus
from pipeline.wiring import open_tools

__all__ = ["Outcome", "Span", "at_once", "main", "measure"]

LEASE_SECONDS = 3.0
GO = "go"  # the file that all machines wait for, their models loaded, so that none is done before another begins
ENDED = (DocumentStatus.DONE, DocumentStatus.AWAITING)
ROUND_SECONDS = 0.2  # between two looks at what is received
LONGEST = 900.0


@dataclass(frozen=True, slots=True)
class Span:
    """A document in the hands of a machine, by the host's clock; `end` is that of the kill where that came before."""

    document: str
    machine: int
    begin: float
    end: float


@dataclass
class Outcome:
    """What the machines did: `kept` counts the stage results each computed, by (content, page, stage). `in_hand` are
    the documents that the killed machine held."""

    spans: list[Span] = field(default_factory=list)
    kept: list[Counter[tuple[str, ...]]] = field(default_factory=list)
    in_hand: set[str] = field(default_factory=set)
    killed: float = 0.0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def again(self) -> Counter[str]:
        """How many stage results were computed more than once, by content."""
        found: Counter[str] = Counter()
        for key, times in sum(self.kept, Counter[tuple[str, ...]]()).items():
            found[key[0]] += times - 1
        return +found

    def taken_over(self) -> list[float]:
        """Seconds from the kill until another machine had the document, a document each."""
        later = [span for span in self.spans if span.document in self.in_hand and span.begin > self.killed]
        return [round(span.begin - self.killed, 1) for span in later]


def measure(folder: Path, url: str, documents: int, pages: int, machines: int) -> Outcome:
    """Have the machines finish the documents, kill the first on the way, and look at what there is."""
    setting = _setting(folder, url)
    taken = _take_in(folder, setting, documents, pages)
    outcome = Outcome()
    last = [documents // (6 * machines), *[documents] * (machines - 1)]  # documents each ends before it dies
    running = [_start(folder, number, setting, last[number]) for number in range(machines)]
    try:
        while not all((folder / f"machine-{number}.log").exists() for number in range(machines)):
            if any(process.poll() is not None for process in running):
                raise RuntimeError("a machine did not start")
            time.sleep(ROUND_SECONDS)
        start = time.monotonic()
        (folder / GO).touch()
        _died(running[0], outcome)
        for process in running[1:]:
            process.wait(LONGEST)
        outcome.seconds = time.monotonic() - start
    finally:
        for process in running:
            process.kill()
            process.wait()
    for number in range(machines):
        _read(folder, number, outcome)
    _judge(folder, setting, taken, pages, outcome)
    return outcome


def at_once(spans: Sequence[Span]) -> list[tuple[Span, Span]]:
    """Pairs of spans in which a document was in two hands."""
    ordered = sorted(spans, key=lambda span: (span.document, span.begin))
    return [(one, two) for one, two in pairwise(ordered) if one.document == two.document and two.begin < one.end]


def _setting(folder: Path, url: str) -> dict[str, Any]:
    store = folder / "share" / "store"
    store.mkdir(parents=True)
    return {"database_url": url, "store_url": store.as_uri(), "lease_seconds": LEASE_SECONDS, "workers": 1}


def _home(folder: Path, number: int) -> Path:
    """The home of a machine, with a link to the index that all share."""
    home, index = folder / f"machine-{number}", folder / "share" / "index"
    index.mkdir(exist_ok=True)
    home.mkdir(mode=0o700)
    (home / "index").symlink_to(index)
    return home


def _take_in(folder: Path, setting: dict[str, Any], documents: int, pages: int) -> list[str]:
    for number in range(documents):
        texts = [f"Contract No. {number}, page {page}\n\n{(AGREEMENT, LEASE)[page % 2]}" for page in range(pages)]
        born_digital(folder / "inbox" / f"contract-{number}.pdf", *texts)
    with open_tools(load_settings(home=folder / "front", **setting)) as tools:
        found = discover([folder / "inbox"], "m", "m")
        return [take(one, tools.store, tools.catalog, max_file_mb=64)[0].id for one in found]


def _start(folder: Path, number: int, setting: dict[str, Any], last: int) -> subprocess.Popen[bytes]:
    own = {"home": _home(folder, number), **setting}
    environment = os.environ | {f"MUNIMENT_{name.upper()}": str(value) for name, value in own.items()}
    command = [sys.executable, "-m", "infra.measure.machines", "--work", str(folder / f"machine-{number}.log")]
    command += ["--last", str(last)]
    return subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2])


def _died(process: subprocess.Popen[bytes], outcome: Outcome) -> None:
    """The first machine's end."""
    if process.wait(LONGEST) != -signal.SIGKILL:
        outcome.wrong.append("the first machine ended before it was killed")
    outcome.killed = time.monotonic()


def _read(folder: Path, number: int, outcome: Outcome) -> None:
    """The machine's log; a document still open at its end was in its hands when it was killed."""
    kept, held = Counter[tuple[str, ...]](), dict[str, float]()
    for line in (folder / f"machine-{number}.log").read_text().splitlines():
        moment, what, *rest = line.split("\t")
        if what == "kept":
            kept[tuple(rest)] += 1
        elif what == "held":
            held[rest[0]] = float(moment)
        elif what == "left":
            outcome.spans.append(Span(rest[0], number, held.pop(rest[0]), float(moment)))
    outcome.kept.append(kept)
    outcome.in_hand |= held.keys()
    outcome.spans += [Span(document, number, begin, outcome.killed) for document, begin in held.items()]


def _judge(folder: Path, setting: dict[str, Any], taken: Sequence[str], pages: int, outcome: Outcome) -> None:
    wrong = outcome.wrong
    with open_tools(load_settings(home=folder / "machine-0", **setting)) as tools:
        documents = tools.catalog.documents()
        wrong += [f"{one.id} ended as {one.status}" for one in documents if one.status not in ENDED]
        if sorted(one.id for one in documents) != sorted(taken):
            wrong.append(f"{len(documents)} documents in the catalog, {len(taken)} taken in")
        counts = {len(tools.catalog.pages(one.id)) for one in documents} | {len(tools.index.pages_of(i)) for i in taken}
        if counts != {pages} or tools.index.count() != pages * len(taken):
            wrong.append(f"pages a document: {counts}, {tools.index.count()} points in the index")
        with tools.catalog.database.read() as connection:
            left = {row.document for row in connection.execute(leases.select())} - outcome.in_hand
            wrong += [f"a lease on {document} was left" for document in left]
        in_hand = {one.sha256 for one in documents if one.id in outcome.in_hand}
    wrong += [f"{one.document} was in two hands: {one}, {two}" for one, two in at_once(outcome.spans)]
    again = {sha256: times for sha256, times in outcome.again().items() if sha256 not in in_hand}
    wrong += [f"{times} results of {sha256} were computed again" for sha256, times in again.items()]


def _work(log: Path, last: int) -> None:
    """A machine's life: work off what is received, until nothing is, or until kill -9 ends it: at the first page read
    of a document after it has ended `last` of them."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    ended = Counter[str]()

    def note(what: str, *words: object) -> None:
        os.write(handle, "\t".join(map(str, (time.monotonic(), what, *words))).encode() + b"\n")
        ended[what] += 1
        if what == "kept" and words[-1] == "read" and ended["left"] >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    socket.gethostname = lambda: log.stem
    _listen(note)
    with open_tools() as tools:
        tools.text_embedder.embed(["to wake it"])
        note("ready")
        while not (log.parent / GO).exists():
            time.sleep(ROUND_SECONDS)
        while tools.catalog.documents(status=DocumentStatus.RECEIVED):
            work_off(tools)
            time.sleep(ROUND_SECONDS)


def _listen(note: Any) -> None:
    """Have each claim and each stage result written down; the parts themselves are the real ones."""
    remember = Catalog.remember

    @contextmanager
    def noted(locks: Path, database: Any, document: str, **how: Any) -> Iterator[Any]:
        with claim(locks, database, document, **how) as held:
            note("held", document)
            yield held
            note("left", document)

    def kept(self: Catalog, sha256: str, stage: str, version: str, payloads: Mapping[int, str], seconds: float) -> None:
        remember(self, sha256, stage, version, payloads, seconds)
        for page in payloads:
            note("kept", sha256, page, stage)

    pipeline.ingest.claim = noted  # type: ignore[attr-defined]
    Catalog.remember = kept  # type: ignore[method-assign]


def _print(outcome: Outcome, documents: int, pages: int) -> None:
    print(f"{documents} documents of {pages} pages in {outcome.seconds:.1f} s, machine 0 killed on the way")
    rows: list[tuple[object, ...]] = [("machine", "documents held", "stage results computed")]
    for number, kept in enumerate(outcome.kept):
        walked = {span.document for span in outcome.spans if span.machine == number}
        computed = {sha256 for sha256, *_ in kept}
        rows.append((number, f"{len(walked)} ({len(computed)} worked on)", kept.total()))
    print(table(rows))
    again = outcome.again()
    print(f"in hand at the kill: {len(outcome.in_hand)}, taken over after {outcome.taken_over()} s")
    print(f"computed more than once: {again.total()} results of {len(again)} documents")
    print(*(outcome.wrong or ["nothing lost, nothing doubled, no document in two hands"]), sep="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; exit code 1 when anything was violated."""
    parser = argparse.ArgumentParser(description="Machines that share a catalog and a store; one is killed.")
    parser.add_argument("--documents", type=int, default=24)
    parser.add_argument("--pages", type=int, default=3, help="of each document")
    parser.add_argument("--machines", type=int, default=2)
    parser.add_argument("--work", type=Path, metavar="LOG", help=argparse.SUPPRESS)
    parser.add_argument("--last", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.work:
        _work(chosen.work, chosen.last)
        return 0
    if not POSTGRES:
        parser.error("MUNIMENT_TEST_POSTGRES_URL names no server: . infra/ci-postgres.sh starts one")
    with tempfile.TemporaryDirectory(prefix="machines-") as name, fresh_url("postgresql", Path(name)) as url:
        outcome = measure(Path(name), url, chosen.documents, chosen.pages, chosen.machines)
    _print(outcome, chosen.documents, chosen.pages)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
