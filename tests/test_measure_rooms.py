"""The measurement of the rooms: its catalog is one the rooms can read, and each answer is timed."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import tools_of

from infra.measure import rooms
from pipeline.digests import Asked
from pipeline.operations import Operations


def test_the_catalog_is_whole_and_every_answer_is_timed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages, tallies, doubts and deadlines belong to the documents; nothing is stale; the figures are positive."""
    monkeypatch.setattr(rooms, "CALLS", 20)
    tools = tools_of(home)
    rooms.fill(tools, 30)
    documents, pages = Operations(tools.catalog.database).totals(rooms.MATTERS)
    assert (sum(documents.values()), sum(pages.values())) == (30, 30 * rooms.PAGES)
    assert tools.digests.catch_up(0.0) == 0
    assert len(tools.digests.deadlines(Asked(rooms.MATTERS), 500)) == 120
    found = rooms.measure(tools, 2)
    assert len(found) == 14 and all(len(times) == 2 and min(min(times)) > 0 for times in found.values())
    tools.close()
