"""What the stages kept of a document's pages."""

import pytest

from pipeline.errors import NotFound
from pipeline.kept import words_of
from pipeline.wiring import open_tools


def test_words_of_an_unread_page_are_an_error(home):
    """Asking for words that were never read says so instead of giving an empty page."""
    with open_tools() as tools, pytest.raises(NotFound):
        words_of(tools, "0" * 12, 1)
