"""Escalation killed at random moments, again and again: is a page lost, or paid for twice without a word?

    python -m infra.measure.kills [--times 200] [--batch | --direct] [--seed 7]

Takes in small scans made here, starts the loopback server of the tests, and lets `muniment escalate` (by turns with
direct calls and with batches) work on a copy of that home. Each run is a process group of its own that gets SIGKILL at
a random moment: of the time a whole run takes, or, every other time, of the first moments in which it talks to the
server. When all pages are answered, the next round begins with a fresh copy. Counted at the server is what was
asked about each page, in the ledger what is called lost. Prints a line a round and the sums; exits with 1 if a page was
lost, doubled or left without a reason, if a page was paid for more often than its answer and the calls named as lost
explain, if one kill lost more calls than may run at once, if a file stayed at the destination, or if a process stayed
behind. Answers of the loopback server show mechanics, not quality.
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
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

# Before torch and Tesseract are loaded, here and in all processes of this measurement: threads that spin against each
# other take most of the time.
os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1")

import pymupdf
from sqlalchemy import select

sys.path.append(str(Path(__file__).parents[2] / "tests"))  # the loopback server and the copier live with the tests
from frontier_server import KEY, Fault, FrontierServer, frontier_server
from homes import copy_home

from infra.measure.family import survivors
from pipeline.frontier.requests import grouped
from pipeline.report import table
from pipeline.run import ingest_paths, report_on
from pipeline.settings import load_settings
from pipeline.tables import calls
from pipeline.types import PageStatus
from pipeline.wiring import Tools, open_tools

__all__ = ["Chances", "Home", "Round", "kill_round", "main", "make_home"]

Page = tuple[str, int]  # document id and number

AT_ONCE = 4
CALL_SECONDS = 0.3  # what a call takes at the server, so that kills meet calls in flight
MOST_RUNS = 500  # of one round
LONGEST = 300.0  # seconds a run may take before it counts as hung
IDLE = 5.0  # seconds after which the index owner ends: the next run finds it still there
WARM = [
    "anthropic",
    "torch",
    "pipeline.cli",
    "pipeline.frontier.escalate",
    "pipeline.frontier.text",
    "pipeline.backends.minilm",
    "pipeline.backends.owned",
    "pipeline.backends.rules",
]


@dataclass(frozen=True)
class Home:
    """A home whose pages all wait, to be copied; `pages` by the digest of the image that is sent of each."""

    path: Path
    pages: dict[str, Page]


@dataclass
class Round:
    """One copy of the home from its first run until every page was answered; `wrong` is what must not be."""

    way: str
    runs: int = 0
    kills: int = 0
    asked: Counter[Page] = field(default_factory=Counter)
    lost: Counter[Page] = field(default_factory=Counter)
    lost_calls: int = 0
    worst: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def twice(self) -> int:
        """Times a page was asked about beyond the answer that was kept."""
        return sum(self.asked.values()) - len(self.asked)


@dataclass
class Chances:
    """When to kill; `left` times more. `seconds` is how long a whole run took when one was last seen to end: until one
    was seen, and when no kills are left, runs come to their end."""

    random: random.Random
    left: int
    seconds: float = 0.0

    def moment(self) -> tuple[bool, float]:
        """When the next run is killed: seconds after its start or (True) after its first request."""
        if self.left <= 0 or not self.seconds:
            return False, LONGEST
        talking = self.random.random() < 0.5
        return talking, self.random.uniform(0, 4 * CALL_SECONDS if talking else self.seconds)


def make_home(folder: Path, documents: int) -> Home:
    """A home with `documents` scans of one to three small pages, no two alike, all waiting for the frontier model."""
    inbox = folder / "inbox" / "harbor"
    inbox.mkdir(parents=True)
    for number in range(documents):
        _scan(inbox / f"notice-{number}.pdf", [f"{number}-{page}" for page in range(1, number % 3 + 2)])
    home = folder / "home"
    with open_tools(load_settings(home=home, **_settings("http://127.0.0.1:9"))) as tools:
        tools.policies.set("harbor", "self-hosted")
        ingest_paths([inbox.parent], None, tools)
        pages = {
            block["source"]["data"]: (document.id, part.number)
            for document in tools.catalog.documents()
            for parts in grouped(tools, tools.frontier.setup, document)
            for part in parts
            for block in part.blocks
            if block["type"] == "image"
        }
        waiting = tools.catalog.page_totals()[PageStatus.AWAITING]
    if len(pages) != waiting:
        raise RuntimeError(f"{waiting} pages wait, {len(pages)} of them as images that differ")
    return Home(home, pages)


def kill_round(home: Home, way: str, chances: Chances, folder: Path) -> Round:
    """Kill escalation again and again on a copy of the home, let it end, and look at what it left."""
    copy = copy_home(home.path, folder / "home")
    round_ = Round(way)
    with frontier_server() as server, _quiet():
        server.always = Fault(how="slow", seconds=CALL_SECONDS)
        while not _done(copy, server):
            began, moment = time.monotonic(), chances.moment()
            round_.runs += 1
            if _killed(copy, server, way, moment):
                round_.kills += 1
                chances.left -= 1
            else:
                chances.seconds = time.monotonic() - began
            if round_.runs > MOST_RUNS:
                round_.wrong.append("it does not come to an end")
                break
        _judge(copy, home, server, round_)
    if left := survivors(str(copy), IDLE + 20):
        round_.wrong.append(f"{len(left)} processes stayed behind: {sorted(left.values())[0]}")
    shutil.rmtree(copy)
    return round_


def _settings(url: str) -> dict[str, Any]:
    return {
        "frontier_url": url,
        "frontier_key": KEY,
        "frontier_kind": "self-hosted",
        "frontier_profile": "claude",
        "frontier_at_once": AT_ONCE,
        "escalate_below": 1.0,
        "index_idle_seconds": IDLE,
        "workers": 2,
    }


def _scan(path: Path, names: Sequence[str]) -> None:
    """A PDF of small images, each with a notice of its own."""
    with pymupdf.open() as clean, pymupdf.open() as scan:
        for name in names:
            page = clean.new_page(width=300, height=120)
            page.insert_text((12, 40), f"NOTICE No. N-{name}-{len(name) * 7919 % 97}", fontsize=14)
            page.insert_text((12, 70), f"Fee due: USD {100 + hash(name) % 800}.00 for {name}", fontsize=11)
            pixels = page.get_pixmap(dpi=120, colorspace="gray").tobytes("jpeg", 80)
            scan.new_page(width=300, height=120).insert_image(page.rect, stream=pixels)
        scan.save(path)


def _context() -> ForkServerContext:
    """Processes forked from one that has imported what a run needs and computed nothing: their start takes no time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    return context


