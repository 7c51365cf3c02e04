"""The words of a page as a search reads them."""

from __future__ import annotations

from pydantic import TypeAdapter

from pipeline.page_words import UNREAD, PageWords
from pipeline.types import Box, PageText, TextSource, Word


def test_texts_and_words_are_those_of_the_page() -> None:
    """Whatever stands in a word, also what looks like the JSON around it, comes back as it was read."""
    said = ["Rent", '","box":{', "\\", "Größe", "\u202ea\x00b", '{"text":"x"}', ""]
    words = tuple(Word(text, Box(0.1, 0.2, 1 / 3, 0.4), 0.5, at) for at, text in enumerate(said))
    kept = TypeAdapter(PageText).dump_json(PageText(1, words, TextSource.OCR)).decode()
    assert PageWords.of(kept).texts == tuple(said)
    assert PageWords.of(kept).words == words


def test_a_page_without_words_has_none() -> None:
    """One that was read and is empty, and one that was not read."""
    kept = TypeAdapter(PageText).dump_json(PageText(1, (), TextSource.NONE)).decode()
    for page in (PageWords.of(kept), UNREAD):
        assert (page.texts, page.words) == ((), ())
