"""The model registry, and pulling from a hub that runs on the loopback."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants
import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline import model_files, models
from pipeline.errors import ModelError, UsageError
from pipeline.model_files import Record, digests, identity, parameters, verify

REPO = "acme/tiny-vlm"
FIRST, SECOND = "1" * 40, "2" * 40


@dataclass
class Hub:
    """What the loopback hub serves: repo → commit → path → content, and which commit `main` is."""

    endpoint: str = ""
    repos: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    main: dict[str, str] = field(default_factory=dict)
    lies: set[str] = field(default_factory=set)
    fetched: list[str] = field(default_factory=list)

    def publish(self, repo: str, commit: str, files: dict[str, bytes]) -> None:
        self.repos.setdefault(repo, {})[commit] = files
        self.main[repo] = commit


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def listed(path: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(content), "oid": git_blob(content)}
    if path.endswith(".safetensors"):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry


def sibling(path: str, content: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"rfilename": path, "size": len(content), "blobId": git_blob(content)}
    if path.endswith(".safetensors"):
        entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry


class Handler(BaseHTTPRequestHandler):
    """The four calls of the hub that `pull` makes: a repository's head, its tree, a file's head and body."""

    hub: Hub

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def log_message(self, *args: object) -> None:
        pass

    def answer(self, body: bool) -> None:
        parts = unquote(urlsplit(self.path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self.api("/".join(parts[2:4]), parts[4:])
        else:
            self.file("/".join(parts[:2]), parts[3], "/".join(parts[4:]), body)

    def api(self, repo: str, rest: list[str]) -> None:
        if repo not in self.hub.repos:
            return self.refuse("RepoNotFound")
        revision = rest[1] if len(rest) > 1 else "main"
        commit = self.hub.main[repo] if revision == "main" else revision
        if commit not in self.hub.repos[repo]:
            return self.refuse("RevisionNotFound")
        files = self.hub.repos[repo][commit]
        if rest[:1] == ["tree"]:
            return self.send([listed(path, content) for path, content in files.items()])
        self.send({"id": repo, "sha": commit, "siblings": [sibling(*item) for item in files.items()]})

    def file(self, repo: str, commit: str, path: str, body: bool) -> None:
        content = self.hub.repos[repo][commit][path]
        entry = sibling(path, content)
        etag = entry["lfs"]["sha256"] if "lfs" in entry else entry["blobId"]
        if path in self.hub.lies:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_response(200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.hub.fetched.append(f"{commit[0]}:{path}")
            self.wfile.write(content)

    def send(self, payload: object) -> None:
        content = json.dumps(payload).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on the loopback with one repository at its first commit."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    made = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": made}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.endpoint = f"http://127.0.0.1:{server.server_port}"
    made.publish(REPO, FIRST, checkpoint(1))
    yield made
    server.shutdown()
    server.server_close()


def checkpoint(value: int, **more: bytes) -> dict[str, bytes]:
    """A repository's files: weights of 2 × 3 + 4 numbers, configuration, and things nobody should take."""
    import safetensors.numpy

    tensors = {"a": np.full((2, 3), value, np.float32), "b": np.zeros(4, np.float32)}
    return {
        "model.safetensors": safetensors.numpy.save(tensors),
        "config.json": json.dumps({"model_type": "smolvlm", "value": value}).encode(),
        "chat_template.jinja": b"{{ messages }}",
        "pytorch_model.bin": b"a pickle",
        "modeling_evil.py": b"raise SystemExit",
        "onnx/config.json": b"{}",
        "README.md": b"# tiny",
        **more,
    }


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    return tmp_path / "models"


def pull(hub: Hub, models_dir: Path, name: str = REPO, revision: str | None = None) -> models.InstalledModel:
    return models.pull(name, models_dir, revision, hub.endpoint)


def test_a_pull_takes_weights_and_configuration_only(hub, models_dir) -> None:
    """Safetensors, JSON and templates arrive; pickles, code and other runtimes' folders do not."""
    model = pull(hub, models_dir)
    names = {path.relative_to(model.path).as_posix() for path in Path(model.path).rglob("*") if path.is_file()}
    assert names == {"model.safetensors", "config.json", "chat_template.jinja", "muniment-model.json"} | {
        name for name in names if name.startswith(".muniment")
    }
    assert (model.source, model.revision, model.parameters, model.problem) == ("pulled", FIRST, 10, "")
    assert models.resolve(REPO, models_dir) == Path(model.path)


