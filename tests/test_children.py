"""Processes that are kept running: real ones, started again, ended in time with all that they started."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from flows import children
from flows.child import command
from flows.children import LOUD, Child, Kind, pause
from pipeline.processes import alive, birth

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
PARENT = """import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
time.sleep(60)"""


def kept(code: str, said: list[str], *arguments: str, patience: float = 5.0, **options) -> Child:
    return Child(Kind("it", [sys.executable, "-c", code, *arguments], patience, **options), os.environ, said.append)


def until(true, child: Child | None = None, seconds: float = 30.0) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up
        if child:
            child.tend()
        time.sleep(0.02)


@pytest.mark.parametrize(("deaths", "seconds"), [(0, 0), (1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (10_000, 300)])
def test_pauses_grow_to_a_limit(deaths, seconds):
    """From a second to five minutes."""
    assert pause(deaths) == seconds


def test_one_that_dies_again_and_again_is_said_loudly(monkeypatch):
    """Each death is said with its pause, the fifth so that nobody overlooks it, and people are told; it is still
    tried."""
    monkeypatch.setattr(children, "pause", lambda deaths: 0.0)
    said, alarms = list[str](), list[str]()
    kind = Kind("it", [sys.executable, "-c", "raise SystemExit(2)"], 5.0)
    child = Child(kind, os.environ, said.append, alarms.append)
    until(lambda: len(said) > LOUD + 1, child)
    assert alarms == [f"it ended {LOUD} times in a row"]
    child.stop(lambda: True)
    assert said[0] == "it ended (exit code 2); it is started again in 0 s"
    assert [number for number, line in enumerate(said) if "SOMEBODY HAS TO LOOK" in line] == [LOUD]


@pytest.mark.parametrize(("code", "lines"), [(0, 0), (3, 0), (5, 1)])
def test_what_is_to_run_once_is_not_started_again(tmp_path, code, lines):
    """However it ended; what did not do its work is said."""
    place, said = tmp_path / "ran", list[str]()
    child = kept(f"open({str(place)!r}, 'a').write('x'); raise SystemExit({code})", said, once=True)
    until(lambda: place.exists() and child.ended, child)
    for _ in range(3):
        child.tend()
    assert place.read_text() == "x" and len(said) == lines
    child.stop(lambda: True)


def test_what_it_started_ends_with_it(tmp_path):
    """A child that is killed leaves nothing behind, neither when it is started again nor when it is ended."""
    place, said = tmp_path / "pids", list[str]()
    child = kept(PARENT, said, str(place))
    until(lambda: place.exists() and place.read_text().count(" "), child)
    first, grandchild = map(int, place.read_text().split())
    born = birth(grandchild)
    place.unlink()
    os.kill(first, signal.SIGKILL)
    until(lambda: said, child)
    assert "SIGKILL" in said[0]
    until(lambda: not alive(grandchild, born))
    until(lambda: place.exists() and place.read_text().count(" "), child)
    again, grandchild = map(int, place.read_text().split())
    born = birth(grandchild)
    child.stop(lambda: False)
    assert again != first
    until(lambda: not alive(grandchild, born))


def test_one_that_does_not_end_is_killed_in_time(tmp_path):
    """After its patience, or at once when there is a hurry."""
    for patience, hurry in ((0.3, False), (60.0, True)):
        said: list[str] = []
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        child = kept(STUBBORN, said, patience=patience, log=log)
        until(lambda log=log: log.exists() and log.read_bytes(), child)
        begun = time.monotonic()
        child.stop(lambda hurry=hurry: hurry)
        assert time.monotonic() - begun < 20
        assert said == ["it did not end by itself and is killed; nothing is lost by that"]


def test_it_is_not_started_before_what_it_needs_is_there(tmp_path):
    """And then it is."""
    needed, said = tmp_path / "needed", list[str]()
    child = kept("open(__import__('sys').argv[1], 'w')", said, str(tmp_path / "ran"), ready=needed.exists)
    for _ in range(3):
        child.tend()
    assert not said
    needed.touch()
    until((tmp_path / "ran").exists, child)
    child.stop(lambda: True)


def test_a_child_ends_when_its_starter_is_killed(tmp_path):
    """Whatever the child does: the kernel ends it, also one that has become another program."""
    code = "from flows.child import command; import subprocess, sys; " \
        "subprocess.run(command(9, *sys.argv[1:]))"  # fmt: skip
    stays = tmp_path / "stays.py"
    stays.write_text("import os, sys, time\nopen(sys.argv[1], 'w').write(f'{os.getpid()} ')\ntime.sleep(60)")
    place = tmp_path / "pids"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    child = Child(Kind("it", [sys.executable, "-c", code, "stays", str(place)], 1.0), environment, print)
    until(lambda: place.exists() and place.read_text(), child)
    pid = int(place.read_text())
    born = birth(pid)
    os.kill(child._process.pid, signal.SIGKILL)
    until(lambda: not alive(pid, born))
    child.stop(lambda: True)
    assert command(9, "x")[1:4] == ["-P", "-m", "flows.child"]
