"""A copy of the home while everything runs, and a home made from it.

    backup:  catalog (one consistent copy) ─► the blobs it names, new ones only, each hashed on its way ─► manifest
    restore: hashes checked ─► blobs ─► catalog ─► index made anew ─► reconciled

A blob is in the store before the catalog names it, so whatever the copied catalog names is there. The manifest is
written last and in one step: a backup that was cut short leaves the one before it whole. Not in it: models (pulled
again), the index (made anew from the catalog), sessions of browsers, settings and keys of the environment.

On one file system blobs are hard links: quick, and no second copy should the disk fail. Deletion does not reach a
backup; the next one into the same folder drops what is not named any more.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pipeline import __version__
from pipeline.catalog import Catalog
from pipeline.errors import NotFound, StoreError, UsageError
from pipeline.keeping.inventory import dropped, named, originals, rendered
from pipeline.store import Store, private_folder
from pipeline.tables import documents, pages, results

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.wiring import Tools

__all__ = ["Backup", "Manifest", "backup", "restore"]

FORMAT = 1
MANIFEST = "manifest.json"
POSTGRES = (
    "the catalog is in PostgreSQL: `pg_dump -Fc` it first, then copy the folder store/ of the home: blobs never "
    "change, and whatever the dump names is in any later copy. To restore: pg_restore, the store, `muniment index "
    "rebuild`, `muniment reconcile --deep`"
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds; `catalog` names its file and `blobs` the list of its blobs, each with its SHA-256."""

    format: int
    version: str
    made: float
    catalog: str
    catalog_sha256: str
    blobs: str
    blobs_sha256: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup as it was made: its manifest, the blobs that were new in the folder, and those that could not be copied
    because the store lacks them or their bytes are damaged."""

    manifest: Manifest
    copied: int
    faulty: tuple[str, ...]


def backup(tools: Tools, folder: Path) -> Backup:
    """Bring the folder up to date; runs beside everything else. `UsageError` for a catalog in PostgreSQL, and for a
    folder that holds something else."""
    if not tools.catalog.database.sqlite:
        raise UsageError(POSTGRES)
    _check_folder(folder, tools.settings.root)
    with _explained("the backup can't be written"):
        private_folder(folder)
        catalog = _copy_catalog(tools.settings.root / "catalog.sqlite", folder)
        with Catalog.open(f"sqlite:///{catalog}") as copy:
            wanted = sorted({*originals(copy), *dropped(copy), *(each.image for each in rendered(copy))})
            counts = _counts(copy)
        copied, missing = _copy_blobs(tools, folder, wanted)
        faulty = named(tools.catalog, missing)  # the others were deleted since
        listed = [sha256 for sha256 in wanted if sha256 not in missing]
        manifest = _commit(folder, catalog, listed, counts | {"blobs": len(listed)})
        _prune(folder, manifest, set(listed))
    return Backup(manifest, copied, tuple(sorted(faulty)))


def restore(folder: Path, settings: Settings) -> Manifest:
    """Fill an empty home from a backup; every hash is checked before the catalog is put in its place, so that a restore
    that was cut short can be started again. The index is still to be made (`pipeline.run.rebuild`).

    `UsageError` for a home that holds documents or a folder that is no backup, `StoreError` for one that is damaged.
    """
    manifest = _manifest(folder)
    target = settings.root / "catalog.sqlite"
    if settings.database_url:
        raise UsageError(POSTGRES)
    if target.exists():
        raise UsageError("this home is in use: a backup is restored into an empty one (MUNIMENT_HOME)")
    with _explained("the backup can't be read"):
        listed = _checked(folder / manifest.blobs, manifest.blobs_sha256).decode().split()
        store = Store(settings.root / "store")
        for sha256 in listed:
            with (folder / "store" / sha256[:2] / sha256[2:]).open("rb") as blob:
                if store.put_stream(blob) != sha256:
                    raise StoreError(f"the backup is damaged: blob {sha256[:12]}… has other bytes than its name says")
        _place_catalog(folder / manifest.catalog, manifest.catalog_sha256, target)
    return manifest


def _check_folder(folder: Path, home: Path) -> None:
    folder = folder.resolve()
    if folder == home.resolve() or home.resolve() in folder.parents:
        raise UsageError("a backup lies outside the home")
    if folder.exists() and not (folder / MANIFEST).exists():
        strange = [path.name for path in folder.iterdir() if not _ours(path.name)]
        if strange:
            raise UsageError("the folder holds something else than a backup: name an empty one")


def _ours(name: str) -> bool:
    return name in ("store", MANIFEST) or name.startswith(("catalog-", "blobs-", ".part-"))


def _copy_catalog(source: Path, folder: Path) -> Path:
    """One consistent copy, without the sessions; named after its content."""
    part = _part(folder)
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as here, closing(sqlite3.connect(part)) as there:
        here.backup(there)
        there.execute("PRAGMA journal_mode=DELETE")
        there.execute("PRAGMA secure_delete=ON")
        with there:
            there.execute("DELETE FROM sessions")
            there.execute("DELETE FROM attempts")
    target = folder / f"catalog-{_sha256(part)[:16]}.sqlite"
    part.replace(target)
    return target


def _copy_blobs(tools: Tools, folder: Path, wanted: list[str]) -> tuple[int, set[str]]:
    """How many were new, and which can't be had."""
    copied, missing = 0, set[str]()
    for sha256 in wanted:
        target = folder / "store" / sha256[:2] / sha256[2:]
        if target.exists():
            continue
        private_folder(target.parent)
        if _copied(tools.store.path(sha256), target, sha256, folder):
            copied += 1
        else:
            missing.add(sha256)
    return copied, missing


