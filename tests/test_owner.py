"""The owner process of the embedded index: many processes, one holder, and nothing committed is lost."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import pytest
from index_helpers import SIGNATURE, by_text, found, point, unit

from pipeline.backends.owned import OwnedIndex
from pipeline.errors import IndexMismatch, IndexUnavailable, ModelError
from pipeline.types import SearchFilter

TESTS = Path(__file__).parent
IDLE = 1.0


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An index root; an owner left over at the end is ended."""
    root = tmp_path / "home" / "index"
    yield root
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(_announced(root)["pid"], signal.SIGTERM)
        _until(lambda: not (root / "owner.json").exists())


@pytest.fixture
def index(root: Path) -> Iterator[OwnedIndex]:
    """A client of that root."""
    index = OwnedIndex(root, SIGNATURE, IDLE)
    yield index
    index.close()


def test_two_processes_at_once(root: Path, index: OwnedIndex) -> None:
    """One process writes while this one reads, through the same owner."""
    index.count()
    writer = _python(root, "for n in range(1, 31): index.upsert([point('d', n)])")
    seen = set()
    while writer.poll() is None:
        seen.add(index.count())
    assert writer.returncode == 0
    assert index.count() == 30
    assert len(seen) > 2, "this process was locked out while the other one wrote"


def test_many_first_clients_start_one_owner(root: Path) -> None:
    """Clients that all find nobody end up with the same owner."""
    body = "index.count(); print(json.loads((root / 'owner.json').read_text())['pid'])"
    clients = [_python(root, body) for _ in range(3)]
    answers = {client.communicate()[0] for client in clients}
    assert all(client.returncode == 0 for client in clients)
    assert len(answers) == 1


def test_killed_owner_is_replaced_and_nothing_is_lost(root: Path, index: OwnedIndex) -> None:
    """After kill -9 the next call of the same client finds every page it was told is written."""
    index.upsert([point("d", n) for n in range(1, 21)])
    first = _announced(root)
    os.kill(first["pid"], signal.SIGKILL)
    _until(lambda: not _alive(first["pid"]))
    assert index.pages_of("d") == set(range(1, 21))
    assert found(index.search(by_text(unit(7)), SearchFilter(), 1)) == [("d", 7)]
    assert _announced(root)["pid"] != first["pid"]
    assert not Path(first["socket"]).parent.exists(), "the dead owner's socket folder was left behind"


def test_owner_survives_its_first_client(root: Path, index: OwnedIndex) -> None:
    """A client that is killed takes neither the owner nor its pages with it."""
    client = _python(root, "index.upsert([point('d', 1)]); print('written', flush=True); time.sleep(60)")
    assert client.stdout is not None
    assert client.stdout.readline() == "written\n"
    owner = _announced(root)["pid"]
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()
    assert index.pages_of("d") == {1}
    assert _announced(root)["pid"] == owner


def test_owner_ends_when_idle_and_comes_back(root: Path, index: OwnedIndex) -> None:
    """With a client it stays however long; without one it ends after the idle time and leaves nothing behind."""
    index.upsert([point()])
    owner = _announced(root)
    time.sleep(2 * IDLE)
    assert _alive(owner["pid"])
    index.close()
    _until(lambda: not _alive(owner["pid"]))
    assert not (root / "owner.json").exists()
    assert not Path(owner["socket"]).parent.exists()
    assert index.count() == 1


def test_terminated_owner_clears_up(root: Path, index: OwnedIndex) -> None:
    """A shutdown's SIGTERM leaves no announcement and no socket, and the pages are there afterwards."""
    index.upsert([point()])
    owner = _announced(root)
    os.kill(owner["pid"], signal.SIGTERM)
    _until(lambda: not _alive(owner["pid"]))
    assert not (root / "owner.json").exists()
    assert not Path(owner["socket"]).parent.exists()
    assert index.count() == 1


def test_owner_ends_when_its_socket_was_swept_away(root: Path, index: OwnedIndex) -> None:
    """A cleaned /tmp doesn't leave an owner behind that nobody can reach but that holds the index."""
    index.upsert([point()])
    owner = _announced(root)
    Path(owner["socket"]).unlink()
    _until(lambda: not _alive(owner["pid"]))
    assert index.count() == 1


def test_mismatch_reaches_the_client(root: Path, index: OwnedIndex) -> None:
    """Another process configured with other models is told so; the first goes on working."""
    index.upsert([point()])
    other = OwnedIndex(root, {**SIGNATURE, "text_model": "u@2"}, IDLE)
    with pytest.raises(IndexMismatch, match="muniment index rebuild"):
        other.count()
    other.close()
    assert index.count() == 1


def test_only_the_key_opens_the_door(root: Path, index: OwnedIndex) -> None:
    """Key and socket are the user's alone, and a wrong key is turned away before anything is unpickled."""
    index.count()
    announced = _announced(root)
    assert (root / "owner.json").stat().st_mode & 0o777 == 0o600
    assert Path(announced["socket"]).parent.stat().st_mode & 0o777 == 0o700
    with pytest.raises(AuthenticationError):
        Client(announced["socket"], "AF_UNIX", authkey=b"guessed")
    assert index.count() == 0


def test_silent_visitor_keeps_nobody_waiting(root: Path, index: OwnedIndex) -> None:
    """A peer that connects and says nothing holds up no one."""
    index.count()
    visitor = Client(_announced(root)["socket"], "AF_UNIX")
    other = OwnedIndex(root, SIGNATURE, IDLE)
    assert other.count() == 0
    other.close()
    visitor.close()


def test_stale_announcement_is_no_owner(root: Path, index: OwnedIndex) -> None:
    """What a killed machine left in owner.json doesn't stop a new owner."""
    root.mkdir(parents=True)
    (root / "owner.json").write_text(json.dumps({"socket": str(root / "gone" / "s"), "key": "00", "pid": 1}))
    assert index.count() == 0


def test_request_the_owner_does_not_know(index: OwnedIndex) -> None:
    """Only the index's own methods can be asked for."""
    with pytest.raises(IndexUnavailable, match="another version"):
        index._ask("__init__")


def test_bad_page_is_refused_as_without_an_owner(index: OwnedIndex) -> None:
    """A page the index can't take is a `ModelError` here, as it is without an owner."""
    with pytest.raises(ModelError, match="not a number"):
        index.upsert([point(vector=unit(1) * float("nan"))])


def _python(root: Path, body: str) -> subprocess.Popen[str]:
    """Another process with a client called `index`."""
    program = f"""
import json, sys, time
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from index_helpers import SIGNATURE, point
from pipeline.backends.owned import OwnedIndex
root = Path({str(root)!r})
index = OwnedIndex(root, SIGNATURE, {IDLE})
{body}
"""
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, start_new_session=True)


def _announced(root: Path) -> dict:
    return json.loads((root / "owner.json").read_text())


def _alive(pid: int) -> bool:
    """Running, and not a zombie waiting for an init that doesn't reap."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def _until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
