"""Bootstrap intervals, against what is known of them."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from pipeline.evaluate.bootstrap import difference, interval, mean


def rows(*values: float) -> np.ndarray:
    """A table of (sum, count), one value a document."""
    return np.array([(value, 1.0) for value in values])


def test_interval_of_a_share_agrees_with_the_normal_one() -> None:
    """Half of 400 documents right: 0.5 ± 1.96·sqrt(.25/400)."""
    found = interval(rows(*[0, 1] * 200), mean)
    assert found.value == 0.5
    assert found.low == pytest.approx(0.451, abs=0.006)
    assert found.high == pytest.approx(0.549, abs=0.006)


def test_documents_are_resampled_whole() -> None:
    """A hundred questions of one document are no hundred witnesses: the interval is as wide as for one each."""
    many = np.array([(0.0, 100.0), (100.0, 100.0)] * 10)
    assert interval(many, mean) == interval(rows(*[0, 1] * 10), mean)


def test_paired_difference_forgets_what_both_share() -> None:
    """Hard documents are hard for both: a small steady gain is certain, though each figure is not."""
    hard = np.linspace(0, 0.9, 30)
    gain = difference(rows(*(hard + 0.05)), rows(*hard), mean)
    assert gain.low == pytest.approx(0.05)
    assert gain.high == pytest.approx(0.05)
    assert interval(rows(*hard), mean).high - interval(rows(*hard), mean).low > 0.1


def test_same_counts_same_interval() -> None:
    """The seed is fixed."""
    table = np.random.default_rng(1).random((20, 2))
    assert interval(table, mean) == interval(table, mean)


@pytest.mark.parametrize("table", [np.zeros((0, 2)), np.zeros((5, 2))], ids=["no documents", "nothing counted"])
def test_undefined_is_said(table: np.ndarray) -> None:
    """No count defines no figure: NaN, a dash, and null."""
    found = interval(table, mean)
    assert math.isnan(found.value)
    assert str(found) == "–"
    assert found.as_json() == {"value": None, "low": None, "high": None}


def test_unpaired_tables_are_refused() -> None:
    """Pairs need the same documents."""
    with pytest.raises(ValueError, match="paired"):
        difference(rows(1, 2), rows(1), mean)


def test_a_thousand_documents_take_no_time() -> None:
    """2,000 resamples of 1,000 documents are one matrix product."""
    start = time.process_time()
    interval(np.ones((1000, 8)), mean)
    assert time.process_time() - start < 5
