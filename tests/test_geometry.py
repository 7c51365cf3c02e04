"""Rows and cells of a page from the boxes of its words."""

from __future__ import annotations

from sheets import sheet

from pipeline.rules.geometry import grid_of
from pipeline.types import Box, Word


def rows(*pieces, **options):
    return [[cell.text for cell in row] for row in grid_of(sheet(*pieces, **options).words).rows]


def test_wide_gaps_part_cells_and_blanks_do_not():
    """Words a blank apart are one cell; a column further right is another."""
    assert rows((5, 3, "Invoice Date"), (40, 3, "May 2020")) == [["Invoice Date", "May 2020"]]


def test_two_columns_are_never_one_line():
    """Each column of a two-column page keeps its words together, whatever order the words come in."""
    left = [(5, n, f"left column line {n}") for n in range(8)]
    right = [(55, n, f"right column line {n}") for n in range(8)]
    expected = [[f"left column line {n}", f"right column line {n}"] for n in range(8)]
    assert rows(*left, *right, scrambled=True) == expected


def test_a_dash_and_a_comma_stay_in_their_row():
    """A dash between two dates is low and high at once by its box, but belongs to them."""
    words = [
        Word("01/01/20", Box(0.1, 0.100, 0.18, 0.112)),
        Word("-", Box(0.19, 0.107, 0.195, 0.108)),
        Word("01/31/20", Box(0.205, 0.100, 0.285, 0.112)),
    ]
    assert [cell.text for cell in grid_of(words).cells] == ["01/01/20 - 01/31/20"]


def test_a_slight_slope_does_not_part_a_row():
    """A scan that is a third of a line lower at its right edge still has whole rows."""
    pieces = [(10 * n, 5 + 0.03 * n, f"word{n}") for n in range(9)]
    assert len(grid_of(sheet(*pieces, (5, 6, "next"), (90, 6.27, "row")).words).rows) == 2


def test_rulings_and_overlong_words_are_left_out():
    """Bars that OCR reads for lines, words of leaders and empty ones are no words."""
    words = sheet((5, 1, "|"), (10, 1, "Name"), (20, 1, "_"), (30, 1, "." * 300)).words
    assert [cell.text for cell in grid_of((*words, Word("", Box(0, 0, 0, 0)))).cells] == ["Name"]


def test_an_empty_page_has_no_rows():
    """No words, no rows, and nothing fails."""
    grid = grid_of(())
    assert (grid.rows, grid.ragged, grid.line) == ((), 0.0, 0.0)


def test_forms_are_more_ragged_than_prose():
    """The share of rows with several cells tells a form from prose."""
    prose = grid_of(sheet(*((5, n, "a line of prose that runs across") for n in range(9))).words)
    form = grid_of(sheet(*(piece for n in range(9) for piece in ((5, n, "Label"), (30, n, "value")))).words)
    assert prose.ragged == 0.0
    assert form.ragged == 1.0
