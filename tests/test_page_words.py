"""The words of a page as they are kept, and as a search reads them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.page_words import UNREAD, PageWords
from pipeline.types import Box, PageText, TextSource, Word

ADAPTER = TypeAdapter(PageText)
SAID = ["Rent", '","box":{', "\\", "Größe", "\u202ea\x00b", '"words":{"text":["x"]', '{"text":"x"}', ""]
PAGE = PageText(
    1,
    tuple(Word(text, Box(0.1, 0.2, 1 / 3, 0.4), 0.5, at) for at, text in enumerate(SAID)),
    TextSource.OCR,
    0.5,
    language="en",
    notes=("a note",),
)


def in_columns(page: PageText) -> str:
    return ADAPTER.dump_json(page).decode()


def in_rows(page: PageText) -> str:
    return json.dumps(asdict(page), separators=(",", ":"))


@pytest.mark.parametrize("kept", [in_columns, in_rows])
def test_texts_and_words_are_those_of_the_page(kept) -> None:
    """Whatever stands in a word, also what looks like the JSON around it, comes back as it was read: from columns, and
    from the rows in which earlier versions kept it."""
    page = PageWords.of(kept(PAGE))
    assert page.texts == tuple(SAID)
    assert page.words == PAGE.words
    assert ADAPTER.validate_json(kept(PAGE)) == PAGE


def test_a_page_in_columns_takes_half_the_room() -> None:
    """No name of a field is written more than once."""
    page = replace(PAGE, words=PAGE.words * 50)
    assert len(in_columns(page)) < 0.5 * len(in_rows(page)) and in_columns(page).count('"left"') == 1


@pytest.mark.parametrize("kept", [in_columns, in_rows])
def test_a_page_without_words_has_none(kept) -> None:
    """One that was read and is empty, and one that was not read."""
    for page in (PageWords.of(kept(PageText(1, (), TextSource.NONE))), UNREAD):
        assert (page.texts, page.words) == ((), ())


def test_what_is_no_page_is_refused() -> None:
    """Columns that are missing or cut are an error, not a page with fewer words."""
    for spoil in (lambda words: words.pop("left"), lambda words: words["left"].pop()):
        broken = json.loads(in_columns(PAGE))
        spoil(broken["words"])
        with pytest.raises((ValidationError, KeyError)):
            ADAPTER.validate_python(broken)


def test_a_rounded_word_is_where_it_was() -> None:
    """To a hundred-thousandth of the page, and of certainty; its text and line are as they were."""
    word = Word("Rent", Box(1 / 3, 0.1234567, 2 / 3, 0.2), 0.9612345678, 7)
    assert word.rounded() == Word("Rent", Box(0.33333, 0.12346, 0.66667, 0.2), 0.96123, 7)
