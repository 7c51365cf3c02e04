"""The embedded index as every process sees it: a `PageIndex` that asks the owner, and starts one when none lives."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any

from pipeline.backends.protocols import ImagedPage, IndexedPage, PageQuery, PageScore
from pipeline.errors import IndexUnavailable
from pipeline.types import SearchFilter

__all__ = ["OwnedIndex"]

START_SECONDS = 60.0  # a new owner may have to wait until the ending one has flushed
ANSWER_SECONDS = 600.0  # the longest a request may take: building graphs over a large backlog is slow
FORGET_SECONDS = 6 * 3600.0  # a large index is written anew as a whole
GREETING_SECONDS = 10.0
RETRIES, RETRY_SECONDS = 4, 0.5
RELEASE_SECONDS = 0.7
BATCH = 32  # pages in one message, so that searches of other processes get in between


class OwnedIndex:
    """The index under `root`, through its owner process. Threads may share one: each request has a connection of its
    own while it lasts, and the owner answers them side by side.

    Nothing is opened before the first call. A call whose owner vanished is made again, which is safe because
    writing a page or deleting a document twice is the same as once. Raises `IndexUnavailable` when no owner can be
    started or the answer doesn't come, `IndexMismatch` when other models made the index.
    """

    def __init__(self, root: Path, signature: Mapping[str, Any], idle_seconds: float = 60.0) -> None:
        self._root = root.absolute()
        self._signature = dict(signature)
        self._idle = idle_seconds
        self._free: list[Connection] = []  # connections nobody uses at the moment
        self._lock = threading.Lock()

    def upsert(self, pages: Sequence[IndexedPage]) -> None:
        """Write or overwrite the pages' points, durably, before returning."""
        for start in range(0, len(pages), BATCH):
            self._ask("upsert", list(pages[start : start + BATCH]))

    def add_images(self, pages: Sequence[ImagedPage]) -> None:
        """Give points that are there the vectors of their page images, durably, before returning."""
        for start in range(0, len(pages), BATCH):
            self._ask("add_images", list(pages[start : start + BATCH]))

    def without_images(self, document: str = "") -> dict[str, dict[int, str]]:
        """By document and page number the SHA-256 of the images that have no vectors here, of all documents or one."""
        found: dict[str, dict[int, str]] = self._ask("without_images", document)
        return found

    def search(self, query: PageQuery, where: SearchFilter, limit: int) -> list[PageScore]:
        """Best first."""
        found: list[PageScore] = self._ask("search", query, where, limit)
        return found

    def facets(self, where: SearchFilter, limit: int) -> dict[str, list[tuple[str, int]]]:
        """Values to choose from, with counts of pages."""
        found: dict[str, list[tuple[str, int]]] = self._ask("facets", where, limit)
        return found

    def pages_of(self, document: str) -> set[int]:
        """The page numbers this document has in the index."""
        pages: set[int] = self._ask("pages_of", document)
        return pages

    def delete(self, document: str) -> None:
        """Remove all points of a document."""
        self._ask("delete", document)

    def documents(self) -> dict[str, dict[str, int]]:
        """Points by matter and document."""
        found: dict[str, dict[str, int]] = self._ask("documents")
        return found

    def forget(self) -> bool:
        """Rewrite every segment in which points were deleted; searches are answered meanwhile."""
        self._ask("forget")
        return True

    def count(self) -> int:
        """All points."""
        return int(self._ask("count"))

    def drop(self) -> None:
        """Remove the whole index, whatever made it; the next call makes an empty one."""
        self._ask("drop")

    def tidy(self) -> bool:
        """Have the owner bring its graphs up to date beside the requests, without waiting for it; False when none
        lives: one that ends has done so."""
        connection = _connect(self._root)
        if connection is None:
            return False
        with connection, suppress(OSError):
            connection.send(("tidy", self._signature, ()))
            connection.poll(GREETING_SECONDS)
        return True

    def release(self, seconds: float = RELEASE_SECONDS) -> None:
        """Let the owner go, and have it end at once if nobody else uses it; waits so long until it has."""
        with self._lock:
            connection = self._free.pop() if self._free else None
        connection = connection or _connect(self._root)
        if connection is None:  # there is no owner
            return
        with connection, suppress(OSError):
            connection.send(("release", self._signature, ()))
        self.close()
        deadline = time.monotonic() + seconds
        while _is_owned(self._root) and time.monotonic() < deadline:
            time.sleep(0.02)

    def close(self) -> None:
        """Let the owner go; it ends by itself when nobody needs it any more."""
        with self._lock:
            free, self._free = self._free, []
        for connection in free:
            connection.close()

    def _ask(self, name: str, *arguments: object) -> Any:
        try:
            good, answer = self._exchange(name, arguments)
        except (EOFError, OSError, AuthenticationError):
            self.close()  # the owner is gone, and with it what every free connection led to
            good, answer = self._again(name, arguments)
        if not good:
            raise answer
        return answer

    def _again(self, name: str, arguments: tuple[object, ...]) -> tuple[bool, Any]:
        """Ask anew, more than once: an owner that is just ending still takes connections."""
        for _ in range(RETRIES):
            try:
                return self._exchange(name, arguments)
            except (EOFError, OSError, AuthenticationError):
                self.close()
                time.sleep(RETRY_SECONDS)
        raise IndexUnavailable("the index owner ended in the middle of a request")

    def _exchange(self, name: str, arguments: tuple[object, ...]) -> tuple[bool, Any]:
        with self._lock:
            connection = self._free.pop() if self._free else None
        connection = connection or _connect(self._root) or self._start()
        try:
            connection.send((name, self._signature, arguments))
            patience = FORGET_SECONDS if name == "forget" else ANSWER_SECONDS
            if not connection.poll(patience):
                raise IndexUnavailable(f"the index owner gave no answer in {patience:.0f} s")
            good, answer = connection.recv()
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._free.append(connection)
        return good, answer

    def _start(self) -> Connection:
        """Start an owner, unless another client just did."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._root / "start.lock").open("a") as lock, (self._root / "owner.log").open("ab") as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if connection := _connect(self._root):
                return connection
            # -P: whatever lies in the current folder is not imported
            command = [sys.executable, "-P", "-m", "pipeline.backends.owner", str(self._root), str(self._idle)]
            started = subprocess.Popen(
                command, start_new_session=True, cwd=self._root, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            started.wait()  # it forks at once; the owner is its child
            return self._await()

    def _await(self) -> Connection:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if connection := _connect(self._root):
                return connection
            time.sleep(0.02)
        raise IndexUnavailable(f"the index owner did not start in {START_SECONDS:.0f} s; see owner.log in the home")


def _is_owned(root: Path) -> bool:
    """Whether an owner lives: it holds its lock until its last write is flushed."""
    with (root / "owner.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _connect(root: Path) -> Connection | None:
    """A connection to the owner that lives, or None."""
    try:
        announced = json.loads((root / "owner.json").read_text(encoding="utf-8"))
        key = bytes.fromhex(announced["key"])
        connection = Client(announced["socket"], "AF_UNIX")
    except (OSError, ValueError, KeyError):
        return None
    try:
        if not connection.poll(GREETING_SECONDS):
            raise OSError("the owner is stopped or busy")
        answer_challenge(connection, key)
        deliver_challenge(connection, key)
    except (AuthenticationError, EOFError, OSError):
        connection.close()
        return None
    return connection