def _killed(home: Path, server: FrontierServer, way: str, moment: tuple[bool, float]) -> bool:
    """Run `muniment escalate` and kill its process group at that moment; False when it ended before."""
    process = _context().Process(target=_escalate, args=(str(home), server.url, way))
    before, (talking, seconds) = len(server.requests), moment
    process.start()
    while talking and len(server.requests) == before and process.exitcode is None:
        time.sleep(0.01)
    process.join(seconds)
    if process.exitcode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.kill()  # it may not have had its own group yet
    process.join()
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"escalate ended with {process.exitcode}: see {home}.log")
    return process.exitcode != 0


def _escalate(home: str, url: str, way: str) -> None:
    """Runs in a process of its own."""
    os.setsid()
    os.environ |= {f"MUNIMENT_{name.upper()}": str(value) for name, value in _settings(url).items()}
    os.environ["MUNIMENT_HOME"] = home
    log = os.open(f"{home}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    from pipeline.cli import main as muniment

    sys.exit(muniment(["escalate", *(["--batch"] if way == "batch" else [])]))


@contextlib.contextmanager
def _opened(home: Path, server: FrontierServer) -> Iterator[Tools]:
    with open_tools(load_settings(home=home, **_settings(server.url))) as tools:
        yield tools


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The server says nothing of clients that were killed while it answered them."""
    usual = ThreadingHTTPServer.handle_error
    ThreadingHTTPServer.handle_error = lambda *_: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        ThreadingHTTPServer.handle_error = usual  # type: ignore[method-assign]


def _done(home: Path, server: FrontierServer) -> bool:
    """Whether nothing waits any more and no batch is under way."""
    with _opened(home, server) as tools:
        waiting = tools.catalog.page_totals().get(PageStatus.AWAITING, 0)
        return not waiting and not tools.batches.unsettled() and not tools.catalog.unfinished_runs("escalate")


def _judge(home: Path, whole: Home, server: FrontierServer, round_: Round) -> None:
    with _opened(home, server) as tools:
        _count(tools, whole, server, round_)
        for document in tools.catalog.documents():
            for page in report_on(document.id, tools).pages:
                if not page.reasons or page.status is not PageStatus.EXTRACTED:
                    round_.wrong.append(f"{document.name} page {page.number} ended as {page.status}: {page.reasons}")
        indexed = tools.index.count()
    pages = set(whole.pages.values())
    if indexed != len(pages):
        round_.wrong.append(f"{indexed} points in the index for {len(pages)} pages")
    if unasked := pages - set(round_.asked):
        round_.wrong.append(f"{len(unasked)} pages were never asked about")
    unnamed = sum(max(0, times - 1 - round_.lost[page]) for page, times in round_.asked.items())
    if unnamed:
        round_.wrong.append(f"{unnamed} times a page was paid for again and no call was named as lost")
    if round_.worst > AT_ONCE:
        round_.wrong.append(f"one kill lost {round_.worst} calls, {AT_ONCE} may run at once")
    if server.files:
        round_.wrong.append(f"{len(server.files)} files stayed at the destination")


def _count(tools: Tools, whole: Home, server: FrontierServer, round_: Round) -> None:
    """What the server was asked, page by page, and what the ledger calls lost."""
    with tools.catalog.database.read() as connection:
        rows = {row.id: row for row in connection.execute(select(calls))}
    for body in server.asked():
        round_.asked.update(whole.pages[image] for image in _images(body))
    for requests in server.batches.values():
        for request in requests:
            row = rows[int(request["custom_id"].rpartition("-")[2])]
            round_.asked.update((row.document, page) for page in _numbers(row.pages))
    by_run: Counter[int] = Counter()
    for row in rows.values():
        if row.state == "lost" or (row.state == "failed" and row.cost):
            round_.lost.update((row.document, page) for page in _numbers(row.pages))
            by_run[row.run] += 1
        if row.state == "open":
            round_.wrong.append(f"call {row.id} is still open")
    round_.lost_calls, round_.worst = by_run.total(), max(by_run.values(), default=0)


def _images(body: dict[str, Any]) -> Iterator[str]:
    for block in body["messages"][0]["content"]:
        if block["type"] == "image":
            yield block["source"]["data"]


def _numbers(pages: str) -> list[int]:
    return list(json.loads(pages))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; exit code 1 when anything was violated."""
    parser = argparse.ArgumentParser(description="Kill escalation at random moments and look at what is left.")
    parser.add_argument("--times", type=int, default=200, help="kills in all (default 200)")
    parser.add_argument("--documents", type=int, default=15, help="scans of one to three pages (default 15)")
    parser.add_argument("--seed", type=int, default=7)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--batch", action="store_true", help="batches only")
    only.add_argument("--direct", action="store_true", help="direct calls only")
    chosen = parser.parse_args(arguments)
    ways = ["batch"] if chosen.batch else ["direct"] if chosen.direct else ["direct", "batch"]
    chances = {way: Chances(random.Random(f"{chosen.seed} {way}"), -(-chosen.times // len(ways))) for way in ways}
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        home = make_home(Path(name) / "archive", chosen.documents)
        print(f"{len(home.pages)} pages of {chosen.documents} documents wait", flush=True)
        while left := [way for way in ways if chances[way].left > 0]:
            way = left[len(rounds) % len(left)]
            folder = Path(name) / f"round-{len(rounds)}"
            folder.mkdir()
            rounds.append(kill_round(home, way, chances[way], folder))
            print(table([_row(len(rounds), rounds[-1])]), *rounds[-1].wrong, sep="\n", flush=True)
    _print_sums(rounds)
    return 1 if any(one.wrong for one in rounds) else 0


def _row(number: int, one: Round) -> tuple[object, ...]:
    paid = f"{one.twice} times a page paid again, {one.lost_calls} calls named lost (at most {one.worst} a kill)"
    return f"round {number}", one.way, f"{one.runs} runs", f"{one.kills} killed", paid


def _print_sums(rounds: Sequence[Round]) -> None:
    rows = [
        ("way", "rounds", "runs", "kills", "pages paid again", "calls named lost", "most of one kill", "violations")
    ]
    for way in dict.fromkeys(one.way for one in rounds):
        some = [one for one in rounds if one.way == way]
        sums = [sum(getattr(one, name) for one in some) for name in ("runs", "kills", "twice", "lost_calls")]
        worst, wrong = max(one.worst for one in some), sum(len(one.wrong) for one in some)
        rows.append((way, *map(str, (len(some), *sums, worst, wrong))))
    print(table(rows))


if __name__ == "__main__":
    sys.exit(main())
