"""The Prefect flows on a real Prefect server: the same road, the same report, retries only where they can help."""

import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import pdfs
import pytest
from frontier_server import KEY, frontier_server
from test_ingest import Unreachable

import flows.escalate
import flows.ingest
from pipeline.claims import sole
from pipeline.run import ingest_paths
from pipeline.types import DocumentStatus, PageStatus
from pipeline.wiring import open_tools


@pytest.fixture(scope="module", autouse=True)
def prefect_server():
    """A Prefect server with a database of its own, on loopback, for this module."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture
def inbox(tmp_path):
    pdfs.born_digital(tmp_path / "inbox" / "alder" / "msa.pdf", pdfs.AGREEMENT)
    pdfs.truncated(tmp_path / "inbox" / "alder" / "cut.pdf", pdfs.LEASE, pdfs.AGREEMENT)
    return tmp_path / "inbox"


def task_runs():
    from prefect import get_client

    with get_client(sync_client=True) as client:
        return client.read_task_runs()


def test_flow_walks_a_folder(home, inbox):
    """The flow's report is that of the command line, and Prefect shows a finished task for each document."""
    report = flows.ingest.ingest_folder([str(inbox)])
    assert {d["name"]: d["status"] for d in report["documents"]} == {"msa.pdf": "done", "cut.pdf": "held"}
    assert report["documents"][1]["pages"][0]["route"] == "text"
    assert report["seconds"]["read"] > 0
    names = {run.name: run.state.type.value for run in task_runs()}
    assert {f"{d['name']} [{d['id']}]": "COMPLETED" for d in report["documents"]}.items() <= names.items()
    with open_tools() as tools:
        assert tools.searcher.find("governing law", where_all())[0].name == "msa.pdf"


def where_all():
    from pipeline.types import SearchFilter

    return SearchFilter()


@pytest.mark.parametrize(("failures", "runs", "status"), [(1, 2, "done"), (99, 3, "received")])
def test_retryable_errors_are_retried_by_prefect(home, inbox, monkeypatch, failures, runs, status):
    """An unreachable index is tried again by Prefect, at most twice; then the document stays received, resumable."""

    @contextmanager
    def flaky(settings):
        with open_tools(settings) as tools:
            tools._made["index"] = Unreachable(tools.index, failures)
            yield tools

    monkeypatch.setattr(flows.ingest, "open_tools", flaky)
    monkeypatch.setattr(flows.ingest.ingest_one, "retry_delay_seconds", 0)
    report = flows.ingest.ingest_folder([str(inbox / "alder" / "msa.pdf")])
    (document,) = report["documents"]
    assert document["status"] == status
    run = next(run for run in task_runs() if run.name.endswith(f"[{document['id']}]") and run.run_count == runs)
    assert run.state.is_completed() == (status == DocumentStatus.DONE)


@pytest.fixture
def office(home, tmp_path, monkeypatch):
    """A home with a scan that waits and may go to the loopback server, which comes back."""
    with frontier_server() as server:
        chosen = {"URL": server.url, "KEY": KEY, "KIND": "self-hosted", "PROFILE": "claude"}
        for name, value in chosen.items():
            monkeypatch.setenv(f"MUNIMENT_FRONTIER_{name}", value)
        monkeypatch.setenv("MUNIMENT_ESCALATE_BELOW", "1.0")
        scan = pdfs.scanned(tmp_path / "acme" / "hush-hush.pdf", pdfs.LEASE)
        with open_tools() as tools:
            ingest_paths([scan], "acme", tools)
            tools.policies.set("acme", "self-hosted")
        yield server


def artifacts() -> list[str]:
    from prefect import get_client
    from prefect.client.schemas.sorting import ArtifactSort

    with get_client(sync_client=True) as client:
        return [artifact.data for artifact in client.read_artifacts(sort=ArtifactSort.UPDATED_DESC)]


@pytest.mark.parametrize("batch", [False, True], ids=["at once", "as a batch"])
def test_the_nightly_flow_works_off_what_waits(office, batch):
    """What waited is read and its document done; Prefect is shown counts and costs, no name and no word of it. A
    second run finds nothing to ask."""
    report = flows.escalate.escalate_waiting(["acme"], 1.0, batch, wait_hours=0.05, poll=0.1)
    assert (report["answered"], report["under_way"], report["stopped"]) == (1, 0, "")
    with open_tools() as tools:
        assert tools.catalog.page_totals() == {PageStatus.EXTRACTED: 1}
    shown = artifacts()[0]
    assert shown.startswith("- 1 page read, 0.0") and "hush" not in shown and "Cedar" not in shown
    asked = len(office.asked()) + len(office.asked("/v1/messages/batches"))
    assert flows.escalate.escalate_waiting(["acme"])["answered"] == 0
    assert asked == len(office.asked()) + len(office.asked("/v1/messages/batches")) == 1


def test_a_run_that_meets_another_or_comes_late_changes_nothing(office, home, monkeypatch):
    """It ends at once and says so; the page goes on waiting, nothing is sent."""
    with sole(home / "locks", "escalation") as held:
        assert held and "another escalation" in flows.escalate.escalate_waiting()["skipped"]
    monkeypatch.setattr(flows.escalate, "LATE", timedelta(0))
    assert "the next one does its work" in flows.escalate.escalate_waiting()["skipped"]
    assert office.requests == [] and "the next one" in artifacts()[0]


def test_importing_the_pipeline_imports_no_prefect():
    """Prefect stays at the edge: the whole pipeline imports without it."""
    modules = "pipeline.run, pipeline.stages, pipeline.wiring, pipeline.commands"
    code = f"import sys, {modules}; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
