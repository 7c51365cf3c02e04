"""A day of arrivals at the reference rate, replayed at high speed: 5,000 documents, 100,000 pages.

    python -m infra.measure.day [--documents 5000] [--minutes 10]

What a machine would read is recorded (`recording.py`): words, answers and vectors, which are what takes a real day.
All the rest is the product's own: the files that arrive, intake, store, claims, stage results, triage, grounding,
merging, the record, the index and its owner process. Two processes work on one home: one takes in what arrives, over
so many minutes, more in the morning and after lunch; the other works off what was received until nothing is left.

Prints, twelve times on the way, what arrived, was done and waits, and the memory of each process; then pages a second,
CPU by process, seconds by stage, sizes of catalog, index and store, and what a document took at the beginning and at
the end.
Exits with 1 if a document or page is missing, if the queue did not drain, if the worker's memory went on growing
(over 15 % from the second third of the run to the last), or if the last tenth of the documents took more than half
as long again as the first tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1")

from infra.measure.family import cpu, pss
from infra.measure.flat import GROWTH, growth
from infra.measure.recording import file_of, kept, loaded, matter_of, play, record
from pipeline.intake import Incoming, take
from pipeline.report import table
from pipeline.run import RunOptions, Work, Worked, threads, work_off
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus, PageStatus
from pipeline.wiring import Tools, open_tools

__all__ = ["Day", "Sample", "arrivals", "main", "replay"]

HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 12, 9, 6, 10, 13, 11, 9, 6, 4, 2, 1, 1, 1, 1)  # documents, by hour of the day
SAMPLES = 60
TOLD = 12
SLOWER = 0.5  # above which documents at the end take longer
RUN_SECONDS, LOOK_SECONDS = 120.0, 0.2  # of one `work_off`, as a deployment bounds it; between two of them
DRAIN_SECONDS = 3600.0
SETTLED = (DocumentStatus.DONE, DocumentStatus.AWAITING)


@dataclass(frozen=True, slots=True)
class Sample:
    """A look at the run: seconds since its start, documents, and MiB and seconds of CPU by process."""

    second: float
    arrived: int
    done: int
    memory: dict[str, float]
    cpu: dict[str, float] = field(default_factory=dict)


@dataclass
class Day:
    """What was seen of a day: `took` are the seconds of each document, in the order they ended."""

    documents: int
    samples: list[Sample] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)
    pages: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def growth(self, process: str) -> float:
        """By how much the process's memory in the last third of the run exceeds that of the second third."""
        return growth([one.memory[process] for one in self.samples if process in one.memory])

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each process had used when it was last seen."""
        return {name: seconds for one in self.samples for name, seconds in one.cpu.items()}

    def slower(self) -> float:
        """By how much a document of the last tenth took longer than one of the first, medians."""
        tenth = max(len(self.took) // 10, 1)
        return statistics.median(self.took[-tenth:]) / statistics.median(self.took[:tenth]) - 1


def arrivals(documents: int, seconds: float) -> list[float]:
    """When each document arrives, if a day takes so many seconds."""
    whole = list(accumulate(HOURS, initial=0))

    def moment(share: float) -> float:
        hour = max(bisect_left(whole, share * whole[-1]), 1)
        part = (share * whole[-1] - whole[hour - 1]) / HOURS[hour - 1]
        return (hour - 1 + part) / len(HOURS) * seconds

    return [moment(number / documents) for number in range(documents)]


def replay(folder: Path, documents: int, seconds: float) -> Day:
    """Have the day arrive and be worked off in processes of their own, and look at what there is then."""
    day, home = Day(documents), folder / "home"
    with open_tools(load_settings(home=home)) as tools:
        kept(record(tools), folder / "recording")
        tools.release_index()
    start = time.monotonic()
    processes = {name: _start(name, folder, documents, seconds) for name in ("arrive", "work")}
    try:
        with open_tools(load_settings(home=home)) as tools:
            _watch(tools, folder, processes, day, seconds)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    day.seconds = time.monotonic() - start
    with open_tools(load_settings(home=home)) as tools:
        play(loaded(folder / "recording"), tools)
        _judge(tools, folder, day)
    return day


def _start(name: str, folder: Path, documents: int, seconds: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "infra.measure.day", "--part", name, "--folder", str(folder)]
    command += ["--documents", str(documents), "--minutes", str(seconds / 60)]
    environment = os.environ | {"MUNIMENT_HOME": str(folder / "home")}
    return subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[2])


def _arrive(folder: Path, documents: int, seconds: float) -> None:
    """Files appear in the inbox at their times, are taken in, and go: as the watcher does with a drop."""
    with open_tools() as tools:
        start = time.monotonic()
        for number, moment in enumerate(arrivals(documents, seconds)):
            time.sleep(max(0.0, start + moment - time.monotonic()))
            path = folder / "inbox" / matter_of(number) / f"scan-{number:06}.pdf"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file_of(number))
            take(Incoming(path, matter_of(number), path.name, path.parent), tools.store, tools.catalog, max_file_mb=64)
            path.unlink()


def _work(folder: Path, documents: int) -> None:
    """Work off what is received until the whole day is done; each document's seconds are written down."""
    with open_tools() as tools, (folder / "took").open("w", buffering=1) as took:
        play(loaded(folder / "recording"), tools)
        at_once, done = threads(tools.settings.documents_at_once), 0

        def mapped(work: Work, received: Sequence[Document]) -> Iterator[Worked]:
            def timed(document: Document) -> Document:
                begin = time.monotonic()
                walked = work(document)
                took.write(f"{(time.monotonic() - begin) / max(walked.page_count, 1)}\n")
                return walked

            return at_once(timed, received)

        while done < documents:
            done += len(work_off(tools, RunOptions(mapped=mapped), at_most=RUN_SECONDS).documents)
            time.sleep(LOOK_SECONDS)
        (folder / "stages").write_text("\n".join(f"{name}\t{s}" for name, s in tools.clock.seconds.items()))


