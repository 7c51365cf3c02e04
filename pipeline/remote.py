"""A store that machines share: a folder that all have mounted, or a bucket of an S3-compatible service.

A shared folder is a `Store` like the one in the home: a rename there is as atomic for the other machines as for this
one. A bucket is the truth with a folder in the home before it, where workers, which have no network, write and read.
What is put is in the bucket before anybody is told so; what is missing in the folder is fetched and held against its
hash. A blob's name is the hash of its content, so the folder can't be out of date and may lose anything: what was
not used for longest goes when it grows over its limit.

S3 shows an object whole or not at all, when its upload is complete, so nothing is uploaded under another name first.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from pipeline.errors import NotFound, StoreError, StoreUnavailable, UsageError
from pipeline.store import ASIDE, DAMAGED, SPOOL, Store, is_name, private_folder

__all__ = ["RemoteStore", "open_store"]

AT_ONCE = 8  # downloads
LOOKS = 20  # the folder is looked through whenever it may have grown by this part of its limit
# What was used in these seconds stays, whatever the limit says: between the rendering of a page and the moment a
# worker reads its image the whole document is rendered, and 5,000 pages are read in two to three hours on two cores.
IN_USE_SECONDS = 4 * 3600.0


def open_store(url: str, folder: Path, cache_mb: int) -> Store:
    """The store at `file:///folder` or `s3://bucket/prefix`, whose blobs workers find in `folder`
    (`settings.store_dir`); s3fs takes credentials and endpoint from the environment.

    `UsageError` for any other address, and for a folder that isn't there: it may just not be mounted.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        if not folder.is_dir():
            raise UsageError("MUNIMENT_STORE_URL: there is no such folder; make it, once the share is mounted")
        return Store(folder)
    if parts.scheme == "s3" and parts.netloc and "@" not in parts.netloc:
        return RemoteStore(_s3(), f"{parts.netloc}/{parts.path.strip('/')}".rstrip("/"), folder, cache_mb)
    raise UsageError("MUNIMENT_STORE_URL: file:///folder or s3://bucket/prefix")


