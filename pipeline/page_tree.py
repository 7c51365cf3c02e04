"""Walk a PDF's page tree ourselves: MuPDF steps over a loop in silence and believes the count it finds."""

from __future__ import annotations

import re
from typing import Any

from pipeline.errors import DocumentHeld

__all__ = ["check_tree"]

REFERENCE = re.compile(r"(\d+) \d+ R")


def check_tree(document: Any, count: int) -> None:
    """Raise `DocumentHeld` when the tree loops or doesn't hold the `count` pages it claims."""
    import pymupdf

    try:
        kind, root = document.xref_get_key(document.pdf_catalog(), "Pages")
        # Without such an object MuPDF found the pages by itself, and says the file is repaired.
        found = _count_leaves(document, int(root.split()[0])) if kind == "xref" else None
    except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
        raise DocumentHeld("its page tree is damaged: pages may be missing") from error
    if found is not None and found != count:
        raise DocumentHeld(f"its page tree claims {count} pages but {found} can be reached")


def _count_leaves(document: Any, root: int) -> int | None:
    """Pages under the root; None where the tree holds nodes that are no objects of their own."""
    leaves, visited, waiting = 0, set(), [root]
    while waiting:
        node = waiting.pop()
        kind, kids = document.xref_get_key(node, "Kids")
        if kind == "null":
            leaves += 1
            continue
        if node in visited:
            raise DocumentHeld("its page tree loops: some pages may be missing or repeated")
        visited.add(node)
        if kind == "xref":
            kids = document.xref_object(int(kids.split()[0]), compressed=True)
        if "<<" in kids:
            return None
        waiting.extend(int(number) for number in REFERENCE.findall(kids))
    return leaves
