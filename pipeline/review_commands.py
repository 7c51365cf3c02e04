"""`muniment deadlines` and `muniment corrections`: what the rooms show, for the terminal and for programs."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.digests import Due

__all__ = ["add_options"]

MOST = 10_000  # deadlines listed


def add_options(parsers: Any, command: Callable[[Any, str, str], argparse.ArgumentParser]) -> None:
    """Add both commands."""
    deadlines = command(parsers, "deadlines", "notice-by, renewal, expiry and payment dates to come, next first")
    deadlines.add_argument("--matter", action="append", help="only this matter; repeatable")
    deadlines.add_argument("--past", action="store_true", help="those that have passed, latest first")
    deadlines.add_argument("--undated", action="store_true", help="those whose day can't be computed, and why")
    deadlines.set_defaults(command=_deadlines)
    corrections = parsers.add_parser("corrections", help="what people said of the values that were read")
    actions = corrections.add_subparsers(metavar="ACTION", required=True)
    export = actions.add_parser("export", help="print it as a golden set that `muniment evaluate extraction` reads")
    export.add_argument("--matter", action="append", help="only this matter; repeatable")
    export.set_defaults(command=_export)


def _deadlines(arguments: argparse.Namespace) -> int:
    """The list; everything that changed is looked through first."""
    from pipeline.report import table
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        tools.digests.catch_up(float("inf"))
        matters = arguments.matter or list({document.matter for document in tools.catalog.documents()})
        asked = _asked(arguments, matters)
        found = tools.digests.deadlines(asked, MOST, latest_first=arguments.past)
    if arguments.json:
        print(json.dumps({"deadlines": [_row(due) for due in found]}, ensure_ascii=False))
    elif found:
        print(table([_line(due) for due in found], indent=""))
    else:
        print("None.")
    return 0


def _asked(arguments: argparse.Namespace, matters: list[str]) -> Any:
    from datetime import date, timedelta

    from pipeline.digests import Asked

    if arguments.undated:
        return Asked(matters, dated=False)
    if arguments.past:
        return Asked(matters, through=(date.today() - timedelta(days=1)).isoformat())
    return Asked(matters, since=date.today().isoformat())


def _line(due: Due) -> tuple[str, ...]:
    from pipeline.report import clip

    page = due.deadline.evidence[0].page if due.deadline.evidence else 0
    place = clip(due.name, 50) + (f", page {page}" if page else "")
    amended = f" (amended by {', '.join(due.amended_by)}: the day may be another)" if due.amended_by else ""
    return due.deadline.due or "no day", due.deadline.kind, place, due.deadline.sure, due.deadline.rule + amended


def _row(due: Due) -> dict[str, Any]:
    line = asdict(due.deadline) | {"evidence": [each.model_dump() for each in due.deadline.evidence]}
    place = {"document": due.document, "name": due.name, "matter": due.matter, "amended_by": due.amended_by}
    return place | line


def _export(arguments: argparse.Namespace) -> int:
    from pipeline.golden import golden_lines
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        for line in golden_lines(tools, arguments.matter):
            print(line)
    return 0