def _copied(source: Path, target: Path, sha256: str, folder: Path) -> bool:
    """Linked where that can be, copied elsewhere; hashed either way, and not kept when the hash is another."""
    part = _part(folder)
    try:
        part.unlink()
        try:
            os.link(source, part)
        except FileNotFoundError:
            return False
        except OSError:
            shutil.copyfile(source, part)
            part.chmod(0o400)
        if _sha256(part) != sha256:
            return False
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return True


def _commit(folder: Path, catalog: Path, listed: list[str], counts: dict[str, int]) -> Manifest:
    """From here on this is the backup."""
    text = "\n".join(listed).encode()
    blobs = f"blobs-{hashlib.sha256(text).hexdigest()[:16]}.txt"
    _write(folder, blobs, text)
    manifest = Manifest(
        format=FORMAT,
        version=__version__,
        made=time.time(),
        catalog=catalog.name,
        catalog_sha256=_sha256(catalog),
        blobs=blobs,
        blobs_sha256=hashlib.sha256(text).hexdigest(),
        counts=counts,
    )
    _write(folder, MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
    return manifest


def _prune(folder: Path, manifest: Manifest, listed: set[str]) -> None:
    """Drop what the manifest does not name: deleted documents, earlier catalogs, parts of backups that were killed."""
    for path in folder.iterdir():
        if path.is_file() and _ours(path.name) and path.name not in (MANIFEST, manifest.catalog, manifest.blobs):
            path.unlink()
    for blob in (folder / "store").glob("??/*"):
        if blob.parent.name + blob.name not in listed:
            blob.unlink()


def _counts(catalog: Catalog) -> dict[str, int]:
    with catalog.database.read() as connection:
        tables = (documents, pages, results)
        return {t.name: connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in tables}


def _manifest(folder: Path) -> Manifest:
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise NotFound("no backup there: the folder has no manifest.json") from error
    except (OSError, ValueError, TypeError) as error:
        raise UsageError("the backup's manifest can't be read, or is of a newer Muniment") from error
    if manifest.format != FORMAT:
        raise UsageError("the backup is of a newer Muniment: upgrade it")
    return manifest


def _checked(path: Path, sha256: str) -> bytes:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StoreError(f"the backup is damaged: {path.name} is not what the manifest says")
    return data


def _place_catalog(source: Path, sha256: str, target: Path) -> None:
    """Checked as it is copied; nothing is indexed until the index is made anew."""
    private_folder(target.parent)
    part = target.with_name(f"{target.name}.restored.part")
    part.unlink(missing_ok=True)
    shutil.copyfile(source, part)
    part.chmod(0o600)
    if _sha256(part) != sha256:
        part.unlink()
        raise StoreError("the backup is damaged: its catalog is not what the manifest says")
    with closing(sqlite3.connect(part)) as connection, connection:
        connection.execute("UPDATE documents SET indexed = '' WHERE indexed IS NOT NULL")
    part.replace(target)


def _write(folder: Path, name: str, data: bytes) -> None:
    part = _part(folder)
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / name)


def _part(folder: Path) -> Path:
    handle, name = tempfile.mkstemp(dir=folder, prefix=".part-")
    os.close(handle)
    return Path(name)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{what}: {getattr(error, 'strerror', None) or type(error).__name__}") from error
