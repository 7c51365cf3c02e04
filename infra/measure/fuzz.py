"""Damaged PDFs through inspect, render and read, in the product's worker pool: each must end in pages or a reason.

    python -m infra.measure.fuzz [--count 10000] [--seed 7] [--save FILE]
    python -m infra.measure.fuzz --case 7:123 OUT.pdf        writes the file of one case

The cases are `mutations.mutant` of small parts of sample_docs; case `SEED:NUMBER` is the same file on every run of the
same package versions. A page that is read is rendered at 100 dpi. So that the command finishes, the real OCR runs in
one case of `OCR_EVERY`; in the others no line of a text layer is spot-checked and OCR answers with no words.

Prints counts by outcome and names the cases that were ended by a limit. Exits with 1, and names the cases, if one ends
in an error outside the error tree or without a reason that a person can read; also if a worker lives on, if the pool
reads no sound file afterwards, or if this process grew by more than `GROWTH` MiB from the first tenth of the run on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.measure.family import Watch, members, pss
from infra.measure.fuzz_case import Case, walk
from infra.measure.mutations import mutant, samples
from infra.measure.readable import readable
from pipeline.errors import MunimentError, WorkerDied, WorkerTimeout
from pipeline.workers import WorkerPool

__all__ = ["Tally", "fuzz", "main"]

OCR_EVERY = 50
SECONDS, MEMORY_MB = 20.0, 2048
GROWTH = 48
BATCH = 500  # cases handed to the pool at a time


@dataclass
class Tally:
    """How the cases ended: counts by outcome, the seeds ended by a limit, and what is wrong."""

    outcomes: Counter[str] = field(default_factory=Counter)
    limits: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, seed: str, outcome: str | MunimentError) -> None:
        """Count one case."""
        if isinstance(outcome, str):
            self.outcomes[outcome] += 1
            return
        reason = str(outcome)
        self.outcomes[f"{type(outcome).__name__}: {re.sub('[0-9][0-9,.]*', 'N', reason)[:90]}"] += 1
        if isinstance(outcome, WorkerTimeout | WorkerDied):
            self.limits[seed] = reason
        if not readable(reason):
            self.wrong.append(f"{seed}: {reason or 'no reason'}")


def fuzz(count: int, seed: int, folder: Path) -> tuple[Tally, Watch]:
    """Run the cases `seed`:0 to `seed`:`count`-1 with files in `folder`."""
    tally = Tally()
    grown: list[int] = []
    before = members(os.getpid())  # a caller may have workers of its own
    with Watch(every=2.0) as watch:
        with WorkerPool(os.cpu_count() or 1, memory_mb=MEMORY_MB, tasks_per_worker=200) as pool:
            for start in range(0, count, BATCH):
                for case, outcome in pool.run(
                    walk, _cases(seed, start, min(start + BATCH, count), folder), seconds=SECONDS
                ):
                    tally.add(case.seed, outcome)
                grown.append(pss(os.getpid()))
            _check_health(pool, folder, tally)
        if children := members(os.getpid()) - before:
            tally.wrong.append(f"{len(children)} worker processes live on")
    growth = (grown[-1] - grown[len(grown) // 10]) >> 20
    if growth > GROWTH:
        tally.wrong.append(f"this process grew by {growth} MiB")
    return tally, watch


def _cases(seed: int, start: int, stop: int, folder: Path) -> Iterator[Case]:
    return (Case(f"{seed}:{number}", folder, ocr=number % OCR_EVERY == 0) for number in range(start, stop))


def _check_health(pool: WorkerPool, folder: Path, tally: Tally) -> None:
    """Whether the pool still reads a sound file as it should."""
    for _, outcome in pool.run(walk, [Case(f"sound:{n}", folder, sound=True) for n in range(pool.size)], seconds=60):
        if outcome != "read, with words":
            tally.wrong.append(f"the pool is not well: {outcome}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.fuzz", description="Fuzz the road up to read.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--save", type=Path, help="JSON file for the cases that were ended by a limit or went wrong")
    parser.add_argument("--case", nargs=2, metavar=("SEED:NUMBER", "OUT"), help="only write the file of this case")
    given = parser.parse_args(arguments)
    if given.case:
        done, data = mutant(samples(), given.case[0])
        Path(given.case[1]).write_bytes(data)
        print(done)
        return 0
    with tempfile.TemporaryDirectory(prefix="muniment-fuzz-") as folder:
        tally, watch = fuzz(given.count, given.seed, Path(folder))
    if given.save:
        given.save.write_text(json.dumps({"limits": tally.limits, "wrong": tally.wrong}, indent=1) + "\n", "utf-8")
    for outcome, number in tally.outcomes.most_common():
        print(f"{number:6}  {outcome}")
    cost = f"{watch.wall:.0f} s, CPU {watch.cpu:.0f} s, peak PSS {watch.peak >> 20} MiB"
    print(f"\n{given.count} cases, seed {given.seed}: {cost}")
    print("\n".join(f"ended by a limit: {seed}: {reason}" for seed, reason in tally.limits.items()))
    print("\n".join(["WRONG", *tally.wrong]) if tally.wrong else "each case ended in pages or a reason")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
