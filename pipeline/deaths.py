"""A document under which the whole process dies, time and again and without getting further, is held.

A hostile page dies in a worker and costs that page. What takes the run's own process with it (memory that the kernel
takes back, a crash in a library) leaves no word behind: only a mark made before the walk and never taken back. It is a
file of this machine, not a row of the catalog: a file can still be taken away when the disk is full, and a run that
ends over a full disk is no death of a document's making.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import DocumentHeld, StoreError

if TYPE_CHECKING:
    from pipeline.catalog import Catalog
    from pipeline.types import Document

__all__ = ["MOST", "mark_of", "marked"]

MOST = 12  # deaths in one place: more than there are steps between two results, at each of which somebody may kill


def mark_of(document: str, locks: Path) -> Path:
    """The file that says that this document is being walked, beside the locks of the home."""
    return locks / f"{document}.walk"


@contextmanager
def marked(document: Document, catalog: Catalog, locks: Path) -> Iterator[None]:
    """Mark the document as being walked while the body runs, however it ends; `DocumentHeld` where the mark says that
    the process died `MOST` times in this body and no page's result was added by the last."""
    mark = mark_of(document.id, locks)
    remembered = catalog.remembered(document.sha256)
    deaths = _deaths(mark, remembered)
    try:
        if deaths >= MOST:
            raise DocumentHeld(
                f"the program itself ended {deaths} times in the middle of this document, each time at the same place; "
                "try it alone, with `muniment ingest --retry`"
            )
        _write(mark, json.dumps([deaths, remembered]))
        yield
    finally:
        mark.unlink(missing_ok=True)


def _deaths(mark: Path, remembered: int) -> int:
    """How often the process died in one place so far."""
    if not mark.exists():
        return 0
    try:
        deaths, before = json.loads(mark.read_text("utf-8"))
    except ValueError:  # killed while it wrote the mark
        return 1
    return int(deaths) + 1 if before == remembered else 1


def _write(mark: Path, content: str) -> None:
    try:
        mark.write_text(content, "utf-8")
    except OSError as error:
        raise StoreError(f"the mark of a walk can't be written: {error.strerror}") from error
