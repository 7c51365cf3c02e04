"""The content-addressed store: whole blobs or none, private, whatever happens to writers and disk."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from pipeline.errors import NotFound, StoreError
from pipeline.store import Store, private_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / "blobs"


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A second process running the script; its arguments are in `sys.argv[1:]`."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def spooled(root: Path) -> list[Path]:
    return list(root.glob(".new-*"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_blob_is_named_by_its_content_and_read_back(root: Path) -> None:
    """What is put comes back under its SHA-256, and putting it again changes nothing."""
    store = Store(root)
    sha256 = store.put(b"scan")
    before = store.path(sha256).stat()
    assert sha256 == hashlib.sha256(b"scan").hexdigest()
    assert (store.put(b"scan"), store.read(sha256), sha256 in store) == (sha256, b"scan", True)
    after = store.path(sha256).stat()
    assert after.st_ino == before.st_ino and after.st_mtime_ns > before.st_mtime_ns  # as young as one just written
    assert spooled(root) == []


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 21) + 7])
def test_a_file_is_kept_byte_for_byte(root: Path, tmp_path: Path, size: int) -> None:
    """A file of any size around the chunk length has the hash and bytes it has on disk."""
    data = bytes(i % 251 for i in range(size))
    (tmp_path / "scan.pdf").write_bytes(data)
    store = Store(root)
    with (tmp_path / "scan.pdf").open("rb") as scan:
        sha256 = store.put_stream(scan)
    assert sha256 == hashlib.sha256(data).hexdigest() == store.put(data)
    assert store.read(sha256) == data


def test_a_file_that_grows_while_it_is_read_is_kept_as_read(root: Path) -> None:
    """The name is the hash of the bytes that were kept, not of what the file was at the start."""

    class Growing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            if self.tell() == 4:
                self.write(b"more")
                self.seek(4)
            return data

    store = Store(root)
    assert store.read(store.put_stream(Growing(b"some"))) == b"somemore"


def test_only_the_user_can_read_it(root: Path) -> None:
    """Folders are 0700, blobs 0400, even under an open umask and for folders made on the way."""
    before = os.umask(0)
    try:
        store = Store(root)
        path = store.path(store.put(b"secret"))
    finally:
        os.umask(before)
    assert [mode(p) for p in (root.parent, root, path.parent, path)] == [0o700, 0o700, 0o700, 0o400]


def test_a_folder_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    """A home that an administrator made is not changed behind their back."""
    (tmp_path / "shared").mkdir(mode=0o755)
    private_folder(tmp_path / "shared" / "new")
    assert (mode(tmp_path / "shared"), mode(tmp_path / "shared" / "new")) == (0o755, 0o700)


@pytest.mark.parametrize("name", ["", "ab", "../../etc/passwd", "A" * 64, "0" * 63 + "/", "0" * 64 + "\n"])
def test_only_a_hash_names_a_blob(root: Path, name: str) -> None:
    """No other string reaches the file system: it is simply not there."""
    store = Store(root)
    assert name not in store
    with pytest.raises(NotFound):
        store.read(name)


def test_a_missing_blob_is_not_found(root: Path) -> None:
    """A hash that was never put says so in one line."""
    with pytest.raises(NotFound, match="not in the store"):
        Store(root).read("0" * 64)


def test_a_blob_cut_short_by_the_disk_is_written_again(root: Path) -> None:
    """A blob of the wrong length is not taken for the one that is being put."""
    store = Store(root)
    path = store.path(store.put(b"whole"))
    path.unlink()
    path.write_bytes(b"who")
    assert store.read(store.put(b"whole")) == b"whole"
    path.chmod(0o600)
    path.write_bytes(b"who")
    assert store.read(store.put_stream(io.BytesIO(b"whole"))) == b"whole"


def test_a_writer_killed_before_the_rename_leaves_no_blob(root: Path) -> None:
    """Killed between spool and rename: no half blob, and the next put of the same bytes succeeds."""
    script = """
        import os, signal, sys
        from pathlib import Path
        from pipeline.store import Store
        Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
        Store(Path(sys.argv[1])).put(b"scan" * 100_000)
    """
    writer = python(script, root)
    writer.communicate()
    assert writer.returncode == -signal.SIGKILL
    store = Store(root)
    data = b"scan" * 100_000
    assert hashlib.sha256(data).hexdigest() not in store
    assert len(spooled(root)) == 1
    assert store.read(store.put(data)) == data


def test_leftovers_are_swept_when_old_and_left_when_young(root: Path) -> None:
    """Opening removes spool files older than a day; a younger one may still be being written."""
    store = Store(root)
    kept = store.put(b"kept")
    old, young = root / ".new-old", root / ".new-young"
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    os.utime(store.path(kept), (0, 0))
    Store(root)
    assert spooled(root) == [young]
    assert kept in store


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(root: Path) -> None:
    """The kernel refuses the write (a file size limit stands for the full disk): `StoreError`, no spool file."""
    script = """
        import resource, sys
        from pathlib import Path
        from pipeline.errors import StoreError
        from pipeline.store import Store
        store = Store(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            store.put(bytes(100_000))
        except StoreError as error:
            print(error, error.exit_code)
    """
    out, err = python(script, root).communicate()
    assert out == "the store can't keep a blob: File too large 5\n", err
    assert list(root.iterdir()) == []


def test_a_store_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    """A file where the folder should be is a `StoreError`, not a bare OSError."""
    (tmp_path / "blobs").write_bytes(b"")
    with pytest.raises(StoreError, match="can't keep a blob"):
        Store(tmp_path / "blobs").put(b"x")


def test_a_source_that_fails_is_not_blamed_on_the_store(root: Path) -> None:
    """A read error of the file passes through as it is, and nothing is left behind."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(3)

    with pytest.raises(OSError, match="Input/output error"):
        Store(root).put_stream(Failing(b"scan"))
    assert list(root.iterdir()) == []


def test_the_rename_is_made_durable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are synced before the rename and the folder after it, so a power cut can't lose the blob."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def spy_fsync(handle: int) -> None:
        steps.append(Path(f"/proc/self/fd/{handle}").readlink().name[:5])
        fsync(handle)

    def spy_replace(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to see which file is synced")
    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(Path, "replace", spy_replace)
    sha256 = Store(root).put(b"scan")
    assert steps == [".new-", "blobs", "rename", sha256[:2]]


def test_many_processes_put_the_same_bytes_at_once(root: Path) -> None:
    """Every writer succeeds, every reader sees whole blobs only, and nothing is left over."""
    script = """
        import hashlib, sys
        from pathlib import Path
        from pipeline.store import Store
        store = Store(Path(sys.argv[1]))
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(60):
            data = number.to_bytes(4, "big") * 20_000
            sha256 = store.put(data) if number % 2 else store.put_stream(open(sys.argv[2], "rb"))
            if hashlib.sha256(store.read(sha256)).hexdigest() != sha256:
                sys.exit("a reader saw half a blob")
    """
    source = root.parent.parent / "scan.pdf"
    source.write_bytes(b"same" * 50_000)
    writers = [python(script, root, source) for _ in range(4)]
    for writer in writers:
        assert writer.stdout and writer.stdout.readline() == "ready\n"
    ends = [writer.communicate("go\n") for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, ends
    assert sum(path.is_file() for path in root.rglob("*")) == 31
    assert spooled(root) == []
