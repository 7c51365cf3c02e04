"""Texts set as pages: where the lines fall, and which pages a span of characters is on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pymupdf
import pytest

from infra.measure.legalbench import FOLDER, layout, pages_of, read, typeset

TEXT = "\n".join(f"{number}. " + "The receiving party shall keep it secret. " * 8 for number in range(1, 31))


def test_every_character_is_printed_once() -> None:
    """The lines hold the text's words in order, nothing twice, nothing lost; a wide word is cut."""
    text = f"{TEXT}\n{'x' * 500}"
    lines = layout(text)
    assert "".join("".join(text[line.start : line.stop].split()) for line in lines) == "".join(text.split())
    assert all(first.stop <= second.start for first, second in pairwise(lines))


def test_pdf_is_what_the_layout_says(tmp_path: Path) -> None:
    """Each page of the PDF shows the lines laid out on it, and the bytes are the same every time."""
    typeset(TEXT, tmp_path / "one.pdf")
    typeset(TEXT, tmp_path / "two.pdf")
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()
    lines = layout(TEXT)
    with pymupdf.open(tmp_path / "one.pdf") as document:
        assert len(document) == lines[-1].page > 1
        for page in document:
            said = " ".join(TEXT[line.start : line.stop] for line in lines if line.page == page.number + 1)
            assert page.get_text().split() == [*said.split(), str(page.number + 1)]


def test_span_over_a_page_break_is_on_both() -> None:
    """A span is on every page that holds a character of it."""
    lines = layout(TEXT)
    turn = next(line for line in lines if line.page == 2)
    assert pages_of(lines, turn.start - 5, turn.start + 5) == {1, 2}
    assert pages_of(lines, turn.start, turn.start + 5) == {2}


@pytest.mark.skipif(not FOLDER.exists(), reason="the shared corpora are not here")
def test_every_question_has_a_page() -> None:
    """All 592 questions name a text that is there and have at least one page."""
    questions = read()
    assert len(questions) == 592
    assert all(question.pages and question.query and question.document.endswith(".pdf") for question in questions)
