"""A document under which the whole process dies, time and again and without getting further, is held.

A hostile page dies in a worker and costs that page. What takes the run's own process with it (memory that the kernel
takes back, a crash in a library) leaves no word behind: only a mark made before the walk and never taken back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import DocumentHeld

if TYPE_CHECKING:
    from pipeline.catalog import Catalog
    from pipeline.types import Document

__all__ = ["MOST", "key", "marked"]

MOST = 12  # deaths in one place: more than there are steps between two results, at each of which somebody may kill


def key(document: str) -> str:
    """Under which the catalog keeps the mark of this document's walk."""
    return f"walking {document}"


@contextmanager
def marked(document: Document, catalog: Catalog) -> Iterator[None]:
    """Mark the document as being walked while the body runs, however it ends; `DocumentHeld` where the mark says that
    the process died `MOST` times in this body and no page's result was added by the last."""
    deaths, remembered = _deaths(document, catalog)
    try:
        if deaths >= MOST:
            raise DocumentHeld(
                f"the program itself ended {deaths} times in the middle of this document, each time at the same place; "
                "try it alone, with `muniment ingest --retry`"
            )
        catalog.set_meta(key(document.id), json.dumps([deaths, remembered]))
        yield
    finally:
        catalog.forget_meta(key(document.id))


def _deaths(document: Document, catalog: Catalog) -> tuple[int, int]:
    """How often the process died in one place so far, and the results remembered of the document now."""
    remembered = catalog.remembered(document.sha256)
    mark = catalog.meta(key(document.id))
    if mark is None:
        return 0, remembered
    deaths, before = json.loads(mark)
    return (int(deaths) + 1 if before == remembered else 1), remembered
