"""The spool: a file is in the inbox or in the spool, and a kill leaves nothing that is not found again."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest

from pipeline.inbox.spool import Entry, Spool
from pipeline.intake import Incoming

ODD = "a\nb\udcff.pdf"  # a newline, and a byte that is no UTF-8


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox" / "acme" / "2024").mkdir(parents=True)
    return tmp_path / "inbox"


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "home" / "spool")


def drop(inbox: Path, name: str = "a.pdf", data: bytes = b"bytes") -> Incoming:
    path = inbox / "acme" / "2024" / name
    path.write_bytes(data)
    return Incoming(path, "acme", name, inbox)


def claimed(spool: Spool, incoming: Incoming) -> Entry:
    entry = spool.claim(incoming)
    assert entry is not None
    return entry


def data(spool: Spool, entry: Entry) -> bytes:
    with spool.open(entry) as opened:
        return opened.read()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, spool: Spool) -> None:
    """Renames into the spool fail as they do across file systems."""
    rename = os.rename

    def refuse(source, target, **folders):
        if Path(target).parent == spool.root:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(source, target, **folders)

    monkeypatch.setattr(os, "rename", refuse)


@pytest.mark.parametrize("name", ["a.pdf", ODD])
def test_a_claimed_file_is_found_again_with_all_that_is_known_of_it(spool: Spool, inbox: Path, name: str) -> None:
    """It left the inbox whole, lies in a private folder, and the next watcher knows its matter, name and path."""
    entry = claimed(spool, drop(inbox, name))
    assert list(inbox.rglob("*.pdf")) == []
    assert Spool(spool.root).entries() == [entry]
    assert (entry.matter, entry.name, entry.source) == ("acme", name, inbox / "acme" / "2024" / name)
    assert data(spool, entry) == b"bytes"
    assert stat.S_IMODE(spool.root.stat().st_mode) == 0o700
    spool.remove(entry)
    assert list(spool.root.iterdir()) == []


def test_entries_come_in_the_order_of_their_claims(spool: Spool, inbox: Path) -> None:
    """What was claimed first is taken first."""
    entries = [claimed(spool, drop(inbox, name)) for name in ("z.pdf", "a.pdf", "m.pdf")]
    assert spool.entries() == entries


def test_a_file_that_is_gone_is_no_claim(spool: Spool, inbox: Path) -> None:
    """Somebody renamed it away in between: nothing stays in the spool."""
    incoming = drop(inbox)
    incoming.path.unlink()
    assert spool.claim(incoming) is None
    assert list(spool.root.iterdir()) == []


def test_a_link_in_the_place_of_a_folder_is_not_followed(spool: Spool, inbox: Path, tmp_path: Path) -> None:
    """A file outside the inbox can't be claimed through a link that was put in a folder's place."""
    incoming = drop(inbox)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.pdf").write_bytes(b"another's")
    incoming.path.unlink()
    incoming.path.parent.rmdir()
    incoming.path.parent.symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        spool.claim(incoming)
    assert (tmp_path / "outside" / "a.pdf").exists()
    assert spool.entries() == []


def test_a_claim_cut_short_before_the_file_moved_leaves_it_in_the_inbox(spool: Spool, inbox: Path, monkeypatch) -> None:
    """Only the note was written: it goes, and the file can be claimed."""
    incoming = drop(inbox)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(os, "rename", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt))
        spool.claim(incoming)
    assert len(list(spool.root.iterdir())) == 1
    assert Spool(spool.root).entries() == []
    assert data(spool, claimed(spool, incoming)) == b"bytes"


def test_what_is_written_on_after_the_claim_is_in_the_spool(spool: Spool, inbox: Path) -> None:
    """The writer kept the file open: its bytes go where the file went, and the stamp tells."""
    incoming = drop(inbox)
    with incoming.path.open("ab") as writer:
        entry = claimed(spool, incoming)
        before = spool.stamp(entry)
        writer.write(b" and more")
    assert spool.stamp(entry) != before
    assert data(spool, entry) == b"bytes and more"


@pytest.mark.usefixtures("elsewhere")
def test_on_another_file_system_it_is_claimed_in_its_own_folder(spool: Spool, inbox: Path) -> None:
    """It takes a hidden name there, is found again, compared byte by byte, and goes when it is let go."""
    entry = claimed(spool, drop(inbox))
    assert [path.name for path in inbox.rglob("*") if path.is_file()] == [f".muniment-{entry.token}"]
    assert Spool(spool.root).entries() == [entry]
    assert data(spool, entry) == b"bytes"
    assert spool.agrees(entry, hashlib.sha256(b"bytes").hexdigest())
    assert not spool.agrees(entry, hashlib.sha256(b"torn").hexdigest())
    spool.remove(entry)
    assert [path for path in inbox.rglob("*") if path.is_file()] == []
    assert spool.entries() == []


@pytest.mark.usefixtures("elsewhere")
def test_a_share_that_is_away_loses_no_claim(spool: Spool, inbox: Path) -> None:
    """While the share is not mounted its claims wait; they are there when it is."""
    entry = claimed(spool, drop(inbox))
    inbox.rename(inbox.with_name("unmounted"))
    inbox.mkdir()
    assert spool.entries() == []
    inbox.rmdir()
    inbox.with_name("unmounted").rename(inbox)
    assert spool.entries() == [entry]
