"""Phrases that stand on real scans, from what people wrote off them, and how well search finds their pages.

The pages are those of `answers.py` that have a transcript: the forms of funsd, the receipts of sroie, handwritten wills
and some of scans_misc. A phrase is a few words of one line; one that stands on another page too is left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from infra.measure.answers import Seen
from infra.measure.labels import place
from infra.measure.ranked import MEASURES, difference, measures
from infra.measure.rankers import PageKey
from pipeline.backends.protocols import PageEmbedder, PageIndex, PageInput, PageQuery, TextEmbedder
from pipeline.index import DocumentContext, build, opening, signature
from pipeline.page_words import PageWords
from pipeline.search import Searcher
from pipeline.types import Document, SearchFilter

if TYPE_CHECKING:
    from pipeline.evaluate.bootstrap import Floats

__all__ = ["Phrase", "found", "index_of", "phrases", "table_of", "transcript"]

MATTER = "measure"
WORDS, LETTERS = 4, 14  # of a phrase, at least so many letters: "of the" and "( )" ask for nothing
A_PAGE = 6  # phrases of a page, so that one long form is not all of the measurement


@dataclass(frozen=True, slots=True)
class Phrase:
    """What is asked, the page it stands on, and how sure OCR was of that page."""

    text: str
    document: str
    number: int
    confidence: float


def transcript(page: Seen) -> list[str]:
    """The lines that people wrote off the page; none where nobody has."""
    file = place(page.corpus, page.document)
    if page.corpus == "funsd":
        form = json.loads((file.parents[1] / "annotations" / f"{file.stem}.json").read_text("utf-8"))["form"]
        return [field["text"] for field in form]
    if page.corpus == "sroie":
        rows = (file.parents[1] / "box" / f"{file.stem}.csv").read_text("utf-8", "replace").splitlines()
        return [row.split(",", 8)[8] for row in rows if row.count(",") >= 8]
    if page.corpus == "handwriting":
        return _lines(file.with_name(f"{file.stem.removesuffix('-0')}.txt"))
    return _lines(file.with_name(f"{file.name}.gt.txt")) if page.number == 1 else []


def _lines(file: Path) -> list[str]:
    """Some transcripts of the wills are not in UTF-8."""
    if not file.is_file():
        return []
    data = file.read_bytes()
    try:
        return data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return data.decode("latin-1").splitlines()


def phrases(asked: Iterable[Seen], read: Mapping[Seen, PageInput]) -> list[Phrase]:
    """Up to `A_PAGE` phrases of each page with a transcript, drawn by their hash; `read` holds all pages as read."""
    said = {page: _plain(" | ".join([words.text.text, *transcript(page)])) for page, words in read.items()}
    chosen = []
    for page in filter(read.__contains__, asked):
        rest = " | ".join(words for other, words in said.items() if other != page)
        own = sorted({phrase for line in transcript(page) for phrase in _of_line(line)}, key=_draw)
        alone = [phrase for phrase in own if phrase not in rest][:A_PAGE]
        chosen += [Phrase(text, page.name, page.number, read[page].text.confidence) for text in alone]
    return chosen


def _of_line(line: str) -> list[str]:
    """The runs of `WORDS` words of a line, each from where the last one ended."""
    words = _plain(line).split()
    runs = [" ".join(words[at : at + WORDS]) for at in range(0, len(words) - WORDS + 1, WORDS)]
    return [run for run in runs if sum(map(str.isalpha, run)) >= LETTERS and "|" not in run]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+|\|", text.casefold()))


def _draw(phrase: str) -> bytes:
    return hashlib.sha256(phrase.encode()).digest()


def index_of(read: Mapping[Seen, PageInput], folder: Path, text: TextEmbedder, image: PageEmbedder) -> PageIndex:
    """The embedded index over all pages, made as the product makes it."""
    from pipeline.backends.edge import EdgeIndex

    index = EdgeIndex(folder, signature(text, image))
    documents: dict[str, list[Seen]] = {}
    for page in read:
        documents.setdefault(page.name, []).append(page)
    for name, pages in documents.items():
        inputs = [read[page] for page in sorted(pages, key=lambda page: page.number)]
        shown = image.embed_pages([page.image_path for page in inputs])
        rows = zip(shown, image.pool(shown), strict=True)
        images = dict(zip((page.text.number for page in inputs), rows, strict=True))
        document = Document(name, MATTER, pages[0].document, pages[0].sha256)
        index.upsert(build(document, inputs, DocumentContext(opening(inputs[0].text)), text, images))
    return index


def found(asked: Sequence[Phrase], index: PageIndex, text: TextEmbedder, image: PageEmbedder) -> dict[str, Floats]:
    """`MEASURES` of each phrase: by words as without a page model, with page images beside them, by images alone."""
    everywhere = SearchFilter()

    def unread(pages: Collection[PageKey]) -> Mapping[PageKey, PageWords]:
        raise KeyError(f"{len(pages)} pages: ranking reads no words")

    def by(model: PageEmbedder | None) -> Callable[[str], list[PageKey]]:
        searcher = Searcher(index, text, model, unread)
        return lambda query: [(hit.document, hit.page) for hit in searcher.rank(query, everywhere)]

    def alone(query: str) -> list[PageKey]:
        hits = index.search(PageQuery(image=image.embed_query(query)), everywhere, 10)
        return [(hit.document, hit.page) for hit in hits]

    ways = {"words": by(None), "words and images": by(image), "images alone": alone}
    return {name: np.array([_worth(phrase, way) for phrase in asked]) for name, way in ways.items()}


def _worth(phrase: Phrase, way: Callable[[str], list[PageKey]]) -> tuple[float, float, float]:
    return measures(way(phrase.text), frozenset([(phrase.document, phrase.number)]))


def table_of(asked: Sequence[Phrase], rows: Mapping[str, Floats]) -> list[str]:
    """A markdown table: each way's measures, and what page images add to nDCG@10."""
    lines = [f"| search by | {' | '.join(MEASURES)} |", "|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(f'{mean:.3f}' for mean in each.mean(axis=0))} |" for name, each in rows.items()]
    documents = [phrase.document for phrase in asked]
    gain = difference(rows["words and images"][:, 0], rows["words"][:, 0], documents)
    return [*lines, "", f"images add to nDCG@10 of words: {gain}"]
