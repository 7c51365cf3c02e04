"""The commands around the frontier model: escalate, costs, matter."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.frontier.escalate import EscalationReport, Estimate, Options
    from pipeline.wiring import Tools

__all__ = ["costs", "escalate", "matter"]


def escalate(arguments: argparse.Namespace) -> int:
    """Work off what waits, or say what it would cost; exit code 9 when a budget or the account ended it early."""
    from pipeline.frontier.escalate import escalate as work_off
    from pipeline.frontier.escalate import estimate
    from pipeline.progress import bar
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    settings = load_settings()
    if arguments.budget is not None:
        settings = settings.model_copy(update={"budget_run": arguments.budget})
    with open_tools(settings) as tools, bar("documents", quiet=arguments.json) as progress:
        options = _options(arguments, tools)
        if arguments.estimate:
            _print(arguments, _plain(asdict(found := estimate(tools, options))), _estimate_text(found))
            return 0
        shown = replace(
            options,
            on_start=progress.start,
            on_done=lambda document: progress.advance(f"{document.name}: {document.status}"),
        )
        report = work_off(tools, tools.frontier, shown, batch=arguments.batch)
    _print(arguments, _plain(asdict(report)), _report_text(report))
    return 9 if report.stopped else 0


def costs(arguments: argparse.Namespace) -> int:
    """What was spent, by day, matter, document or model."""
    from pipeline.report import table
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        lines = tools.ledger.by(arguments.by)
    rows = [
        (one.key, f"{one.calls} calls", f"{one.pages} pages", f"{one.usd:.4f} USD", _unsure(one.unsure))
        for one in lines
    ]
    total = sum((one.usd for one in lines), Decimal(0))
    _print(
        arguments,
        {"by": arguments.by, "lines": _plain([asdict(one) for one in lines])},
        f"{table(rows)}\n{total:.4f} USD in all",
    )
    return 0


def matter(arguments: argparse.Namespace) -> int:
    """Set where a matter's pages may go, or list what was set."""
    from pipeline.errors import UsageError
    from pipeline.report import table
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        if arguments.frontier:
            if not arguments.matter:
                raise UsageError("--frontier needs a matter's name")
            tools.policies.set(arguments.matter, arguments.frontier)
        found = tools.policies.all()
    if arguments.matter:
        found = {arguments.matter: found.get(arguments.matter, "never")}
    listed = table([(name, f"frontier: {egress}") for name, egress in found.items()])
    _print(arguments, {"matters": found}, listed or "no matter lets its pages leave this machine")
    return 0


def _options(arguments: argparse.Namespace, tools: Tools) -> Options:
    from pipeline.frontier.escalate import Options

    named = arguments.document
    return Options(
        matters=tuple(arguments.matter) if arguments.matter else None,
        documents=tuple(tools.catalog.document(name).id for name in named) if named else None,
        again=arguments.again,
    )


def _report_text(report: EscalationReport) -> str:
    lines = [f"{report.answered} pages read by the frontier model, {report.spent:.4f} USD"]
    lines += [f"{name}: {reason}" for name, reason in (report.failed | report.deferred | report.kept_back).items()]
    if report.lost_calls:
        lines.append(
            f"{report.lost_calls} calls of a run that was killed may have been paid for without an answer kept"
        )
    if report.under_way:
        lines.append(f"{report.under_way} batches under way: `muniment escalate` fetches their results when they ended")
    if report.stopped:
        lines.append(f"stopped: {report.stopped}; `muniment escalate` goes on from here")
    return "\n".join(lines)


def _estimate_text(found: Estimate) -> str:
    kept = f"; {found.kept_back} documents wait whose matter keeps its pages here" if found.kept_back else ""
    return (
        f"{found.pages} pages of {found.documents} documents wait: at most {found.most:.4f} USD{kept}\n"
        f"all {found.all_pages} pages of this home by the frontier model: at most {found.all_frontier:.4f} USD"
    )


def _unsure(amount: Decimal) -> str:
    return f"and perhaps {amount:.4f} USD more" if amount else ""


def _plain(value: object) -> object:
    """Decimals as text, so that JSON keeps every digit."""
    return json.loads(json.dumps(value, default=str))


def _print(arguments: argparse.Namespace, payload: object, text: str) -> None:
    print(json.dumps(payload) if arguments.json else text)
