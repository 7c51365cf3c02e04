"""Deletion reaches everything this home keeps of a document, nothing of another, and is finished after a kill."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pdfs
import pytest
from homes import copy_home, written
from sqlalchemy import select

from pipeline.errors import IndexUnavailable, NotFound, OnHold, UsageError
from pipeline.keeping.deletion import delete_documents, finish_deletions, sweep, unfinished
from pipeline.keeping.inventory import images_of
from pipeline.keeping.retention import DAY, due
from pipeline.reconcile import reconcile
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.tables import deletions, documents, results
from pipeline.thumbnails import thumbnail
from pipeline.wiring import open_tools

CANARY = "zygopetalum"  # in the text of the document that goes, in no other, and in no word list
SECRET = (
    f"SERVICES AGREEMENT\n\nThis Agreement is made on March 3, 2021 between {CANARY} Limited and Brook Survey Inc.\n"
)
ORDINARY = (
    "OFFICE LEASE\n\nThis Office Lease is made on June 15, 2022 between Cedar Court LLC and Dune Analytics Inc.\n"
)


SETTINGS = {"workers": 1, "index_idle_seconds": 1}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A home with a secret of two pages in one matter, one page of it also in an ordinary document of another; taken in
    once, the tests copy it."""
    folder = tmp_path_factory.mktemp("filled")
    secret = pdfs.born_digital(folder / "in" / "secret.pdf", SECRET, ORDINARY)
    other = pdfs.born_digital(folder / "in" / "other.pdf", ORDINARY)
    with open_tools(load_settings(home=folder / "home", **SETTINGS)) as tools:
        (kept,) = (d.document for d in ingest_paths([other], "alder", tools).documents)
        (gone,) = (d.document for d in ingest_paths([secret], "dune", tools).documents)
        tools.release_index()
    return folder / "home", (gone, kept, secret)


@pytest.fixture
def tools(home, filled):
    copy_home(filled[0], home)
    with open_tools(load_settings(**SETTINGS)) as tools:
        yield tools


@pytest.fixture
def documents_of(filled):
    """The document that goes, the one that stays, and the file of the first."""
    return filled[1]


def traces(home: Path, *needles: bytes) -> list[str]:
    """Files of the home in which one of these stands."""
    files = ((path, written(path)) for path in home.rglob("*") if path.is_file())
    return [str(path.relative_to(home)) for path, data in files if any(needle in data for needle in needles)]


def test_no_word_of_it_is_left_in_any_file(tools, home, documents_of):
    """After a deletion no file of the home holds a word, a name, a stage result or a picture of the document; what it
    shared with another stays, and the log says who did it and why without its name."""
    gone, kept, _ = documents_of
    images = images_of(tools.catalog, gone.sha256)
    shared = images & images_of(tools.catalog, kept.sha256)
    with tools.catalog.database.read() as connection:
        mine = select(results.c.payload).where(results.c.sha256 == gone.sha256)
        packed = [bytes(payload)[20:60] for payload in connection.execute(mine).scalars() if len(payload) > 100]
    for image in images:
        thumbnail(tools.store.path(image), image, home / "thumbnails")
    (home / "reports").mkdir(exist_ok=True)
    (home / "reports" / "run-1.html").write_text(f"<p>secret.pdf [{gone.id}]</p>")
    (home / "catalog.sqlite.r0008.bak").write_bytes(b"a copy from before a migration, with secret.pdf")
    (home / "spool").mkdir(exist_ok=True)
    (home / "spool" / "1.data").write_bytes(tools.store.read(gone.sha256))
    (home / "spool" / "1.json").write_text('{"name": "secret.pdf"}')
    (home / "spool" / "2.data").write_bytes(tools.store.read(kept.sha256))
    held = home / "inbox" / "_held" / "dune"
    held.mkdir(parents=True, exist_ok=True)
    (held / "secret.pdf").write_bytes(tools.store.read(gone.sha256))
    (held / "secret.pdf.reason.txt").write_text(f"secret.pdf\nIn the catalog: {gone.id}    Reference: 1\n")
    (held / "other.pdf.reason.txt").write_text("other.pdf\nIn the catalog: -    Reference: 2\n")
    assert len(traces(home, CANARY.encode())) > 2 and len(traces(home, *packed)) > 0 and shared
    done = delete_documents(tools, {gone.id: "the client asked"}, "ada")
    assert (done.documents, done.unfinished, done.left) == ((gone.id,), 0, ())
    tools.index.count()  # its owner lets the files be read again after this
    assert traces(home, CANARY.encode(), CANARY.title().encode(), b"secret.pdf", *packed) == []
    assert [blob for blob in (gone.sha256, *images - shared) if blob in tools.store] == []
    assert [path.name for path in (home / "spool").iterdir()] == ["2.data"]
    assert [path.name for path in held.iterdir()] == ["other.pdf.reason.txt"]
    assert all(image in tools.store for image in shared) and list((home / "thumbnails").rglob("*.jpg")) != []
    assert (tools.index.pages_of(gone.id), tools.index.pages_of(kept.id)) == (set(), {1})
    (row,) = tools.audit.latest(wanted("deletion"), 5)
    assert (row.who, row.subject, row.details) == (
        "ada", gone.id, {"matter": "dune", "why": "the client asked", "pages": 2})  # fmt: skip
    assert tools.audit.verify().wrong == "" and reconcile(tools).faults == ()


def wanted(what):
    from pipeline.access.audit import Wanted

    return Wanted(what=what)


