"""The measurement of what confinement costs, on one page."""

from pathlib import Path

from pdfs import AGREEMENT, born_digital

from infra.measure.confinement import measured


def test_both_kinds_of_workers_are_measured_on_the_same_pages(tmp_path: Path) -> None:
    """Each round gives the seconds of a start and of work a page, for confined workers and for others."""
    born_digital(tmp_path / "a.pdf", AGREEMENT)
    found = measured(tmp_path, pages=1, rounds=1)
    assert set(found) == {"free", "confined"}
    for rounds in found.values():
        assert [sorted(one) for one in rounds] == [["read", "render", "start"]]
        assert all(one["start"] > 0 and one["read"] > 0 for one in rounds)
