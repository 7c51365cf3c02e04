"""The image stage measured by parts. Speed itself is no test."""

import pymupdf
import pytest

from infra.measure.full_pages import dense_scans
from infra.measure.image_parts import NAMES, Job, measured
from infra.measure.image_stage import report


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    return dense_scans(tmp_path_factory.mktemp("dense") / "dense.pdf", 1, 100)


def test_every_part_of_an_upright_scan_is_measured(tmp_path, scans):
    """Each part took time, and together they are the whole."""
    cost = measured(Job("dense", scans, 1, tmp_path, 1))
    assert list(cost) == list(NAMES)
    assert min(cost.values()) > 0
    assert sum(cost.values()) == pytest.approx(2 * cost["whole"])


def test_a_page_that_must_be_turned_is_left_out(tmp_path, scans):
    """Its image is made anew, which is another measurement."""
    with pymupdf.open(scans) as document:
        document[0].set_rotation(180)
        document.save(tmp_path / "turned.pdf")
    assert measured(Job("turned", tmp_path / "turned.pdf", 1, tmp_path, 1)) is None


def test_a_kind_is_told_by_medians_its_dearest_page_and_the_goal():
    """Two of three pages within 25 ms."""
    costs = [dict.fromkeys(NAMES, value) for value in (10.0, 20.0, 40.0)]
    assert report("dense", costs).split() == ["dense", "3", *["20.0"] * len(NAMES), "40.0", "2", "of", "3"]
