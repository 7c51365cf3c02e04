"""What a day of scans would have been read as: words, answers and vectors recorded once, varied for each document.

The words are those of sample_docs; the answers are what the rules find in them; the vectors are those of the real
text model, for windows of the same words. Of these each document of the day is made by its number: a template with
other names, numbers and days in it, and pages of others up to 10 to 30 pages. Whoever asks for the same document gets
the same, in whatever process.
"""

from __future__ import annotations

import json
import pickle
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from pipeline.backends.protocols import PageInput
from pipeline.pdf import PdfInfo
from pipeline.types import Affine, Box, Finding, PageImage, PageText, TextSource, Word

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["MATTERS", "Recording", "file_of", "kept", "loaded", "matter_of", "play", "record"]

Pages = Callable[[int], list[tuple[PageText, tuple[Finding, ...]]]]

SAMPLES = Path(__file__).parents[2] / "sample_docs" / "inbox"
TEMPLATES = (
    "harbor-logistics/master-services-agreement",
    "acme-lease/office-lease",
    "novatek/consulting-agreement",
    "novatek/license-agreement",
    "novatek/mutual-nda",
    "harbor-logistics/amendment-no-1",
    "harbor-logistics/statement-of-work-3",
    "harbor-logistics/invoice",
)
FEWEST, MOST = 10, 30  # pages of a document, 20 in the mean
REMEMBERED = 4  # documents, each of which several stages ask about
MATTERS = 200  # the first ones get many documents, the last ones few
A_LINE, LINES = 11, 44  # words, lines of a page
NOISE = 0.5  # a vector's distance from the recorded one it is made of: their cosine is about 0.9
NAME = re.compile(r"[A-Z][a-z]{4,}$")
SYLLABLES = [
    "ba",
    "cor",
    "del",
    "fen",
    "gra",
    "hol",
    "kin",
    "lor",
    "mar",
    "nev",
    "pol",
    "ros",
    "sten",
    "tal",
    "ver",
    "wick",
]


@dataclass(frozen=True)
class Recording:
    """Templates as (words, findings) a page, the pages that fill documents up, (n, 384) vectors, an image's hash, and
    the names of what was recorded."""

    templates: tuple[tuple[tuple[PageText, tuple[Finding, ...]], ...], ...]
    filling: tuple[PageText, ...]
    vectors: np.ndarray
    image: str
    extractor: str
    embedder: str

    def pages(self, number: int) -> list[tuple[PageText, tuple[Finding, ...]]]:
        """The words and the answers of each page of this document."""
        chance = random.Random(number)
        template = self.templates[number % len(self.templates)]
        names: dict[str, str] = {}
        count = max(chance.randint(FEWEST, MOST), len(template))
        filling = [(page, ()) for page in chance.choices(self.filling, k=count - len(template))]
        return [
            (_varied(page, at, number, chance, names), tuple(_renamed(one, at, names) for one in found))
            for at, (page, found) in enumerate([*template, *filling], 1)
        ]

    def count(self, number: int) -> int:
        """How many pages the document has."""
        return max(random.Random(number).randint(FEWEST, MOST), len(self.templates[number % len(self.templates)]))


def record(tools: Tools) -> Recording:
    """Read the samples' words by the rules, embed windows of them, and keep one page image in the store."""
    pages = [[_page(text, at) for at, text in enumerate(_texts(name), 1)] for name in TEMPLATES]
    inputs = [[PageInput(_image(page.number, ""), Path(), page) for page in one] for one in pages]
    rules = tools.extractors[0]
    found = [rules.extract(one) for one in inputs]
    templates = tuple(
        tuple((page, tuple(findings)) for page, findings in zip(*one, strict=True))
        for one in zip(pages, found, strict=True)
    )
    filling = tuple(page for one in pages for page in one if len(page.words) > 200)
    windows = [" ".join(word.text for word in page.words[at : at + 90]) for page in filling for at in (0, 60, 120)]
    image = tools.store.put(b"\xff\xd8 a page image, of which nothing but its hash is asked here \xff\xd9")
    vectors = tools.text_embedder.embed(windows)
    return Recording(templates, filling, vectors, image, rules.name, tools.text_embedder.name)


def play(recording: Recording, tools: Tools) -> None:
    """Have these tools take workers' results, findings and vectors from the recording; all the rest is real."""
    pages = lru_cache(maxsize=REMEMBERED)(recording.pages)
    tools._made |= {
        "pool": _Workers(pages, recording.image),
        "text_embedder": _Vectors(recording),
        "extractors": (_Answers(pages, recording.extractor),),
    }


def file_of(number: int) -> bytes:
    """What lies in the inbox: no PDF can be smaller and differ from the others."""
    return f"%PDF-1.7\n% document {number} of a day\n%%EOF\n".encode()


