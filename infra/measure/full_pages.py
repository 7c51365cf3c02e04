"""Documents for measuring speed, made from the texts of sample_docs: nothing in them is worth reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import cycle, islice
from pathlib import Path

from sample_docs.scanify import LEVELS, scanify

__all__ = ["born_digital", "dense_scans", "everlasting", "long_document"]

SOURCES = Path(__file__).parents[2] / "sample_docs" / "sources"
WORDS, FONT_SIZE, MARGIN = 600, 11, 56  # a full page of a contract
PER_DOCUMENT = 12
SEED = 11


def born_digital(folder: Path, pages: int) -> list[Path]:
    """That many pages of print in documents of a dozen."""
    folder.mkdir(parents=True)
    texts = list(islice(_texts(), pages))
    made = []
    for start in range(0, pages, PER_DOCUMENT):
        made.append(folder / f"born-{start // PER_DOCUMENT + 1}.pdf")
        _print(made[-1], texts[start : start + PER_DOCUMENT], start)
    return made


def dense_scans(target: Path, pages: int, dpi: int = 200) -> Path:
    """The same print as scans of a good office scanner: one upright grey JPEG a page."""
    clean = target.with_suffix(".clean.pdf")
    _print(clean, list(islice(_texts(), pages)), 0)
    scanify(clean, target, level=replace(LEVELS["light"], dpi=(dpi, dpi)), seed=SEED)
    clean.unlink()
    return target


def long_document(target: Path, pages: int, scans: Path) -> Path:
    """Print, and every tenth page one of these scans."""
    import pymupdf

    target.parent.mkdir(parents=True)
    _print(target, list(islice(_texts(), pages)), 0)
    with pymupdf.open(target) as document, pymupdf.open(scans) as scanned:
        for turn, index in enumerate(range(9, pages, 10)):
            which = turn % len(scanned)
            document.delete_page(index)
            document.insert_pdf(scanned, from_page=which, to_page=which, start_at=index)
        data = document.tobytes(garbage=3, deflate=True, no_new_id=True)
    target.write_bytes(data)
    return target


def _texts() -> Iterator[str]:
    """Pages of words without end, each beginning elsewhere in the texts."""
    words = everlasting()
    while True:
        yield " ".join(islice(words, WORDS))


def everlasting(beginning: int = 0) -> Iterator[str]:
    """The words of the texts from this one on, over and over."""
    words = _words()
    return cycle((*words[beginning % len(words) :], *words[: beginning % len(words)]))


@cache
def _words() -> tuple[str, ...]:
    texts = [re.sub("<[^>]*>", " ", path.read_text("utf-8")) for path in sorted(SOURCES.rglob("*.md"))]
    return tuple(word for text in texts for word in text.split() if word.isascii() and word.strip("#|*-:\\"))


def _print(target: Path, texts: list[str], before: int) -> None:
    import pymupdf

    with pymupdf.open() as document:
        for number, text in enumerate(texts, before + 1):
            page = document.new_page(width=612, height=792)
            box = (MARGIN, MARGIN, 612 - MARGIN, 792 - MARGIN)
            page.insert_textbox(box, text, fontsize=FONT_SIZE, fontname="tiro", align=pymupdf.TEXT_ALIGN_JUSTIFY)
            page.insert_text((290, 770), f"Page {number}", fontsize=FONT_SIZE, fontname="tiro")
        document.save(target, deflate=True, no_new_id=True)
