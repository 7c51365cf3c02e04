"""The measurements of rescans and of separator sheets: they run on what is made here, and count right."""

from __future__ import annotations

from pathlib import Path

import pdfs
import pytest

from infra.measure import rescans, sheets
from pipeline.inbox.separators import print_sheets


def test_scans_of_one_page_lie_closer_than_other_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two documents at two scanners: two pairs of the same page, four of others."""
    monkeypatch.setattr(rescans, "SCANNERS", ("light", "office"))
    scans = []
    for name, text in (("a", pdfs.AGREEMENT), ("b", pdfs.LEASE)):
        scans += rescans.scans_of(pdfs.born_digital(tmp_path / f"{name}.pdf", text), name, tmp_path)
    same, other = rescans.pages_apart(scans)
    assert (len(same), len(other)) == (2, 4)
    assert max(same) < min(other)


def test_sheets_are_counted_and_pages_are_not(tmp_path: Path) -> None:
    """One scan of each sheet, upright and upside down; a page of a contract and a sheet, looked at."""
    assert sheets.sheets_seen("office", 1, tmp_path) == (4, 4)
    found, seconds = sheets.pages_of_contracts([pdfs.born_digital(tmp_path / "a.pdf", pdfs.LEASE)], "office", tmp_path)
    assert (dict(found), seconds > 0) == ({"page": 1}, True)
    print_sheets(tmp_path / "s.pdf")
    assert sheets.looked_at(tmp_path / "s.pdf", (1,))[0] == ["sheet"]
