"""What is here, what waits, and what a person has to look at: `muniment status`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pipeline.frontier.waits import Waits
from pipeline.inbox.space import PAUSED
from pipeline.report import clip, table
from pipeline.types import DocumentStatus

if TYPE_CHECKING:
    from pipeline.catalog import Run
    from pipeline.wiring import Tools

__all__ = ["overview", "overview_text"]

RUNS = 5


def overview(tools: Tools) -> dict[str, Any]:
    """Counts by status, documents that are not simply done with their reasons, what waiting pages wait for, and the
    latest runs."""
    catalog = tools.catalog
    documents = catalog.documents()
    waiting = [d for d in documents if d.status is not DocumentStatus.DONE]
    return {
        "documents": dict(Counter(d.status.value for d in documents)),
        "pages": {str(status): count for status, count in catalog.page_totals().items()},
        "matters": dict(Counter(d.matter for d in documents)),
        "waiting": [
            {"name": d.name, "id": d.id, "matter": d.matter, "status": d.status.value, "reason": d.reason}
            for d in waiting
        ],
        "paused": catalog.meta(PAUSED) or "",
        "rescans": tools.rescans.count(),
        "escalation": Waits(tools).counts(),
        "runs": [_run(run) for run in catalog.runs(RUNS)],
    }


def overview_text(view: dict[str, Any]) -> str:
    """The overview as text."""
    paused = [f"Nothing is taken in from the inbox: {view['paused']}"] if view["paused"] else []
    if not view["documents"]:
        return "\n\n".join([*paused, "Nothing here yet. Take documents in with: muniment ingest FOLDER"])
    parts = paused + [
        f"{title.capitalize()}\n{table(list(view[title].items()))}" for title in ("documents", "pages", "matters")
    ]
    if view["waiting"]:
        rows = [(clip(d["name"], 50), d["id"], d["status"], clip(d["reason"], 120)) for d in view["waiting"]]
        parts.append("For a person to look at\n" + table(rows))
    if view["rescans"]:
        parts.append(f"Other scans of a document that is here: {view['rescans']} (muniment show DOCUMENT names it)")
    if view["escalation"]:
        waits = [(_pages(count), reason) for reason, count in view["escalation"].items()]
        parts.append("Pages that need the frontier model, and why they wait\n" + table(waits))
    if view["runs"]:
        rows = [(r["started"], r["kind"], r["status"], _counts(r["totals"])) for r in view["runs"]]
        parts.append("Latest runs\n" + table(rows))
    return "\n\n".join(parts)


def _run(run: Run) -> dict[str, Any]:
    started = datetime.fromtimestamp(run.started).astimezone().isoformat(timespec="seconds")
    return {"kind": run.kind, "status": run.status, "started": started, "totals": run.totals, "seconds": run.seconds}


def _pages(count: int) -> str:
    return f"{count} page{'s' * (count != 1)}"


def _counts(totals: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in totals.items())
