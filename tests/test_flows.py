"""The Prefect flows on a real Prefect server: the same road, the same report, retries only where they can help."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pdfs
import pytest
from frontier_server import KEY, frontier_server
from test_ingest import Unreachable

import flows.deployments
import flows.ingest
import flows.leftovers
import flows.nightly
import flows.pool
import flows.reindex
import flows.runs
from pipeline.claims import sole
from pipeline.errors import DocumentHeld, UsageError
from pipeline.inbox.receive import take_in
from pipeline.intake import discover
from pipeline.night_steps import STEPS
from pipeline.processes import birth
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus, PageStatus
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


def test_prefect_hears_no_word_of_a_document(home, inbox, monkeypatch):
    """A fault of the program that quotes the page: neither Prefect's logs nor its states have what it says."""
    from prefect import get_client

    heard = []

    class Ear(logging.Handler):
        def emit(self, record):
            heard.append(self.format(record))

    def stumble(document, *_, **__):
        raise ValueError(pdfs.LEASE)

    monkeypatch.setattr("pipeline.run.ingest_document", stumble)
    loggers = [logging.getLogger(name) for name in ("prefect", "prefect.flow_runs", "prefect.task_runs")]
    ear = Ear(logging.DEBUG)
    for logger in loggers:
        logger.addHandler(ear)
    try:
        with pytest.raises(DocumentHeld, match="ValueError at"):
            flows.ingest.ingest_folder([str(inbox)])
    finally:
        for logger in loggers:
            logger.removeHandler(ear)
    with get_client(sync_client=True) as client:
        states = [str(run.state) for run in (*client.read_flow_runs(), *client.read_task_runs())]
    assert any("ValueError at" in line for line in heard) and any("ValueError at" in state for state in states)
    assert "kangaroo" not in str(heard) + str(states) and "Dune Analytics" not in str(heard) + str(states)


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


def escalated(report) -> list[str]:
    return next(step["lines"] for step in report["steps"] if step["name"] == "escalate")


@pytest.mark.parametrize("batch", [False, True], ids=["at once", "as a batch"])
def test_the_nightly_flow_works_off_what_waits(office, batch):
    """What waited is read and its document done; Prefect is shown the steps, counts and costs, no name and no word of
    it. A second run finds nothing to ask."""
    report = flows.nightly.nightly(["acme"], 1.0, batch, wait_hours=0.05, poll=0.1)
    assert report["failed"] == [] and escalated(report)[0].startswith("1 page read by the frontier model, 0.0")
    with open_tools() as tools:
        assert tools.catalog.page_totals() == {PageStatus.EXTRACTED: 1}
    shown = artifacts()[0]
    assert shown.startswith("- escalate: 1 page read") and "hush" not in shown and "Cedar" not in shown
    assert {run.name for run in task_runs()} >= {*STEPS}
    asked = len(office.asked()) + len(office.asked("/v1/messages/batches"))
    assert escalated(flows.nightly.nightly(["acme"]))[0].startswith("0 pages read")
    assert asked == len(office.asked()) + len(office.asked("/v1/messages/batches")) == 1


def test_a_night_that_meets_another_or_comes_late_changes_nothing(office, home, monkeypatch):
    """It ends at once and says so; the page goes on waiting, nothing is sent. One that meets an escalation does all
    else."""
    with sole(home / "locks", "nightly") as held:
        assert held and "another nightly run" in flows.nightly.nightly()["skipped"]
    with sole(home / "locks", "escalation") as held:
        report = flows.nightly.nightly()
        assert held and report["failed"] == [] and "another escalation" in escalated(report)[0]
    monkeypatch.setattr(flows.nightly, "LATE", timedelta(0))
    assert "the next one does its work" in flows.nightly.nightly()["skipped"]
    assert office.requests == [] and "the next one" in artifacts()[0]


def test_the_inbox_flow_walks_what_was_received(home, inbox):
    """A task a document, named after it; beside the run counts and ids of what a person should look at, no name."""
    with open_tools() as tools:
        ids = [take_in(each, tools)[0].id for each in discover([inbox], None, "default")]
    totals = flows.ingest.ingest_inbox(linger=0)
    assert (totals["documents done"], totals["documents held"]) == (1, 1)
    assert {run.name.rpartition("[")[2] for run in task_runs()} >= {f"{id}]" for id in ids}
    assert f"- {ids[0]}: held" in artifacts()[0] and "cut" not in artifacts()[0]
    assert flows.ingest.ingest_inbox(linger=0)["documents"] == 0


