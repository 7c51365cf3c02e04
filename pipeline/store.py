"""The bytes: a content-addressed store of originals and page images, private to the user.

A blob's name is the SHA-256 of its content, so writing is idempotent and a blob never changes. A write
goes to a temporary file in the same file system first and is renamed into place after fsync: a reader sees
the whole blob or none, whatever happens to the machine. What a killed writer left half written is swept
when the store is opened a day later.

Taking a blob out is safe beside writers that find it there and name it in the catalog a moment later: it is renamed
aside first (`.gone-…`), then the catalog is asked once more who names it, then it is deleted or put back; and
a writer looks whether its blob is still there after it has named it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import DiskFull, NotFound, StoreError

__all__ = ["ASIDE", "DAMAGED", "LEFTOVER_SECONDS", "LOST", "Store", "is_name", "private_folder", "sync_folder"]

CHUNK = 1 << 20
SPOOL = ".new-"
ASIDE, DAMAGED = ".gone-", ".damaged-"
LEFTOVER_SECONDS = 24 * 3600
LOST = "its original is not in the store any more: drop the file again, or restore it from a backup"

_SHA256, _FOLDER = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{2}")


class Store:
    """Blobs under `root/ab/cdef…`; folders 0700, files 0400. Safe for any number of threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        _sweep(root)

    def path(self, sha256: str) -> Path:
        """Where the blob lies, to be read now, or would lie; `NotFound` for what is no SHA-256 in lower-case hex."""
        return self.place(sha256)

    def bring(self, blobs: Iterable[str]) -> None:
        """Have these blobs where `place` says: workers read from there. Here they are."""

    def publish(self, sha256: str) -> None:
        """Make what a worker put under `root` as safe as what `put` kept, before anybody relies on it. Here it is."""

    def place(self, sha256: str) -> Path:
        """Where `path` puts the blob; whether it lies there already is not asked."""
        if not _SHA256.fullmatch(sha256):
            raise NotFound("no such blob: not a SHA-256")
        return self.root / sha256[:2] / sha256[2:]

    def __contains__(self, sha256: str) -> bool:
        return bool(_SHA256.fullmatch(sha256)) and self.place(sha256).is_file()

    def put(self, data: bytes) -> str:
        """Keep these bytes; their SHA-256 comes back. `StoreError` when the disk is full or forbids it."""
        sha256 = hashlib.sha256(data).hexdigest()
        with _explained():
            if not self._has(sha256, len(data)):
                self._settle(self._spool([data]), sha256)
        return sha256

    def put_stream(self, handle: BinaryIO) -> str:
        """Keep what the handle gives until its end. It is hashed as it is copied, so a file that changes
        meanwhile is kept as what was read, under that content's own name."""
        digest = hashlib.sha256()
        part = self._spool(_hashed(_chunks(handle), digest.update))
        sha256 = digest.hexdigest()
        with _explained():
            if self._has(sha256, part.stat().st_size):
                part.unlink()
            else:
                self._settle(part, sha256)
        return sha256

    def read(self, sha256: str) -> bytes:
        """The blob's bytes; `NotFound` when it is not here."""
        try:
            return self.place(sha256).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"blob {sha256[:12]}… is not in the store") from error
        except OSError as error:
            raise StoreError(f"blob {sha256[:12]}… can't be read: {error.strerror}") from error

    def blobs(self) -> Iterator[str]:
        """Every blob, in order."""
        for folder in _folders(self.root):
            for name in _entries(folder):
                if _SHA256.fullmatch(sha256 := folder.name + name):
                    yield sha256

    def put_at(self, sha256: str) -> float:
        """When the blob was last put, in seconds since 1970; now for one that is not here."""
        try:
            return self.place(sha256).stat().st_mtime
        except FileNotFoundError:
            return time.time()

    def aside(self) -> Iterator[str]:
        """Blobs that a killed `discard` left aside."""
        for folder in _folders(self.root):
            for name in _entries(folder):
                if name.startswith(ASIDE):
                    yield folder.name + name.removeprefix(ASIDE)

    def whole(self, sha256: str) -> bool:
        """Whether the blob's bytes are those it is named after; reads all of them. `NotFound` when it is not here."""
        try:
            with self.place(sha256).open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest() == sha256
        except FileNotFoundError as error:
            raise NotFound(f"blob {sha256[:12]}… is not in the store") from error
        except OSError:  # the disk gives an error in place of the bytes
            return False

    def quarantine(self, sha256: str) -> None:
        """Take a damaged blob out of its place, so that good bytes can come there; it is kept beside it."""
        with _explained():
            self.place(sha256).replace(beside := self._beside(sha256, DAMAGED))
            sync_folder(beside.parent)

    def discard(self, blobs: Iterable[str], named: Callable[[Collection[str]], Collection[str]]) -> list[str]:
        """Delete the blobs that `named` does not give back when asked which of them are needed; those deleted.

        Asked once for all, after they were put aside: what is needed is put back. A blob that is gone already is
        skipped; one that a killed call left aside is dealt with like one in its place. A damaged copy goes, too.
        """
        aside = {sha256: self._set_aside(sha256) for sha256 in set(blobs)}
        needed = set(named(aside.keys())) if aside else set()
        for sha256, path in aside.items():
            with _explained(), suppress(FileNotFoundError):  # another process puts it back, or deletes it
                if sha256 not in needed:
                    self._beside(sha256, DAMAGED).unlink(missing_ok=True)
                if path is None:
                    continue
                if sha256 in needed:
                    path.replace(self.place(sha256))
                else:
                    path.unlink()
                sync_folder(path.parent)
        return sorted(sha256 for sha256, path in aside.items() if path and sha256 not in needed)

    def _set_aside(self, sha256: str) -> Path | None:
        """Where it lies now; None when there is no such blob."""
        aside = self._beside(sha256, ASIDE)
        with _explained():
            try:
                self.place(sha256).replace(aside)
            except FileNotFoundError:
                return aside if aside.exists() else None
        return aside

    def _beside(self, sha256: str, mark: str) -> Path:
        path = self.place(sha256)
        return path.with_name(mark + path.name)

    def _has(self, sha256: str, size: int) -> bool:
        """A blob of another length was damaged by the disk: it is written again. One that is there is as young as one
        that was just written: nobody may take it for a leftover before it is named."""
        try:
            path = self.place(sha256)
            if path.stat().st_size != size:
                return False
            os.utime(path)
        except FileNotFoundError:
            return False
        return True

    def _spool(self, chunks: Iterable[bytes]) -> Path:
        with _explained():
            private_folder(self.root)
            handle, name = tempfile.mkstemp(dir=self.root, prefix=SPOOL)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as spool:
                for chunk in chunks:  # reading the source may fail too: that is not the store's error
                    with _explained():
                        spool.write(chunk)
                with _explained():
                    spool.flush()
                    os.fchmod(spool.fileno(), 0o400)
                    os.fsync(spool.fileno())
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return part

    def _settle(self, part: Path, sha256: str) -> None:
        target = self.place(sha256)
        try:
            if not target.parent.is_dir():
                private_folder(target.parent)
                sync_folder(self.root)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)  # the rename itself must survive a power cut


