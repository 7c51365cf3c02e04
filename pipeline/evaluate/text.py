"""What the `evaluate` commands print for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from pipeline.evaluate.fields import FieldScores
from pipeline.evaluate.ranking import MEASURES
from pipeline.evaluate.routes import NO_ROUTE, RouteScores
from pipeline.evaluate.thresholds import Point, Routing, Sweep
from pipeline.report import clip, table
from pipeline.types import Route

__all__ = ["fields_text", "ranking_text", "routes_text", "routing_text"]

SCOPES = ("in_document", "corpus")
BOUNDS = (
    "F1 is the mean over the fields. Floor: as read locally. Ceiling: as if the frontier model read every escalated\n"
    "page without error; a value whose page the golden set does not tell counts by the document's escalated share."
)


def ranking_text(scores: dict[str, Any]) -> str:
    """The figures of page search with their intervals."""
    rows = [
        (scope, *(f"{name} {_bounded(scores[scope][name], *scores['intervals'][scope][name])}" for name in MEASURES))
        for scope in SCOPES
    ]
    return f"{scores['queries']} queries; 95 % intervals, resampled by document\n{table(rows)}"


def fields_text(scores: FieldScores) -> str:
    """One row a field, then the averages, then the documents that are not here or were not read."""
    found = scores.as_json()
    head = ("field", "expected", "found", "precision", "recall", "F1", "verified", "verified right", "evidence right")
    rows = [_row(name, row) for name, row in (found["fields"] | {"all (micro)": found["micro"]}).items()]
    rows.append(("mean (macro)", "", "", "", "", _interval(found["macro"]["f1"]), "", "", ""))
    title = f"{found['documents']} documents; 95 % intervals, resampled by document"
    return "\n".join([title, table([head, *rows]), *_absent(scores.missing, scores.unread)])


def routes_text(scores: RouteScores) -> str:
    """The confusion table, a row for each route that a person would choose."""
    columns = (*Route, NO_ROUTE)
    head = ("wanted \\ given", *columns, "recall", "precision")
    rows = [
        (want, *(scores.confusion[want, got] for got in columns), *(_share(scores.of(want)[n]) for n in head[-2:]))
        for want in Route
    ]
    title = f"{len(scores.pages)} pages: {scores.agreement} get the route that a person would choose (95 % interval)"
    easy = f"{scores.too_easy} get one that asks less of the reader"
    return "\n".join([title, easy, table([head, *rows]), *_absent(scores.missing, scores.unread)])


def routing_text(found: Routing, now: Mapping[str, float]) -> str:
    """Both sweeps, the knee of each, and what to set; `now` are the present settings by name. Neighbouring settings
    that give the same are one row."""
    lines = [
        f"{found.documents} documents, {found.pages} pages; a frontier page is taken to cost {found.page_usd:g} USD"
    ]
    if found.pages:
        lines += [BOUNDS, *(part for sweep in found.sweeps for part in _sweep(sweep, now[sweep.name]))]
        lines += [f"Use MUNIMENT_{s.name.upper()}={s.best:g} (now {now[s.name]:g})" for s in found.sweeps]
    else:
        lines.append("nothing to sweep: run `muniment ingest` on these documents with the present settings first")
    return "\n".join([*lines, *_absent(found.missing, found.unread, "left out")])


def _sweep(sweep: Sweep, now: float) -> Iterator[str]:
    measured = any(point.measured for point in sweep.points)
    head = (
        sweep.name,
        "pages",
        "share",
        "USD/1,000 pages",
        "F1 floor",
        "F1 ceiling",
        *(["F1 measured"] * measured),
        "",
    )
    rows = []
    for _, run in groupby(sweep.points, key=lambda point: replace(point, setting=0.0)):
        points = list(run)
        first, last = points[0], points[-1]
        rows.append(
            (
                f"{first.setting:.2f}" + (f"–{last.setting:.2f}" if len(points) > 1 else ""),
                first.escalated,
                f"{first.share:.3f}",
                f"{first.usd:.2f}",
                first.floor,
                first.ceiling,
                *([first.measured] if measured else []),
                _mark("knee", sweep.best, points) + _mark("now", now, points),
            )
        )
    yield ""
    yield table([head, *rows])


def _mark(word: str, setting: float, points: Sequence[Point]) -> str:
    return f"{word} {setting:g} " if any(point.setting == setting for point in points) else ""


def _row(name: str, row: dict[str, Any]) -> tuple[object, ...]:
    intervals = (_interval(row[figure]) for figure in ("precision", "recall", "f1"))
    shares = (_share(row[figure]) for figure in ("verified", "verified_right", "evidence"))
    return name, row["expected"], row["judged"], *intervals, *shares


def _absent(missing: Sequence[str], unread: Sequence[str], how: str = "counted as missed") -> list[str]:
    texts = (f"not here, {how}", missing), (f"not read, or under other settings, {how}", unread)
    return [f"{len(names)} {said}: {', '.join(clip(name, 60) for name in names)}" for said, names in texts if names]


def _interval(found: dict[str, float | None]) -> str:
    return _bounded(found["value"], found["low"], found["high"])


def _bounded(value: float | None, low: float | None, high: float | None) -> str:
    return "–" if value is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _share(value: float | int | None) -> str:
    return "–" if value is None else f"{value:.3f}"
