"""Phrases from transcripts of real scans, and search for them with and without page images."""

from pathlib import Path

import numpy as np
import pytest

from infra.measure.answers import seen
from infra.measure.corpora import CORPORA
from infra.measure.scan_phrases import A_PAGE, found, index_of, phrases, table_of, transcript
from pipeline.backends.protocols import PageInput
from pipeline.types import Affine, Box, PageImage, PageText, TextSource, Word

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not here")


def read_as(text: str, image: Path = Path()) -> PageInput:
    """A page on which OCR read this, none too surely."""
    words = tuple(Word(word, Box(0, 0, 1, 1), 0.5, line=at) for at, word in enumerate(text.split()))
    page = PageText(1, words, TextSource.OCR, 0.5)
    return PageInput(PageImage(1, "0" * 64, "image/png", 10, 10, 100.0, Affine()), image, page)


def forms(count: int):
    """So many forms of funsd with the longest transcripts."""
    pages = [page for page in seen() if page.corpus == "funsd"]
    return sorted(pages, key=lambda page: -len(" ".join(transcript(page))))[:count]


def test_every_kind_of_transcript_is_found():
    """Of each corpus that has some; the lines are words, boxes are left off."""
    by_corpus = {page.corpus: transcript(page) for page in seen() if transcript(page)}
    assert by_corpus.keys() == {"funsd", "sroie", "handwriting", "scans_misc"}
    receipt = next(page for page in seen() if page.document == "042.jpg")
    assert "TASTE OF THE WORLD SDN BHD" in transcript(receipt)


def test_phrases_stand_on_their_page_and_on_no_other():
    """A phrase that another page was read to say is not asked."""
    one, other = forms(2)
    alone = phrases([one], {one: read_as(""), other: read_as("")})
    assert len(alone) == A_PAGE
    said = " ".join(" ".join(transcript(one)).casefold().split())
    assert all(phrase.text.split()[0] in said and phrase.document == one.name for phrase in alone)
    taken = phrases([one], {one: read_as(""), other: read_as(alone[0].text.upper())})
    assert alone[0].text not in [phrase.text for phrase in taken]
    assert alone[1].text in [phrase.text for phrase in taken]


class Bags:
    """A text embedder: words hashed into a few dozen places."""

    name, dimension = "bags", 32

    def embed(self, texts):
        """Unit rows, one a text."""
        rows = np.full((len(texts), self.dimension), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.casefold().split():
                row[sum(word.encode()) % self.dimension] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Eyes:
    """A page embedder that sees what stands on a page whatever OCR made of it."""

    name, dimension = "eyes", 8

    def __init__(self, pages):
        self._lines = [" ".join(" ".join(transcript(page)).casefold().split()) for page in pages]

    def embed_pages(self, images):
        """The page that the file is named by."""
        return [np.eye(self.dimension, dtype=np.float32)[[int(image.stem)]] for image in images]

    def embed_query(self, query):
        """The page that says the first word and the last."""
        words = query.split()
        hits = [sum(word in line for word in words) for line in self._lines]
        return np.eye(self.dimension, dtype=np.float32)[[int(np.argmax(hits))]]

    def pool(self, pages):
        """Nothing to merge."""
        return list(pages)


def test_images_find_what_ocr_has_lost(tmp_path):
    """Pages read as nonsense: words find nothing, images find every page, and the table says by how much."""
    pages = forms(4)
    read = {page: read_as(f"nonsense xq{at} zv{at}", Path(f"{at}.png")) for at, page in enumerate(pages)}
    asked = phrases(pages, read)
    image, text = Eyes(pages), Bags()
    index = index_of(read, tmp_path / "index", text, image)
    rows = found(asked, index, text, image)
    index.close()
    worth = {way: each[:, 0].mean() for way, each in rows.items()}
    assert worth["images alone"] > 0.9
    assert worth["words"] < worth["words and images"]
    lines = table_of(asked, rows)
    assert lines[2].startswith(f"| words | {worth['words']:.3f} |")
    assert f"{worth['words and images'] - worth['words']:+.3f}" in lines[-1]
