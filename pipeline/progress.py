"""A progress bar on a terminal, and silence anywhere else; stdout is never touched."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.report import clip

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Bar", "bar"]


class Bar:
    """One counted line on stderr; without a terminal every call is a no-op."""

    def __init__(self, progress: Progress | None, label: str) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=None, note="") if progress else None

    def start(self, total: int) -> None:
        """How many there will be."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, total=total)

    def advance(self, note: str) -> None:
        """One more is done; `note` (hostile text: a file name) is shown disarmed."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, advance=1, note=clip(note, 60))


@contextmanager
def bar(label: str, *, quiet: bool = False) -> Iterator[Bar]:
    """A bar that lives as long as the body runs."""
    if quiet or not sys.stderr.isatty():
        yield Bar(None, label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, label)
