"""A backup made while everything runs restores to the same home: counts, hashes, answers; and says what is wrong."""

import json
import os
import subprocess
import sys
import time

import pdfs
import pytest

from pipeline.cli import main
from pipeline.errors import NotFound, StoreError, UsageError
from pipeline.keeping.backup import backup, restore
from pipeline.keeping.deletion import delete_documents
from pipeline.reconcile import reconcile
from pipeline.run import ingest_paths, rebuild
from pipeline.settings import load_settings
from pipeline.types import SearchFilter
from pipeline.wiring import open_tools

SETTINGS = {"workers": 1, "index_idle_seconds": 1}
QUESTIONS = ("survey of the warehouses", "rent of the premises", '"kangaroo mural"', "MSA-2021-0043")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with two documents in two matters; the tests change nothing in it."""
    folder = tmp_path_factory.mktemp("kept")
    pdfs.born_digital(folder / "in" / "dune" / "lease.pdf", pdfs.LEASE)
    pdfs.born_digital(folder / "in" / "alder" / "msa.pdf", pdfs.AGREEMENT, pdfs.LEASE)
    with opened(folder / "home") as tools:
        ingest_paths([folder / "in"], None, tools)
        tools.release_index()
    return folder / "home"


def opened(home):
    return open_tools(load_settings(home=home, **SETTINGS))


def state(tools):
    """All that must be the same in the restored home."""
    documents = tools.catalog.documents()
    each = {d.id: (d, tools.catalog.pages(d.id), tools.catalog.record(d.id), tools.catalog.findings(d.id))
            for d in documents}  # fmt: skip
    return each, set(tools.store.blobs()), tools.index.documents()


def answers(tools):
    hits = {q: tools.searcher.find(q, SearchFilter(matters=("dune", "alder")), 5) for q in QUESTIONS}
    return {q: [(hit.document, hit.page, round(hit.score, 4), hit.quote) for hit in found] for q, found in hits.items()}


def test_a_restored_home_is_the_same(home, tmp_path, monkeypatch, capsys):
    """By the commands: documents, pages, records, blobs and points are equal, searches answer the same, and deep
    reconciliation finds nothing; a home that is in use is not restored into."""
    monkeypatch.setenv("MUNIMENT_HOME", str(home))
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"MUNIMENT_{name.upper()}", str(value))
    assert main(["backup", str(tmp_path / "kept"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    counts = made["manifest"]["counts"]
    assert (counts["documents"], counts["pages"], made["faulty"]) == (2, 3, []) and made["copied"] == counts["blobs"]
    monkeypatch.setenv("MUNIMENT_HOME", str(tmp_path / "new"))
    assert main(["restore", str(tmp_path / "kept")]) == 0
    assert "2 documents, 3 pages indexed" in capsys.readouterr().out
    with opened(home) as before, opened(tmp_path / "new") as after:
        assert state(after) == state(before)
        assert answers(after) == answers(before) and all(answers(after).values())
        assert [fault.kind for fault in reconcile(after, deep=True).faults] == []
    assert main(["restore", str(tmp_path / "kept")]) == 2
    assert "in use" in capsys.readouterr().err


def test_a_second_backup_copies_what_is_new_and_drops_what_was_deleted(tmp_path):
    """Blobs that are there are left; those of a deleted document go, and nothing but the manifest's files stays."""
    first = pdfs.born_digital(tmp_path / "in" / "lease.pdf", pdfs.LEASE)
    second = pdfs.born_digital(tmp_path / "in" / "msa.pdf", pdfs.AGREEMENT)
    folder = tmp_path / "kept"
    with opened(tmp_path / "home") as tools:
        (gone,) = ingest_paths([first], "dune", tools).documents
        assert backup(tools, folder).copied == 2
        ingest_paths([second], "dune", tools)
        (folder / ".part-killed").write_bytes(b"half")
        assert backup(tools, folder).copied == 2
        delete_documents(tools, {gone.document.id: "asked"}, "ada")
        done = backup(tools, folder)
    assert (done.copied, done.manifest.counts["blobs"], done.faulty) == (0, 2, ())
    files = {path.name for path in folder.iterdir()}
    assert files == {"store", "manifest.json", done.manifest.catalog, done.manifest.blobs}
    assert len(list((folder / "store").glob("*/*"))) == 2
    assert pdfs.LEASE.split()[0].encode() not in (folder / done.manifest.catalog).read_bytes()


def test_what_the_store_lost_is_named(tmp_path):
    """A missing and a damaged blob are named and not copied; the rest of the backup is good."""
    path = pdfs.born_digital(tmp_path / "in" / "lease.pdf", pdfs.LEASE)
    with opened(tmp_path / "home") as tools:
        (one,) = ingest_paths([path], "dune", tools).documents
        original = tools.store.path(one.document.sha256)
        original.chmod(0o600)
        original.write_bytes(b"damaged")
        done = backup(tools, tmp_path / "kept")
    assert done.faulty == (one.document.sha256,) and done.manifest.counts["blobs"] == 1


@pytest.mark.parametrize("what", ["blob", "catalog", "list"])
def test_a_damaged_backup_fills_no_home(home, tmp_path, what):
    """Whatever is damaged, nothing stands in the catalog's place afterwards, and the message says what it is."""
    folder = tmp_path / "kept"
    with opened(home) as tools:
        manifest = backup(tools, folder).manifest
    damaged = {"blob": next((folder / "store").glob("*/*")), "catalog": folder / manifest.catalog,
               "list": folder / manifest.blobs}[what]  # fmt: skip
    data = damaged.read_bytes()
    damaged.unlink()  # not written over: it may be a link to the home's own
    damaged.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(StoreError, match="damaged"):
        restore(folder, load_settings(home=tmp_path / "new"))
    assert not (tmp_path / "new" / "catalog.sqlite").exists()


def test_folders_that_are_no_backup(home, tmp_path):
    """A folder with other files, one inside the home, and one without a manifest are refused; nothing is written."""
    strange = tmp_path / "letters"
    strange.mkdir()
    (strange / "letter.txt").write_text("dear")
    with opened(home) as tools:
        for folder in (strange, home / "backup"):
            with pytest.raises(UsageError):
                backup(tools, folder)
    with pytest.raises(NotFound):
        restore(strange, load_settings(home=tmp_path / "new"))
    assert [path.name for path in strange.iterdir()] == ["letter.txt"] and not (home / "backup").exists()


def test_a_backup_beside_a_running_ingest(tmp_path):
    """Backups made while a run works restore to a home without a fault whose documents the next run finishes: as many
    pages, points and records as the undisturbed home has."""
    inbox = tmp_path / "in"
    for number in range(4):
        pdfs.born_digital(inbox / f"notice-{number}.pdf", f"NOTICE {number}\n\n{pdfs.LEASE}", f"Second page {number}")
    home, folder = tmp_path / "home", tmp_path / "kept"
    environment = os.environ | {"MUNIMENT_HOME": str(home), "MUNIMENT_WORKERS": "1"}
    command = [sys.executable, "-m", "pipeline", "ingest", str(inbox)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        made = 0
        while run.poll() is None:
            if (home / "catalog.sqlite").exists():
                with opened(home) as tools:
                    made += backup(tools, folder).faulty == ()
            time.sleep(0.2)
    assert made > 1
    restore(folder, load_settings(home=tmp_path / "new"))
    with opened(tmp_path / "new") as after, opened(home) as before:
        rebuild(after)
        kinds = {fault.kind for fault in reconcile(after, deep=True).faults}
        assert kinds <= {"run-unended", "not-indexed"}
        ingest_paths([inbox], None, after)
        assert state(after) == state(before)
