"""The steps of a night: what each mends, and that none stops another."""

from __future__ import annotations

import json
import time

import pdfs
import pytest
from sqlalchemy import select, update

from pipeline.backends.engine import tidy
from pipeline.backends.owned import OwnedIndex
from pipeline.claims import sole
from pipeline.errors import AlreadyRunning
from pipeline.night_steps import NIGHTS, Night
from pipeline.nightly import NightReport, night
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.tables import documents, notices
from pipeline.telling.run_reports import find
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
        assert "MUNIMENT_FRONTIER_URL" in find(settings.root / "reports", run.id).read_text()
        with tools.catalog.database.read() as connection:
            told = connection.execute(select(notices.c.kind)).scalars().all()
        assert "step" in told


def test_a_fault_of_the_program_is_named_without_its_words(settings, monkeypatch):
    """Whoever runs the step sees no more of it than its kind and place."""
    seen: list[BaseException] = []

    def run(name, work):
        try:
            return work()
        except Exception as error:
            seen.append(error)
            raise

    def fails(tools, options):
        raise ValueError("the words of a contract")

    monkeypatch.setattr("pipeline.nightly.STEPS", {"retry": fails})
    with open_tools(settings) as tools:
        report = night(tools, Night(), run)
    assert report.failed == ("retry",) and "ValueError" in report.steps[0].lines[0]
    assert "contract" not in f"{seen} {report}" and seen[0].__suppress_context__


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
        assert "1 documents that were read and not indexed: 1 indexed" in lines(night(tools, Night()), "reconcile")
        assert tools.searcher.find("kangaroo mural", SearchFilter())[0].document == lease
        assert lines(night(tools, Night()), "reconcile") == []


def test_what_was_kept_long_enough_goes(settings, tmp_path):
    """Unless its matter is under legal hold."""
    with open_tools(settings) as tools:
        for matter in ("old", "disputed"):
            ingest_paths([pdfs.born_digital(tmp_path / f"{matter}.pdf", f"{pdfs.AGREEMENT}\n{matter}")], matter, tools)
            tools.retention.keep(matter, 1, "Ada")
        tools.retention.hold("disputed", "Alder v. Brook", "Ada")
        with tools.catalog.database.write() as connection:
            connection.execute(
                update(documents).where(documents.c.matter != "dune").values(received=time.time() - 2 * 86400)
            )
        said = lines(night(tools, Night()), "retention")
        assert said[0] == "1 document deleted, kept as long as their matter says"
        assert {document.name for document in tools.catalog.documents(["old", "disputed"])} == {"disputed.pdf"}


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
        OwnedIndex(settings.root / "index", {}).release(30.0)
        assert not tidy(settings)
