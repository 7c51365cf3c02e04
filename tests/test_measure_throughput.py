"""The documents that speed is measured on, and the table it is told in. Speed itself is no test."""

import pymupdf
import pytest

from infra.measure.full_pages import PER_DOCUMENT, WORDS, born_digital, dense_scans, long_document
from infra.measure.throughput import Row, _at_scale, _compare, stage_by_stage


def words(path):
    with pymupdf.open(path) as document:
        return [len(page.get_text().split()) for page in document]


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    return dense_scans(tmp_path_factory.mktemp("dense") / "dense.pdf", 1)


def test_born_digital_pages_are_full_and_differ(tmp_path):
    """Every page holds its words and its number; no page is another's copy."""
    made = born_digital(tmp_path / "born", PER_DOCUMENT + 1)
    assert [len(words(path)) for path in made] == [PER_DOCUMENT, 1]
    assert {count for path in made for count in words(path)} == {WORDS + 2}
    with pymupdf.open(made[0]) as document:
        assert len({page.get_text() for page in document}) == PER_DOCUMENT


def test_a_dense_scan_is_one_upright_jpeg(scans):
    """No text of its own, one grey picture of 200 dpi."""
    with pymupdf.open(scans) as document:
        ((_, _, width, height, _, space, *_),) = document[0].get_images()
        assert (document[0].get_text(), space) == ("", "DeviceGray")
        assert (width, height) == (1700, 2200)


def test_every_tenth_page_of_the_long_document_is_a_scan(tmp_path, scans):
    """As many pages as asked for, the tenth and the twentieth without words."""
    counts = words(long_document(tmp_path / "long" / "long.pdf", 21, scans))
    assert [number for number, count in enumerate(counts, 1) if not count] == [10, 20]
    assert len(counts) == 21


def test_the_road_is_measured_stage_by_stage(tmp_path, scans):
    """Each stage of the real road has its row, with time, CPU and memory."""
    rows = stage_by_stage([scans], 1, tmp_path / "home")
    assert [row.name for row in rows] == [
        "load the text model", "inspect", "render", "read", "triage", "extract", "merge, settle", "index",
    ]  # fmt: skip
    assert all(row.peak > 100 << 20 for row in rows)
    assert sum(row.cpu for row in rows) > 1


def test_a_cost_is_turned_into_cores():
    """One CPU second a page is 1.16 cores for 100,000 pages a day."""
    assert _at_scale(Row("whole run", 10, 5.0, 10.0, 1)).startswith(
        "2.0 cores busy; 100,000 pages a day (1.16/s) take 1.2"
    )


def test_the_peer_is_compared_up_to_read():
    """Three stages of ours against its whole run; without it, that is said."""
    rows = [Row(name, 4, 1.0, 2.0, 5 << 20) for name in ("inspect", "render", "read", "index")]
    *_, verdict = _compare(rows, Row("ocrmypdf", 4, 6.0, 9.0, 7 << 20))
    assert verdict.startswith("up to read: 2.00 times")
    assert "not installed" in list(_compare(rows, None))[-1]
