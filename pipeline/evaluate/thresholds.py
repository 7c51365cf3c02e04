"""Where to set the thresholds of escalation: share of pages sent to the frontier model, field F1 and cost by setting.

Nothing is read again: the routing policy is applied anew to the signals that were stored, and merging and review to
the stored findings. What the frontier model would read is not known before it is asked, so F1 is bounded:

- floor: what local reading gave; the values of escalated pages stay as they are;
- ceiling: a frontier model that never errs. What was missed or wrong on an escalated page is right. A value whose
  page the golden set does not tell may stand on any page: it counts as right by the escalated share of its document.

Since the floor is level, a model that mends any fixed share of what a perfect one would has its knee at the same
setting: the knee does not hang on how good the frontier model is.

Where the catalog holds what a frontier model read, that of the escalated pages is merged in and judged: F1 is then
measured and the bounds are not needed. F1 is the mean over the fields of the golden set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.evaluate.bootstrap import Interval
from pipeline.evaluate.fields import FieldScores, counts_of, verdicts
from pipeline.evaluate.goldenset import Asked, LookedUp
from pipeline.evaluate.judge import Counts, Verdict
from pipeline.evaluate.knee import knee
from pipeline.evaluate.walked import Walked
from pipeline.triage import Policy
from pipeline.types import Route

__all__ = ["PAGE_USD", "STEPS", "Point", "Routing", "Sweep", "routing"]

PAGE_USD = 0.02
"""Price of one escalated page, assumed, of 2026-11: 5,000 tokens in (page image, words, schema) and 1,000 out, at 2 and
10 USD a million, the list price of a mid-size frontier model."""

STEPS = tuple(round(step / 20, 2) for step in range(21))


@dataclass(frozen=True, slots=True)
class Point:
    """What one setting gives. `usd` is the price of 1,000 pages; `measured` is None without frontier findings."""

    setting: float
    pages: int
    escalated: int
    usd: float
    floor: Interval
    ceiling: Interval
    measured: Interval | None

    @property
    def share(self) -> float:
        """Escalated pages of all pages."""
        return self.escalated / self.pages if self.pages else 0.0

    @property
    def quality(self) -> float:
        """The F1 to weigh against cost: measured, else the ceiling."""
        return (self.measured or self.ceiling).value

    def as_json(self) -> dict[str, Any]:
        """One row of the sweep."""
        return {
            "setting": self.setting,
            "escalated_pages": self.escalated,
            "escalated_share": round(self.share, 6),
            "usd_per_1000_pages": round(self.usd, 4),
            "f1_floor": self.floor.as_json(),
            "f1_ceiling": self.ceiling.as_json(),
            "f1_measured": self.measured and self.measured.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Sweep:
    """One setting moved while the other stays; `knee` is the index of the point to use. Of points that escalate as
    many pages to the same end as the knee, the present setting is kept."""

    name: str
    points: tuple[Point, ...]
    knee: int

    @property
    def best(self) -> float:
        """The setting at the knee."""
        return self.points[self.knee].setting


@dataclass(frozen=True, slots=True)
class Routing:
    """The sweep of `escalate_below`, and that of `field_threshold` with the first one at its knee; `now` are the
    present settings by name. `missing` names the documents that are not here, `unread` those that were not worked off
    under the present settings: both are left out."""

    documents: int
    pages: int
    page_usd: float
    sweeps: tuple[Sweep, ...]
    now: Mapping[str, float]
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Both sweeps and their knees."""
        return {
            "documents": self.documents,
            "pages": self.pages,
            "missing": list(self.missing),
            "unread": list(self.unread),
            "page_usd": self.page_usd,
            "sweeps": {sweep.name: [point.as_json() for point in sweep.points] for sweep in self.sweeps},
            "knee": {sweep.name: sweep.best for sweep in self.sweeps},
            "now": dict(self.now),
        }


def routing(found: LookedUp[Walked], policy: Policy, field_threshold: float, page_usd: float = PAGE_USD) -> Routing:
    """Sweep both thresholds over the documents found; `policy` and `field_threshold` are the present settings."""
    walked = [each for _, each in found.documents if each is not None]

    def below(setting: float) -> Point:
        return _point(setting, walked, replace(policy, escalate_below=setting), field_threshold, page_usd)

    first = _sweep("escalate_below", policy.escalate_below, below)
    at_knee = replace(policy, escalate_below=first.best)
    second = _sweep("field_threshold", field_threshold, lambda to: _point(to, walked, at_knee, to, page_usd))
    pages = sum(len(each.triages) for each in walked)
    now = {"escalate_below": policy.escalate_below, "field_threshold": field_threshold}
    return Routing(len(walked), pages, page_usd, (first, second), now, found.missing, found.unread)


def _sweep(name: str, now: float, at: Callable[[float], Point]) -> Sweep:
    points = tuple(map(at, sorted({*STEPS, now})))
    best = points[knee([point.share for point in points], [point.quality for point in points])]
    kept = next((each for each in points if each.setting == now and replace(best, setting=now) == each), best)
    return Sweep(name, points, points.index(kept))


def _point(setting: float, walked: Sequence[Walked], policy: Policy, threshold: float, page_usd: float) -> Point:
    low, high, true, sent = [], [], [], 0
    for each in walked:
        routed = each.routed(policy)
        local = each.record(routed)
        escalated = each.needing(routed, threshold)
        sent += len(escalated)
        given = verdicts(each.golden, local)
        low.append(counts_of(given))
        stands = _Standing(escalated, sum(page.route is not Route.BLANK for page in routed))
        high.append({asked.key: _mended(asked, given[asked.key][0], stands) for asked in each.golden.fields})
        true.append(counts_of(verdicts(each.golden, each.record(routed, escalated))))
    pages = sum(len(each.triages) for each in walked)
    measured = _f1(true) if any(each.frontier for each in walked) else None
    usd = 1000 * page_usd * sent / pages if pages else 0.0
    return Point(setting, pages, sent, usd, _f1(low), _f1(high), measured)


@dataclass(frozen=True, slots=True)
class _Standing:
    """How surely something stands on an escalated page; `pages` are those of the document that show anything."""

    escalated: frozenset[int]
    pages: int

    def of(self, pages: Iterable[int]) -> float:
        known = {page for page in pages if page}
        if known:
            return float(bool(known & self.escalated))
        return len(self.escalated) / self.pages if self.pages else 0.0


def _mended(asked: Asked, verdict: Verdict, stands: _Standing) -> Counts:
    """The counts when every escalated page is read without error; shares of a value where its page is unknown."""
    right = sum(hit is not None for _, hit in verdict.met)
    mended = sum(stands.of(expected.pages) for expected, hit in verdict.met if hit is None)
    wrong = sum(1 - stands.of([answer.page]) for answer in verdict.wrong)
    if asked.single and verdict.met:
        wrong = min(wrong, len(verdict.met) - right - mended)  # the one value given is right now
    judged = right + mended + wrong if asked.complete else 0
    return Counts(len(verdict.met), right + mended, judged, right + mended if asked.complete else 0)


def _f1(judged: Sequence[Mapping[str, Counts]]) -> Interval:
    return FieldScores.of(judged).macro
