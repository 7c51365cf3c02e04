"""The commands around the frontier model: escalate, costs."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.console import emit

if TYPE_CHECKING:
    from pipeline.frontier.work import Options
    from pipeline.wiring import Tools

__all__ = ["costs", "escalate"]


def escalate(arguments: argparse.Namespace) -> int:
    """Work off what waits, or say what it would cost; exit code 9 when a budget or the account ended it early."""
    from pipeline.frontier.escalate import escalate as work_off
    from pipeline.frontier.estimate import estimate
    from pipeline.frontier.text import estimate_text, report_text
    from pipeline.progress import bar
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    settings = load_settings()
    if arguments.budget is not None:
        settings = settings.model_copy(update={"budget_run": arguments.budget})
    with open_tools(settings) as tools, bar("documents", quiet=arguments.json) as progress:
        options = _options(arguments, tools)
        if arguments.estimate:
            found = estimate(tools, options, batch=arguments.batch)
            emit(arguments, lambda: asdict(found), lambda: estimate_text(found, batch=arguments.batch))
            return 0
        shown = replace(
            options,
            on_start=progress.start,
            on_done=lambda document: progress.advance(f"{document.name}: {document.status}"),
        )
        report = work_off(tools, tools.frontier, shown, batch=arguments.batch)
        text = report_text(report, tools)
    emit(arguments, lambda: asdict(report), lambda: text)
    return 9 if report.stopped else 0


def costs(arguments: argparse.Namespace) -> int:
    """What was spent, by day, matter, document or model, and what reading everything would have cost."""
    from pipeline.errors import UsageError
    from pipeline.frontier.costs import everything, spent_by
    from pipeline.frontier.estimate import densest_page
    from pipeline.frontier.ledger import midnight
    from pipeline.frontier.text import costs_text
    from pipeline.wiring import open_tools

    since = midnight(arguments.since) if arguments.since else 0.0
    until = midnight(arguments.until + timedelta(days=1)) if arguments.until else float("inf")
    if since >= until:
        raise UsageError("--since lies after --until")
    with open_tools() as tools:
        lines = spent_by(tools.catalog.database, arguments.by, since, until)
        model = tools.frontier_model
        everything_read = everything(tools.catalog.database, model.id, densest_page(model))
    payload = {"by": arguments.by, "lines": [asdict(one) for one in lines], "everything": asdict(everything_read)}
    emit(arguments, lambda: payload, lambda: costs_text(lines, everything_read))
    return 0


def _options(arguments: argparse.Namespace, tools: Tools) -> Options:
    from pipeline.frontier.work import Options

    named = arguments.document
    return Options(
        matters=tuple(arguments.matter) if arguments.matter else None,
        documents=tuple(tools.catalog.document(name).id for name in named) if named else None,
        again=arguments.again,
        wait=arguments.wait * 3600,
    )
