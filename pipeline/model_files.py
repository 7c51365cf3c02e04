"""The files of one checkpoint: their digests, the record they are held to, and how many weights they hold.

Hashing 7 GB at every start would cost seconds, so a digest is kept beside the files together with the size and
modification time it was taken at, and taken again when either differs. That finds a damaged disk, a cut
download and a careless edit; it can't stop somebody who may write to the folder and resets the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ModelError

__all__ = [
    "CALIBRATION",
    "RECORD",
    "SEEN",
    "Record",
    "digest_of",
    "digests",
    "identity",
    "parameters",
    "row_length",
    "sha256_of",
    "verify",
]

RECORD = "muniment-model.json"
CALIBRATION = "muniment.json"
SEEN = ".muniment-digests.json"
# colpali_engine's last layer by the names it is saved under; of an adapter, the half that gives the rows
PROJECTION = re.compile(r"(base_model\.model\.)?(custom_text_proj|linear)(\.lora_B)?\.weight")
MAX_HEADER = 100 << 20  # the safetensors format's own limit on its header


@dataclass(frozen=True, slots=True)
class Record:
    """What was pulled: repository, commit, and the SHA-256 of every file by its path in the folder.

    A bundled model's repository is its name, and its revision the digest of its files.
    """

    repo: str
    revision: str
    files: Mapping[str, str]

    @property
    def bundled(self) -> bool:
        """Whether it came with this package: a repository elsewhere is `owner/name`."""
        return "/" not in self.repo

    @property
    def remedy(self) -> str:
        """What puts the files back."""
        return "install muniment again" if self.bundled else f"run `muniment models pull {self.repo}`"

    @classmethod
    def read(cls, folder: Path) -> Record | None:
        """The folder's record, or None where a person put the files there; `ModelError` when it is damaged."""
        try:
            content = json.loads((folder / RECORD).read_text("utf-8"))
            files = {str(name): str(digest) for name, digest in content["files"].items()}
            return cls(str(content["repo"]), str(content["revision"]), files)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{folder.name}/{RECORD} is damaged: pull the model again") from error

    def write(self, folder: Path) -> None:
        """Put the record beside the files."""
        content = {"repo": self.repo, "revision": self.revision, "files": dict(sorted(self.files.items()))}
        (folder / RECORD).write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def verify(folder: Path) -> Record | None:
    """Hold a folder to its record, which comes back; None where there is no record.

    `ModelError` names the first file that is missing, changed or was never pulled. `muniment.json` (calibration)
    may be added: it is ours, not the repository's.
    """
    record = Record.read(folder)
    if record is None:
        return None
    found = digests(folder)
    for name in sorted(found.keys() | record.files.keys()):
        if found.get(name) != record.files.get(name) and not (name == CALIBRATION and name not in record.files):
            trouble = "is missing" if name not in found else "changed" if name in record.files else "is not of it"
            raise ModelError(f"{record.repo}: {name} {trouble}; {record.remedy}")
    return record


def identity(folder: Path) -> str:
    """What results are remembered under: `owner/name@commit` if pulled, else the folder's name and content digest.

    A calibration file counts: it changes what the model answers.
    """
    found = digests(folder)
    record = Record.read(folder)
    if record is None:
        return f"{folder.name}@{digest_of(found)[:12]}"
    suffix = f"+{found[CALIBRATION][:8]}" if CALIBRATION in found and CALIBRATION not in record.files else ""
    return f"{record.repo}@{record.revision[:12]}{suffix}"


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file under the folder by relative path, hidden ones and our own record left out."""
    seen = _seen(folder)
    fresh: dict[str, list[object]] = {}
    for name, path in _files(folder):
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        known = seen.get(name)
        fresh[name] = known if known and known[:2] == stamp else [*stamp, sha256_of(path)]
    if fresh != seen:
        with contextlib.suppress(OSError):  # a read-only folder is hashed each time
            (folder / SEEN).write_text(json.dumps(fresh), "utf-8")
    return {name: str(entry[2]) for name, entry in fresh.items()}


def parameters(folder: Path) -> int:
    """The number of weights, from the headers of the safetensors files; `ModelError` when one is damaged."""
    return sum(math.prod(shape) for _, shape in _tensors(folder))


def row_length(folder: Path) -> int | None:
    """The length of a row of a ColPali-family checkpoint, by the shape of its last projection (or that of its adapter);
    None where no tensor has a name known here, so that only loading the model tells."""
    return next((shape[0] for name, shape in _tensors(folder) if PROJECTION.fullmatch(name)), None)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _tensors(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Name and shape of every tensor; `ModelError` for a damaged file."""
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with path.open("rb") as handle:
                length = int.from_bytes(handle.read(8), "little")
                if length > MAX_HEADER:
                    raise ValueError("header too long")
                header = json.loads(handle.read(length))
            yield from [(name, list(map(int, at["shape"]))) for name, at in header.items() if name != "__metadata__"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{folder.name}/{path.name} is no safetensors file") from error


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)  # caches, locks, our own notes: never loaded
        if path.is_file() and not hidden and name.as_posix() != RECORD:
            yield name.as_posix(), path


def _seen(folder: Path) -> dict[str, list[object]]:
    try:
        content = json.loads((folder / SEEN).read_text("utf-8"))
        return {name: entry for name, entry in content.items() if isinstance(entry, list) and len(entry) == 3}
    except (OSError, ValueError, AttributeError):
        return {}


def digest_of(found: Mapping[str, str]) -> str:
    """One digest (SHA-256, hex) for the files of a folder, given theirs by name."""
    listing = "\n".join(f"{digest}  {name}" for name, digest in sorted(found.items()))
    return hashlib.sha256(listing.encode()).hexdigest()
