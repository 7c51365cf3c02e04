"""Receipts by Muniment against one regex a field, on the words that sroie's own annotators read.

    python -m infra.measure.receipts [--half tuning|reporting]

Takes OCR out of `python -m infra.measure.extraction --direct sroie`, whose receipts are hard to read: the corpus gives
each printed line with its box, and its words share it in proportion to their letters. Prints the same table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.measure.corpora import CORPORA
from infra.measure.extraction import Reading, comparison
from infra.measure.golden import golden_lines
from pipeline.backends.protocols import PageInput
from pipeline.backends.rules import RuleExtractor
from pipeline.evaluate.goldenset import golden_documents
from pipeline.extract import extract, merge
from pipeline.triage import Policy, triage
from pipeline.types import Affine, Box, Document, PageImage, PageText, TextSource, Word

__all__ = ["main", "page_of"]

MARGIN = 1.05
"""The page's edges by those of its lines: the boxes are in pixels of an image whose size they don't give."""

IMAGE = PageImage(1, "", "image/png", 1, 1, 200.0, Affine(), contrast=1.0)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["tuning", "reporting"], default="tuning")
    golden = golden_documents(map(json.dumps, golden_lines("sroie", parser.parse_args(argv).half)))
    boxes = CORPORA / "sroie" / "box"
    readings = {each.key: _reading(page_of((boxes / each.document).with_suffix(".csv"))) for each in golden}
    print(comparison(golden, readings))
    return 0


def _reading(page: PageText) -> Reading:
    inputs = [PageInput(IMAGE, Path(), page)]
    routed = triage(inputs, None, Policy())
    found = extract(inputs, routed, [RuleExtractor()])
    return Reading((page,), merge(Document("receipt", "measure", "receipt", "", page_count=1), found, routed))


def page_of(path: Path) -> PageText:
    """The page that a file of sroie's lines describes: eight numbers, the corners, and the text, in each row."""
    rows = [row.split(",", 8) for row in path.read_text("utf-8", errors="replace").splitlines()]
    lines = [(tuple(map(int, row[:8])), row[8].strip()) for row in rows if len(row) == 9]
    width = MARGIN * max(max(corners[::2]) for corners, _ in lines)
    height = MARGIN * max(max(corners[1::2]) for corners, _ in lines)
    words = []
    for number, (corners, text) in enumerate(lines):
        left, right = min(corners[::2]) / width, max(corners[::2]) / width
        top, bottom = min(corners[1::2]) / height, max(corners[1::2]) / height
        words += [
            Word(word, Box(left + start * (right - left), top, left + end * (right - left), bottom), line=number)
            for word, start, end in _shares(text)
        ]
    return PageText(1, tuple(words), TextSource.LAYER, 1.0, "en", layer="trusted")


def _shares(text: str) -> Iterator[tuple[str, float, float]]:
    """Each word with where it begins and ends, in fractions of the line's letters."""
    start = 0
    for word in text.split(" "):
        if word:
            yield word, start / len(text), (start + len(word)) / len(text)
        start += len(word) + 1


if __name__ == "__main__":
    raise SystemExit(main())
