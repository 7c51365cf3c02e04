"""The Prefect flow on a real Prefect server: the same road, the same report, retries only where they can help."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pdfs
import pytest
from test_ingest import Unreachable

import flows.ingest
from pipeline.types import DocumentStatus
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


def test_importing_the_pipeline_imports_no_prefect():
    """Prefect stays at the edge: the whole pipeline imports without it."""
    modules = "pipeline.run, pipeline.stages, pipeline.wiring, pipeline.commands"
    code = f"import sys, {modules}; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0