def is_name(text: str) -> bool:
    """Whether a blob may be called so."""
    return bool(_SHA256.fullmatch(text))


def private_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, all 0700; one that is there stays as it is."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _sweep(root: Path) -> None:
    """Remove what killed writers left; a younger one may still be being written."""
    oldest = time.time() - LEFTOVER_SECONDS
    for part in root.glob(f"{SPOOL}*"):
        with suppress(OSError):  # another process sweeps too, or the folder is not ours to write
            if part.lstat().st_mtime < oldest:
                part.unlink()


def _folders(root: Path) -> Iterator[Path]:
    for name in _entries(root):
        if _FOLDER.fullmatch(name):
            yield root / name


def _entries(folder: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return sorted(os.listdir(folder))  # noqa: PTH208  (a name is all that is wanted of each)
    return []


def sync_folder(path: Path) -> None:
    """Have the names in a folder survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _chunks(handle: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: handle.read(CHUNK), b"")


def _hashed(chunks: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


@contextmanager
def _explained() -> Iterator[None]:
    """An error of the operating system as one line that a person can act on."""
    try:
        yield
    except OSError as error:
        kind = DiskFull if error.errno in DiskFull.ERRNOS else StoreError
        raise kind(f"the store can't keep a blob: {error.strerror or type(error).__name__}") from error
