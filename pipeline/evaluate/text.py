"""What the `evaluate` commands print for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from math import isnan
from typing import TYPE_CHECKING, Any

from pipeline.evaluate.compare import LEAST, Comparison, Row
from pipeline.evaluate.fields import FieldScores
from pipeline.evaluate.ranking import MEASURES
from pipeline.evaluate.routes import NO_ROUTE, RouteScores
from pipeline.evaluate.thresholds import Point, Routing, Sweep
from pipeline.frontier.text import by_reason, count
from pipeline.report import clip, table
from pipeline.types import Route

if TYPE_CHECKING:
    from pipeline.frontier.work import EscalationReport
    from pipeline.wiring import Tools

__all__ = ["asking_text", "comparison_text", "fields_text", "ranking_text", "routes_text", "routing_text"]

SCOPES = ("in_document", "corpus")
BOUNDS = (
    "F1 is the mean over the fields. Floor: as read locally. Ceiling: as if the frontier model read every escalated\n"
    "page without error; a value whose page the golden set does not tell counts by the document's escalated share."
)

COMPARED = "F1 over all values of all fields; 95 % intervals, resampled by document, differences paired"
GAINED = "F1 gained per USD/1,000 pages"


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


def routing_text(found: Routing) -> str:
    """Both sweeps, the knee of each, and what to set. Neighbouring settings that give the same are one row."""
    lines = [
        f"{found.documents} documents, {found.pages} pages; a frontier page is taken to cost {found.page_usd:g} USD"
    ]
    if found.pages:
        lines += [BOUNDS, *(part for sweep in found.sweeps for part in _sweep(sweep, found.now[sweep.name]))]
        lines += [f"Use MUNIMENT_{s.name.upper()}={s.best:g} (now {found.now[s.name]:g})" for s in found.sweeps]
    else:
        lines.append("nothing to sweep: run `muniment ingest` on these documents with the present settings first")
    return "\n".join([*lines, *_absent(found.missing, found.unread, "left out")])


def asking_text(report: EscalationReport, tools: Tools) -> str:
    """What was asked for, and by reason what got no answer."""
    lines = [f"{count(report.answered, 'page')} read by frontier models, {report.spent:.4f} USD"]
    lines += by_reason("got no usable answer", report.failed, tools)
    lines += by_reason("could not be asked about", report.deferred, tools)
    lines += by_reason("stay here", report.kept_back, tools, "document")
    return "\n".join([*lines, "", ""])


def comparison_text(found: Comparison) -> str:
    """One row a way, the knee, and what the ways lack."""
    lines = [f"{found.documents} documents, {found.pages} pages; {COMPARED}"]
    if found.rows:
        above = f"above {found.rows[0].way}"
        head = ("way", "pages asked", "F1", above, "verified", "verified right", "USD", "USD/1,000 pages", GAINED)
        lines.append(table([head, *(_way(row, found.rows[0]) for row in found.rows)]))
        lines += [line for row in found.rows for line in _lacks(row)]
        lines.append(_knee(found))
    else:
        lines.append("nothing to compare: run `muniment ingest` on these documents with the present settings first")
    return "\n".join([*lines, *_absent(found.missing, found.unread, "left out")])


def _way(row: Row, first: Row) -> tuple[object, ...]:
    """Of a way that was asked in part only what was paid is shown: its quality is not known yet."""
    usd = f"{row.paid.usd:.4f}", f"{row.usd_per_1000:.2f}"
    if row.unread:
        return row.way, f"{row.pages}, {row.unread_pages} unread", *"––––", *usd, "–"
    shares = (_share(None if isnan(share) else share) for share in (row.verified, row.verified_right))
    per_usd = "–" if row.gained_per_usd is None else f"{row.gained_per_usd:.4f}"
    return row.way, row.pages, row.f1, "–" if row is first else row.gained, *shares, *usd, per_usd


def _lacks(row: Row) -> Iterator[str]:
    if row.unread:
        cost = "" if row.most is None else f", which costs at most {row.most:.4f} USD"
        yield f"{row.way}: {row.unread_pages} of its {row.pages} pages have no answer yet; --ask asks about them{cost}"
    if row.unusable:
        yield f"{row.way}: {row.unusable} of its pages got no usable answer"
    if row.paid.unsure:
        yield f"{row.way}: calls without an end may have cost {row.paid.unsure:.4f} USD more"


def _knee(found: Comparison) -> str:
    if found.knee is None:
        return f"No knee: that takes {LEAST} ways whose pages all have answers."
    return f"Knee: {found.rows[found.knee].way}; ways that cost more gain less for the money."


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
