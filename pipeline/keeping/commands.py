"""`muniment reconcile`, `delete`, `retention`, `backup`, `restore`: what keeps the home whole, and what leaves it."""

from __future__ import annotations

import argparse
import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console import emit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.keeping.deletion import Deleted
    from pipeline.keeping.retention import Due, Rule
    from pipeline.wiring import Tools

__all__ = ["add_options", "matter", "user"]

PERSON_EXIT = 3
SHOWN = 200  # documents listed as text


def add_options(parsers: Any, command: Callable[[Any, str, str], argparse.ArgumentParser]) -> None:
    """Add the commands."""
    reconcile = command(parsers, "reconcile", "compare catalog, store and index; exit code 3 when something is left")
    reconcile.add_argument("--repair", action="store_true", help="mend what can be mended; without it nothing changes")
    reconcile.add_argument("--deep", action="store_true", help="also read every blob and check its bytes")
    reconcile.set_defaults(command=_reconcile)
    delete = command(parsers, "delete", "delete documents and everything this home keeps of them; backups stay")
    delete.add_argument("document", metavar="DOCUMENT", nargs="+", help="id, beginning of an id, or file name")
    delete.add_argument("--why", required=True, help="for the audit log, which keeps it without the document's name")
    delete.set_defaults(command=_delete)
    retention = command(parsers, "retention", "documents kept as long as their matter says, and what holds them")
    retention.add_argument("--apply", action="store_true", help="delete them; without it they are only listed")
    retention.set_defaults(command=_retention)
    backup = command(parsers, "backup", "copy catalog and store to a folder, while everything runs; only what is new")
    backup.add_argument("folder", metavar="FOLDER", type=Path)
    backup.set_defaults(command=_backup)
    restore = command(parsers, "restore", "fill an empty home from a backup, check every hash, make the index anew")
    restore.add_argument("folder", metavar="FOLDER", type=Path)
    restore.set_defaults(command=_restore)


def user() -> str:
    """Who types this, for the audit log."""
    return f"{getpass.getuser()} (command line)"


def matter(arguments: argparse.Namespace) -> int:
    """Set where a matter's pages may go, how long it is kept and what holds it, or list what was set."""
    from pipeline.errors import UsageError
    from pipeline.keeping.retention import Rule
    from pipeline.report import table
    from pipeline.wiring import open_tools

    decisions = ("frontier", "retain", "hold", "release")
    with open_tools() as tools:
        if any(getattr(arguments, name) not in (None, False) for name in decisions):
            if not arguments.matter:
                raise UsageError("a decision needs a matter's name")
            _decide(arguments, tools)
        policies, rules = tools.policies.all(), {rule.matter: rule for rule in tools.retention.all()}
    names = [arguments.matter] if arguments.matter else sorted({*policies, *rules})
    found = {name: (policies.get(name, "never"), rules.get(name, Rule(name))) for name in names}
    payload = {"matters": {name: policy for name, (policy, _) in found.items()},
               "retention": {name: asdict(rule) for name, (_, rule) in found.items()}}  # fmt: skip
    listed = table([(name, f"frontier: {policy}", *_kept(rule)) for name, (policy, rule) in found.items()])
    emit(arguments, lambda: payload, lambda: listed or "nothing was decided on any matter: nothing leaves, all is kept")
    return 0


def _decide(arguments: argparse.Namespace, tools: Tools) -> None:
    if arguments.frontier:
        tools.policies.set(arguments.matter, arguments.frontier)
    if arguments.retain is not None:
        tools.retention.keep(arguments.matter, arguments.retain or None, user())
    if arguments.hold is not None:
        tools.retention.hold(arguments.matter, arguments.hold, user())
    if arguments.release:
        tools.retention.release(arguments.matter, user())


def _kept(rule: Rule) -> tuple[str, str]:
    held = f"legal hold by {rule.hold.who} since {_day(rule.hold.since)}: {rule.hold.why}" if rule.hold else ""
    return (f"kept {rule.days} days" if rule.days else "kept for ever"), held


