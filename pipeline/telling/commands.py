"""The commands for who runs the machine: report, notices, metrics."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.console import emit

if TYPE_CHECKING:
    from pipeline.telling.notices import Told

__all__ = ["add_options"]

Command = Callable[[Any, str, str], argparse.ArgumentParser]


def add_options(parsers: Any, command: Command) -> None:
    """Add the commands; `command(parsers, name, text)` makes the parser of one that prints."""
    report = command(parsers, "report", "what the latest run did, or the run of this number")
    report.add_argument("run", metavar="RUN", nargs="?", type=int)
    report.set_defaults(command=_report)
    notices = command(parsers, "notices", "what people were told by webhook and e-mail, and what is still to be sent")
    acts = notices.add_mutually_exclusive_group()
    acts.add_argument("--check", action="store_true", help="look now for what is worth telling, and send what is due")
    acts.add_argument("--test", action="store_true", help="send a test notice by every way that is configured")
    notices.set_defaults(command=_notices)
    metrics = command(parsers, "metrics", "what a Prometheus server would read of this home")
    metrics.set_defaults(command=_metrics)


def _report(arguments: argparse.Namespace) -> int:
    """The report of a run, as it was written when it ended."""
    from pipeline.settings import load_settings
    from pipeline.telling.run_reports import find

    path = find(load_settings().root / "reports", arguments.run)
    text = path.read_text(encoding="utf-8")
    page = path.with_suffix(".html")
    emit(arguments, lambda: {"text": text, "page": str(page)}, lambda: f"{text}\nAs a page: {page}")
    return 0


def _notices(arguments: argparse.Namespace) -> int:
    """The outbox; exit code 1 when a test could not be sent."""
    from pipeline.telling.lookout import look
    from pipeline.telling.notices import Outbox
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        if arguments.test:
            return _test(arguments, tools.settings)
        if arguments.check:
            look(tools)
        outbox = Outbox(tools.catalog.database, tools.settings)
        told, unsent = outbox.listed(), outbox.unsent()
    emit(arguments, lambda: {"notices": [asdict(one) for one in told], "unsent": unsent}, lambda: _listed(told))
    return 0


def _test(arguments: argparse.Namespace, settings: Any) -> int:
    import time
    import uuid

    from pipeline.errors import NotSent
    from pipeline.telling.notices import Message, channels

    link = settings.public_url
    message = Message(uuid.uuid4().hex, "test", "a test of the notices", ("somebody asked for it",), link, time.time())
    results = {}
    for name, send in channels(settings).items():
        try:
            send(settings, message)
            results[name] = "sent"
        except NotSent as error:
            results[name] = str(error)
    text = "\n".join(f"{name}: {how}" for name, how in results.items()) or "neither webhook nor e-mail is configured"
    emit(arguments, lambda: results, lambda: text)
    return 0 if all(how == "sent" for how in results.values()) else 1


def _metrics(arguments: argparse.Namespace) -> int:
    """The text that /metrics serves."""
    from pipeline.telling.metrics import exposition
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        text = exposition(tools).decode()
    emit(arguments, lambda: {"metrics": text}, text.rstrip)
    return 0


def _listed(told: list[Told]) -> str:
    from datetime import datetime

    from pipeline.report import table

    rows = [
        (f"{datetime.fromtimestamp(one.created):%Y-%m-%d %H:%M}", one.kind, one.channel or "-", _how(one), one.title)
        for one in told
    ]
    return table(rows) if rows else "nobody was told anything yet"


def _how(one: Told) -> str:
    if not one.channel:
        return "written down: no way out is configured"
    if one.sent:
        return "sent"
    return f"to be sent, after {one.tries} tries" if one.due else f"given up after {one.tries} tries"
