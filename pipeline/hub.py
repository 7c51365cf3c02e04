"""Pulling a model from a Hugging Face hub: the only code of this house that downloads.

The commit is resolved first and everything is fetched at that commit. Only weights in safetensors and plain
configuration are taken: no pickle, no code. Every file is checked against the hash the hub lists for it
(SHA-256 of large files, git blob id of small ones), then the folder gets its record and moves into place as a
whole. A model that is already here stays at its recorded commit unless another one is asked for, and what was
altered is mended.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from pipeline.errors import ModelError, UsageError
from pipeline.model_files import Record, sha256_of, verify
from pipeline.models import BUNDLED, folder_of, repo_of

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

__all__ = ["pull"]

TAKEN = (".safetensors", ".json", ".txt", ".model", ".jinja")
PARTIAL = ".partial"


class _Listing(NamedTuple):
    """What the hub says of a repository at one commit."""

    repo: str
    commit: str
    files: Mapping[str, RepoSibling]


def pull(name: str, models_dir: Path, revision: str | None = None, endpoint: str | None = None) -> list[Path]:
    """Fetch a model, and its base where it is an adapter; the folders come back, the model's own first.

    `name` is a short name of `KNOWN` or `owner/name`; `revision` a branch, tag or commit; `endpoint` another
    hub than the public one (a mirror inside the firm). An interrupted pull goes on where it stopped.
    `UsageError`: no such name; `ModelError`: the hub can't be reached, refuses, or its files are not what it lists.
    """
    if name in BUNDLED:
        raise UsageError(f"{name} came with muniment: there is nothing to pull")
    repo = repo_of(name)
    if repo is None:
        raise UsageError(f"{name!r} is neither a known model nor owner/name: see `muniment models list`")
    folder = folder_of(repo, models_dir)
    kept = _record_of(folder)
    listing = _listing(repo, revision or (kept.revision if kept else None), endpoint)
    if not _is_here(folder, listing.commit):
        record = _fetch(listing, part := models_dir / f"{PARTIAL}-{folder.name}-{listing.commit[:12]}", endpoint)
        if kept and kept.revision == record.revision and kept.files != record.files:
            raise ModelError(f"{repo}: the hub serves other files at commit {record.revision[:12]} than it used to")
        _settle(part, folder)
    base = _base_of(folder)
    return [folder, *(pull(base, models_dir, None, endpoint) if base else ())]


def _record_of(folder: Path) -> Record | None:
    """The record to hold to; a damaged one is no reason to refuse the pull that mends it."""
    try:
        return Record.read(folder)
    except ModelError:
        return None


def _is_here(folder: Path, commit: str) -> bool:
    """Whether this commit lies here already, every file as recorded."""
    try:
        record = verify(folder)
    except ModelError:
        return False
    return record is not None and record.revision == commit


def _listing(repo: str, revision: str | None, endpoint: str | None) -> _Listing:
    """Resolve the revision to its commit and list the files that would be taken, with their hashes."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = HfApi(endpoint=endpoint, library_name="muniment").model_info(
            repo, revision=revision, files_metadata=True
        )
    except GatedRepoError as error:
        raise ModelError(f"{repo} is gated: accept its licence at the hub and set HF_TOKEN") from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{repo} has no revision {revision!r}") from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"the hub has no public model {repo}") from error
    except (httpx2.HTTPError, OSError, ValueError) as error:
        raise ModelError(f"the model hub can't be reached ({type(error).__name__}): pulling needs it") from error
    files = {file.rfilename: file for file in info.siblings or () if _is_taken(file.rfilename)}
    if not info.sha or not any(name.endswith(".safetensors") for name in files):
        raise ModelError(f"{repo} has no safetensors weights, and no others are taken")
    return _Listing(repo, info.sha, files)


def _is_taken(name: str) -> bool:
    """Whether a file of the repository is wanted: a plain relative path of an allowed kind, nothing hidden."""
    parts = PurePosixPath(name).parts
    inside = not name.startswith("/") and not any(part.startswith(".") or "\\" in part for part in parts)
    return inside and name.endswith(TAKEN) and parts[0] != "onnx"


def _fetch(listing: _Listing, part: Path, endpoint: str | None) -> Record:
    """Download into `part` and check every file; what a broken download left there is used again."""
    import httpx2
    from huggingface_hub import snapshot_download

    part.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        snapshot_download(
            listing.repo,
            revision=listing.commit,
            local_dir=part,
            cache_dir=part / ".cache",
            allow_patterns=list(listing.files),
            endpoint=endpoint,
            library_name="muniment",
        )
    except (httpx2.HTTPError, OSError, ValueError) as error:
        raise ModelError(f"{listing.repo}: download broke off ({type(error).__name__}); pull again to go on") from error
    shutil.rmtree(part / ".cache", ignore_errors=True)
    record = Record(listing.repo, listing.commit, dict(_checked(listing, part)))
    record.write(part)
    return record


def _checked(listing: _Listing, part: Path) -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of every file; one that is not what the hub lists is deleted, so that it is fetched anew."""
    for name, listed in listing.files.items():
        path = part / name
        sha256 = sha256_of(path) if path.is_file() else ""
        right = sha256 == listed.lfs.sha256 if listed.lfs else path.is_file() and _blob_id(path) == listed.blob_id
        if not right:
            path.unlink(missing_ok=True)
            raise ModelError(f"{listing.repo}: {name} is not what the hub lists; pull again")
        yield name, sha256


def _blob_id(path: Path) -> str:
    """The id git gives a file's content: what the hub lists for files too small for large-file storage."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _settle(part: Path, folder: Path) -> None:
    """Move a whole pull into place; what lay there before goes only when the new one stands ready beside it."""
    old = folder.with_name(f"{PARTIAL}-old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _base_of(folder: Path) -> str | None:
    """The repository an adapter was trained on, or None for a whole checkpoint."""
    try:
        base = json.loads((folder / "adapter_config.json").read_text("utf-8"))["base_model_name_or_path"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder.name}/adapter_config.json names no base model") from error
    if repo_of(str(base)) is None:
        raise ModelError(f"{folder.name} is an adapter whose base is no repository of the hub")
    return str(base)
