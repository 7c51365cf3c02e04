"""A thousand drops by writers that do what scanners do, into a watcher that is killed at random: is a file lost,
doubled, or taken in part?

    python -m infra.measure.drops [--times 1000] [--writers 8] [--settle 0.4] [--seed 7] [--no-kills]

Makes small PDFs and TIFFs, no two alike, and drops each in one of these ways, by turns, from several processes at once:
written at a stroke; with a pause in mid-file; closed in mid-file and opened again; under a passed-over name and then
renamed; half, renamed into place, and written on; half, cut back to nothing and written anew; whole, and kept open for
a while; in many small pieces; twice, under two names; and as a second version renamed over a first one. Pauses are
random, up to three times the time a file must stand still, so that many are longer than the watcher waits before it
looks. Where a file is cut is random too, within its first 99 %: behind that may be padding, without which a file is
whole.

Meanwhile `muniment watch` runs in a process group of its own that gets SIGKILL after a random time and is started
again; so it goes on after the last writer, until there was a kill for every eighth drop or nothing is left. Then it
runs to its end. Then the bytes of every drop are looked for in catalog and store.
Prints the counts, and exits with 1 if a drop is lost (no document of these bytes), doubled (two documents of them), or
partial (a document of other bytes than were dropped), or if a file stayed in inbox or spool or was held.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image, ImageDraw

from pipeline.report import table
from pipeline.settings import load_settings
from pipeline.wiring import open_tools

__all__ = ["WAYS", "Result", "main", "measure"]

MATTERS = ("acme", "brook", "cedar")
CUT_WITHIN = 0.99
PATIENCE = 60.0  # far above the longest pause: these writers all come back
KILL_EVERY = 8  # drops: killed so often at least, as long as anything is left to be taken
ALIVE = (0.3, 6.0)  # seconds a watcher lives before it is killed: from before its first look on


@dataclass(frozen=True, slots=True)
class Drop:
    """One file to be dropped: how, under which name in which matter, and the seed that makes its bytes and pauses."""

    way: str
    matter: str
    name: str
    seed: int

    def data(self, version: int = 0) -> bytes:
        """Its bytes: a TIFF of two pages if the name says so, else a PDF."""
        make = _tiff if self.name.endswith(".tif") else _pdf
        return make(f"{self.name} of {self.matter}, version {version}, seed {self.seed}")


@dataclass(slots=True)
class Result:
    """What became of the drops; `wrong` says in words what must not be."""

    drops: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    documents: int = 0
    lost: int = 0
    doubled: int = 0
    partial: int = 0
    left: int = 0

    @property
    def wrong(self) -> int:
        """Everything that must not be."""
        return self.lost + self.doubled + self.partial + self.left


def _pdf(text: str) -> bytes:
    with pymupdf.open() as document:
        for page in range(2):
            document.new_page().insert_text((72, 72), f"{text}, page {page + 1}")
        return bytes(document.tobytes(no_new_id=True))


def _tiff(text: str) -> bytes:
    pages = []
    for number in range(2):
        image = Image.new("1", (400, 300), 1)
        ImageDraw.Draw(image).text((10, 10), f"{text}, page {number + 1}", fill=0)
        pages.append(image)
    out = io.BytesIO()
    pages[0].save(out, "TIFF", compression="group4", save_all=True, append_images=pages[1:], dpi=(100, 100))
    return out.getvalue()


class _Writer:
    """Drops one file in its way; pauses as its seed has it."""

    def __init__(self, drop: Drop, inbox: Path, settle: float) -> None:
        self.random = random.Random(drop.seed)
        self.drop, self.settle = drop, settle
        self.path = inbox / drop.matter / drop.name
        self.bytes = drop.data()
        self.half = self.random.randrange(1, int(len(self.bytes) * CUT_WITHIN))

    def pause(self) -> None:
        time.sleep(self.random.uniform(0, 3 * self.settle))

    def whole(self) -> None:
        self.path.write_bytes(self.bytes)

    def pausing(self) -> None:
        with self.path.open("wb") as out:
            self.rest(out)

    def rest(self, out: Any) -> None:
        out.write(self.bytes[: self.half])
        out.flush()
        self.pause()
        out.write(self.bytes[self.half :])

    def reopening(self) -> None:
        self.path.write_bytes(self.bytes[: self.half])
        self.pause()
        with self.path.open("ab") as out:
            out.write(self.bytes[self.half :])

    def renaming(self) -> None:
        part = self.path.with_name(self.path.name + ".part")
        part.write_bytes(self.bytes)
        self.pause()
        part.rename(self.path)

    def writing_on(self) -> None:
        part = self.path.with_name(self.path.name + ".part")
        with part.open("wb") as out:
            out.write(self.bytes[: self.half])
            out.flush()
            part.rename(self.path)
            self.pause()
            out.write(self.bytes[self.half :])

    def truncating(self) -> None:
        with self.path.open("wb") as out:
            self.rest_of(out, self.bytes[: self.half])
            out.seek(0)
            out.truncate()
            self.rest(out)

    def rest_of(self, out: Any, data: bytes) -> None:
        out.write(data)
        out.flush()
        self.pause()

    def keeping_open(self) -> None:
        with self.path.open("wb") as out:
            self.rest_of(out, self.bytes)

    def byte_by_byte(self) -> None:
        step = max(len(self.bytes) // 40, 1)
        with self.path.open("wb", buffering=0) as out:
            for at in range(0, len(self.bytes), step):
                out.write(self.bytes[at : at + step])
                time.sleep(self.settle / 40)

    def twice(self) -> None:
        self.whole()
        self.pause()
        self.path.with_name(f"copy of {self.path.name}").write_bytes(self.bytes)

    def replacing(self) -> None:
        """The first version may be taken before the second comes, or never be seen."""
        self.path.write_bytes(self.drop.data(1))
        self.pause()
        part = self.path.with_name(self.path.name + ".part")
        part.write_bytes(self.bytes)
        part.rename(self.path)


WAYS = {
    "at a stroke": _Writer.whole,
    "pause in mid-file": _Writer.pausing,
    "reopened": _Writer.reopening,
    "renamed": _Writer.renaming,
    "written on after the rename": _Writer.writing_on,
    "truncated and rewritten": _Writer.truncating,
    "kept open": _Writer.keeping_open,
    "in small pieces": _Writer.byte_by_byte,
    "twice": _Writer.twice,
    "replaced": _Writer.replacing,
}


def _write(job: tuple[Drop, Path, float]) -> None:
    """Runs in a writer's process."""
    drop, inbox, settle = job
    WAYS[drop.way](_Writer(drop, inbox, settle))


