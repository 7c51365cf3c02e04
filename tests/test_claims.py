"""One worker a document, no claim outlives its holder, and who lost its claim writes nothing; over both databases."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.catalog import Catalog
from pipeline.claims import Claim, claim, sole
from pipeline.database import Database
from pipeline.errors import AlreadyRunning, ClaimLost
from pipeline.leases import leased
from pipeline.tables import leases
from pipeline.types import Document, DocumentStatus

LIFE = 1.0

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.catalog import Catalog
from pipeline.claims import claim
from pipeline.types import DocumentStatus
with Catalog.open(sys.argv[2]) as catalog:
    with claim(Path(sys.argv[1]), catalog.database, "doc", seconds=float(sys.argv[3])) as held:
        print("held", flush=True)
        sys.stdin.readline()
        try:
            catalog.under(held).set_status("doc", DocumentStatus.DONE)
            print("written", flush=True)
        except Exception as error:
            print(type(error).__name__, flush=True)
"""

Take = Callable[..., AbstractContextManager[Claim]]


@pytest.fixture
def taken(database: Database, tmp_path: Path) -> Take:
    """Claims as one machine's worker takes them."""

    def take(name: str = "doc", *, home: str = "one", seconds: float = LIFE, wait: bool = True):
        return claim(tmp_path / home, database, name, seconds=seconds, wait=wait)

    return take


@pytest.fixture
def catalog(database: Database) -> Catalog:
    """A catalog with the document."""
    catalog = Catalog(database)
    catalog.add(Document("doc", "m", "lease.pdf", "ab" * 32, DocumentStatus.RECEIVED, ""), "lease.pdf")
    return catalog


@pytest.fixture
def holder(url: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A process that holds the document from a home until it reads a line, then says how its end was taken."""
    started = []

    def start(home: str, seconds: float = LIFE) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, str(tmp_path / home), url, str(seconds)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout and process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_workers_take_turns(taken: Take, url: str) -> None:
    """Of threads of one home, and where the database is shared of several homes, one at a time has a document."""
    homes = ["one", "one", "one"] if url.startswith("sqlite") else ["one", "one", "two"]
    inside, most = [0], [0]

    def work(home: str) -> None:
        for _ in range(3):
            with taken(home=home):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.01)
                inside[0] -= 1

    threads = [threading.Thread(target=work, args=(home,)) for home in homes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1


def test_who_does_not_wait_is_told(taken: Take) -> None:
    """A claim that is not to wait raises at once while another holds the document, and is had afterwards."""
    with taken(), pytest.raises(AlreadyRunning, match="another worker"), taken(wait=False):
        pass
    with taken(wait=False):
        pass


def test_different_documents_do_not_wait(taken: Take) -> None:
    """Claims on different documents are independent."""
    with taken("one", wait=False), taken("two", wait=False):
        pass


def test_a_killed_holder_lets_go_on_its_machine_at_once(holder, taken: Take, catalog: Catalog) -> None:
    """A kill -9 frees the claim with the process, long before a lease runs out, whatever home comes next."""
    process = holder("one", 600.0)
    process.kill()
    process.wait()
    start = time.monotonic()
    with taken(), taken("other", home="two"):
        assert time.monotonic() - start < 10


def test_nothing_is_left_of_a_claim_that_ended(taken: Take, database: Database) -> None:
    """The lease goes with the body, also one that raises."""
    with pytest.raises(ValueError, match="broken"), taken():
        raise ValueError("broken")
    with database.read() as connection:
        assert connection.execute(sa.select(leases)).all() == []


def test_the_holder_may_write_the_end(holder, catalog: Catalog) -> None:
    """Who holds the claim, longer than a lease lives, writes what it found."""
    process = holder("one")
    time.sleep(1.5 * LIFE)
    assert process.communicate("go\n")[0] == "written\n"
    assert catalog.document("doc").status is DocumentStatus.DONE


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_stopped_machine_loses_the_document_and_cannot_write(holder, taken: Take, catalog: Catalog) -> None:
    """A holder that stood still for longer than its lease is taken over, and learns it where it writes the end."""
    process = holder("one")
    process.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    with taken(home="two") as mine:
        assert time.monotonic() - start > LIFE / 2
        process.send_signal(signal.SIGCONT)
        assert process.communicate("go\n")[0] == "ClaimLost\n"
        assert catalog.document("doc").status is DocumentStatus.RECEIVED
        catalog.under(mine).set_status("doc", DocumentStatus.HELD, "mine")
    assert catalog.document("doc").status is DocumentStatus.HELD


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_holder_learns_by_itself_that_it_lost(database: Database) -> None:
    """The renewing thread tells the worker, so that it stops before the end of a long document."""
    with leased(database, "doc", 0.3, wait=False) as lease:
        lease.check()
        with database.write() as connection:
            connection.execute(sa.update(leases).values(token="another's"))
        deadline = time.monotonic() + 10
        with pytest.raises(ClaimLost):
            while time.monotonic() < deadline:
                lease.check()
                time.sleep(0.02)
    with database.read() as connection:  # the other's lease is not ended with ours
        assert connection.execute(sa.select(leases.c.token)).scalars().all() == ["another's"]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("field", ["host", "space", "boot"])
def test_only_a_process_of_this_very_place_is_known_to_be_gone(database: Database, field: str) -> None:
    """A number that means no process here says nothing of another host, another boot, another container."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    with leased(database, "mine", 600.0, wait=False), database.read() as connection:
        host, space, _, birth = connection.execute(sa.select(leases.c.holder)).scalar_one().split(":", 3)
    theirs = {"host": host, "space": space, "pid": str(ended.pid), "boot": birth}
    theirs[field] = f"another{theirs[field]}"
    row = {"document": "doc", "holder": ":".join(theirs.values()), "token": "theirs", "until": 9e12}
    with database.write() as connection:
        connection.execute(sa.insert(leases).values(row))
    with pytest.raises(AlreadyRunning), leased(database, "doc", 600.0, wait=False):
        pass


def test_a_sole_place_is_refused_while_it_is_held_and_free_when_its_holder_died(holder, catalog: Catalog, tmp_path):
    """Who comes second is told at once instead of waiting; a kill -9 leaves nothing to clear."""
    process = holder("one")
    with sole(tmp_path / "one", "doc") as held:
        assert not held
    process.kill()
    process.wait()
    with (
        sole(tmp_path / "one", "doc") as held,
        sole(tmp_path / "one", "doc") as again,
        sole(tmp_path / "one", "b") as other,
    ):
        assert (held, again, other) == (True, False, True)
