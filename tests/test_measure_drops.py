"""The measurement of drops: it runs, and what must not be is seen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from infra.measure import drops
from infra.measure.drops import Drop, Result, measure
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus
from pipeline.wiring import open_tools


def test_ten_drops_one_of_each_way(tmp_path: Path) -> None:
    """All are taken, none twice, none in part, with kills in between."""
    result = measure(len(drops.WAYS), tmp_path, writers=4, settle=0.2)
    assert result.drops == Counter(dict.fromkeys(drops.WAYS, 1))
    assert result.wrong == 0
    assert len(drops.WAYS) <= result.documents <= len(drops.WAYS) + 1


def test_a_lost_a_doubled_and_a_partial_drop_are_counted(tmp_path: Path) -> None:
    """A catalog that has the half of one drop, another one twice, and a file left in the inbox is found out."""
    some = [Drop("at a stroke", "acme", f"{name}.pdf", 1) for name in "abc"]
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "left.pdf").touch()
    with open_tools(load_settings(home=tmp_path)) as tools:
        kept = [some[0].data()[:-9], some[1].data(), some[1].data()]
        for number, data in enumerate(kept):
            document = Document(f"d{number}", "acme", "a.pdf", tools.store.put(data), DocumentStatus.RECEIVED)
            tools.catalog.add(document, "a.pdf")
    result = Result()
    drops._judge(tmp_path, some, result)
    assert (result.lost, result.doubled, result.partial, result.left) == (2, 1, 1, 1)
