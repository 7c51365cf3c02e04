"""The bytes: a content-addressed store of originals and page images, private to the user.

A blob's name is the SHA-256 of its content, so writing is idempotent and a blob never changes. A write
goes to a temporary file in the same file system first and is renamed into place after fsync: a reader sees
the whole blob or none, whatever happens to the machine. What a killed writer left half written is swept
when the store is opened a day later.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import NotFound, StoreError

__all__ = ["Store", "private_folder"]

CHUNK = 1 << 20
SPOOL = ".new-"
LEFTOVER_SECONDS = 24 * 3600

_SHA256 = re.compile(r"[0-9a-f]{64}")


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

    def _has(self, sha256: str, size: int) -> bool:
        """A blob of another length was damaged by the disk: it is written again."""
        try:
            return self.place(sha256).stat().st_size == size
        except FileNotFoundError:
            return False

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
                _sync_folder(self.root)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)  # the rename itself must survive a power cut


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


def _sync_folder(path: Path) -> None:
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
        raise StoreError(f"the store can't keep a blob: {error.strerror or type(error).__name__}") from error
