"""Set the texts of LegalBench-RAG as PDFs, because its spans of characters are no pages.

    python -m infra.measure.legalbench OUT

Each text becomes `OUT/NAME.pdf` as a firm would type it: letter paper, margins of an inch, 12-point serif, one and a
half lines apart, a blank line between paragraphs, page numbers. The bytes depend on the text alone (for one version of
PyMuPDF). `read` gives its questions with the pages that hold the answering characters. Prints a line a document.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from infra.measure.corpora import CORPORA

if TYPE_CHECKING:
    import pymupdf

__all__ = ["SETS", "Line", "Question", "layout", "pages_of", "pdf_name", "read", "typeset", "typeset_all"]

SETS = ("contractnli", "privacy_qa")
FOLDER = CORPORA / "legalbench_rag"

WIDTH, HEIGHT, MARGIN = 612.0, 792.0, 72.0  # points
SIZE, LEADING, PARAGRAPH = 12.0, 18.0, 9.0  # points
BOTTOM = HEIGHT - MARGIN


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line: the page it stands on (from 1), its baseline in points, and its characters [start, stop)."""

    page: int
    baseline: float
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Question:
    """A question of one set: as put to the whole corpus, as put to its document, and the pages that answer it."""

    group: str
    corpus_query: str
    query: str
    document: str
    pages: frozenset[int]


def read() -> list[Question]:
    """All questions of both sets. Across the corpus they name their document ("Consider the NDA between X and Y; …").

    A page answers when it holds a character of an answering span that is no blank.
    """
    questions = []
    for group in SETS:
        tests = json.loads((FOLDER / group / "benchmark.json").read_text("utf-8"))["tests"]
        texts = {path.name: path.read_text("utf-8") for path in _texts(group)}
        lines = {name: layout(text) for name, text in texts.items()}
        for test in tests:
            # The sets' own file names hold a colon that their corpus folder writes as an underscore.
            name = test["snippets"][0]["file_path"].partition("/")[2].replace(":", "_")
            spans = [_inked(texts[name], *snippet["span"]) for snippet in test["snippets"]]
            pages = frozenset(page for span in spans for page in pages_of(lines[name], *span))
            asked = test["query"].partition("; ")[2]
            questions.append(Question(group, test["query"], asked, pdf_name(name), pages))
    return questions


def layout(text: str) -> list[Line]:
    """Where each line of the text is printed; deterministic, greedy, broken at blanks."""
    lines: list[Line] = []
    page, baseline = 1, MARGIN + SIZE
    for start, stop in _paragraphs(text):
        for first, last in _broken(text, start, stop):
            if baseline > BOTTOM:
                page, baseline = page + 1, MARGIN + SIZE
            lines.append(Line(page, baseline, first, last))
            baseline += LEADING
        baseline += PARAGRAPH
    return lines


def typeset(text: str, target: Path) -> None:
    """Write the text as a PDF with a text layer."""
    import pymupdf

    lines = layout(text)
    with pymupdf.open() as document:
        for number in range(1, max((line.page for line in lines), default=1) + 1):
            page = document.new_page(width=WIDTH, height=HEIGHT)
            writer = pymupdf.TextWriter(page.rect)
            for line in lines:
                if line.page == number:
                    writer.append((MARGIN, line.baseline), text[line.start : line.stop], _font(), SIZE)
            writer.append((WIDTH / 2 - SIZE / 2, HEIGHT - MARGIN / 2), str(number), _font(), SIZE)
            writer.write_text(page)
        document.set_metadata({})
        document.save(target, garbage=3, deflate=True, no_new_id=True)


def typeset_all(out: Path) -> list[Path]:
    """Every text of both sets; a PDF that is there already is left alone. Returns all of them, sorted."""
    out.mkdir(parents=True, exist_ok=True)
    for path in (path for group in SETS for path in _texts(group)):
        if not (target := out / pdf_name(path.name)).exists():
            typeset(path.read_text("utf-8"), target)
    return sorted(out.glob("*.pdf"))


def _texts(group: str) -> list[Path]:
    return sorted((FOLDER / group / "corpus").glob("*.txt"))


def pdf_name(name: str) -> str:
    """The PDF of a text's file name."""
    return f"{name.removesuffix('.txt')}.pdf"


@cache
def _font() -> pymupdf.Font:
    import pymupdf

    return pymupdf.Font("tiro")


@cache
def _advance(letter: str) -> float:
    """The width of a letter, in parts of the type size."""
    return float(_font().glyph_advance(ord(letter)))


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """The ranges of the text's lines that say something."""
    start = 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            yield start, start + len(line.rstrip())
        start += len(line)


def _broken(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """A paragraph's printed lines; a word wider than the line is cut."""
    while start < stop:
        end = _fitting(text, start, stop)
        cut = text.rfind(" ", start, end) if end < stop else end
        last = cut if cut > start else end
        yield start, last
        start = last
        while start < stop and text[start].isspace():
            start += 1


def _fitting(text: str, start: int, stop: int) -> int:
    """The end of the longest run from `start` that fits the line, at least one character."""
    room = (WIDTH - 2 * MARGIN) / SIZE
    for at in range(start, stop):
        room -= _advance(text[at])
        if room < 0:
            return max(at, start + 1)
    return stop


def _inked(text: str, start: int, stop: int) -> tuple[int, int]:
    """The span without the blanks at its ends."""
    said = text[start:stop]
    return start + len(said) - len(said.lstrip()), stop - (len(said) - len(said.rstrip()))


def pages_of(lines: Sequence[Line], start: int, stop: int) -> set[int]:
    """The pages that hold a character of the range [start, stop)."""
    return {line.page for line in lines if line.start < stop and line.stop > start}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.legalbench", description="LegalBench-RAG as PDFs.")
    parser.add_argument("out", type=Path)
    for path in typeset_all(parser.parse_args().out):
        print(path.name)


if __name__ == "__main__":
    main()