def _watch(tools: Tools, folder: Path, processes: dict[str, subprocess.Popen[bytes]], day: Day, seconds: float) -> None:
    """Look on until the worker has ended, as often as `SAMPLES` says and as `TOLD` of it is printed."""
    start, every = time.monotonic(), seconds / SAMPLES
    while processes["work"].poll() is None:
        second = time.monotonic() - start
        if second > seconds + DRAIN_SECONDS or processes["arrive"].poll() not in (None, 0):
            day.wrong.append("the queue did not drain")
            return
        statuses = [one.status for one in tools.catalog.documents()]
        done = sum(status in SETTLED for status in statuses)
        pids = _pids(folder, processes)
        memory = {name: round(pss(pid) / 2**20) for name, pid in pids.items()}
        used = {name: cpu(pid) for name, pid in pids.items()}
        day.samples.append(Sample(second, len(statuses), done, memory, used))
        if len(day.samples) % (SAMPLES // TOLD) == 1:
            print(_told(day.samples[-1]), flush=True)
        time.sleep(every)


def _pids(folder: Path, processes: dict[str, subprocess.Popen[bytes]]) -> dict[str, int]:
    pids = {name: process.pid for name, process in processes.items() if process.poll() is None}
    with suppress(OSError, ValueError, KeyError):
        pids["index owner"] = json.loads((folder / "home" / "index" / "owner.json").read_text())["pid"]
    return pids


def _told(one: Sample) -> str:
    memory = ", ".join(f"{name} {size:.0f} MiB" for name, size in one.memory.items())
    return f"{one.second:6.0f} s  arrived {one.arrived:5}  done {one.done:5}  wait {one.arrived - one.done:5}  {memory}"


def _judge(tools: Tools, folder: Path, day: Day) -> None:
    """Whether all is there, once, and what it weighs."""
    recording = loaded(folder / "recording")
    wanted = sum(recording.count(number) for number in range(day.documents))
    found = tools.catalog.documents()
    day.pages = sum(tools.catalog.page_totals().values())
    day.took = [float(line) for line in (folder / "took").read_text().split()]
    day.stages = {name: float(s) for name, s in (line.split("\t") for line in (folder / "stages").open())}
    day.sizes = {name: size_of(folder / "home" / name) / 2**20 for name in ("catalog.sqlite", "index", "store")}
    settled = sum(one.status in SETTLED for one in found)
    blank = tools.catalog.page_totals().get(PageStatus.BLANK, 0)
    if (len(found), settled, day.pages) != (day.documents, day.documents, wanted):
        day.wrong.append(f"{len(found)} documents, {settled} of them finished, {day.pages} of {wanted} pages")
    if (points := tools.index.count()) != wanted - blank:
        day.wrong.append(f"{points} points in the index for {wanted - blank} pages")
    if (more := day.growth("work")) > GROWTH:
        day.wrong.append(f"the worker's memory grew by {more:.0%} from the second third of the run to the last")
    if (longer := day.slower()) > SLOWER:
        day.wrong.append(f"a page of the last documents took {longer:.0%} longer than one of the first")


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder, as they lie on the disk."""
    files = [path, *path.rglob("*")]
    return sum(one.lstat().st_blocks * 512 for one in files if one.is_file())


def _print(day: Day) -> None:
    print(f"{day.documents} documents, {day.pages} pages in {day.seconds:.0f} s: {day.pages / day.seconds:.1f} pages/s")
    deepest = max(one.arrived - one.done for one in day.samples)
    print(f"at most {deepest} documents waited; a page took {day.slower():+.0%} at the end as against the beginning")
    for name in day.samples[-2].memory if len(day.samples) > 1 else ():
        print(f"memory of {name}: {day.growth(name):+.0%} from the second third of the run to the last")
    for name, used in day.cpu().items():
        print(f"CPU of {name}: {used:.0f} s, {used * 1000 / day.pages:.1f} ms a page")
    print("seconds by stage\n" + table([(name, f"{seconds:.1f}") for name, seconds in day.stages.items()]))
    sizes = [(name, f"{mib:,.0f} MiB", f"{mib * 1024 / day.pages:.1f} KiB a page") for name, mib in day.sizes.items()]
    print("sizes\n" + table(sizes))
    print(*(day.wrong or ["all there, once; the queue drained; memory flat"]), sep="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; exit code 1 when it was not as it should be."""
    parser = argparse.ArgumentParser(description="A day of arrivals, replayed at high speed.")
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=10.0, help="in which they arrive")
    parser.add_argument("--part", choices=["arrive", "work"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.part == "arrive":
        _arrive(chosen.folder, chosen.documents, chosen.minutes * 60)
    elif chosen.part == "work":
        _work(chosen.folder, chosen.documents)
    else:
        with tempfile.TemporaryDirectory(prefix="day-") as name:
            day = replay(Path(name), chosen.documents, chosen.minutes * 60)
        _print(day)
        return 1 if day.wrong else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