def measure(
    times: int, folder: Path, seed: int = 7, writers: int = 8, settle: float = 0.4, kills: bool = True
) -> Result:
    """Drop `times` files into an inbox in this folder while a watcher is killed and started again."""
    chance = random.Random(seed)
    names = [f"scan-{number}.{'tif' if chance.random() < 0.3 else 'pdf'}" for number in range(times)]
    ways = list(WAYS)
    drops = [Drop(ways[n % len(ways)], chance.choice(MATTERS), name, seed * 10**6 + n) for n, name in enumerate(names)]
    home = folder / "home"
    for matter in MATTERS:
        (home / "inbox" / matter).mkdir(parents=True)
    result = Result(Counter(drop.way for drop in drops))
    with multiprocessing.get_context("spawn").Pool(writers) as pool:
        writing = pool.map_async(_write, [(drop, home / "inbox", settle) for drop in drops], chunksize=1)
        while not writing.ready():
            result.kills += _watch(home, settle, chance.uniform(*ALIVE) if kills else None, writing)
        writing.get()  # a writer that failed is no measurement
    while kills and result.kills < times / KILL_EVERY and any(_left(home)):
        result.kills += _watch(home, settle, chance.uniform(*ALIVE), None)
    _watch(home, settle, None, None)
    _judge(home, drops, result)
    return result


def _watch(home: Path, settle: float, seconds: float | None, writing: Any) -> bool:
    """Run a watcher until it is killed after so many seconds (None: until it ends); whether it was killed."""
    environment = os.environ | {
        "MUNIMENT_HOME": str(home),
        "MUNIMENT_SETTLE_SECONDS": str(settle),
        "MUNIMENT_POLL_SECONDS": str(settle / 4),
        "MUNIMENT_PATIENCE_SECONDS": str(PATIENCE),
        "MUNIMENT_MIN_FREE_MB": "16",
        "MUNIMENT_WORKERS": "1",
    }
    command = [sys.executable, "-m", "pipeline", "watch", *([] if writing else ["--once"])]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, process_group=0) as process:
        try:
            if writing and not seconds:
                writing.wait()
                process.send_signal(signal.SIGTERM)
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True
        if process.returncode:
            raise RuntimeError(f"the watcher ended with exit code {process.returncode}")
    return False


def _judge(home: Path, drops: Sequence[Drop], result: Result) -> None:
    """Look for the bytes of every drop in catalog and store, and for files that stayed behind."""
    wanted = {(drop.matter, _digest(drop.data())) for drop in drops}
    allowed = wanted | {(drop.matter, _digest(drop.data(1))) for drop in drops if drop.way == "replaced"}
    found: Counter[tuple[str, str]] = Counter()
    with open_tools(load_settings(home=home)) as tools:
        for document in tools.catalog.documents():
            origins = [origin.sha256 for origin in tools.catalog.origins(document.id)] or [document.sha256]
            for sha256 in origins:
                if _digest(tools.store.read(sha256)) == sha256:
                    found[document.matter, sha256] += 1
    result.documents = found.total()
    result.lost = len(wanted - found.keys())
    result.doubled = sum(count - 1 for count in found.values())
    result.partial = len(found.keys() - allowed)
    result.left = sum(1 for _ in _left(home))


def _left(home: Path) -> Iterator[Path]:
    for folder in (home / "inbox", home / "spool"):
        yield from (path for path in folder.rglob("*") if not path.is_dir())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; exit code 1 when anything was violated."""
    parser = argparse.ArgumentParser(description="Drop files as scanners do into a watcher that is killed.")
    parser.add_argument("--times", type=int, default=1000, help="drops in all (default 1000)")
    parser.add_argument("--writers", type=int, default=8, help="writers at once (default 8)")
    parser.add_argument("--settle", type=float, default=0.4, help="seconds a file must stand still (default 0.4)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--no-kills", action="store_true", help="let one watcher live through it")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="drops-") as name, contextlib.chdir(Path(__file__).parents[2]):
        result = measure(
            chosen.times, Path(name), chosen.seed, chosen.writers, chosen.settle, kills=not chosen.no_kills
        )
    print(table([("drops", "way"), *((str(count), way) for way, count in result.drops.items())]))
    figures = ("kills", "documents", "lost", "doubled", "partial", "left")
    print(table([figures, tuple(str(getattr(result, each)) for each in figures)]))
    print(f"in {time.monotonic() - began:.0f} s, seed {chosen.seed}")
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
