"""One record a document: the findings of all pages and extractors, deduplicated, conflicts kept.

Findings that mean the same (same date, same sum, names that differ in punctuation or an OCR slip) become one
value with all their evidence. Readers who agree are independent enough to raise each other: the confidence of
a value is 1 - Π(1 - c) over its extractors, each with its best finding. Nothing is dropped for disagreeing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pipeline.derive import derive
from pipeline.ground import WHOLE, fold, same_name
from pipeline.trust import NOT_ON_PAGE, contradicted, doubt_of
from pipeline.types import Document, FieldStatus, Finding, Route, Triage
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Amended, Contract
from schemas.fields import Entry, Evidence, FieldValue, Status

__all__ = ["merge"]

MAX_EVIDENCE = 8
MAX_ALTERNATIVES = 5
RIVAL, LEAST_RIVAL = 0.8, 0.5
"""A second value conflicts with the best one when its evidence is comparable: its confidence is at least this share
of the best one's, and it would be believed by itself."""

LEGIBLE = 0.5
"""Mean OCR confidence under which a page that waits for the frontier model counts as not yet read."""

RANK = {FieldStatus.VERIFIED: 0, FieldStatus.UNVERIFIED: 1, FieldStatus.UNREADABLE: 2, FieldStatus.ABSENT: 3}


def merge(document: Document, findings: Mapping[int, Sequence[Finding]], triages: Sequence[Triage] = ()) -> Contract:
    """The record of a document from the grounded findings of its pages (by page number).

    A field without a value is `absent`; but as long as a page is unread (it has no findings entry, or waits
    for the frontier model because OCR could not read it) nobody knows, and the field is `unreadable`.
    """
    pages = max([document.page_count, *findings])
    unread = _unread(pages, findings, triages)
    by_field: dict[str, list[Finding]] = {}
    for page in sorted(findings):
        for finding in findings[page]:
            by_field.setdefault(finding.field, []).append(finding)
    pointers = [finding for found in by_field.values() for finding in found if "points_to" in finding.detail]
    for finding in pointers:
        by_field[finding.field].remove(finding)
    nothing: Status = "unreadable" if unread else "absent"
    entries: dict[str, Any] = {name: _single(name, by_field.get(name, []), nothing) for name in SINGLE_FIELDS}
    for name, model in LIST_FIELDS.items():
        entries[name] = _many(name, by_field.get(name, []), model, nothing)
    return derive(Contract(document=document.id, pages=pages, unread_pages=unread, **entries), pointers)


def _unread(pages: int, findings: Mapping[int, object], triages: Sequence[Triage]) -> tuple[int, ...]:
    """Pages nobody has read yet."""
    hard = {t.number for t in triages if t.route is Route.FRONTIER and t.signals.confidence < LEGIBLE}
    return tuple(sorted(hard | (set(range(1, pages + 1)) - set(findings))))


def _single(name: str, findings: Sequence[Finding], nothing: Status) -> Entry[Any]:
    read, status = _readable(findings, nothing)
    model = Amended if name == "amends" else FieldValue
    ranked = _ranked(name, model, _groups(read, _same_value))[:MAX_ALTERNATIVES]
    if not ranked:
        return Entry[Any](status=status)
    least = max(LEAST_RIVAL, RIVAL * ranked[0].confidence)
    grounded = ranked[0].doubt == NOT_ON_PAGE
    rivals = {v.value for v in ranked[1:] if v.confidence >= least and (v.doubt == NOT_ON_PAGE) == grounded}
    values = [contradicted(v) if rivals and v.value in {ranked[0].value, *rivals} else v for v in ranked]
    return Entry[Any](status=values[0].status, values=tuple(values), conflict=bool(rivals))


def _many(name: str, findings: Sequence[Finding], model: type[FieldValue], nothing: Status) -> Entry[Any]:
    read, status = _readable(findings, nothing)
    same = _same_name if name in {"parties", "signatories"} else _same_passage if name == "clauses" else _same_value
    groups = _groups(read, same)
    ranked = _ranked(name, model, groups)
    values = [_value(name, model, group) for group in groups] if name in {"obligations", "clauses"} else ranked
    return Entry[Any](status=ranked[0].status if ranked else status, values=tuple(values))


def _ranked(name: str, model: type[FieldValue], groups: Iterable[Sequence[Finding]]) -> list[Any]:
    """The values of the groups, best first: what stands on the page, then by confidence, then by page."""
    ordered = sorted(groups, key=lambda group: (RANK[group[0].status], -_agreed(_proven(group)), group[0].page))
    return [_value(name, model, group) for group in ordered]


def _readable(findings: Sequence[Finding], nothing: Status) -> tuple[list[Finding], Status]:
    """The findings that have a value, and what to say if none has: one seen but illegible is unreadable."""
    read = [finding for finding in findings if finding.status is not FieldStatus.UNREADABLE]
    return read, "unreadable" if len(read) < len(findings) else nothing


def _groups(findings: Iterable[Finding], same: Callable[[Finding, Finding], bool]) -> list[list[Finding]]:
    """Findings that mean the same, in order of first appearance, best first in each group."""
    groups: list[list[Finding]] = []
    for finding in findings:
        group = next((g for g in groups if same(g[0], finding)), None)
        if group is None:
            groups.append([finding])
        else:
            group.append(finding)
    return [sorted(group, key=lambda f: (RANK[f.status], -f.confidence)) for group in groups]


def _same_value(one: Finding, other: Finding) -> bool:
    return fold(one.value or one.raw) == fold(other.value or other.raw)


def _same_passage(one: Finding, other: Finding) -> bool:
    """The same words on the same page, or the parts of one passage that runs over a page break."""
    near = one.page == other.page or (WHOLE in one.detail and abs(one.page - other.page) == 1)
    return one.value == other.value and near and fold(one.raw) == fold(other.raw)


def _same_name(one: Finding, other: Finding) -> bool:
    return same_name(one.value or one.raw, other.value or other.raw)


def _value(name: str, model: type[FieldValue], group: Sequence[Finding]) -> Any:
    """One value from findings that mean the same; details come from the best finding that has them."""
    best, proven = group[0], _proven(group)
    detail: dict[str, str] = {}
    for finding in group:
        detail |= {k: v for k, v in finding.detail.items() if k in model.model_fields and k not in detail}
    confidence = _agreed(proven)
    doubt = doubt_of(name, group, confidence)
    return model(
        raw=best.raw,
        value=best.value,
        evidence=tuple(_evidence(finding) for finding in proven[:MAX_EVIDENCE]),
        status="unverified" if doubt else "verified",
        confidence=confidence,
        extractor=" + ".join(sorted({finding.extractor for finding in proven})),
        doubt=doubt,
        **detail,
    )


def _proven(group: Sequence[Finding]) -> list[Finding]:
    """The findings of a group that stand as firmly as the best one."""
    return [finding for finding in group if finding.status is group[0].status]


def _agreed(findings: Sequence[Finding]) -> float:
    best: dict[str, float] = {}
    for finding in findings:
        best[finding.extractor] = max(best.get(finding.extractor, 0.0), min(1.0, max(0.0, finding.confidence)))
    return round(1 - math.prod(1 - confidence for confidence in best.values()), 3)


def _evidence(finding: Finding) -> Evidence:
    boxes = tuple((box.left, box.top, box.right, box.bottom) for box in finding.boxes)
    return Evidence(page=finding.page, quote=finding.quote, boxes=boxes)
