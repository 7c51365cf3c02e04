"""How long the rooms over a large catalog take to answer: `python -m infra.measure.rooms`.

A catalog of `--documents` documents (10,000) with 20 pages each in 50 matters is made in a folder of its own: statuses,
reasons, doubts, deadlines and frontier calls drawn with a fixed seed, each record padded to 28 kB.
Nothing is read or extracted: the figures are of the database and of making the answers, for a caller who sees all
matters and for one who sees two; the page of operations is asked for as a browser does, with its HTML and the part for
administrators, without a network. Prints the median and the 95th percentile of wall-clock milliseconds over `--times`,
and the median of CPU milliseconds, which other work on the machine lengthens less.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from fastapi.testclient import TestClient

from pipeline import digests, tables
from pipeline.days.deadlines import KINDS, Deadline
from pipeline.digests import Asked
from pipeline.frontier.ledger import matter_key
from pipeline.listing import Cut, shelf
from pipeline.settings import load_settings
from pipeline.tallies import tally
from pipeline.types import PageOutcome, PageStatus
from pipeline.web.app import create_app
from pipeline.web.guard import Caller
from pipeline.web.operations import overview_of
from pipeline.wiring import Tools
from schemas.contract import Contract
from schemas.fields import Evidence

__all__ = ["fill", "main", "measure"]

MATTERS = [f"matter-{number}" for number in range(50)]
PAGES, PADDING, DAYS, CALLS = 20, 28_000, 60, 20_000
STATUSES = ("done", "awaiting escalation", "held", "rejected")
Rows = list[dict[str, Any]]


def main(argv: Sequence[str] | None = None) -> int:
    """Make the catalog, measure, print a table."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.rooms", description=__doc__)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(load_settings(home=Path(folder)))
        fill(tools, arguments.documents)
        for name, times in measure(tools, arguments.times).items():
            (middle, cpu), (late, _) = np.percentile(times, [50, 95], axis=0)
            print(f"{name:38} p50 {middle:7.1f} ms   p95 {late:7.1f} ms   CPU {cpu:7.1f} ms")
        tools.close()
    return 0


def measure(tools: Tools, times: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of wall clock and of CPU that each answer took, by name."""
    today = date.today().isoformat()
    found: dict[str, list[tuple[float, float]]] = {}
    for seen in (MATTERS, MATTERS[:2]):
        caller = Caller(1, "measure", admin=False, matters=tuple(seen))
        rooms = TestClient(create_app(tools, lambda _request, caller=caller: replace(caller, admin=True)))  # type: ignore[misc]
        asks: dict[str, Callable[[], object]] = {
            "operations, the page of an admin": lambda rooms=rooms: rooms.get("/operations").raise_for_status(),  # type: ignore[misc]
            "list of documents": lambda seen=seen: shelf(tools.catalog.database, seen, Cut()),  # type: ignore[misc]
            "operations": lambda caller=caller: overview_of(tools, caller),  # type: ignore[misc]
            "next to review": lambda seen=seen: tools.digests.queue(seen),  # type: ignore[misc]
            "counts of the queue": lambda seen=seen: tools.digests.queue_counts(seen),  # type: ignore[misc]
            "200 deadlines": lambda seen=seen: tools.digests.deadlines(Asked(seen, since=today), 200),  # type: ignore[misc]
            "documents to look through": lambda: tools.digests.catch_up(0.0),
        }
        for name, ask in asks.items():
            found[f"{name}, {len(seen)} matters"] = [_timed(ask) for _ in range(times)]
    return found


def fill(tools: Tools, documents: int, seed: int = 5) -> None:
    """The catalog of that many documents."""
    drawn = random.Random(seed)
    rows: dict[str, Rows] = {name: [] for name in ("documents", "pages", "tallies", "digests", "doubts", "deadlines")}
    record = Contract(document="measure", pages=PAGES).model_dump_json() + " " * PADDING
    for number in range(documents):
        _add(rows, drawn, f"{number:012x}", record)
    rows["calls"] = [_call(drawn) for _ in range(CALLS)]
    version = f"{digests.VERSION} {tools.settings.field_threshold}"
    rows["digests"] = [{"document": row["id"], "version": version, "until": ""} for row in rows["documents"]]
    with tools.catalog.database.write() as connection:
        for name, made in rows.items():
            connection.execute(sa.insert(getattr(tables, name)), made)


def _add(rows: dict[str, Rows], drawn: random.Random, id: str, record: str) -> None:
    matter, status = drawn.choice(MATTERS), drawn.choices(STATUSES, (70, 20, 7, 3))[0]
    reason = "" if status == "done" else f"{drawn.randint(1, PAGES)} of {PAGES} pages {status}"
    own = {"document": id, "matter": matter_key(matter)}
    received = time.time() - drawn.random() * DAYS * 86400
    rows["documents"].append(
        {"id": id, "matter": matter, "name": f"{id}.pdf", "sha256": id * 5 + "0000", "status": status, "reason": reason,
         "page_count": PAGES, "received": received, "record": record, "indexed": "measure"}
    )  # fmt: skip
    outcomes = [_outcome(drawn, number) for number in range(1, PAGES + 1)]
    rows["pages"] += [
        {
            "document": id,
            "number": each.number,
            "route": None,
            "status": each.status,
            "reasons": json.dumps(each.reasons),
        }
        for each in outcomes
    ]
    for position, ((ended, why), count) in enumerate(sorted(tally(outcomes).items())):
        rows["tallies"].append(own | {"position": position, "status": ended, "reason": why, "pages": count})
    for position in range(6):
        doubt = {"rank": drawn.randint(1, 4), "certainty": round(drawn.random(), 3), "field": "parties", "page": 1}
        rows["doubts"].append(own | doubt | {"position": position, "key": str(position), "reason": "measured"})
    for position in range(4):
        due = (date.today() + timedelta(days=drawn.randint(-1500, 1500))).isoformat()
        kind = drawn.choice(KINDS)
        proof = Evidence(page=1, quote="a passage of some twenty words " * 3)
        body = Deadline(kind, kind, due, "a rule in words " * 8, "verified", 0.9, (proof,))
        rows["deadlines"].append(own | {"position": position, "kind": kind, "due": due, "body": digests.written(body)})


def _outcome(drawn: random.Random, number: int) -> PageOutcome:
    if drawn.random() < 0.85:
        return PageOutcome(number, None, (f"good text layer, {drawn.randint(90, 700)} words",), PageStatus.EXTRACTED)
    reasons = (f"OCR confidence {drawn.random():.2f} is under 0.85", "needs the frontier model, and none is configured")
    return PageOutcome(number, None, reasons, drawn.choice((PageStatus.AWAITING, PageStatus.HELD, PageStatus.BLANK)))


def _call(drawn: random.Random) -> dict[str, Any]:
    started = time.time() - drawn.random() * DAYS * 86400
    return {
        "run": 1, "document": "measure", "matter": matter_key(drawn.choice(MATTERS)), "pages": "[1]",
        "destination": "h", "model": drawn.choice(("one", "other")), "batch": "", "state": "settled",
        "reserved": 1000, "cost": 900, "usage": "{}", "started": started, "reason": "",
    }  # fmt: skip


def _timed(ask: Callable[[], object]) -> tuple[float, float]:
    start, cpu = time.perf_counter(), time.process_time()
    ask()
    return (time.perf_counter() - start) * 1000, (time.process_time() - cpu) * 1000


if __name__ == "__main__":
    raise SystemExit(main())
