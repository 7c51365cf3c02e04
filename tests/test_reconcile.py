"""Each kind of fault is found, said of the right documents, left alone when only looked at, and mended when asked."""

import os
import shutil
import subprocess
import sys
import time

import pdfs
import pytest
from sqlalchemy import delete, insert, update

from pipeline.backends.protocols import IndexedPage, SparseVector
from pipeline.keeping.inventory import images_of
from pipeline.reconcile import reconcile
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.store import LOST
from pipeline.tables import batches, documents, pages, runs
from pipeline.thumbnails import thumbnail
from pipeline.types import DocumentStatus
from pipeline.wiring import open_tools

DAY = 24 * 3600


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A home with two documents, taken in once; the tests copy it."""
    folder = tmp_path_factory.mktemp("filled")
    lease = pdfs.born_digital(folder / "in" / "dune" / "lease.pdf", pdfs.LEASE)
    msa = pdfs.born_digital(folder / "in" / "alder" / "msa.pdf", pdfs.AGREEMENT, "2")
    with open_tools(load_settings(home=folder / "home", workers=1, index_idle_seconds=1)) as tools:
        report = ingest_paths([folder / "in"], None, tools)
        tools.release_index()
    return folder / "home", {d.document.name: d.document for d in report.documents}, {"lease": lease, "msa": msa}


@pytest.fixture
def tools(filled, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(filled[0], home, ignore=lambda *_: ["owner.json", "owner.lock", "start.lock"])
    with open_tools(load_settings(home=home, workers=1, index_idle_seconds=1)) as tools:
        yield tools


@pytest.fixture
def lease(filled):
    return filled[1]["lease.pdf"]


@pytest.fixture
def msa(filled):
    return filled[1]["msa.pdf"]


def kinds(found):
    return [fault.kind for fault in found.faults]


def mended(tools, kind, *named, deep=False):
    """Found and named by a look that changes nothing, twice; mended by a repair; gone after it."""
    for _ in range(2):
        looked = reconcile(tools, deep=deep)
        assert kinds(looked) == [kind] and looked.asks
        assert not named or looked.faults[0].named == named
    done = reconcile(tools, repair=True, deep=deep)
    assert [(fault.kind, fault.count, fault.repaired) for fault in done.faults] == [
        (kind, looked.faults[0].count, looked.faults[0].count)
    ]
    assert not done.asks and reconcile(tools, deep=deep).faults == ()


def change(tools, statement):
    with tools.catalog.database.write() as connection:
        connection.execute(statement)


def age(path, seconds=2 * DAY):
    os.utime(path, (time.time() - seconds,) * 2)


def points(tools):
    return tools.index.documents()


def test_a_home_as_it_was_left_has_no_fault(tools):
    """Nothing is found after an ordinary run, deep or not."""
    assert reconcile(tools, deep=True).faults == ()


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_page_image_is_made_anew(tools, msa, how):
    """A page image that is gone, or whose bytes are others, is rendered again; its words are not read again."""
    image = max(images_of(tools.catalog, msa.sha256))
    path = tools.store.path(image)
    before = path.read_bytes()
    path.chmod(0o600)
    path.unlink() if how == "gone" else path.write_bytes(before[:-1] + b"?")
    if how == "gone":
        mended(tools, "image-lost", msa.id)
    else:
        assert kinds(reconcile(tools)) == []  # its length is right: only reading it tells
        assert kinds(reconcile(tools, repair=True, deep=True)) == ["blob-damaged", "image-lost"]
        assert reconcile(tools, deep=True).faults == ()
    assert path.read_bytes() == before
    assert "read" not in tools.clock.seconds and tools.catalog.document(msa.id).status is DocumentStatus.DONE


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_lost_original_is_held_until_it_comes_again(tools, filled, lease, how):
    """A document whose original is gone or damaged is held with the reason, its record stays; the same file dropped
    again sets it right."""
    path = tools.store.path(lease.sha256)
    path.chmod(0o600)
    path.unlink() if how == "gone" else path.write_bytes(b"?" * path.stat().st_size)
    found = reconcile(tools, repair=True, deep=how == "damaged")
    assert [(fault.kind, fault.named) for fault in found.faults][-1] == ("original-lost", (lease.id,)) and found.asks
    held = tools.catalog.document(lease.id)
    assert (held.status, held.reason) == (DocumentStatus.HELD, LOST) and tools.catalog.record(lease.id)
    assert kinds(reconcile(tools)) == ["original-lost"]
    (again,) = ingest_paths([filled[2]["lease"]], "dune", tools).documents
    assert not again.new and again.document.status is DocumentStatus.DONE and reconcile(tools, deep=True).faults == ()


def test_an_original_that_was_put_back_by_hand(tools, lease, tmp_path):
    """Restored into the store, the document is received again."""
    path = tools.store.path(lease.sha256)
    path.rename(tmp_path / "aside")
    reconcile(tools, repair=True)
    (tmp_path / "aside").rename(path)
    mended(tools, "original-back", lease.id)
    assert tools.catalog.document(lease.id).status is DocumentStatus.RECEIVED


def test_blobs_that_nobody_names(tools, lease):
    """A blob is a leftover a day after it was last put; one that is put again, or named, is none."""
    orphan, young, back = (tools.store.put(data) for data in (b"orphan", b"young", b"back"))
    for sha256 in (orphan, back, lease.sha256):
        age(tools.store.path(sha256))
    tools.store.put(b"back")
    mended(tools, "blob-unnamed", orphan)
    assert orphan not in tools.store and young in tools.store and back in tools.store and lease.sha256 in tools.store


def test_a_killed_deletion_of_blobs(tools, lease):
    """What was set aside is put back when somebody names it, and goes when nobody does."""
    for sha256 in (lease.sha256, tools.store.put(b"orphan")):
        path = tools.store.path(sha256)
        path.rename(path.with_name(f".gone-{path.name}"))
    done = reconcile(tools, repair=True)
    assert [(fault.kind, fault.repaired) for fault in done.faults] == [("blob-aside", 2)]
    assert lease.sha256 in tools.store and reconcile(tools).faults == ()


def test_a_blob_named_while_it_is_deleted_stays(tools):
    """Named between the first look and the deletion, a blob is put back."""
    sha256 = tools.store.put(b"late")
    asked = []

    def named(some):
        asked.extend(some)
        assert sha256 not in tools.store  # a writer that looks now puts it again
        return some

    assert tools.store.discard([sha256], named) == [] and asked == [sha256]
    assert tools.store.read(sha256) == b"late"


def test_files_of_killed_writers(tools):
    """Temporary files go a day after they were last written to."""
    root = tools.settings.root
    for name, seconds in ((".export-a.xlsx", 2 * DAY), (".export-b.xlsx", 0), ("catalog.sqlite.r1.bak.part", 2 * DAY)):
        (root / name).write_bytes(b"half")
        age(root / name, seconds)
    mended(tools, "leftover")
    assert [path.name for path in root.glob(".export-*")] == [".export-b.xlsx"]


def test_thumbnails_of_images_that_are_gone(tools, lease):
    """A thumbnail goes with its page image."""
    (image,) = images_of(tools.catalog, lease.sha256)
    folder = tools.settings.root / "thumbnails"
    thumbnail(tools.store.path(image), image, folder)
    gone = "ab" * 32
    (folder / "ab").mkdir(exist_ok=True)
    (folder / "ab" / f"{gone[2:]}-240.jpg").write_bytes(b"small")
    mended(tools, "thumbnail-unnamed", gone)
    assert len(list(folder.rglob("*.jpg"))) == 1


def test_documents_between_two_states(tools, msa, lease):
    """Pages that are not in the catalog, and a document read but not indexed, are worked off again; one that waits to
    be worked off is spoken of and left to the next run."""
    change(tools, delete(pages).where(pages.c.document == msa.id, pages.c.number == 2))
    mended(tools, "pages-incomplete", msa.id)
    change(tools, update(documents).where(documents.c.id == lease.id).values(indexed=None))
    mended(tools, "not-indexed", lease.id)
    waiting = {"status": "received", "received": time.time() - DAY}
    change(tools, update(documents).where(documents.c.id == lease.id).values(waiting))
    found = reconcile(tools, repair=True)
    assert [(fault.kind, fault.named) for fault in found.faults] == [("unworked", (lease.id,))] and not found.asks


def test_points_that_are_missing_misplaced_or_unknown(tools, msa, lease):
    """The index ends with exactly the points of the catalog, under its matters."""
    whole = points(tools)
    tools.index.delete(msa.id)
    mended(tools, "points-missing", msa.id)
    assert points(tools) == whole
    tools.index.upsert([_point(tools, "f" * 12, "dune")])
    mended(tools, "points-unknown", "f" * 12)
    tools.index.delete(lease.id)
    tools.index.upsert([_point(tools, lease.id, "alder")])
    mended(tools, "points-misplaced", lease.id)
    assert points(tools) == whole


def _point(tools, document, matter):
    import numpy as np

    row = np.zeros((1, tools.text_embedder.dimension), dtype=np.float32)
    row[0, 0] = 1
    fields = {"document": document, "matter": matter, "page": 1, "name": "x.pdf", "text": []}
    return IndexedPage(document, 1, row, SparseVector(), row, SparseVector(), payload=fields)


def test_an_index_that_is_gone_is_made_anew(tools, msa, lease):
    """With the whole index lost, every document is indexed again."""
    whole = points(tools)
    tools.index.drop()
    done = reconcile(tools, repair=True)
    assert [(fault.kind, fault.repaired) for fault in done.faults] == [("points-missing", 2)]
    assert points(tools) == whole


def test_stage_results_nobody_asks_for(tools, msa):
    """Results of earlier settings go where the present ones are done, results of content nobody has always; what a
    frontier model said stays, and a wrong setting deletes nothing."""
    tools.catalog.save(msa.sha256, 1, "triage", "older", "{}", 0.0)
    tools.catalog.save(msa.sha256, 1, "frontier", "1.1 some-model", "{}", 0.0)
    mended(tools, "results-old")
    tools.catalog.save("ab" * 32, 1, "triage", "any", "{}", 0.0)
    mended(tools, "results-unnamed")
    assert tools.catalog.result_versions(msa.sha256, "frontier") == ["1.1 some-model"]
    with open_tools(load_settings(home=tools.settings.root, dpi=100)) as other:
        found = reconcile(other, repair=True)
    assert kinds(found) == ["outdated"] and not found.asks and reconcile(tools).faults == ()


def test_runs_and_batches_without_an_end(tools):
    """A run of this host whose process is gone ends as interrupted; a living one and one of another host stay; a batch
    that should have ended days ago is a person's."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = tools.catalog.start_run("ingest")
    row = {"kind": "ingest", "status": "running", "birth": "x", "started": 1.0, "seconds": "{}", "totals": "{}"}
    host = tools.catalog.runs(1)[0].host
    change(
        tools, insert(runs).values([row | {"host": host, "pid": dead.pid}, row | {"host": "other", "pid": dead.pid}])
    )
    mended(tools, "run-unended")
    assert [run.status for run in tools.catalog.runs(3)] == ["running", "interrupted", "running"]
    tools.catalog.finish_run(mine, {}, {})
    late = {"remote": "b1", "matter": "dune", "destination": "h", "state": "sent", "created": 1.0, "files": "[]"}
    change(tools, insert(batches).values(late))
    found = reconcile(tools, repair=True)
    assert kinds(found) == ["batch-late"] and found.asks


def test_calls_that_a_killed_run_left_open(tools):
    """Open calls of a run that is gone count as lost, and the run ends as interrupted."""
    from decimal import Decimal

    from pipeline.frontier.ledger import Budget, Planned

    run = tools.catalog.start_run("escalate")
    tools.ledger.reserve(Planned(run, "d" * 12, "dune", (1,), "h", "m", Decimal(1)), Budget())
    mended(tools, "books-open")
    assert tools.ledger.open_runs() == [] and tools.catalog.runs(1)[0].status == "interrupted"


def test_the_command_says_it_and_its_exit_code(tools, lease, capsys, monkeypatch):
    """Exit code 3 and the kind with its document while something is left; 0 and one line when all agrees."""
    from pipeline.cli import main

    monkeypatch.setenv("MUNIMENT_HOME", str(tools.settings.root))
    tools.index.delete(lease.id)
    assert main(["reconcile"]) == 3
    said = capsys.readouterr().out
    assert lease.id in said and "--repair mends" in said
    assert main(["reconcile", "--repair", "--json"]) == 0
    assert '"kind": "points-missing"' in capsys.readouterr().out
    assert main(["reconcile"]) == 0 and "agree" in capsys.readouterr().out
