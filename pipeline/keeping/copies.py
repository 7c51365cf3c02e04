"""What else of a document lies in the home's folders: copies of its file, and texts that name it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.deaths import mark_of
from pipeline.inbox.holding import HELD, SUFFIX

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["Gone", "unlink_copies"]

Gone = tuple[str, Collection[str], float]
"""A deleted document: its id, the SHA-256 of its files, and when the deletion was asked for (seconds since 1970)."""


def unlink_copies(tools: Tools, gone: Sequence[Gone]) -> None:
    """Delete copies of the catalog from before a migration; reports of runs, and reasons in `_held` with the file
    beside them, that name one of these documents; the marks of their walks; and their files in the watcher's spool,
    where a kill may have left them: they would come in again. To be called while the store still has the files."""
    for id, _, _ in gone:
        mark_of(id, tools.locks).unlink(missing_ok=True)
    root, marks = tools.settings.root, [id.encode() for id, _, _ in gone]
    for copy in root.glob("catalog.sqlite.r*.bak"):
        copy.unlink(missing_ok=True)
    for report in _files(root / "reports"):
        if any(mark in report.read_bytes() for mark in marks):
            report.unlink(missing_ok=True)
    for reason in _files(tools.settings.inbox_dir / HELD):
        if reason.name.endswith(SUFFIX) and any(mark in reason.read_bytes() for mark in marks):
            reason.with_name(reason.name.removesuffix(SUFFIX)).unlink(missing_ok=True)
            reason.unlink(missing_ok=True)
    _unlink_claimed(tools, gone)


def _unlink_claimed(tools: Tools, gone: Sequence[Gone]) -> None:
    """What was claimed after the deletion was asked for is a document of its own."""
    asked = {sha256: moment for _, files, moment in gone for sha256 in files}
    sizes = {tools.store.path(sha256).stat().st_size for sha256 in asked if sha256 in tools.store}
    for claimed in _files(tools.settings.root / "spool"):
        state = claimed.stat()
        if state.st_size not in sizes:
            continue
        with claimed.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if state.st_ctime < asked.get(sha256, 0.0):
            claimed.unlink(missing_ok=True)
            claimed.with_suffix(".json").unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
