"""Intake: which files a command line means, whose matter they are, and a private copy of each.

The matter is, in this order: `--matter`; for a file inside a folder argument, the first folder below that
argument (`ingest inbox` reads `inbox/acme/2024/x.pdf` for the matter `acme`); for a file directly in a
folder argument, that folder's own name (`ingest inbox/acme` reads `inbox/acme/x.pdf` for `acme` too). A
file named on the command line by itself takes the default matter and not its folder's name: it lies in
`Downloads` or `/tmp` as often as not, and a wall built by accident hides a contract from its own lawyers.

The watcher's inbox is read in the same way, but a file directly in it lies in no matter's folder: it takes the default
matter, too.

Nothing a person dropped is passed over in silence: what can't be a document becomes one that is rejected or
held, with the reason. Passed over are only files nobody means as a document: hidden ones, `_held` and the reasons
written there, unfinished and backup files, JSON beside a document. Symbolic links below an argument are never
followed, and files are opened folder by folder without following links, so that a link put there later leads nowhere
either.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pipeline.errors import DocumentHeld, DocumentRejected, MunimentError, NotFound, UsageError
from pipeline.inbox.pictures import is_picture
from pipeline.names import clean_matter, clean_name, document_id, one_line
from pipeline.store import LOST
from pipeline.types import Document, DocumentStatus, Origin

if TYPE_CHECKING:
    from pipeline.catalog import Catalog
    from pipeline.store import Store

__all__ = [
    "MIB",
    "PDF_MAGIC_WITHIN",
    "Incoming",
    "discover",
    "drops",
    "open_beneath",
    "open_folder",
    "refused_status",
    "take",
    "too_large",
]

MIB = 1 << 20
PDF_MAGIC_WITHIN = 1024  # readers accept a PDF's header anywhere in its first 1,024 bytes (PDF 1.7, note 13 to 3.4.1)
NOT_A_FILE = "not a file (a device, pipe or socket)"
PASSED_OVER = (
    *(".*", "_held", "__pycache__", "__MACOSX", "*.json", "*.reason.txt"),
    *("*~", "~$*", "#*#", "*.swp", "*.tmp", "*.bak"),  # editors, office programs
    *("*.part", "*.partial", "*.crdownload", "*.filepart"),  # downloads and transfers under way
    *("thumbs.db", "desktop.ini"),
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One file to take in: `root` / `path` relative to it is opened without following a link.

    `problem` says why its bytes can't be had at all; such a file is held.
    """

    path: Path
    matter: str
    name: str
    root: Path
    problem: str = ""


def discover(paths: Sequence[Path], matter: str | None, default_matter: str) -> Iterator[Incoming]:
    """The files that `paths` mean, in the order given and sorted within a folder.

    `NotFound` for a path that is not there, `UsageError` for a matter that can't be one; both before the
    first file is given. A folder or file that can't be read is given with its `problem`.
    """
    wanted = None if matter is None else clean_matter(matter)
    default = clean_matter(default_matter)
    for path in paths:
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"no such file or folder: {clean_name(str(path))}") from error
        except OSError:  # it may be there: `_of_argument` says why it can't be read
            continue
    return (incoming for path in paths for incoming in _of_argument(path, wanted, default))


