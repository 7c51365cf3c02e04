"""Nasty files through the real run: does each end with a status and a reason, and does the run leave nothing behind?

    python -m infra.measure.robustness [FOLDER] [--seconds 20]

Reads the corpus `robustness` (or FOLDER; `.pdf.gz` is unpacked up to a limit) and the hostile PDFs of `nasties.py`.
They are walked by `muniment ingest` in a process of its own with an empty home and 64 MiB for MUNIMENT_MAX_FILE_MB.
Prints status, pages and reason of every file, the seconds, the peak memory (PSS) of all processes, and what is wrong;
exits with 1 if a file has no status or no reason that a person can read, if the run fails or passes `DEADLINE`, or if
any of its processes lives on.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from infra.measure.corpora import CORPORA
from infra.measure.nasties import unpack, write
from infra.measure.readable import readable
from infra.measure.walk import ENDED, Outcome, walk
from pipeline.workers import WorkerPool

__all__ = ["gather", "main", "misjudged"]

MOST_MB = 64
SETTLED = ("done", "awaiting escalation", "held", "rejected")


def gather(folder: Path, inbox: Path) -> int:
    """Copy the PDFs of a folder, `.pdf.gz` unpacked by a worker up to the limit; how many."""
    inbox.mkdir(parents=True)
    packed = sorted(folder.glob("*.pdf.gz"))
    with WorkerPool(1, memory_mb=512, tasks_per_worker=50) as pool:
        for job, problem in pool.run(unpack, [(path, inbox / path.stem, MOST_MB) for path in packed], seconds=120):
            if problem is not None:
                raise RuntimeError(f"{job[0].name} can't be unpacked: {problem}")
    plain = sorted(folder.glob("*.pdf"))
    for path in plain:
        (inbox / path.name).write_bytes(path.read_bytes())
    return len(packed) + len(plain)


def misjudged(document: dict[str, Any]) -> str:
    """What is wrong with how a document ended; "" when nothing is."""
    status, reason, pages = document["status"], document["reason"], document["pages"]
    if status not in SETTLED:
        return f"unfinished: {status}"
    if status in ("held", "rejected") and not reason:
        return "no reason"
    if status in ("done", "awaiting escalation") and not pages:
        return "no pages"
    if any(not page["status"] or not page["reasons"] for page in pages):
        return "a page without status or reason"
    reasons = [*filter(None, [reason]), *(reason for page in pages for reason in page["reasons"])]
    return "" if all(map(readable, reasons)) else "not for a person"


def _faults(outcome: Outcome, wanted: Iterable[str]) -> list[str]:
    seen = Counter(document["name"] for document in outcome.documents)
    faults = [f"{name}: not in the report" for name in wanted if not seen[name]]
    faults += [f"{d['name']}: {wrong}" for d in outcome.documents if (wrong := misjudged(d))]
    if outcome.exit_code not in ENDED:
        faults.append(f"the run ended with exit code {outcome.exit_code}")
    return faults + [f"process {pid} lives on: {command}" for pid, command in outcome.left.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.robustness", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=CORPORA / "robustness")
    parser.add_argument("--seconds", type=float, default=20.0, help="MUNIMENT_PAGE_SECONDS of the run")
    given = parser.parse_args(arguments)
    if not given.folder.is_dir():
        parser.error(f"no such folder: {given.folder}")
    with tempfile.TemporaryDirectory(prefix="muniment-nasty-") as temporary:
        scratch = Path(temporary)
        inbox = scratch / "inbox"
        found = gather(given.folder, inbox / "corpus")
        (inbox / "made").mkdir()
        made = len(write(inbox / "made"))
        outcome = walk(inbox, scratch, max_file_mb=MOST_MB, page_seconds=given.seconds)
        faults = _faults(outcome, [path.name for path in inbox.rglob("*.pdf")])
    for document in outcome.documents:
        print(f"{document['name'][:58]:58}  {document['status']:19}  {len(document['pages']):3}  {document['reason']}")
    counts = Counter(document["status"] for document in outcome.documents)
    ended = ", ".join(f"{number} {status}" for status, number in counts.items())
    print(f"\n{found} files of {given.folder.name}, {made} made here: {ended}")
    print(f"{outcome.wall:.0f} s, CPU {outcome.cpu:.0f} s, peak PSS of all processes {outcome.peak / 2**20:,.0f} MiB")
    print("\n".join(["", "WRONG", *faults]) if faults else "every file has a status and a reason; nothing lives on")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
