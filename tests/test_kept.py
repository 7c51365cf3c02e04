"""What the stages kept of a document's pages."""

import pytest
from pdfs import AGREEMENT, LEASE, born_digital

from pipeline.errors import NotFound
from pipeline.kept import words_at, words_of
from pipeline.run import ingest_paths
from pipeline.wiring import open_tools


def test_words_of_an_unread_page_are_an_error(home):
    """Asking for words that were never read says so instead of giving an empty page."""
    with open_tools() as tools, pytest.raises(NotFound):
        words_of(tools, "0" * 12, 1)


def test_words_of_many_pages_are_those_of_each(home, tmp_path):
    """Asked for together, pages of several documents have the words they have alone; unread ones are left out."""
    files = [
        born_digital(tmp_path / "a" / "agreement.pdf", AGREEMENT, LEASE),
        born_digital(tmp_path / "a" / "lease.pdf", LEASE),
    ]
    with open_tools() as tools:
        ingest_paths(files, "acme", tools)
        places = [
            (document.id, page + 1) for document in tools.catalog.documents() for page in range(document.page_count)
        ]
        assert len(places) == 3
        found = words_at(tools, [*places, (places[0][0], 99), ("0" * 12, 1)])
        assert found.keys() == set(places)
        for place in places:
            words = words_of(tools, *place).words
            assert found[place].texts == tuple(word.text for word in words)
            assert found[place].words == words
        assert words_at(tools, []) == {}