def test_the_same_content_elsewhere_stays_and_may_come_again(tools, home, documents_of):
    """The same bytes in another matter keep original, readings and points; dropped again they are a new document."""
    gone, _, secret = documents_of
    (twin,) = (d.document for d in ingest_paths([secret], "alder", tools).documents)
    delete_documents(tools, {gone.id: "moved"}, "ada")
    assert gone.sha256 in tools.store and tools.index.pages_of(twin.id) == {1, 2}
    assert tools.catalog.record(twin.id) is not None
    (again,) = ingest_paths([secret], "dune", tools).documents
    assert again.new and again.document.id == gone.id and tools.index.pages_of(gone.id) == {1, 2}


def test_a_hold_outweighs_deletion_and_time(tools, documents_of):
    """Under legal hold nothing is deleted, by a person or by time; the refusal names who holds it and why; released it
    goes; a matter nobody decided on keeps everything."""
    gone, kept, _ = documents_of
    tools.retention.keep("dune", 30, "ada")
    tools.retention.hold("dune", "Dune v. Alder", "bob")
    later = time.time() + 31 * DAY
    assert [(one.document, one.hold.who) for one in due(tools, later)] == [(gone.id, "bob")]
    with pytest.raises(OnHold, match=r"bob .*Dune v\. Alder") as refusal:
        delete_documents(tools, {gone.id: "tidy"}, "ada")
    assert refusal.value.exit_code == 12
    assert sweep(tools, later).documents == () and tools.catalog.document(gone.id) == gone
    tools.retention.release("dune", "bob")
    assert sweep(tools, time.time() + 29 * DAY).documents == ()
    assert sweep(tools, later).documents == (gone.id,)
    assert [d.id for d in tools.catalog.documents()] == [kept.id]
    assert [row.what for row in tools.audit.latest(wanted(""), 9)] == ["deletion", "hold", "hold", "retention"]


@pytest.mark.parametrize("days", [0, -1, 10**9])
def test_decisions_that_are_none(tools, days):
    """A number of days that can't be meant, a hold without a reason and a release of nothing are refused."""
    with pytest.raises(UsageError):
        tools.retention.keep("dune", days, "ada")
    with pytest.raises(UsageError):
        tools.retention.hold("dune", "  ", "ada")
    with pytest.raises(UsageError):
        tools.retention.release("dune", "ada")


def test_a_deletion_that_could_not_end_is_finished_by_the_next_reconciliation(tools, monkeypatch, documents_of):
    """While the index is out of reach the document is gone for everybody and its tombstone stays; the next
    reconciliation takes its points away."""
    gone, _, _ = documents_of

    def down(*_):
        raise IndexUnavailable("the index can't be reached")

    with monkeypatch.context() as patch:
        patch.setattr(type(tools.index), "delete", down)
        done = delete_documents(tools, {gone.id: "the client asked"}, "ada")
    assert done.unfinished == 1 and "can't be reached" in " ".join(done.left)
    with pytest.raises(NotFound):
        tools.catalog.document(gone.id)
    assert [fault.kind for fault in reconcile(tools).faults] == ["deletion-unfinished", "points-unknown"]
    assert not reconcile(tools, repair=True).asks
    assert tools.index.pages_of(gone.id) == set() and unfinished(tools) == []


KILLED = """
import os, sys
from pipeline import store
from pipeline.keeping import deletion
from pipeline.settings import load_settings
from pipeline.wiring import open_tools
place, id = sys.argv[1:]
target = {"rows": deletion, "aside": store.Store, "blobs": deletion}[place]
name = {"rows": "finish_deletions", "aside": "_set_aside", "blobs": "_forget_points"}[place]
usual = getattr(target, name)
def die(*given):
    if place == "aside":
        usual(*given)
    os.kill(os.getpid(), 9)
setattr(target, name, die)
with open_tools(load_settings(workers=1)) as tools:
    deletion.delete_documents(tools, {id: "the client asked"}, "ada")
"""


@pytest.mark.parametrize("place", ["rows", "aside", "blobs"])
def test_kill_9_in_the_middle_of_a_deletion(tools, home, place, documents_of):
    """Killed after the rows went, with a blob set aside, or before the points went: what is left is cleared away by the
    next call, and everything of the other document is still there."""
    gone, kept, _ = documents_of
    environment = os.environ | {"MUNIMENT_HOME": str(home)}
    killed = subprocess.run([sys.executable, "-c", KILLED, place, gone.id], env=environment, check=False)
    assert killed.returncode == -9
    assert unfinished(tools) == [gone.id]
    finish_deletions(tools)
    assert traces(home, CANARY.encode(), b"secret.pdf") == [] and unfinished(tools) == []
    assert reconcile(tools, deep=True).faults == () and tools.index.pages_of(kept.id) == {1}
    with tools.catalog.database.read() as connection:
        assert connection.execute(select(documents.c.id)).scalars().all() == [kept.id]
        (stone,) = connection.execute(select(deletions)).all()
    assert (stone.files, stone.images) == ("[]", "[]") and stone.finished


def test_words_of_rows_that_were_replaced_are_gone_too(tools, home, documents_of):
    """Stage results of all sizes that were written anew many times among those of another document leave no copy of
    their bytes behind when the document is deleted."""
    gone, kept, _ = documents_of
    for turn in range(80):
        text = os.urandom(60 + 40 * (turn * 7 % 23)).hex()
        content = (gone if turn % 3 else kept).sha256
        tools.catalog.overwrite(content, turn % 7, "frontier", f"v{turn % 5}", text)
    with tools.catalog.database.read() as connection:
        mine = (results.c.sha256 == gone.sha256, results.c.stage == "frontier")
        packed = [bytes(one)[-48:] for one in connection.execute(select(results.c.payload).where(*mine)).scalars()]
    assert len(packed) > 15 and traces(home, *packed)
    delete_documents(tools, {gone.id: "the client asked"}, "ada")
    assert traces(home, *packed) == []
