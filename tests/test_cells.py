"""The cells of tables, told by the gaps between words."""

from pipeline.cells import cells
from pipeline.types import Box, Word


def line(number, *starts, width=0.1):
    """Words of one line, each 0.1 of the page wide and 0.01 high, from these places."""
    top = 0.02 * number
    return [Word("w", Box(x, top, x + width, top + 0.01), line=number) for x in starts]


def test_running_text_has_no_cells():
    """Words with a space between them, and two columns side by side."""
    text = [word for n in range(40) for word in line(n, 0.1, 0.21, 0.32, 0.6, 0.71)]
    assert cells(text, 1.3) == 0


def test_rows_of_three_or_more_count():
    """Each group of words between wide gaps is a cell; a label with its value makes no row."""
    table = [*line(0, 0.1, 0.21, 0.5, 0.8), *line(1, 0.8, 0.1, 0.5), *line(2, 0.1, 0.6)]
    assert cells(table, 1.3) == 6


def test_what_a_wide_gap_is_depends_on_the_page():
    """The same fractions are a narrower gap on a page that is higher than wide."""
    row = line(0, 0.1, 0.24, 0.38)
    assert cells(row, 1.0) == 3
    assert cells(row, 2.0) == 0


def test_no_words():
    """A page without words has no table."""
    assert cells((), 1.3) == 0