def _reconcile(arguments: argparse.Namespace) -> int:
    from pipeline.reconcile import reconcile, reconciliation_text
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        found = reconcile(tools, repair=arguments.repair, deep=arguments.deep)
    emit(arguments, found.as_json, lambda: reconciliation_text(found))
    return PERSON_EXIT if found.asks else 0


def _delete(arguments: argparse.Namespace) -> int:
    from pipeline.keeping.deletion import delete_documents
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        ids = [tools.catalog.document(key).id for key in arguments.document]
        done = delete_documents(tools, dict.fromkeys(ids, arguments.why), user())
    emit(arguments, lambda: asdict(done), lambda: _deleted_text(done))
    return PERSON_EXIT if done.unfinished else 0


def _retention(arguments: argparse.Namespace) -> int:
    from pipeline.keeping.deletion import Deleted, sweep
    from pipeline.keeping.retention import due
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        found = list(due(tools))
        done = sweep(tools) if arguments.apply else Deleted(())
    payload = {"due": [asdict(one) for one in found], "deleted": asdict(done)}
    emit(arguments, lambda: payload, lambda: _retention_text(found, done, applied=arguments.apply))
    return PERSON_EXIT if done.unfinished else 0


def _backup(arguments: argparse.Namespace) -> int:
    from pipeline.keeping.backup import backup
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        done = backup(tools, arguments.folder.absolute())
    counts = ", ".join(f"{count} {name}" for name, count in done.manifest.counts.items())
    lines = [f"{counts}; {done.copied} blobs were new"]
    lines += [f"missing or damaged in the store, see `muniment reconcile --deep`: {blob}" for blob in done.faulty]
    emit(arguments, lambda: asdict(done), lambda: "\n".join(lines))
    return PERSON_EXIT if done.faulty else 0


def _restore(arguments: argparse.Namespace) -> int:
    from pipeline.keeping.backup import restore
    from pipeline.progress import bar
    from pipeline.reconcile import reconcile, reconciliation_text
    from pipeline.run import RunOptions, rebuild
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    settings = load_settings()
    manifest = restore(arguments.folder.absolute(), settings)
    with open_tools(settings) as tools, bar("documents", quiet=arguments.json) as progress:
        done = RunOptions(on_start=progress.start, on_done=lambda document: progress.advance(document.name))
        counts = rebuild(tools, done)
        found = reconcile(tools, repair=True)
    payload = {"manifest": asdict(manifest), "indexed": counts, "reconciliation": found.as_json()}
    said = "{documents} documents, {pages} pages indexed".format(**counts)
    emit(arguments, lambda: payload, lambda: f"{said}\n{reconciliation_text(found)}")
    return PERSON_EXIT if found.asks else 0


def _deleted_text(done: Deleted) -> str:
    lines = [f"{len(done.documents)} deleted, {done.blobs} files of theirs in the store"]
    lines += [f"still there: {left}" for left in done.left]
    if done.unfinished:
        lines.append("`muniment reconcile --repair` goes on with it")
    return "\n".join([*lines, "Backups keep what they hold."])


def _retention_text(found: list[Due], done: Deleted, *, applied: bool) -> str:
    from pipeline.report import table

    rows = [(one.document, one.matter, _day(one.received), f"{one.days} days", _fate(one)) for one in found[:SHOWN]]
    parts = [table(rows, indent="")] if rows else ["No document is due."]
    if len(found) > SHOWN:
        parts.append(f"… and {len(found) - SHOWN} more")
    if applied:
        parts.append(_deleted_text(done))
    elif found:
        parts.append("Nothing was deleted: --apply does it.")
    return "\n".join(parts)


def _fate(one: Due) -> str:
    return f"kept: legal hold by {one.hold.who} since {_day(one.hold.since)} ({one.hold.why})" if one.hold else "due"


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone().date().isoformat()
