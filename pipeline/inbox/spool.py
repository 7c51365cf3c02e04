"""The watcher's spool: files claimed from the inbox, each until the catalog and the store have it durably.

A claim is one rename, so a file is in the inbox or in the spool and never in both or half in one. What a file is
(matter, name, the path it came from) is written down beside its place before it moves. A watcher that is killed leaves
entries; whoever opens the spool next finds them, in the order in which they were claimed.

On another file system than the spool's nothing can be renamed into it. There a file is claimed by renaming it to a
hidden name in its own folder, and its bytes cross over when they are copied into the store.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.inbox.settle import Stamp
from pipeline.intake import Incoming, open_beneath, open_folder
from pipeline.store import private_folder, sync_folder

__all__ = ["PART", "Entry", "Spool"]

CHUNK = 1 << 20
NOTE, DATA, PART = ".json", ".data", ".part"
HIDDEN = ".muniment-"  # names that begin with a dot are passed over in the inbox


@dataclass(frozen=True, slots=True)
class Entry:
    """A claimed file. `root` / `path` is where it was dropped, `folder` / `at` where its bytes are now.

    `refused`: it was waited for in the inbox as long as is ever waited, and still did not open whole.
    """

    token: str
    matter: str
    name: str
    root: str
    path: str
    refused: bool = False
    away: bool = False

    @property
    def source(self) -> Path:
        """The path under which it was dropped."""
        return Path(self.root, self.path)

    @property
    def hidden(self) -> Path:
        """Its name in the inbox while it is claimed, relative to `root`."""
        return Path(self.path).with_name(HIDDEN + self.token)


class Spool:
    """See the module's docstring. One process at a time uses it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def claim(self, incoming: Incoming, *, refused: bool = False) -> Entry | None:
        """Take the file out of the inbox; None when it is gone from there. `OSError` when it can't be moved."""
        path = incoming.path.relative_to(incoming.root)
        entry = Entry(_token(), incoming.matter, incoming.name, str(incoming.root), str(path), refused)
        self._note(entry)
        try:
            return self._moved(entry)
        except FileNotFoundError:
            self._forget(entry)
            return None
        except OSError:
            self._forget(entry)
            raise

    def entries(self) -> list[Entry]:
        """All that was claimed and not yet let go, oldest first. A note whose file never moved, or is gone already,
        is what a killed watcher left of a claim: the file is still in the inbox, or was taken. Such a note goes,
        and so does what was being written beside it."""
        for part in self.root.glob(f"*{PART}"):
            part.unlink()
        kept = []
        for note in sorted(self.root.glob(f"*{NOTE}")):
            entry = Entry(**json.loads(note.read_text()))
            if self._lstat(entry):
                kept.append(entry)
            elif not entry.away or os.path.lexists(entry.source):  # else its share may just not be mounted
                note.unlink()
        return kept

    def place(self, entry: Entry) -> tuple[Path, Path]:
        """Where its bytes are: a root, and the path relative to it."""
        return (Path(entry.root), entry.hidden) if entry.away else (self.root, Path(entry.token + DATA))

    def stamp(self, entry: Entry) -> Stamp | None:
        """What the file is now; None when somebody took it away."""
        state = self._lstat(entry)
        return Stamp.of(state) if state else None

    @contextmanager
    def open(self, entry: Entry) -> Iterator[BinaryIO]:
        """The file's bytes; `OSError` when they can't be read."""
        with os.fdopen(open_beneath(*self.place(entry)), "rb") as opened:
            yield opened

    def agrees(self, entry: Entry, sha256: str) -> bool:
        """Whether the file has these bytes: read once more where a network lies in between."""
        if not entry.away:
            return True
        digest = hashlib.sha256()
        with self.open(entry) as opened:
            for chunk in iter(lambda: opened.read(CHUNK), b""):
                digest.update(chunk)
        return digest.hexdigest() == sha256

    def remove(self, entry: Entry) -> None:
        """Let it go: catalog and store have it, or it was put elsewhere."""
        root, path = self.place(entry)
        with suppress(FileNotFoundError), open_folder(root, path.parent) as folder:
            os.unlink(path.name, dir_fd=folder)
        self._forget(entry)

    def _moved(self, entry: Entry) -> Entry:
        path = Path(entry.path)
        with open_folder(Path(entry.root), path.parent) as folder:
            try:
                os.rename(path.name, self.root / (entry.token + DATA), src_dir_fd=folder)
                sync_folder(self.root)
                return entry
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
            entry = Entry(**asdict(entry) | {"away": True})
            self._note(entry)
            os.rename(path.name, entry.hidden.name, src_dir_fd=folder, dst_dir_fd=folder)
            return entry

    def _note(self, entry: Entry) -> None:
        """Whole or not at all, and on the disk before the file moves."""
        private_folder(self.root)
        part = self.root / (entry.token + PART)
        with part.open("w") as note:
            json.dump(asdict(entry), note)
            note.flush()
            os.fsync(note.fileno())
        part.replace(self.root / (entry.token + NOTE))
        sync_folder(self.root)

    def _forget(self, entry: Entry) -> None:
        (self.root / (entry.token + NOTE)).unlink(missing_ok=True)

    def _lstat(self, entry: Entry) -> os.stat_result | None:
        root, path = self.place(entry)
        try:
            with open_folder(root, path.parent) as folder:
                return os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None


def _token() -> str:
    """Names that sort by time."""
    return f"{time.time_ns():020d}-{secrets.token_hex(4)}"
