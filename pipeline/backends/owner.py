"""One process owns the embedded index; every other process asks it over a Unix socket.

    client ──connect──► owner          nobody there: the first client starts one, under a file lock,
      │                   │            in a session of its own, so that it outlives the client
      │  search(…) ──────►│ EdgeIndex  a thread a connection; graphs are built beside the requests
      │◄──── result ──────│
                          └─ ends after `idle` seconds without a client; at once when one said before it went
                             that nobody needs to wait for another (`release`)

Files in the index root: `index/` (see `edge.py`), `owner.lock` (held by the living owner), `start.lock` (held by
the client that starts one), `owner.json` (0600: the socket's path and the key of this owner's life).

**Trust.** Requests and answers are pickled, so whoever can speak on the socket can run code as this user. Two walls
keep that to this user: the socket lies in a fresh 0700 directory, and `multiprocessing.connection` lets nobody
send a message who doesn't prove (HMAC) to know the random key, which only `owner.json` holds.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import IndexUnavailable, MunimentError

if TYPE_CHECKING:
    from pipeline.backends.edge import EdgeIndex

__all__ = ["serve"]

ALLOWED = frozenset(
    {"upsert", "add_images", "without_images", "search", "facets", "pages_of", "documents", "delete", "count"}
)
HANDOVER_SECONDS = 30.0  # an owner that is ending may need this long to flush
TICK_SECONDS = 0.2
LONGEST_TMP = 60  # bytes; the path of a Unix socket may have 107 in all


class Owner:
    """The index and who uses it. Methods are called from the connections' threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._index: EdgeIndex | None = None
        self._turn = threading.Condition()
        self._users = 0  # requests and building under way, which keep the index from being closed
        self.clients = 0
        self.last_seen = time.monotonic()
        self._released = False
        self._untidy = False  # somebody asked for graphs that are up to date

    def serve(self, connection: Connection) -> None:
        """Answer one client until it goes, however it goes."""
        with self._turn:
            self.clients += 1
        try:
            while True:
                connection.send(self._answer(*connection.recv()))
        except (EOFError, OSError):
            pass
        finally:
            connection.close()
            with self._turn:
                self.clients -= 1
                self.last_seen = time.monotonic()

    def idle(self) -> float:
        """Seconds since the last client went; 0 while one is here."""
        if self.clients:
            return 0.0
        return math.inf if self._released else time.monotonic() - self.last_seen

    def tidy(self) -> None:
        """Bring the graphs up to date: when nobody is here, and beside the requests when much was written or
        somebody asked for it."""
        with self._turn:
            if self._index is None:
                return
            self._users += 1
        try:
            if not self.clients or self._untidy or self._index.due():
                self._untidy = False
                self._index.optimize()
        finally:
            self._left()

    def close(self) -> None:
        """Flush and let go of the index, when the last request is answered."""
        with self._turn:
            self._turn.wait_for(lambda: not self._users)
            if self._index:
                self._index.close()
            self._index = None

    def _answer(self, name: str, signature: Mapping[str, Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        """(True, result) or (False, exception): ours as it is, any other without its text."""
        try:
            if self._kept_house(name, signature):
                return True, None
            if name not in ALLOWED:
                raise IndexUnavailable("the index owner is of another version; try again when it has ended")
            method: Callable[..., Any] = getattr(self._entered(signature), name)
            try:
                return True, method(*arguments)
            finally:
                self._left()
        except MunimentError as error:
            return False, error.with_traceback(None)
        except Exception as error:
            return False, IndexUnavailable(f"the index failed to {name}: {type(error).__name__}")

    def _kept_house(self, name: str, signature: Mapping[str, Any]) -> bool:
        """What is asked of the owner itself; False when it is a question to the index."""
        if name == "drop":
            self._drop()
        elif name == "forget":
            self._forget(signature)
        elif name == "release":
            self._released = True
        elif name == "tidy":
            self._untidy = True
        else:
            return False
        return True

    def _entered(self, signature: Mapping[str, Any]) -> EdgeIndex:
        """The index, opened for the first who asks; everybody after has to be configured alike. It stays open until
        `_left` is called."""
        from pipeline.backends.edge import EdgeIndex

        with self._turn:
            if self._index is None:
                self._index = EdgeIndex(self._root / "index", signature)
            self._index.match(signature)
            self._users += 1
            return self._index

    def _left(self) -> None:
        with self._turn:
            self._users -= 1
            self._turn.notify_all()

    def _forget(self, signature: Mapping[str, Any]) -> None:
        """Opened for it and back again, between two requests each; the long part happens beside the requests."""
        self._reopen(signature, forgetful=True)
        try:
            index = self._entered(signature)
            try:
                index.forget()
            finally:
                self._left()
        finally:
            self._reopen(signature)

    def _reopen(self, signature: Mapping[str, Any], *, forgetful: bool = False) -> None:
        from pipeline.backends.edge import EdgeIndex

        with self._turn:
            self._turn.wait_for(lambda: not self._users)
            if self._index:
                self._index.match(signature)
                self._index.close()
            self._index = None
            self._index = EdgeIndex(self._root / "index", signature, forgetful=forgetful)

    def _drop(self) -> None:
        with self._turn:
            self._turn.wait_for(lambda: not self._users)
            if self._index:
                self._index.close()
            self._index = None
            if (self._root / "index").exists():
                doomed = Path(tempfile.mkdtemp(dir=self._root, prefix=".old-index-"))
                (self._root / "index").rename(doomed / "index")
                shutil.rmtree(doomed)


def serve(root: Path, idle: float) -> None:
    """Own the index under `root` until nobody used it for `idle` seconds. Returns at once if another owner stays."""
    # Before the first connection: its thread would unpickle what another thread has only half imported.
    import_module("pipeline.backends.edge")
    with (root / "owner.lock").open("a") as lock:
        if not _locked(lock.fileno(), HANDOVER_SECONDS):
            return
        _clear(root)
        for leftover in (*root.glob(".old-index-*"), *root.glob(".new-index-*")):  # of an owner that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="muniment-", dir=_short_tmp()))
        owner, key = Owner(root), secrets.token_bytes(32)
        try:
            with Listener(str(folder / "s"), "AF_UNIX", backlog=64, authkey=None) as listener:
                _announce(root, folder / "s", key)
                threading.Thread(target=_accept, args=(listener, owner, key), daemon=True).start()
                _wait(owner, folder / "s", idle)
        finally:
            _clear(root)
            owner.close()


def _wait(owner: Owner, socket: Path, idle: float) -> None:
    """Return when the owner was idle long enough, or when its socket was swept away and nobody could reach it."""
    while owner.idle() < idle and socket.exists():
        time.sleep(TICK_SECONDS)
        owner.tidy()


def _accept(listener: Listener, owner: Owner, key: bytes) -> None:
    while True:
        try:
            connection = listener.accept()
        except OSError:  # the listener was closed
            return
        threading.Thread(target=_greet, args=(connection, owner, key), daemon=True).start()


def _greet(connection: Connection, owner: Owner, key: bytes) -> None:
    """Both sides prove to know the key before either reads a pickle. In a thread of its own: a peer that says
    nothing keeps nobody waiting."""
    from multiprocessing import AuthenticationError
    from multiprocessing.connection import answer_challenge, deliver_challenge

    try:
        deliver_challenge(connection, key)
        answer_challenge(connection, key)
    except (AuthenticationError, EOFError, OSError):
        connection.close()
        return
    owner.serve(connection)


def _announce(root: Path, socket: Path, key: bytes) -> None:
    handle, part = tempfile.mkstemp(dir=root, prefix=".owner-")  # mkstemp makes it 0600
    with os.fdopen(handle, "w") as file:
        json.dump({"socket": str(socket), "key": key.hex(), "pid": os.getpid()}, file)
    Path(part).replace(root / "owner.json")


def _clear(root: Path) -> None:
    """Take back what an owner announced, this one or one that was killed."""
    try:
        socket = Path(json.loads((root / "owner.json").read_text())["socket"])
    except (OSError, ValueError, KeyError):
        return
    (root / "owner.json").unlink(missing_ok=True)
    socket.unlink(missing_ok=True)
    if socket.parent.name.startswith("muniment-") and socket.parent.is_dir():
        socket.parent.rmdir()


def _locked(handle: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
    return False


def _short_tmp() -> str:
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= LONGEST_TMP else "/tmp"


def main() -> None:
    """`python -m pipeline.backends.owner ROOT IDLE_SECONDS`, started by `owned.py`; goes on in the background."""
    root, idle = Path(sys.argv[1]), float(sys.argv[2])
    if os.fork():
        os._exit(0)  # the client reaps this process at once and never has a zombie
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the machine shuts down: flush and clear up
    serve(root, idle)


if __name__ == "__main__":
    main()
