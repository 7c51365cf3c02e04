"""Ingest killed with SIGKILL, again and again, anywhere: is a page lost, doubled or changed, is saved work done twice?

    python -m infra.measure.crashes [--times 200] [--documents 6] [--seed 7] [--folder /dev/shm]

Makes small PDFs with a text layer, one to three pages each, and takes them in once undisturbed. Then `muniment ingest`
does the same on a fresh home while it is killed: by turns the index owner alone, a worker alone (the run goes on), its
whole process group, or that and the owner; at a random moment of the time a run takes, or the moment the catalog,
watched from outside, shows the next step of a stage: stored, received, inspect, render, read, triage, extract,
finished, indexed. What was killed is started again until a run comes to its end; then the round is judged and the next
one begins. Nothing in the product knows of it; what is killed notes each stage result that it is about to save in a
file beside the home, which is how work done twice is seen.

Prints a line a round, kills by place and target, and the sums; exits with 1 if after a round a document, page, point
or record differs from the undisturbed run, if a result that was saved was computed again, if one kill had more computed
again than may be in flight, if a reconciliation finds anything that does not mend, or if a process stays behind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

# Before torch is loaded, here and in all processes of this measurement.
os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1")

import pymupdf

from infra.measure.family import members, survivors
from infra.measure.outcome import Outcome, differences, outcome_of
from pipeline.reconcile import reconcile
from pipeline.report import table
from pipeline.settings import load_settings
from pipeline.wiring import Tools, open_tools

__all__ = ["PLACES", "TARGETS", "Chances", "Round", "crash_round", "main", "make_inbox", "undisturbed"]

STAGES = ("inspect", "render", "read", "triage", "extract")
PLACES = ("any moment", "stored", "received", *STAGES, "finished", "indexed")
TARGETS = ("owner", "worker", "group", "group and owner")  # after a worker a group: killed twice, a page is held
AT_ONCE, MOST_PAGES = 2, 3  # documents side by side, pages of one: what may be in flight
LONGEST = 300.0  # seconds a run may take before it counts as hung
IDLE = 5.0  # seconds after which the index owner ends
MOST_RUNS = 60  # of one round
WATCH = 0.004  # seconds between two looks at the catalog
SETTINGS = {"workers": 2, "documents_at_once": AT_ONCE, "dpi": 72, "index_idle_seconds": IDLE}
WARM = [
    *("alembic.command", "dateparser", "dateparser.search", "price_parser", "rich.progress", "scipy.ndimage", "torch"),
    *("pipeline.backends.minilm", "pipeline.backends.owned", "pipeline.backends.rules", "pipeline.cli"),
    *("pipeline.extract", "pipeline.migrations", "pipeline.telling.run_ends"),
    *("pipeline.run", "pipeline.stages"),
]

Key = tuple[str, int, str, str]  # content, page, stage, version


@dataclass
class Chances:
    """What is killed next, where and when; `left` times more."""

    random: random.Random
    left: int
    seconds: float  # a whole run takes
    turn: int = 0

    def next(self) -> tuple[str, str, float]:
        """Target, place, and how long after that (or after the start) it is killed."""
        target, place = TARGETS[self.turn % len(TARGETS)], PLACES[self.turn // len(TARGETS) % len(PLACES)]
        self.turn += 1
        within = self.seconds if place == "any moment" else 0.02
        return target, place, self.random.uniform(0, within)


@dataclass
class Round:
    """One fresh home from its first run until a run came to its end; `wrong` is what must not be."""

    runs: int = 0
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)  # by target and place
    again: int = 0
    worst: int = 0
    saved: int = 0
    wrong: list[str] = field(default_factory=list)


def make_inbox(folder: Path, documents: int) -> Path:
    """So many agreements of one to three small pages in two matters, no two alike."""
    for number in range(documents):
        path = folder / ("acme" if number % 2 else "bolt") / f"agreement-{number}.pdf"
        path.parent.mkdir(parents=True, exist_ok=True)
        with pymupdf.open() as pdf:
            for page in range(1, 1 + number % MOST_PAGES + 1):
                pdf.new_page(width=420, height=300).insert_textbox((20, 20, 400, 280), _text(number, page), fontsize=9)
            pdf.save(path)
    return folder


def undisturbed(folder: Path, inbox: Path) -> tuple[Outcome, float]:
    """What one run makes of the inbox, and the seconds it takes; the second of two, whose models are warm."""
    for turn in ("cold", "warm"):
        home = folder / turn
        began = time.monotonic()
        process = _started(home, inbox)
        process.join(LONGEST)
        if process.exitcode != 0:
            raise RuntimeError(f"the undisturbed run ended with {process.exitcode}: see {home}.log")
        seconds = time.monotonic() - began
        with _opened(home) as tools:
            outcome = outcome_of(tools)
        survivors(str(home), IDLE + 20)
        shutil.rmtree(home)
    return outcome, seconds


def crash_round(folder: Path, inbox: Path, whole: Outcome, chances: Chances) -> Round:
    """Kill ingest on a fresh home until a run of it comes to its end, and look at what it left."""
    home, round_ = folder / "home", Round()
    log, done = home.with_name("home.saves"), False
    while not done and round_.runs < MOST_RUNS:
        kept, start = _results(home), log.stat().st_size if log.exists() else 0
        round_.runs += 1
        done = _run(home, inbox, chances, round_)
        with log.open("rb") as file:
            file.seek(start)
            _count_again(file.read().decode().splitlines(), kept, round_)
    if not done:
        round_.wrong.append("it does not come to an end")
    _count_twice(log, round_)
    _judge(home, whole, round_)
    for path in (home, log, home.with_name("home.log")):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return round_


def _text(number: int, page: int) -> str:
    return f"""SERVICES AGREEMENT No. SA-{number:04}-{page}

