"""What a person reads of escalations and their costs on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.errors import NotFound
from pipeline.report import clip, plain, table

if TYPE_CHECKING:
    from pipeline.frontier.costs import Everything, Spent
    from pipeline.frontier.estimate import Estimate
    from pipeline.frontier.work import EscalationReport
    from pipeline.wiring import Tools

__all__ = ["by_reason", "costs_text", "count", "estimate_text", "report_text", "waiting_text"]

NAMED = 3  # pages or documents named of those that share a reason; --json names all


def report_text(report: EscalationReport, tools: Tools) -> str:
    """What a run did and what is left to do."""
    lines = [f"{count(report.answered, 'page')} read by the frontier model, {report.spent:.4f} USD"]
    lines += by_reason("without a usable answer, for a person to look at", report.failed, tools)
    lines += by_reason("left for a later run", report.deferred, tools)
    lines += by_reason("kept here", report.kept_back, tools, "document")
    lines += [*report.notes, *_open(report)]
    if report.stopped:
        lines.append(f"stopped: {report.stopped}; `muniment escalate` goes on from here")
    return "\n".join([*lines, *waiting_text(report.waiting)])


def estimate_text(found: Estimate, *, batch: bool) -> str:
    """What would be sent, and what it would cost."""
    what = f"{count(found.pages, 'page')} of {count(found.documents, 'document')} can be sent to {found.model}"
    cost = f"at most {found.most:.4f} USD{' as a batch' if batch else ''}"
    if found.mean and found.likely is not None:
        likely = f"likely {found.likely:.4f} USD (the mean of {count(found.mean.pages, 'page')} it has read here)"
    else:
        likely = "no likely figure: it has read no page here yet"
    lines = [f"{what}: {cost}, {likely}; nothing was sent"]
    return "\n".join([*lines, *waiting_text(found.waiting), everything_text(found.everything)])


def costs_text(lines: Sequence[Spent], everything: Everything) -> str:
    """The sums, and beside them what reading every page would have cost."""
    rows = [
        (one.key, count(one.calls, "call"), count(one.pages, "page"), f"{one.usd:.4f} USD", _unsure(one))
        for one in lines
    ]
    total = sum((one.usd for one in lines), Decimal(0))
    spent = f"{table(rows)}\n{total:.4f} USD in all" if rows else "no call was made"
    return f"{spent}\n{everything_text(everything)}"


def everything_text(everything: Everything) -> str:
    """What it would cost to have every page of this home read."""
    return f"all {count(everything.pages, 'page')} of this home: {everything.usd:.4f} USD ({everything.basis})"


def waiting_text(waiting: Mapping[str, int]) -> list[str]:
    """How many pages wait for what."""
    return [f"{count(number, 'page')} {'waits' if number == 1 else 'wait'}: {why}" for why, number in waiting.items()]


def count(number: int, what: str) -> str:
    """So many of something."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def by_reason(what: str, reasons: Mapping[str, str], tools: Tools, kind: str = "page") -> list[str]:
    """A line a reason: how many share it, and the first of them by document name."""
    sharing: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        sharing.setdefault(reason, []).append(name)
    lines = []
    for reason, names in sharing.items():
        shown = ", ".join(_named(name, tools) for name in names[:NAMED]) + (", …" if len(names) > NAMED else "")
        lines.append(f"{count(len(names), kind)} {what}: {plain(reason)} ({shown})")
    return lines


def _open(report: EscalationReport) -> list[str]:
    lines = []
    if report.lost_calls:
        lost = count(report.lost_calls, "call")
        lines.append(
            f"{lost} of a run that was killed may have been paid for without an answer kept; the pages are asked again"
        )
    if report.under_way:
        batches = count(report.under_way, "batch").replace("batchs", "batches")
        lines.append(f"{batches} under way: `muniment escalate` fetches the results when they have ended")
    if report.reserved:
        lines.append(f"{report.reserved:.4f} USD at most are reserved for calls that have not come to their end")
    return lines


def _named(name: str, tools: Tools) -> str:
    """The document's file name in the place of its id."""
    id, _, page = name.partition(" ")
    try:
        return f"{clip(tools.catalog.document(id).name, 60)} {page}".strip()
    except NotFound:
        return name


def _unsure(one: Spent) -> str:
    parts = [f"perhaps {one.unsure:.4f} USD more"] if one.unsure else []
    parts += [f"{one.reserved:.4f} USD reserved by batches under way"] if one.reserved else []
    return "; ".join(parts)
