"""Sums in the columns of a form's tables."""

from __future__ import annotations

from sheets import sheet

from pipeline.rules.geometry import grid_of
from pipeline.rules.labels import spots_of
from pipeline.rules.pairs import pairs_of
from pipeline.rules.tables import entries_of


def entries(*pieces):
    grid = grid_of(sheet(*pieces).words)
    spots = spots_of(grid)
    return [(entry.text, entry.column) for entry in entries_of(grid, spots, pairs_of(grid, spots))]


def test_sums_are_called_by_the_head_of_their_column():
    """Flush right or left under it; a sum beside a label of its own is that label's."""
    assert entries(
        (5, 1, "Description"), (50, 1, "Rate"), (80, 1, "Amount"),
        (5, 2, "News at 6"), (48, 2, "$150.00"), (79, 2, "$300.00"),
        (5, 3, "News at 10"), (49, 3, "$75.00"), (79, 3, "$75.00"),
        (5, 5, "Gross Total"), (79, 5, "$375.00"),
    ) == [("$150.00", "rate"), ("$300.00", "amount"), ("$75.00", "rate"), ("$75.00", "amount")]  # fmt: skip


def test_a_sum_under_no_head_has_no_name():
    """Nothing is guessed from a distance, nor from below."""
    assert entries((5, 1, "Paid in advance"), (60, 1, "$5.00"), (60, 3, "Rate")) == [("$5.00", "")]


def test_a_later_table_has_heads_of_its_own():
    """The nearest head above counts."""
    assert entries((50, 1, "Rate"), (50, 2, "$1.00"), (50, 4, "Amount"), (50, 5, "$2.00")) == [
        ("$1.00", "rate"),
        ("$2.00", "amount"),
    ]