def matter_of(number: int) -> str:
    """Whose document it is: few matters are large, most are small."""
    return f"matter-{int(MATTERS * random.Random(-number).random() ** 2):03}"


def _number_of(pdf: Path) -> int:
    return int(pdf.read_bytes().split()[3])


class _Workers:
    """A worker pool that remembers what its workers would have said."""

    def __init__(self, pages: Pages, image: str) -> None:
        self._pages = pages
        self._image = image

    def run(self, _function: Callable[..., Any], calls: Sequence[Any], *, seconds: float) -> Iterator[tuple[Any, Any]]:
        """Each call (function, job) with (result, seconds of work)."""
        pages = self._pages(_number_of(calls[0][1].pdf))
        for call in calls:
            name, job = call[0].__name__, call[1]
            if name == "inspect":
                yield call, (PdfInfo(len(pages)), 0.0)
            elif name == "render_page":
                yield call, (_image(job.number, self._image), 0.0)
            else:
                yield call, (pages[job.image.number - 1][0], 0.0)

    def close(self) -> None:
        """Nothing runs."""


class _Answers:
    """An extractor that says what it said of the template; a page's last word names document and page."""

    def __init__(self, pages: Pages, name: str) -> None:
        self.name = name
        self._pages = pages

    def extract(self, pages: Sequence[PageInput]) -> list[list[Finding]]:
        """The findings of each page."""
        if not pages:
            return []
        answers = self._pages(int(pages[0].text.words[-1].text.split("-")[1]))
        return [list(answers[page.text.number - 1][1]) for page in pages]


class _Vectors:
    """An embedder whose vectors are real ones with noise, the same for the same texts."""

    def __init__(self, recording: Recording) -> None:
        self.name = recording.embedder
        self.dimension = recording.vectors.shape[1]
        self._vectors = recording.vectors

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(n, dimension) float32, rows of unit length."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        chance = np.random.default_rng(crc32("\0".join(texts).encode()))
        rows = self._vectors[chance.integers(len(self._vectors), size=len(texts))]
        rows = rows + chance.normal(scale=NOISE / self.dimension**0.5, size=rows.shape)
        unit: np.ndarray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return unit


def _texts(name: str) -> list[str]:
    truth = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    return [page["text"] for page in truth["pages"] if len(page["text"].split()) > 20]


def _page(text: str, number: int) -> PageText:
    """The text set in lines."""
    lines = [line.split()[at : at + A_LINE] for line in text.splitlines() for at in range(0, len(line.split()), A_LINE)]
    words = tuple(
        Word(word, Box(0.1 + 0.07 * at, 0.05 + 0.02 * row, 0.16 + 0.07 * at, 0.065 + 0.02 * row), 0.97, row)
        for row, line in enumerate(lines)
        for at, word in enumerate(line)
    )
    return PageText(number, words, TextSource.OCR, 0.97, "en", "Latin")


def _image(number: int, sha256: str) -> PageImage:
    to_pdf = Affine(612, 0, 0, 792, 0, 0)
    return PageImage(number, sha256, "image/jpeg", 1700, 2200, 200.0, to_pdf, ink=0.06, contrast=0.8)


def _varied(page: PageText, at: int, number: int, chance: random.Random, names: dict[str, str]) -> PageText:
    """Other names all over the document, some other words on the page, and a number below it as firms stamp it."""
    words = [_word(word, chance, names) for word in page.words]
    stamp = Word(f"DAY-{number:06}-{at:03}", Box(0.7, 0.97, 0.9, 0.985), 0.97, LINES * 2)
    return replace(page, number=at, words=(*words, stamp))


def _word(word: Word, chance: random.Random, names: dict[str, str]) -> Word:
    if NAME.match(word.text):
        if word.text not in names:
            names[word.text] = _name(chance) if chance.random() < 0.3 else word.text
        return word if names[word.text] == word.text else replace(word, text=names[word.text])
    return word


def _name(chance: random.Random) -> str:
    return "".join(chance.choices(SYLLABLES, k=3)).capitalize()


def _renamed(found: Finding, at: int, names: dict[str, str]) -> Finding:
    """The finding on the varied page: its quote says what stands there now."""
    said = (found.raw, found.value, found.quote)
    raw, value, quote = (" ".join(names.get(word, word) for word in text.split(" ")) for text in said)
    return replace(found, page=at, raw=raw, value=value, quote=quote)


def kept(recording: Recording, path: Path) -> None:
    """Write it down for other processes."""
    path.write_bytes(pickle.dumps(recording))


def loaded(path: Path) -> Recording:
    """What was written down here."""
    recording: Recording = pickle.loads(path.read_bytes())
    return recording
