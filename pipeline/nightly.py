"""The night's work, one step after the other: what failed for passing reasons is tried again, what waits is escalated,
catalog, store and index are compared and mended, page images that were put off get their vectors, what was kept long
enough goes, and a golden set says whether results are still as good.

    retry ─► escalate ─► reconcile ─► page images ─► optimise ─► retention ─► golden set ─► report

A step that fails is named in the report and stops no other. The report holds counts and ids, no word and no name of a
document: it may be shown on another machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pipeline.claims import sole
from pipeline.errors import AlreadyRunning, MunimentError
from pipeline.night_steps import STEPS, Night
from pipeline.telling.run_ends import conclude
from pipeline.worker import without_words

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["Night", "NightReport", "Run", "StepReport", "Work", "night"]

LOCK = 0x6E696768  # any constant that only these runs take as a PostgreSQL advisory lock


@dataclass(frozen=True, slots=True)
class StepReport:
    """What a step did, in lines a person reads; `failed` when it could not do its work."""

    name: str
    lines: tuple[str, ...]
    failed: bool = False


@dataclass(frozen=True, slots=True)
class NightReport:
    """The steps of a night, in their order."""

    steps: tuple[StepReport, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """The steps that could not do their work."""
        return tuple(step.name for step in self.steps if step.failed)

    @property
    def totals(self) -> dict[str, int]:
        """Counts, for the catalog's row of the run."""
        return {"steps": len(self.steps), "steps failed": len(self.failed)}

    def as_json(self) -> dict[str, object]:
        """The report as JSON."""
        steps = [{"name": each.name, "lines": list(each.lines), "failed": each.failed} for each in self.steps]
        return {"steps": steps, "failed": list(self.failed)}


Work = Callable[[], Sequence[str]]
Run = Callable[[str, Work], Sequence[str]]


def night(tools: Tools, options: Night, run: Run = lambda _, work: work()) -> NightReport:
    """Do the night's work; `run(name, work)` runs a step and passes on what it raises.

    `AlreadyRunning` when another night is at work on this home or in its database; nothing was done then.
    """
    with _alone(tools), _recorded(tools) as steps:
        for name, step in STEPS.items():
            steps.append(_made(name, partial(step, tools, options), run))
    return NightReport(tuple(steps))


def _made(name: str, work: Work, run: Run) -> StepReport:
    try:
        return StepReport(name, tuple(run(name, partial(_without_words, work))))
    except AlreadyRunning as error:  # somebody does this very work: nothing is wrong
        return StepReport(name, (str(error),))
    except MunimentError as error:
        return StepReport(name, (str(error),), failed=True)


def _without_words(work: Work) -> Sequence[str]:
    """Whoever runs the step may write what it fails with into a log."""
    with without_words():
        return work()


@contextmanager
def _alone(tools: Tools) -> Iterator[None]:
    with sole(tools.locks, "nightly") as here, tools.catalog.database.sole(LOCK) as everywhere:
        if not (here and everywhere):
            raise AlreadyRunning("another nightly run is at work on this home: nothing was done, it does what there is")
        yield


@contextmanager
def _recorded(tools: Tools) -> Iterator[list[StepReport]]:
    run, steps = tools.catalog.start_run("nightly"), list[StepReport]()
    status = "interrupted"
    try:
        yield steps
        status = "finished"
    finally:
        tools.catalog.finish_run(run, tools.clock.seconds, NightReport(tuple(steps)).totals, status)
        conclude(tools, run, details=[(each.name, _told(each)) for each in steps])


def _told(step: StepReport) -> str:
    return f"{'FAILED: ' if step.failed else ''}{'; '.join(step.lines) or 'nothing was to be done'}"
