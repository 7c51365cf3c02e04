"""`muniment up` as a user starts it: real processes, nothing else started by hand."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pdfs
import pytest

from pipeline.cli import main
from pipeline.night_steps import STEPS
from pipeline.settings import load_settings
from pipeline.wiring import open_tools

pytestmark = pytest.mark.timeout(900)  # on two idle cores a minute in all, on busy ones many times that
BOOT_SECONDS = 400.0
QUICK = {"MUNIMENT_SETTLE_SECONDS": "0.5", "MUNIMENT_POLL_SECONDS": "0.2", "MUNIMENT_INDEX_IDLE_SECONDS": "3"}


class Up:
    """`muniment up` in a process of its own, on a home of its own, and what it said."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.home, self.log = folder / "home", folder / "said"
        self.environment = {**os.environ, **QUICK, **environment, "MUNIMENT_HOME": str(self.home)}
        command = [sys.executable, "-m", "pipeline", "up", *options]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=subprocess.STDOUT)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def until(self, true: Callable[[], object], what: str) -> None:
        give_up = time.monotonic() + BOOT_SECONDS
        while not true():
            assert time.monotonic() < give_up, f"{what}\n{self.said}"
            assert self.process.poll() is None, self.said
            time.sleep(0.2)

    def child(self, of: str) -> int:
        """The process whose command line holds this, or 0."""
        return next((pid for pid, line in self.processes().items() if of in line), 0)

    def processes(self) -> dict[int, str]:
        """Every process that works on this home, by its environment or command line, but ourselves."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    line = (entry / "cmdline").read_text().replace("\0", " ")
                    environment = (entry / "environ").read_bytes()
                except OSError:  # it ended, or is another user's
                    continue
                if f"MUNIMENT_HOME={self.home}".encode() in environment or str(self.home) in line:
                    found[int(entry.name)] = line
        return found

    def end(self) -> None:
        for pid in (self.process.pid, *self.processes()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()


def up_to(seconds: float, true: Callable[[], object], what: Callable[[], object]) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up, what()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def up(tmp_path_factory) -> Iterator[Up]:
    """On a fresh home, the nightly run due every minute."""
    started = Up(
        tmp_path_factory.mktemp("up"),
        "--port",
        str(_free_port()),
        MUNIMENT_NIGHTLY="* * * * *",
        MUNIMENT_INGEST_SECONDS="3600",
    )
    yield started
    started.end()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_file_that_is_dropped_is_found(up, monkeypatch, capsys):
    """By `muniment search` and on the page, with nothing else started by hand."""
    pdfs.born_digital(up.home / "inbox" / "dune" / "lease.pdf", pdfs.LEASE)
    settings = load_settings(home=up.home)
    up.until(lambda: "the nightly run is due" in up.said, "the runner did not start")
    with open_tools(settings) as tools:
        up.until(lambda: [d.status for d in tools.catalog.documents()] == ["done"], "the file was not worked off")
    monkeypatch.setenv("MUNIMENT_HOME", str(up.home))
    assert main(["search", "kangaroo mural", "--json"]) == 0
    (hit,) = json.loads(capsys.readouterr().out)["hits"]
    assert (hit["document"], hit["matter"], hit["page"]) == ("lease.pdf", "dune", 1)
    url, key = re.search(r"(http://127\.0\.0\.1:\d+)/setup\?key=(\S+)", up.said).groups()
    form = {"key": key, "name": "Ada", "password": "a horse of another colour", "again": "a horse of another colour"}
    with httpx.Client(base_url=url, timeout=60) as tab:
        assert tab.post("/setup", data=form, headers={"origin": url}).status_code == 303
        assert "lease.pdf" in tab.get("/", params={"q": "kangaroo mural"}, follow_redirects=True).text


def test_the_prefect_server_is_for_nobody_else(up):
    """Whoever may write to it could have code run: without the secret of this `up` it answers nothing."""
    port = re.search(r"flows\.server (\d+)", up.processes()[up.child("flows.server")]).group(1)
    api = f"http://127.0.0.1:{port}/api"
    assert httpx.get(f"{api}/health").status_code == 200
    assert httpx.post(f"{api}/deployments/filter", json={}).status_code == 401


def test_the_second_one_says_that_the_first_runs(up):
    """With its process number; the first one goes on."""
    second = subprocess.run(
        [sys.executable, "-m", "pipeline", "up"], env=up.environment, capture_output=True, text=True, check=False
    )
    assert second.returncode == 11
    assert f"process {up.process.pid}, since" in second.stderr
    assert up.process.poll() is None


def test_a_part_that_dies_is_started_again(up):
    """And that is said."""
    watcher = up.child("pipeline watch")
    os.kill(watcher, signal.SIGKILL)
    up.until(lambda: up.child("pipeline watch") not in (0, watcher), "the watcher was not started again")
    assert "the watcher ended (signal SIGKILL); it is started again in" in up.said


def test_a_kill_leaves_nothing_behind(tmp_path):
    """SIGKILL of `up` itself: the kernel ends its parts, wherever they are; the index's owner ends by itself."""
    killed = Up(tmp_path, "--port", "0")
    try:
        killed.until(lambda: "Muniment is at" in killed.said and killed.child("flows.server"), "it did not start")
        assert len(killed.processes()) >= 4
        killed.process.kill()
        killed.process.wait()
        up_to(60.0, lambda: not killed.processes(), killed.processes)
    finally:
        killed.end()


def test_the_nightly_run_is_made_on_its_cron(up):
    """Without anybody asking for it: the catalog has the run, at its end, with its steps. (Due within a minute, which
    the tests above do not wait for.)"""
    with open_tools(load_settings(home=up.home)) as tools:

        def nights():
            return [run for run in tools.catalog.runs() if run.kind == "nightly" and run.status == "finished"]

        up.until(nights, "no nightly run was made")
        assert nights()[-1].totals == {"steps": len(STEPS), "steps failed": 0}


def test_down_ends_all_of_it(up, monkeypatch, capsys):
    """And waits for it; then nothing is up, and no process is left."""
    monkeypatch.setenv("MUNIMENT_HOME", str(up.home))
    threading.Thread(target=up.process.wait).start()  # else it stays a zombie of ours
    assert main(["down"]) == 0 and capsys.readouterr().out.endswith("is down\n")
    assert up.said.endswith("muniment: down\n")
    up_to(5.0, lambda: not up.processes(), up.processes)
    assert main(["down"]) == 0 and "nothing is up" in capsys.readouterr().out
