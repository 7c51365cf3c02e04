"""One record a document: the findings of all pages and extractors, deduplicated, conflicts kept.

Findings that mean the same (same date, same sum, names that differ in punctuation or an OCR slip) become one
value with all their evidence. How sure a value is follows from all that was read of its field: readers who agree raise
each other, other values lower it (`calibration.py`). Only what stands on the page has a say there: a reading that the
page does not bear neither supports nor opposes one that it does. Nothing is dropped for disagreeing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pipeline.derive import derive
from pipeline.ground import WHOLE, fold, same_name
from pipeline.trust import CONTRADICTED, TRUST, Trust, contradicted
from pipeline.types import Document, FieldStatus, Finding, Route, Triage
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Amended, Contract
from schemas.fields import Entry, Evidence, FieldValue, Status

__all__ = ["merge"]

MAX_EVIDENCE = 8
MAX_ALTERNATIVES = 5
RIVAL, LEAST_RIVAL = 0.9, 0.5
"""A second value conflicts with the best one when its evidence is comparable: its confidence is at least this share
of the best one's, and it would be believed by itself."""

LEGIBLE = 0.5
"""Mean OCR confidence under which a page that waits for the frontier model counts as not yet read."""

RANK = {FieldStatus.VERIFIED: 0, FieldStatus.UNVERIFIED: 1, FieldStatus.UNREADABLE: 2, FieldStatus.ABSENT: 3}


def merge(
    document: Document,
    findings: Mapping[int, Sequence[Finding]],
    triages: Sequence[Triage] = (),
    trust: Trust = TRUST,
) -> Contract:
    """The record of a document from the grounded findings of its pages (by page number).

    `trust` says how sure a value is and what may be called verified. A field without a value is `absent`; but as long
    as a page is unread (it has no findings entry, or waits for the frontier model because OCR could not read it) nobody
    knows, and the field is `unreadable`.
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
    entries: dict[str, Any] = {name: _single(name, by_field.get(name, []), nothing, trust) for name in SINGLE_FIELDS}
    for name in LIST_FIELDS:
        entries[name] = _many(name, by_field.get(name, []), nothing, trust)
    return derive(Contract(document=document.id, pages=pages, unread_pages=unread, **entries), pointers)


def _unread(pages: int, findings: Mapping[int, object], triages: Sequence[Triage]) -> tuple[int, ...]:
    """Pages nobody has read yet."""
    hard = {t.number for t in triages if t.route is Route.FRONTIER and t.signals.confidence < LEGIBLE}
    return tuple(sorted(hard | (set(range(1, pages + 1)) - set(findings))))


def _single(name: str, findings: Sequence[Finding], nothing: Status, trust: Trust) -> Entry[Any]:
    read, status = _readable(findings, nothing)
    ranked = _ranked(name, _groups(read, _same_value), trust)[:MAX_ALTERNATIVES]
    if not ranked:
        return Entry[Any](status=status)
    own = [trust.confidence(name, _proven(group)) for group in ranked]
    least, firm = max(LEAST_RIVAL, RIVAL * own[0]), ranked[0][0].status
    rivals = [i for i in range(1, len(ranked)) if own[i] >= least and ranked[i][0].status is firm]
    values = [_value(name, group, trust, _opposing(group, ranked)) for group in ranked]
    for index in (0, *rivals) if rivals else ():
        values[index] = contradicted(values[index])
    return Entry[Any](status=values[0].status, values=tuple(values), conflict=bool(rivals))


def _opposing(group: Sequence[Finding], groups: Iterable[Sequence[Finding]]) -> list[Sequence[Finding]]:
    """The other values that stand on the page as firmly as this one, or more so."""
    return [_proven(other) for other in groups if other is not group and RANK[other[0].status] <= RANK[group[0].status]]


def _many(name: str, findings: Sequence[Finding], nothing: Status, trust: Trust) -> Entry[Any]:
    read, status = _readable(findings, nothing)
    same = _same_name if name in {"parties", "signatories"} else _same_passage if name == "clauses" else _same_value
    groups = _groups(read, same)
    ranked = _ranked(name, groups, trust)
    shown = groups if name in {"obligations", "clauses"} else ranked
    values = tuple(_value(name, group, trust) for group in shown)
    best = _value(name, ranked[0], trust).status if ranked else status
    return Entry[Any](status=best, values=values)


def _ranked(name: str, groups: Iterable[list[Finding]], trust: Trust) -> list[list[Finding]]:
    """The groups, best first: what stands on the page, then by confidence, then by page."""

    def rank(group: list[Finding]) -> tuple[int, float, int]:
        return RANK[group[0].status], -trust.confidence(name, _proven(group)), group[0].page

    return sorted(groups, key=rank)


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
    """The same words, or more and fewer of them: readers cut a passage differently. Where one of them saw it run over a
    page break, the part on the other page belongs to it."""
    over = abs(one.page - other.page) == 1 and (WHOLE in one.detail or WHOLE in other.detail)
    if one.value != other.value or not (one.page == other.page or over):
        return False
    shorter, longer = sorted((fold(one.raw), fold(other.raw)), key=len)
    return shorter == longer or (one.extractor != other.extractor and bool(shorter) and shorter in longer)


def _same_name(one: Finding, other: Finding) -> bool:
    return same_name(one.value or one.raw, other.value or other.raw)


def _value(name: str, group: Sequence[Finding], trust: Trust, rivals: Sequence[Sequence[Finding]] = ()) -> Any:
    """One value from findings that mean the same; details come from the best finding that has them."""
    model, best, proven = _model(name), group[0], _proven(group)
    detail: dict[str, str] = {}
    for finding in group:
        detail |= {k: v for k, v in finding.detail.items() if k in model.model_fields and k not in detail}
    confidence = trust.confidence(name, proven, rivals)
    doubt = trust.doubt(name, proven, trust.confidence(name, proven))
    if not doubt and trust.doubt(name, proven, confidence):
        doubt = CONTRADICTED
    return model(
        raw=next((finding.raw for finding in proven if WHOLE in finding.detail), best.raw),
        value=best.value,
        evidence=tuple(_evidence(finding) for finding in proven[:MAX_EVIDENCE]),
        status="unverified" if doubt else "verified",
        confidence=confidence,
        extractor=" + ".join(sorted({finding.extractor for finding in proven})),
        doubt=doubt,
        **detail,
    )


def _model(name: str) -> type[FieldValue]:
    return LIST_FIELDS.get(name) or (Amended if name == "amends" else FieldValue)


def _proven(group: Sequence[Finding]) -> list[Finding]:
    """The findings of a group that stand as firmly as the best one."""
    return [finding for finding in group if finding.status is group[0].status]


def _evidence(finding: Finding) -> Evidence:
    boxes = tuple((box.left, box.top, box.right, box.bottom) for box in finding.boxes)
    return Evidence(page=finding.page, quote=finding.quote, boxes=boxes)