class RemoteStore(Store):
    """Blobs under `prefix` of an fsspec file system in which an object is whole or not there; `root` is the folder
    before it, of about `cache_mb` MiB. Any number of threads, processes and machines may share it."""

    def __init__(self, remote: Any, prefix: str, root: Path, cache_mb: int) -> None:
        super().__init__(root)
        self._remote, self._prefix = remote, prefix
        self._limit = cache_mb << 20
        self._grown = self._limit  # so that the first blob has the folder looked through
        self._lock = threading.Lock()

    def ask(self) -> None:
        """`StoreError` unless the bucket is there and answers."""
        with _reached():
            self._remote.info(self._prefix.partition("/")[0])

    def path(self, sha256: str) -> Path:
        """Where the blob lies in the folder, fetched now if it must be; nothing is there if the bucket has none.

        `StoreUnavailable` when the bucket can't be asked, `StoreError` when it answers with other bytes.
        """
        place = self.place(sha256)
        try:
            os.utime(place)  # used now
        except FileNotFoundError:
            self._fetch(sha256, place)
        return place

    def bring(self, blobs: Iterable[str]) -> None:
        """Have these blobs in the folder, several fetched at a time."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch") as pool:
            for _ in pool.map(self.path, blobs):
                pass

    def publish(self, sha256: str) -> None:
        """Have what a worker put into the folder in the bucket, whole, before this returns."""
        place = self.place(sha256)
        with _reached():
            size, key = place.stat().st_size, self._key(sha256)
            if self._size(key) != size:
                self._remote.put_file(str(place), key)
                if (kept := self._size(key)) != size:
                    raise StoreError(f"blob {sha256[:12]}… was not kept whole: {kept or 0} of {size} bytes")
        self._make_room(size)

    def put(self, data: bytes) -> str:
        """Keep these bytes; their SHA-256 comes back."""
        sha256 = super().put(data)
        self.publish(sha256)
        return sha256

    def put_stream(self, handle: BinaryIO) -> str:
        """Keep what the handle gives until its end."""
        sha256 = super().put_stream(handle)
        self.publish(sha256)
        return sha256

    def read(self, sha256: str) -> bytes:
        """The blob's bytes; `NotFound` when neither folder nor bucket has it."""
        self.path(sha256)
        return super().read(sha256)

    def __contains__(self, sha256: str) -> bool:
        if not is_name(sha256):
            return False
        with _reached():
            return self._size(self._key(sha256)) is not None

    def blobs(self) -> Iterator[str]:
        """Every blob of the bucket, in order."""
        return (name for name in self._names() if is_name(name))

    def put_at(self, sha256: str) -> float:
        """When the blob was uploaded or last used here, whichever is later; now for one that is not in the bucket."""
        here = super().put_at(sha256) if self.place(sha256).exists() else 0.0
        with _reached():
            if self._size(key := self._key(sha256)) is None:
                return time.time()
            return max(here, float(self._remote.modified(key).timestamp()))

    def aside(self) -> Iterator[str]:
        """Blobs that a killed `discard` left aside."""
        return (name.replace(ASIDE, "", 1) for name in self._names() if ASIDE in name)

    def whole(self, sha256: str) -> bool:
        """Whether the bucket gives back the bytes the blob is named after; a damaged copy in the folder is dropped.
        `NotFound` when the bucket has none."""
        if super().__contains__(sha256) and not super().whole(sha256):
            self.place(sha256).unlink(missing_ok=True)
        with _reached():
            if self._size(key := self._key(sha256)) is None:
                raise NotFound(f"blob {sha256[:12]}… is not in the store")
            with self._remote.open(key, "rb") as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest() == sha256

    def quarantine(self, sha256: str) -> None:
        """Take a damaged blob out of its place, so that good bytes can come there; it is kept beside it."""
        self._moved(self._key(sha256), self._key(sha256, DAMAGED))
        self.place(sha256).unlink(missing_ok=True)

    def discard(self, blobs: Iterable[str], named: Callable[[Collection[str]], Collection[str]]) -> list[str]:
        """Delete the blobs that `named` does not give back when asked which of them are needed; those deleted.

        As in the home: put aside, asked about, then put back or deleted. A copy in another machine's folder stays
        until it goes there.
        """
        aside = [sha256 for sha256 in sorted(set(blobs)) if self._put_aside(sha256)]
        needed = set(named(aside)) if aside else set()
        for sha256 in aside:
            if sha256 in needed:
                self._moved(self._key(sha256, ASIDE), self._key(sha256))
            else:
                self._removed(self._key(sha256, ASIDE), self._key(sha256, DAMAGED))
                self.place(sha256).unlink(missing_ok=True)
        return [sha256 for sha256 in aside if sha256 not in needed]

    def _put_aside(self, sha256: str) -> bool:
        """Whether there is such a blob; it is aside now."""
        if sha256 in self:
            self._moved(self._key(sha256), self._key(sha256, ASIDE))
            return True
        with _reached():
            return self._size(self._key(sha256, ASIDE)) is not None

    def _moved(self, key: str, to: str) -> None:
        """Copied, then removed: S3 has no rename, and a kill in between leaves both."""
        with _reached():
            self._remote.cp_file(key, to)
        self._removed(key)

    def _removed(self, *keys: str) -> None:
        with _reached():
            for key in keys:
                if self._size(key) is not None:
                    self._remote.rm_file(key)

    def _names(self) -> Iterator[str]:
        """Folder and name of every object as one word: a blob's hash, where it is one in its place."""
        with _reached():
            found = self._remote.find(self._prefix)
        return ("".join(str(key).rsplit("/", 2)[-2:]) for key in sorted(found))

    def _key(self, sha256: str, mark: str = "") -> str:
        folder, name = self.place(sha256).parts[-2:]
        return f"{self._prefix}/{folder}/{mark}{name}"

    def _size(self, key: str) -> int | None:
        try:
            return int(self._remote.info(key)["size"])
        except FileNotFoundError:
            return None

    def _fetch(self, sha256: str, place: Path) -> None:
        private_folder(self.root)
        handle, name = tempfile.mkstemp(dir=self.root, prefix=SPOOL)
        os.close(handle)
        part = Path(name)
        try:
            with _reached():
                if self._size(key := self._key(sha256)) is None:
                    return
                self._remote.get_file(key, name)
            if _digest(part) != sha256:
                raise StoreError(f"blob {sha256[:12]}… comes back from the store as other bytes")
            part.chmod(0o400)
            size = part.stat().st_size
            self._settle(part, sha256)
        finally:
            part.unlink(missing_ok=True)
        self._make_room(size)

    def _make_room(self, size: int) -> None:
        with self._lock:
            self._grown += size
            due = self._grown * LOOKS >= self._limit
            if due:
                self._grown = 0
        if due:
            self._evict()

    def _evict(self) -> None:
        """Other processes of this home may do the same beside us."""
        found = sorted(_blobs(self.root))
        over, used = sum(size for _, size, _ in found) - self._limit, time.time() - IN_USE_SECONDS
        for moment, size, path in found:
            if over <= 0 or moment > used:
                return
            with suppress(OSError):
                path.unlink()
            over -= size


def _s3() -> Any:
    try:
        import s3fs
    except ImportError as error:
        raise UsageError("a store in a bucket needs s3fs: pip install 'muniment[s3]'") from error
    return s3fs.S3FileSystem(use_listings_cache=False)


def _blobs(root: Path) -> Iterator[tuple[float, int, Path]]:
    """When each blob of the folder was last used, its size and its path."""
    for path in root.glob("??/*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            yield status.st_mtime, status.st_size, path


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def _reached() -> Iterator[None]:
    """Whatever the service's client raises as ours, by its kind alone: its messages may hold addresses and names."""
    try:
        yield
    except (StoreError, NotFound):
        raise
    except FileNotFoundError as error:
        raise StoreError("the shared store has no such bucket") from error
    except PermissionError as error:
        raise StoreError("the shared store refuses this machine's credentials") from error
    except Exception as error:
        raise StoreUnavailable(f"the shared store can't be reached ({type(error).__name__})") from error
