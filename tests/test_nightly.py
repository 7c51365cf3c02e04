"""The steps of a night: what each mends, and that none stops another."""

from __future__ import annotations

import json

import pdfs
import pytest

from pipeline.claims import sole
from pipeline.errors import AlreadyRunning
from pipeline.night_steps import NIGHTS, Night
from pipeline.nightly import NightReport, night
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.types import DocumentStatus, SearchFilter
from pipeline.wiring import open_tools

QUESTION = {"query": "which law governs the lease", "document": "lease.pdf", "gold_pages": [1]}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A home with one document that is done."""
    folder = tmp_path_factory.mktemp("night")
    lease = pdfs.born_digital(folder / "in" / "dune" / "lease.pdf", pdfs.LEASE)
    settings = load_settings(home=folder / "home")
    with open_tools(settings) as tools:
        ingest_paths([lease], "dune", tools)
    return settings


def made(settings, **changed) -> NightReport:
    with open_tools(settings.model_copy(update=changed)) as tools:
        return night(tools, Night())


def lines(report: NightReport, name: str) -> list[str]:
    return [line for step in report.steps if step.name == name for line in step.lines]


def test_a_step_that_fails_is_named_and_stops_no_other(settings, tmp_path):
    """The report says which and why, the later steps are done, and the catalog has the run."""
    golden = tmp_path / "golden.jsonl"
    golden.write_text(json.dumps(QUESTION))
    report = made(settings, frontier_url="ftp://nowhere", golden=golden)
    assert report.failed == ("escalate",)
    assert any("MUNIMENT_FRONTIER_URL" in line for line in lines(report, "escalate"))
    assert lines(report, "golden set")
    with open_tools(settings) as tools:
        run = tools.catalog.runs(1)[0]
        assert (run.kind, run.status, run.totals["steps failed"]) == ("nightly", "finished", 1)


def test_the_golden_set_is_compared_with_the_night_before(settings, tmp_path):
    """Questions and documents alike; the second night names the figure of the first."""
    golden = tmp_path / "golden.jsonl"
    golden.write_text(json.dumps(QUESTION))
    made(settings, golden=golden)
    assert "nDCG@10 in document 1.000, the night before 1.000" in lines(made(settings, golden=golden), "golden set")
    fields = {"document": "lease.pdf", "fields": {"governing_law": [{"value": "Oregon"}]}, "routes": {"1": "text"}}
    golden.write_text(json.dumps(fields))
    assert lines(made(settings, golden=golden), "golden set") == ["field F1 1.000", "routes right 1.000"]
    assert made(settings, golden=tmp_path / "gone").failed == ("golden set",)


def test_what_failed_in_passing_is_tried_again(settings, tmp_path):
    """A page that took too long on a busy machine is read at night; damage is not tried again."""
    slow = pdfs.born_digital(tmp_path / "slow.pdf", pdfs.AGREEMENT)
    cut = pdfs.truncated(tmp_path / "cut.pdf", pdfs.LEASE, pdfs.AGREEMENT)
    with open_tools(settings.model_copy(update={"page_seconds": 0.001})) as tools:
        ingest_paths([slow], "alder", tools)
    with open_tools(settings) as tools:
        ingest_paths([cut], "alder", tools)
        held = {document.name for document in tools.catalog.documents(status=DocumentStatus.HELD)}
        assert held == {"slow.pdf", "cut.pdf"}
    for _ in range(NIGHTS - 1):
        assert lines(made(settings, page_seconds=0.001), "retry") == [
            "1 document tried again, 0 of them no longer held"
        ]
    assert lines(made(settings), "retry") == ["1 document tried again, 1 of them no longer held"]
    with open_tools(settings) as tools:
        assert tools.catalog.document("slow.pdf").status is DocumentStatus.DONE
        tools.catalog.set_status(tools.catalog.document("slow.pdf").id, DocumentStatus.HELD, "took longer than ever")
    assert lines(made(settings), "retry") == []  # it has had its nights


def test_what_lacks_its_vectors_is_indexed(settings):
    """As a rebuild leaves it that was killed: found again after the night."""
    with open_tools(settings) as tools:
        lease = tools.catalog.document("lease.pdf").id
        tools.index.delete(lease)
        tools.catalog.set_indexed(lease, "")
        assert lines(night(tools, Night()), "index") == ["1 document indexed that had been left out"]
        assert tools.searcher.find("kangaroo mural", SearchFilter())[0].document == lease
        assert lines(night(tools, Night()), "index") == []


def test_one_night_at_a_time(settings):
    """One that meets another does nothing and writes nothing down."""
    with open_tools(settings) as tools:
        before = tools.catalog.runs(1)[0].id
        with sole(tools.locks, "nightly") as held, pytest.raises(AlreadyRunning, match="another nightly"):
            assert held
            night(tools, Night())
        assert tools.catalog.runs(1)[0].id == before


def test_a_living_owner_tidies_when_it_is_asked(settings):
    """Also while somebody is connected, when it would wait for more; without an owner nothing is to be asked."""
    with open_tools(settings) as tools:
        tools.index.count()
        assert lines(night(tools, Night()), "optimise") == ["the index brings its graphs up to date"]
        tools.release_index()
        assert lines(night(tools, Night()), "optimise") == []