def test_a_pull_is_pinned_to_the_commit_it_resolved(hub, models_dir) -> None:
    """When `main` moves on, pulling again keeps the recorded commit; only asking for another one changes it."""
    pull(hub, models_dir)
    fetched = len(hub.fetched)
    hub.publish(REPO, SECOND, checkpoint(2))
    assert pull(hub, models_dir).revision == FIRST
    assert len(hub.fetched) == fetched == 3
    moved = pull(hub, models_dir, revision="main")
    assert moved.revision == SECOND
    assert json.loads((Path(moved.path) / "config.json").read_text())["value"] == 2


def test_the_record_holds_every_files_hash(hub, models_dir) -> None:
    """The record names repository, commit and the SHA-256 of each file, which is what `installed` shows."""
    model = pull(hub, models_dir)
    record = Record.read(Path(model.path))
    expected = {name: hashlib.sha256(hub.repos[REPO][FIRST][name]).hexdigest() for name in record.files}
    assert (record.repo, record.revision, dict(record.files)) == (REPO, FIRST, expected)
    assert model.sha256 == expected["model.safetensors"]


def _edit(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace("1", "7"))


def _remove(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _add(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


@pytest.mark.parametrize(
    ("tamper", "message"), [(_edit, "config.json changed"), (_remove, "is missing"), (_add, "is not of it")]
)
def test_an_altered_model_is_refused_and_pulling_mends_it(tamper, message, hub, models_dir) -> None:
    """A changed, missing or added file is found before use, even after the digests were cached."""
    folder = models.resolve(pull(hub, models_dir).name, models_dir)
    tamper(folder)
    with pytest.raises(ModelError, match=rf"{message}; run `muniment models pull {REPO}`"):
        models.resolve(REPO, models_dir)
    assert models.installed(models_dir)[-1].problem
    pull(hub, models_dir)
    assert models.resolve(REPO, models_dir) == folder


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
def test_bytes_that_are_not_what_the_hub_lists_are_refused(path, hub, models_dir) -> None:
    """A mirror that serves other bytes under the listed hash installs nothing; a second pull can mend it."""
    hub.lies.add(path)
    with pytest.raises(ModelError, match=f"{path} is not what the hub lists"):
        pull(hub, models_dir)
    with pytest.raises(ModelError, match="not installed"):
        models.resolve(REPO, models_dir)
    hub.lies.clear()
    assert pull(hub, models_dir).problem == ""


def test_the_same_commit_with_other_files_is_refused(hub, models_dir) -> None:
    """A hub that rewrites a commit's content is noticed against the record."""
    folder = Path(pull(hub, models_dir).path)
    before = (folder / "config.json").read_bytes()
    hub.repos[REPO][FIRST] = checkpoint(9)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="other files at commit"):
        pull(hub, models_dir)
    assert (folder / "config.json").read_bytes() == before


def test_an_adapter_brings_its_base(hub, models_dir) -> None:
    """Pulling a LoRA adapter pulls the repository it was trained on, and its base is then found without a network."""
    adapter = {"adapter_config.json": json.dumps({"base_model_name_or_path": REPO}).encode()}
    weights = {"adapter_model.safetensors": checkpoint(3)["model.safetensors"]}
    hub.publish("acme/adapter", SECOND, adapter | weights)
    folder = Path(pull(hub, models_dir, "acme/adapter").path)
    assert models.adapter_base(folder, models_dir) == models.resolve(REPO, models_dir)
    assert models.adapter_base(models.resolve(REPO, models_dir), models_dir) is None


def test_what_cannot_be_pulled_says_why(hub, models_dir) -> None:
    """No such name, repository or revision, no safe weights, no hub: one line each, and nothing is left behind."""
    hub.publish("acme/pickles", FIRST, {"pytorch_model.bin": b"x", "config.json": b"{}"})
    cases = [("nonsense", None, UsageError, "models list"), ("acme/none", None, ModelError, "no public model")]
    cases += [(REPO, "v9", ModelError, "no revision 'v9'"), ("acme/pickles", None, ModelError, "no safetensors")]
    cases += [("muniment-page", None, UsageError, "nothing to pull")]
    for name, revision, error, message in cases:
        with pytest.raises(error, match=message):
            pull(hub, models_dir, name, revision)
    with pytest.raises(ModelError, match="can't be reached"):
        models.pull(REPO, models_dir, endpoint="http://127.0.0.1:9")
    assert not models_dir.exists()


def local(folder: Path, value: int = 1) -> Path:
    folder.mkdir(parents=True)
    save_file({"w": np.full((5, 2), value, np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    return folder


def test_a_folder_of_ones_own_needs_no_record(tmp_path, models_dir) -> None:
    """A checkpoint put somewhere by hand is used as it is and named by its content."""
    folder = local(tmp_path / "mine")
    assert models.resolve(str(folder), models_dir) == folder
    assert verify(folder) is None
    assert identity(folder) == identity(folder)
    assert identity(folder) != identity(local(tmp_path / "other" / "mine", value=2))


def test_a_pulled_model_goes_before_a_folder_of_the_same_relative_name(hub, models_dir, tmp_path, monkeypatch) -> None:
    """The working directory can't slip in other weights for a model that was pulled."""
    pulled = Path(pull(hub, models_dir).path)
    local(tmp_path / "elsewhere" / REPO)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert models.resolve(REPO, models_dir) == pulled


def test_what_is_not_installed_names_the_command(models_dir) -> None:
    """A known name says what to run; anything else asks for a name or a folder."""
    with pytest.raises(ModelError, match="run `muniment models pull smolvlm-256m`"):
        models.resolve("smolvlm-256m", models_dir)
    with pytest.raises(ModelError, match="give a model's name or its folder"):
        models.resolve("/nowhere/at/all", models_dir)


def test_digests_are_taken_again_only_when_a_file_changed(tmp_path, monkeypatch) -> None:
    """The second look hashes nothing; a new modification time does."""
    folder = local(tmp_path / "mine")
    first, hashed = digests(folder), []
    monkeypatch.setattr(model_files, "sha256_of", lambda path: hashed.append(path.name) or "0")
    assert digests(folder) == first
    assert hashed == []
    os.utime(folder / "config.json", ns=(1, 1))
    assert digests(folder)["config.json"] == "0"
    assert hashed == ["config.json"]


def test_a_folder_that_cannot_be_written_can_be_used(tmp_path) -> None:
    """Where the digests can't be kept they are simply taken each time."""
    folder = local(tmp_path / "mine")
    (folder / model_files.SEEN).mkdir()
    assert digests(folder).keys() == {"config.json", "model.safetensors"}


def test_installed_lists_bundled_and_local_models(tmp_path, models_dir) -> None:
    """The bundled text model with its 22.7 million weights comes first, then what lies in the models folder."""
    local(models_dir / "mine")
    (models_dir / "broken").mkdir()
    (models_dir / "broken" / "model.safetensors").write_bytes(b"\xff" * 40)
    minilm, _, _, broken, mine = models.installed(models_dir)
    assert (minilm.name, minilm.role, minilm.source) == ("all-MiniLM-L6-v2", "text", "bundled")
    assert 22_000_000 < minilm.parameters < 23_000_000
    assert "no safetensors" in broken.problem
    assert (mine.source, mine.parameters, mine.problem) == ("folder", 10, "")


def test_an_altered_bundled_model_is_refused(monkeypatch) -> None:
    """Other weights under the bundled model's name are never used, and the listing says so."""
    monkeypatch.setattr(models, "MINILM_SHA256", "0" * 64)
    models.minilm_path.cache_clear()
    with pytest.raises(ModelError, match="altered"):
        models.minilm_path()
    assert "altered" in models.bundled()[0].problem


def test_known_models_can_be_named_shortly() -> None:
    """Every known model has one short name and one repository."""
    assert models.repo_of("SmolVLM-256M") == "HuggingFaceTB/SmolVLM-256M-Instruct"
    assert len({model.name for model in models.KNOWN}) == len({model.repo for model in models.KNOWN})
    for odd in ("../x", "a/../b", "a/b/c", "", "/etc/passwd"):
        assert models.repo_of(odd) is None


def test_parameters_are_counted_from_the_headers(tmp_path) -> None:
    """The count is that of the arrays written, over several files."""
    save_file({"w": np.zeros((3, 4), np.float16)}, tmp_path / "model-1.safetensors")
    save_file({"v": np.zeros(5, np.float32)}, tmp_path / "model-2.safetensors")
    assert parameters(tmp_path) == 17
