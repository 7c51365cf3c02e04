"""One page made into an image in a worker, by the product's own code, with a clock on each part of the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from pipeline import jpeg, pixels, upright
from pipeline.inbox import prints
from pipeline.render import RenderJob, render_page

__all__ = ["NAMES", "Cost", "Job", "measured"]

PARTS: tuple[tuple[str, Any, str], ...] = (
    ("decode", jpeg, "decode"),
    ("paper, ink", pixels, "shrink"),
    ("upright", upright, "pose"),
    ("signals", pixels, "contrast"),
    ("signals", pixels, "rulings"),
    ("signals", prints, "look_of"),
)
NAMES = (*dict.fromkeys(part for part, _, _ in PARTS), "rest", "whole")  # the rest: PDF and store
Cost = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Job:
    """One page to make an image of over and over."""

    kind: str
    pdf: Path
    number: int
    scratch: Path
    rounds: int


def measured(job: Job) -> Cost | None:
    """The median milliseconds of CPU by part, of this thread, which does it all; None for a page whose image is not
    the scan itself."""
    costs = []
    for turn in range(job.rounds + 1):
        spent = dict.fromkeys(NAMES, 0.0)
        with _clocked(spent):
            start = time.thread_time()
            image = render_page(RenderJob(job.pdf, job.number, job.scratch / f"{job.kind}-{job.number}-{turn}"))
            spent["whole"] = 1000 * (time.thread_time() - start)
        if image.source != "embedded" or image.rotation or image.skew:
            return None
        spent["rest"] = 2 * spent["whole"] - sum(spent.values())
        costs.append(spent)
    return {name: median(cost[name] for cost in costs[1:]) for name in NAMES}  # the first wakes everything


@contextmanager
def _clocked(spent: dict[str, float]) -> Iterator[None]:
    """Inside, the parts add what they take."""
    with ExitStack() as stack:
        for part, owner, name in PARTS:
            stack.enter_context(patch.object(owner, name, _timed(getattr(owner, name), spent, part)))
        yield


def _timed(work: Callable[..., Any], spent: dict[str, float], part: str) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        start = time.thread_time()
        try:
            return work(*given, **named)
        finally:
            spent[part] += 1000 * (time.thread_time() - start)

    return timed
