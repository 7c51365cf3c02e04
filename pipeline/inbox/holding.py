"""What the watcher can't take goes to `_held` in the inbox, each file beside a text that says why and what to do.

The reason is written before the file moves, with the file's reference in it: a watcher that is killed in between
finds by it the place it had begun to use. No link is followed, and nothing that lies there is overwritten.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path

from pipeline.intake import open_folder
from pipeline.names import clean_name

__all__ = ["HELD", "SUFFIX", "Refusal", "hold", "write_reason"]

HELD = "_held"
SUFFIX = ".reason.txt"
NAME_BYTES = 255  # of every file system in use


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file dropped as `source` was refused; `reference` tells this drop from all others, `document` is its id in
    the catalog, `advice` what helps beside trying again."""

    matter: str
    source: Path
    reason: str
    reference: str
    document: str
    advice: str = ""


def hold(refusal: Refusal, root: Path, path: Path, inbox: Path) -> str:
    """Move the file at `path` below `root` to `_held`, beside its reason; the name it has there. `OSError`
    when that can't be done; then the file is where it was."""
    with _folder(inbox, refusal.matter) as folder:
        name = _reserve(folder, refusal)
        with open_folder(root, path.parent) as here:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)  # our own, from a move that a kill cut short
            _move(here, path.name, folder, name)
        os.fsync(folder)
    return name


def write_reason(refusal: Refusal, inbox: Path) -> None:
    """The reason alone, for what can't be moved; one that is there is left alone."""
    with _folder(inbox, refusal.matter) as folder:
        _reserve(folder, refusal)


@contextmanager
def _folder(inbox: Path, matter: str) -> Iterator[int]:
    """The matter's folder in `_held`, made if need be. Whoever may look into the matter's folder of the inbox, and
    nobody else, may look into it."""
    name = _fitting(matter, "")
    with open_folder(inbox, Path()) as root:
        _make(root, HELD, os.fstat(root))
        try:
            like = os.stat(matter, dir_fd=root, follow_symlinks=False)
        except OSError:
            like = os.fstat(root)
        with open_folder(inbox, Path(HELD)) as held:
            _make(held, name, like)
        with open_folder(inbox, Path(HELD, name)) as folder:
            yield folder


def _make(above: int, name: str, like: os.stat_result) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=above)
    except FileExistsError:
        return
    made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    try:
        with suppress(PermissionError):  # a group that is not ours to give: then it stays as private as it is
            os.fchown(made, -1, like.st_gid)
            os.fchmod(made, stat.S_IMODE(like.st_mode))
    finally:
        os.close(made)


def _reserve(folder: int, refusal: Refusal) -> str:
    """Write the reason under the first name that is free, or find it written for this very drop."""
    for name in _names(refusal.source.name):
        try:
            handle = os.open(name + SUFFIX, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=folder)
        except FileExistsError:
            if _is_ours(folder, name + SUFFIX, refusal.reference):
                return name
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(_text(refusal))
            written.flush()
            os.fsync(handle)
        if not _is_there(folder, name):
            return name
        os.unlink(name + SUFFIX, dir_fd=folder)
    raise AssertionError("names never end")


def _names(name: str) -> Iterator[str]:
    stem, dot, ending = clean_name(name).rpartition(".")
    for number in count(1):
        more = f" ({number})" if number > 1 else ""
        yield _fitting(stem or ending, f"{more}{dot}{ending}" if stem else more, SUFFIX)


def _fitting(name: str, ending: str, beside: str = "") -> str:
    """The name, cut to what a file system takes with its ending and with what is written beside it."""
    room = NAME_BYTES - len(beside.encode())
    ending = ending.encode()[: room // 2].decode(errors="ignore")
    return name.encode()[: room - len(ending.encode())].decode(errors="ignore") + ending


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_ours(folder: int, name: str, reference: str) -> bool:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    with os.fdopen(handle, "rb") as written:
        return reference.encode() in written.read(1 << 16)


def _text(refusal: Refusal) -> str:
    when = datetime.now().astimezone().isoformat(" ", "seconds")
    return (
        f"{clean_name(refusal.source.name)}\n"
        f"was not taken in for the matter {refusal.matter} ({when}).\n\n"
        f"Why: {refusal.reason}\n\n"
        "What to do: look at the file. If it was cut short or damaged, scan or send it again. To have this one tried\n"
        "again (after a setting was changed, say), move it back into the matter's folder of the inbox.\n"
        f"{refusal.advice}\n"
        f"In the catalog: {refusal.document or '-'}    Reference: {refusal.reference}\n"
    )


def _move(here: int, name: str, folder: int, held: str) -> None:
    """By a second link where both lie in one file system, else by a copy; never over another file."""
    try:
        os.link(name, held, src_dir_fd=here, dst_dir_fd=folder, follow_symlinks=False)
    except OSError:
        _copy(here, name, folder, held)
    os.unlink(name, dir_fd=here)


def _copy(here: int, name: str, folder: int, held: str) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    with os.fdopen(source, "rb") as given:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise OSError(0, "not a file")
        target = os.open(held, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
        with os.fdopen(target, "wb") as copy:
            shutil.copyfileobj(given, copy)
            copy.flush()
            os.fsync(target)