def drops(inbox: Path, default_matter: str) -> Iterator[Incoming]:
    """The files that lie in the drop folder now, matter by matter, with the `problem` of those that can't be read.

    A folder that can't be read stands for the files in it; the inbox itself being one is an `OSError`.
    """
    default = clean_matter(default_matter)
    os.close(os.open(inbox, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    return _inside(inbox.resolve(), None, default)


def take(
    incoming: Incoming, store: Store, catalog: Catalog, *, max_file_mb: int, as_pdf: Callable[[str], str] | None = None
) -> tuple[Document, bool]:
    """Keep the file's bytes and register it; the document and whether it is new in its matter.

    An empty file and one that is no PDF are `rejected`, one above `max_file_mb` MiB is `held`, each with a
    one-line reason and the original kept. A file that can't be read is `held` with an empty `sha256`, until
    a later run can read it. The same bytes in the same matter give the document that is there, as it stands; one that
    was held because its original got lost has it again.
    `as_pdf` makes a PDF of the picture with this SHA-256 in the store, and gives its SHA-256 or raises what the
    document is refused for.
    """
    try:
        if incoming.problem:
            return _unread(incoming, incoming.problem, catalog)
        with _opened(incoming) as handle:
            head = handle.read(PDF_MAGIC_WITHIN)
            handle.seek(0)
            sha256 = store.put_stream(handle)
            size = handle.tell()
    except OSError as error:
        return _unread(incoming, f"can't be read: {error.strerror or type(error).__name__}", catalog)
    status, reason = _first_look(head, size, max_file_mb, as_pdf is not None)
    origin = None
    if as_pdf and status is DocumentStatus.RECEIVED and is_picture(head):
        try:
            origin, sha256 = Origin(sha256), as_pdf(sha256)
        except (DocumentHeld, DocumentRejected) as refusal:
            status, reason = refused_status(refusal), str(refusal)
            origin = None
    id = document_id(incoming.matter, sha256)
    document = Document(id, incoming.matter, incoming.name, sha256, status, reason)
    stored, new = catalog.add(document, str(incoming.path), origin)
    if stored.reason == LOST:
        catalog.set_status(stored.id, status, reason)
        stored = catalog.document(stored.id)
    return stored, new


def refused_status(refusal: MunimentError) -> DocumentStatus:
    """How a document stands that was refused for this."""
    return DocumentStatus.REJECTED if isinstance(refusal, DocumentRejected) else DocumentStatus.HELD


def too_large(size: int, max_file_mb: int) -> str:
    """The reason for a file of so many bytes."""
    return f"{size / MIB:.1f} MiB, more than the {max_file_mb} MiB of MUNIMENT_MAX_FILE_MB"


def _first_look(head: bytes, size: int, max_file_mb: int, pictures: bool) -> tuple[DocumentStatus, str]:
    if not size:
        return DocumentStatus.REJECTED, "empty file"
    if b"%PDF-" not in head and not (pictures and is_picture(head)):
        return DocumentStatus.REJECTED, f"not a PDF: no %PDF- in its first {PDF_MAGIC_WITHIN} bytes"
    if size > max_file_mb * MIB:
        return DocumentStatus.HELD, too_large(size, max_file_mb)
    return DocumentStatus.RECEIVED, ""


def _unread(incoming: Incoming, reason: str, catalog: Catalog) -> tuple[Document, bool]:
    """Hold the path's place; the reason is that of the latest try."""
    id = document_id(incoming.matter, f"unread:{clean_name(str(incoming.path))}")
    document = Document(id, incoming.matter, incoming.name, "", DocumentStatus.HELD, one_line(reason))
    stored, created = catalog.add(document, str(incoming.path))
    if stored.reason != document.reason:
        catalog.set_status(stored.id, document.status, document.reason)
    return catalog.document(stored.id), created


def _of_argument(argument: Path, wanted: str | None, default: str) -> Iterator[Incoming]:
    """The argument itself may be a link: whoever typed it means what it leads to."""
    try:
        root = argument.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # a dangling link, a loop of links, a folder we may not enter
        place = argument.absolute()
        problem = f"can't be read: {getattr(error, 'strerror', None) or 'a loop of links'}"
        yield Incoming(place, wanted or default, clean_name(place.name), place.parent, problem)
        return
    if not root.is_dir():
        yield Incoming(root, wanted or default, clean_name(root.name), root.parent)
        return
    yield from _inside(root, wanted, root.name or default)


def _inside(root: Path, wanted: str | None, above: str) -> Iterator[Incoming]:
    """What lies in a folder; `above` is the matter of what lies in no folder of it."""
    for folder, path, problem in _walk(root):
        inside = folder.relative_to(root).parts
        matter, fault = (wanted, "") if wanted else _matter_of(inside[0] if inside else above)
        yield Incoming(path, matter, clean_name(path.name), root, problem or fault)


def _matter_of(folder: str) -> tuple[str, str]:
    """A folder's matter. A name that can't be a matter gets a place of its own: two matters never share one."""
    try:
        return clean_matter(folder), ""
    except UsageError as error:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()
        return f"unusable-{digest[:12]}", f"its folder can't be a matter: {error}"


def _walk(root: Path) -> Iterator[tuple[Path, Path, str]]:
    """(folder, file in it, what keeps it from being read), depth first, names in code point order.

    A folder that can't be read stands for the files in it.
    """
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted((e for e in found if not _passed_over(e.name)), key=lambda entry: entry.name)
        except OSError as error:
            yield folder, folder, f"the folder can't be read: {error.strerror}"
            continue
        folders = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(folder / entry.name)
            else:
                yield folder, folder / entry.name, _not_plain(entry)
        waiting += reversed(folders)


def _passed_over(name: str) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern.lower()) for pattern in PASSED_OVER)


def _not_plain(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a symbolic link, not followed"
    return "" if entry.is_file(follow_symlinks=False) else NOT_A_FILE


@contextmanager
def _opened(incoming: Incoming) -> Iterator[BinaryIO]:
    """The file's bytes; `OSError` when it can't be read or is no regular file."""
    handle = open_beneath(incoming.root, incoming.path.relative_to(incoming.root))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, NOT_A_FILE)
    with os.fdopen(handle, "rb") as opened:
        yield opened


def open_beneath(root: Path, path: Path) -> int:
    """A handle on the file at `path` relative to `root`, reached one name at a time, so that no link is followed.

    `OSError` when it can't be had; that it is a regular file is for the caller to check.
    """
    with open_folder(root, path.parent) as folder:
        # a pipe put in the file's place must not keep us waiting for a writer
        return os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)


@contextmanager
def open_folder(root: Path, path: Path) -> Iterator[int]:
    """A handle on the folder at `path` relative to `root`, reached in the same way."""
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.parts:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)