def test_an_inbox_run_that_meets_another_changes_nothing(home, inbox):
    """It says so, and what it came for is left to the other one."""
    with open_tools() as tools:
        document, _ = take_in(next(discover([inbox / "alder" / "msa.pdf"], "alder", "default")), tools)
        with sole(tools.locks, "work-off") as held:
            assert held and "another run" in flows.ingest.ingest_inbox(linger=0)["skipped"]
        assert tools.catalog.document(document.id).status is DocumentStatus.RECEIVED


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:4200/api", "a b.pdf [5eed]"),
        ("http://localhost:4200/api", "a b.pdf [5eed]"),
        ("http://[::1]:4200/api", "a b.pdf [5eed]"),
        ("http://10.0.0.5:4200/api", "5eed"),
        ("https://prefect.firm.example/api", "5eed"),
        ("http://127.0.0.1.evil.example/api", "5eed"),
    ],
)
def test_a_prefect_server_elsewhere_learns_no_file_name(url, shown):
    """Only one of this machine is shown names, and those without control characters."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url}):
        assert flows.runs.named(Document("5eed", "acme", "a\n\u202eb.pdf", "", DocumentStatus.RECEIVED)) == shown


def test_reindex_makes_the_index_anew(home, inbox):
    """What was read is found again, and the run says how much."""
    with open_tools() as tools:
        ingest_paths([inbox / "alder" / "msa.pdf"], "alder", tools)
        tools.index.drop()
    assert flows.reindex.reindex() == {"documents": 1, "pages": 1}
    assert "1 document, 1 page indexed" in artifacts()[0]
    with open_tools() as tools:
        assert tools.searcher.find("governing law", where_all())[0].name == "msa.pdf"


def test_leftovers_of_a_killed_runner_are_settled(home):
    """A run whose process was killed is said to have crashed, one that lives is left alone, as is one of another
    machine; of missed runs only the latest is still made."""
    gone = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pids = {"gone": _told(gone.pid), "here": flows.runs.process(), "elsewhere": "another-machine:1:boot:7"}
    gone.kill()
    gone.wait()
    states, due = asyncio.run(_settled(pids))
    assert states == {
        "gone": "Crashed",
        "here": "Running",
        "elsewhere": "Running",
        "missed 3": "Cancelled",
        "missed 2": "Cancelled",
        "missed 1": "Scheduled",
        "tomorrow": "Scheduled",
    }
    assert due


def _told(pid: int) -> str:
    return f"{socket.gethostname()}:{pid}:{birth(pid)}"


async def _settled(pids: dict[str, str]) -> tuple[dict[str, str], bool]:
    """The states of runs of a deployment after `settle`, by name, and whether one is under way or due."""
    from prefect import get_client
    from prefect.states import Running, Scheduled

    async with get_client() as client:
        ours = await flows.deployments.deployments(load_settings())[0].aapply()
        now = datetime.now(UTC)
        made = {name: await client.create_flow_run_from_deployment(ours, name=name, state=Running()) for name in pids}
        for name, run in made.items():
            await client.update_flow_run(run.id, infrastructure_pid=pids[name])
        for name, hours in {"missed 3": -3, "missed 2": -2, "missed 1": -1, "tomorrow": 24}.items():
            state = Scheduled(scheduled_time=now + timedelta(hours=hours))
            made[name] = await client.create_flow_run_from_deployment(ours, name=name, state=state)
        assert await flows.leftovers.settle(client, [ours]) == 3
        states = {name: (await client.read_flow_run(run.id)).state_name for name, run in made.items()}
        return states, await flows.leftovers.under_way(client, ours)


def test_deployments_follow_the_settings(home, monkeypatch):
    """Interval, cron and time zone are those of the environment; what is no time is said with its variable."""
    monkeypatch.setenv("MUNIMENT_INGEST_SECONDS", "77")
    monkeypatch.setenv("MUNIMENT_NIGHTLY", "30 3 * * 1-5")
    monkeypatch.setenv("MUNIMENT_TIMEZONE", "Europe/Berlin")
    inbox, night, reindex = flows.deployments.deployments(load_settings())
    assert inbox.schedules[0].schedule.interval == timedelta(seconds=77)
    assert (night.schedules[0].schedule.cron, night.schedules[0].schedule.timezone) == ("30 3 * * 1-5", "Europe/Berlin")
    assert reindex.schedules == []
    due = asyncio.run(flows.deployments.next_night(load_settings()))
    assert (due.hour, due.minute, str(due.tzinfo)) == (3, 30, "Europe/Berlin")
    monkeypatch.setenv("MUNIMENT_NIGHTLY", "61 25 * * *")
    with pytest.raises(UsageError, match="MUNIMENT_NIGHTLY"):
        flows.deployments.deployments(load_settings())


def test_importing_the_pipeline_imports_no_prefect():
    """Prefect stays at the edge: the whole pipeline imports without it."""
    modules = "pipeline.run, pipeline.stages, pipeline.wiring, pipeline.commands"
    code = f"import sys, {modules}; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0


def test_deployments_go_to_a_work_pool(home):
    """The pool is made once; each deployment runs there by module, with its schedule, on whatever machine."""
    from prefect import get_client

    assert flows.pool.send("machines") == flows.pool.send("machines") == ["ingest-inbox", "nightly", "reindex"]
    with get_client(sync_client=True) as client:
        assert client.read_work_pool("machines").type == "process"
        sent = {each.name: each for each in client.read_deployments() if each.work_pool_name == "machines"}
    assert {name: each.entrypoint for name, each in sent.items()} == {
        "ingest-inbox": "flows.ingest.ingest_inbox",
        "nightly": "flows.nightly.nightly",
        "reindex": "flows.reindex.reindex",
    }
    assert {name: len(each.schedules) for name, each in sent.items()} == {"ingest-inbox": 1, "nightly": 1, "reindex": 0}


def test_a_pool_without_a_server_is_refused(home, capsys):
    """No server of our own is started for a pool: nobody else would reach it."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: ""}):
        assert flows.pool.main([]) == UsageError.exit_code
    assert "PREFECT_API_URL" in capsys.readouterr().err
