"""Walk a PDF's page tree ourselves: MuPDF steps over a loop in silence and believes the count it finds."""

from __future__ import annotations

import re
from typing import Any

from pipeline.errors import DocumentHeld

__all__ = ["check_tree", "nesting"]

REFERENCE = re.compile(r"(\d+) \d+ R")
STRING = re.compile(r"\((?:[^()\\]|\\.)*\)", re.DOTALL)
BRACKETS = re.compile(r"<<|>>|[\[\]]")


def check_tree(document: Any, count: int, deepest: int) -> None:
    """Raise `DocumentHeld` when the tree loops, doesn't hold the `count` pages it claims, or has more than `deepest`
    levels; so it does when a page's own object has."""
    import pymupdf

    try:
        kind, root = document.xref_get_key(document.pdf_catalog(), "Pages")
        # Without such an object MuPDF found the pages by itself, and says the file is repaired.
        found = _count_leaves(document, int(root.split()[0]), deepest) if kind == "xref" else None
    except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
        raise DocumentHeld("its page tree is damaged: pages may be missing") from error
    if found is not None and found != count:
        raise DocumentHeld(f"its page tree claims {count} pages but {found} can be reached")


def _count_leaves(document: Any, root: int, deepest: int) -> int | None:
    """Pages under the root; None where the tree holds nodes that are no objects of their own."""
    leaves, visited, waiting = 0, set(), [(root, 1)]
    while waiting:
        node, level = waiting.pop()
        kind, kids = document.xref_get_key(node, "Kids")
        if kind == "null":
            leaves += 1
            _check_depth(nesting(document.xref_object(node, compressed=True)), deepest, "a page's object")
            continue
        if node in visited:
            raise DocumentHeld("its page tree loops: some pages may be missing or repeated")
        visited.add(node)
        _check_depth(level, deepest, "its page tree")
        if kind == "xref":
            kids = document.xref_object(int(kids.split()[0]), compressed=True)
        if "<<" in kids:
            return None
        waiting.extend((int(number), level + 1) for number in REFERENCE.findall(kids))
    return leaves


def nesting(text: str) -> int:
    """How deeply arrays and dictionaries of an object stand in each other; brackets in its strings don't count."""
    depth = deepest = 0
    for mark in BRACKETS.findall(STRING.sub("", text)):
        depth += 1 if mark in ("[", "<<") else -1
        deepest = max(deepest, depth)
    return deepest


def _check_depth(depth: int, deepest: int, what: str) -> None:
    if depth > deepest:
        raise DocumentHeld(f"{what} is nested more than {deepest} levels deep (MUNIMENT_MAX_DEPTH)")
