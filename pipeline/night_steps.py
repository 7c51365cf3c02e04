"""The steps of a night (`nightly.py`): each takes tools and what the night may do, and says in lines what it did."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.frontier.text import count, waiting_text
from pipeline.ingest import ingest_document
from pipeline.types import Document, DocumentStatus, PageStatus
from pipeline.workers import PASSING

if TYPE_CHECKING:
    from pipeline.frontier.work import EscalationReport
    from pipeline.reconcile.faults import Fault
    from pipeline.wiring import Tools

__all__ = ["STEPS", "Night", "Step"]

NIGHTS = 3  # on which a document is tried again; what fails so often does not fail in passing


@dataclass(frozen=True, slots=True)
class Night:
    """What a night may do: escalate these matters (None: all) as batches, and stay `wait` seconds for their results,
    asking each `poll` seconds."""

    matters: tuple[str, ...] | None = None
    batch: bool = False
    wait: float = 0.0
    poll: float = 60.0


Step = Callable[["Tools", Night], list[str]]


def _retry(tools: Tools, _: Night) -> list[str]:
    """What was held because a worker died or was too slow: at night the machine is idle."""
    held = [document for document in tools.catalog.documents(status=DocumentStatus.HELD) if document.sha256]
    again = [document for document in held if _in_passing(document, tools) and _tried(document, tools) < NIGHTS]
    walked = [_again(document, tools) for document in again]
    mended = sum(document.status is not DocumentStatus.HELD for document in walked)
    return [f"{count(len(again), 'document')} tried again, {mended} of them no longer held"] if again else []


def _in_passing(document: Document, tools: Tools) -> bool:
    pages = (page for page in tools.catalog.pages(document.id) if page.status is PageStatus.HELD)
    reasons = [document.reason, *(reason for page in pages for reason in page.reasons)]
    return any(reason.startswith(PASSING) for reason in reasons)


def _tried(document: Document, tools: Tools) -> int:
    return int(tools.catalog.meta(f"nights {document.id}") or 0)


def _again(document: Document, tools: Tools) -> Document:
    tools.catalog.set_meta(f"nights {document.id}", str(_tried(document, tools) + 1))
    return ingest_document(document, tools, retry=True)


def _escalate(tools: Tools, options: Night) -> list[str]:
    if not tools.settings.frontier_url:
        return []
    from pipeline.frontier.escalate import escalate
    from pipeline.frontier.work import Options

    asked = Options(options.matters, wait=options.wait if options.batch else 0.0, poll=options.poll)
    return _escalated(escalate(tools, tools.frontier, asked, batch=options.batch))


def _escalated(report: EscalationReport) -> list[str]:
    lines = [f"{count(report.answered, 'page')} read by the frontier model, {report.spent:.4f} USD"]
    if report.failed:
        lines.append(f"{count(len(report.failed), 'page')} without a usable answer: held for a person")
    if report.deferred:
        lines.append(f"{count(len(report.deferred), 'page')} put off")
    if report.lost_calls:
        lines.append(f"{count(report.lost_calls, 'call')} of a killed run, perhaps paid")
    if report.under_way:
        lines.append(f"{report.under_way} of our batches under way, {report.reserved:.4f} USD reserved")
    lines += [*report.notes, *([f"stopped: {report.stopped}"] if report.stopped else [])]
    return [*lines, *waiting_text(report.waiting)]


def _reconcile(tools: Tools, _: Night) -> list[str]:
    """Catalog, store and index are compared and mended; what was read and lacks its vectors is indexed by this."""
    from pipeline.reconcile import reconcile
    from pipeline.reconcile.faults import KINDS

    def told(fault: Fault) -> str:
        kind = KINDS[fault.kind]
        mended = f"{fault.repaired} " if kind.needs == "repair" else ""
        return f"{fault.count} {kind.what}: {mended}{kind.remedy}"

    return [told(fault) for fault in reconcile(tools, repair=True).faults]


def _page_images(tools: Tools, _: Night) -> list[str]:
    """Images that were put off as their pages came in."""
    if not tools.settings.page_model:
        return []
    from pipeline.page_images import catch_up

    done, left = catch_up(tools, tools.settings.page_image_hours * 3600)
    lines = [f"{count(done, 'page image')} embedded"] if done else []
    return [*lines, *([f"{count(left, 'page image')} still wait"] if left else [])]


def _optimise(tools: Tools, _: Night) -> list[str]:
    """The embedded index does this by itself only while nobody is connected, or when a quarter is new."""
    from pipeline.backends.engine import tidy

    return ["the index brings its graphs up to date"] if tidy(tools.settings) else []


def _retention(tools: Tools, _: Night) -> list[str]:
    """What was kept as long as its matter says is deleted, unless a legal hold keeps it."""
    from pipeline.keeping.deletion import sweep

    done = sweep(tools)
    lines = [f"{count(len(done.documents), 'document')} deleted, kept as long as their matter says"]
    lines += [f"{done.unfinished} of them are not gone from everywhere yet: the next reconciliation goes on"]
    said = lines[: 1 + bool(done.unfinished)] if done.documents else []
    return [*said, *(f"still there: {left}" for left in done.left)]


def _golden(tools: Tools, _: Night) -> list[str]:
    """Each figure with that of the night before: a change of settings, models or code that made results worse shows."""
    if tools.settings.golden is None:
        return []
    from pipeline.evaluate.figures import figures
    from pipeline.evaluate.lines import golden_lines

    found = figures(golden_lines(tools.settings.golden), tools)
    before: Mapping[str, float] = json.loads(tools.catalog.meta("golden") or "{}")
    tools.catalog.set_meta("golden", json.dumps(found))
    return [_figure(name, value, before.get(name)) for name, value in found.items()]


def _figure(name: str, value: float, before: float | None) -> str:
    return f"{name} {value:.3f}" + ("" if before is None else f", the night before {before:.3f}")


STEPS: Mapping[str, Step] = {
    "retry": _retry,
    "escalate": _escalate,
    "reconcile": _reconcile,
    "page images": _page_images,
    "optimise": _optimise,
    "retention": _retention,
    "golden set": _golden,
}
"""By name, in the order they are taken."""
