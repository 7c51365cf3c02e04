"""Walk a PDF's page tree ourselves: MuPDF steps over a loop in silence and believes the count it finds."""

from __future__ import annotations

import re
from typing import Any

from pipeline.errors import DocumentHeld

__all__ = ["check_tree"]

REFERENCE = re.compile(r"(\d+) \d+ R")


def check_tree(document: Any, count: int) -> None:
    """Raise `DocumentHeld` when the tree loops or doesn't hold the `count` pages it claims."""
    kind, root = document.xref_get_key(document.pdf_catalog(), "Pages")
    if kind != "xref":
        return  # a page tree without a root object: MuPDF found the pages by itself and says repaired
    found = _count_leaves(document, int(root.split()[0]))
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