This Agreement is made on March {number % 27 + 1}, 2021 between Alder {number} Freight Company and Brook Survey Limited.

Fee of part {page}: USD {1000 + number * 7 + page}.00.
This Agreement shall be governed by the laws of the State of New York.
"""


def _started(home: Path, inbox: Path) -> BaseProcess:
    """Forked from a process that has imported what a run needs and computed nothing: its start takes no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    process = context.Process(target=_ingest, args=(str(home), str(inbox)))
    process.start()
    return process


def _ingest(home: str, inbox: str) -> None:
    """Runs in a process of its own: the command, with a note of each result before it is saved."""
    os.setsid()
    os.environ |= {f"MUNIMENT_{name.upper()}": str(value) for name, value in SETTINGS.items()} | {"MUNIMENT_HOME": home}
    out = os.open(f"{home}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    notes = os.open(f"{home}.saves", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(out, stream)
    from pipeline.catalog import Catalog
    from pipeline.cli import main as muniment

    remember = Catalog.remember

    def noted(self: Catalog, sha256: str, stage: str, version: str, payloads: Mapping[int, str], *rest: Any) -> None:
        os.write(notes, "".join(f"{sha256} {page} {stage} {version}\n" for page in payloads).encode())
        remember(self, sha256, stage, version, payloads, *rest)

    Catalog.remember = noted  # type: ignore[method-assign]
    sys.exit(muniment(["ingest", inbox]))


def _run(home: Path, inbox: Path, chances: Chances, round_: Round) -> bool:
    """One run, disturbed while there are kills left; whether it came to its end."""
    process = _started(home, inbox)
    while chances.left > 0 and process.exitcode is None:
        chances.left -= _killed(home, process, chances.next(), round_)
    process.join(LONGEST)
    if process.exitcode is None:
        os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
        round_.wrong.append("a run hung")
    if process.exitcode not in (0, -signal.SIGKILL):
        round_.wrong.append(f"a run ended with {process.exitcode}: {_last_line(home.with_name('home.log'))}")
    return process.exitcode == 0


def _killed(home: Path, process: BaseProcess, chance: tuple[str, str, float], round_: Round) -> bool:
    """Wait for the moment and kill; False when the run ended before, or nothing was there to be killed."""
    target, place, delay = chance
    before = _progress(home, place)  # what is through with this place already has its run end undisturbed
    while place != "any moment" and process.exitcode is None and _progress(home, place) <= before:
        time.sleep(WATCH)
    process.join(delay)
    victims: list[tuple[Any, int]] = []
    while process.exitcode is None and not victims:
        victims = _victims(home, process, target)
        process.join(WATCH)
    for kill, pid in victims:
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
    round_.kills.update([(target, place)] if victims else [])
    if "group" in target:
        process.join()
    return bool(victims)


def _victims(home: Path, process: BaseProcess, target: str) -> list[tuple[Any, int]]:
    main = process.pid or 0
    owner = [(os.kill, pid) for pid in _owner(home)]
    if target == "worker":
        return [(os.kill, pid) for pid in sorted(members(main) - {main})[:1]]
    if target == "owner":
        return owner
    return [(os.killpg, main), (os.kill, main), *(owner if target == "group and owner" else [])]


def _owner(home: Path) -> list[int]:
    try:
        return [int(json.loads((home / "index" / "owner.json").read_text())["pid"])]
    except (OSError, ValueError, KeyError):
        return []


def _progress(home: Path, place: str) -> int:
    """How far the home has come with this, as seen from outside."""
    if place == "any moment":
        return 0
    if place == "stored":
        return sum(1 for _ in (home / "store").glob("??/*"))
    query = {
        "received": "SELECT count(*) FROM documents",
        "finished": "SELECT count(*) FROM documents WHERE status <> 'received'",
        "indexed": "SELECT count(*) FROM documents WHERE indexed <> ''",
    }.get(place, f"SELECT count(*) FROM results WHERE stage = '{place}'")
    rows = _rows(home, query)
    return int(rows[0][0]) if rows else 0


def _results(home: Path) -> set[Key]:
    """The stage results that are saved. An extraction is saved page by page and made of the whole document: it counts
    when all pages have it."""
    found = {
        (str(a), int(b), str(c), str(d))
        for a, b, c, d in _rows(home, "SELECT sha256, page, stage, version FROM results")
    }
    pages = Counter(sha256 for sha256, _, stage, _ in found if stage == "triage")
    extracted = Counter(sha256 for sha256, _, stage, _ in found if stage == "extract")
    return {key for key in found if key[2] != "extract" or extracted[key[0]] == pages[key[0]]}


def _rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Nothing while there is no catalog yet."""
    try:
        url = f"file:{home / 'catalog.sqlite'}?mode=ro"
        with contextlib.closing(sqlite3.connect(url, uri=True, timeout=30)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def _count_again(lines: Sequence[str], kept: set[Key], round_: Round) -> None:
    """Results that were saved before this run began and were computed by it nevertheless."""
    if again := {_key(line) for line in lines} & kept:
        round_.wrong.append(f"{len(again)} results were saved and computed again, a {sorted(again)[0][2]} first")


def _count_twice(log: Path, round_: Round) -> None:
    """What was computed more than once: in flight when a kill came."""
    noted = Counter(map(_key, log.read_text().splitlines()))
    round_.saved, round_.again = len(noted), noted.total() - len(noted)
    if round_.again > sum(round_.kills.values()) * AT_ONCE * MOST_PAGES:
        round_.wrong.append(f"{round_.again} results computed again after {sum(round_.kills.values())} kills")


def _key(line: str) -> Key:
    sha256, page, stage, version = line.split(" ")
    return sha256, int(page), stage, version


def _judge(home: Path, whole: Outcome, round_: Round) -> None:
    with _opened(home) as tools:
        round_.wrong += differences(whole, outcome_of(tools))
        mended = reconcile(tools, repair=True, deep=True)
        kinds = {fault.kind for fault in mended.faults} - {"run-unended"}
        if kinds or reconcile(tools).faults:
            round_.wrong.append(f"the reconciliation found {', '.join(sorted(kinds)) or 'what it had mended'}")
    if left := survivors(str(home), IDLE + 20):
        round_.wrong.append(f"{len(left)} processes stayed behind: {sorted(left.values())[0]}")


@contextlib.contextmanager
def _opened(home: Path) -> Iterator[Tools]:
    with open_tools(load_settings(home=home, **SETTINGS)) as tools:
        yield tools
        tools.release_index()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1][:200] if lines else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; exit code 1 when anything was violated."""
    parser = argparse.ArgumentParser(description="Kill ingest anywhere and look at what is left.")
    parser.add_argument("--times", type=int, default=200, help="kills in all (default 200)")
    parser.add_argument("--documents", type=int, default=6, help="PDFs of one to three pages (default 6)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the homes lie, for instance /dev/shm")
    chosen = parser.parse_args(arguments)
    rounds: list[Round] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crashes-", dir=chosen.folder) as name:
        folder = Path(name)
        inbox = make_inbox(folder / "inbox", chosen.documents)
        whole, seconds = undisturbed(folder, inbox)
        pages = sum(len(found[4]) for found in whole.documents.values())
        print(f"{chosen.documents} documents, {pages} pages; an undisturbed run takes {seconds:.1f} s", flush=True)
        chances = Chances(random.Random(chosen.seed), chosen.times, seconds)
        while chances.left > 0:
            rounds.append(crash_round(folder, inbox, whole, chances))
            print(table([_row(len(rounds), rounds[-1])]), *rounds[-1].wrong, sep="\n", flush=True)
    _print_sums(rounds, time.monotonic() - began)
    return 1 if any(one.wrong for one in rounds) else 0


def _row(number: int, one: Round) -> tuple[object, ...]:
    kills = f"{sum(one.kills.values())} kills in {one.runs} runs"
    return f"round {number}", kills, f"{one.saved} results, {one.again} computed again"


def _print_sums(rounds: Sequence[Round], seconds: float) -> None:
    kills = sum((one.kills for one in rounds), Counter[tuple[str, str]]())
    rows = [("killed at", *TARGETS)]
    rows += [(place, *(str(kills[target, place]) for target in TARGETS)) for place in PLACES]
    sums = {name: sum(getattr(one, name) for one in rounds) for name in ("runs", "saved", "again")}
    wrong = sum(len(one.wrong) for one in rounds)
    print(table(rows))
    print(f"{kills.total()} kills in {len(rounds)} rounds and {sums['runs']} runs, {seconds:.0f} s; {wrong} violations")
    each = sums["again"] / max(1, kills.total())
    print(f"{sums['saved']} stage results, {sums['again']} computed again ({each:.2f} a kill)")


if __name__ == "__main__":
    sys.exit(main())
