"""The compose files, which can't be started where there is no Docker: what they say holds together."""

from __future__ import annotations

import re
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import settings as settings_module
from pipeline.backends.qdrant import connect
from pipeline.cli import main as muniment
from pipeline.errors import IndexUnavailable, UsageError
from pipeline.settings import Settings, load_settings

COMPOSE = Path(__file__).parents[1] / "infra" / "compose"
OURS = "muniment:"
OPEN = {"front"}


def services(name: str) -> dict[str, dict[str, Any]]:
    return yaml.safe_load((COMPOSE / f"{name}.yaml").read_text())["services"]


def every() -> list[Any]:
    return [
        pytest.param(name, part, services(name)[part], id=f"{name}-{part}")
        for name in ("one", "many")
        for part in services(name)
    ]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What secrets.sh makes."""
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    subprocess.run(["sh", COMPOSE / "secrets.sh", folder, "contracts.example.com"], check=True)
    return folder


@pytest.mark.parametrize(("name", "part", "service"), every())
def test_every_part_is_pinned_confined_and_restarted(name: str, part: str, service: dict[str, Any]) -> None:
    """An exact image, no capability beyond those its entrypoint needs, no password in the environment."""
    assert re.search(r":v?\d+\.\d+(\.\d+)?", service["image"])
    assert service["restart"] in {"unless-stopped", "on-failure"}
    assert part == "postgres" or service["cap_drop"] == ["ALL"]  # its entrypoint changes its user
    for variable, value in service.get("environment", {}).items():
        assert variable.endswith("_FILE") or not re.search("PASSWORD|KEY|SECRET|DATABASE_URL", variable), variable
        assert "@" not in str(value)


def test_what_reads_documents_reaches_no_internet() -> None:
    """Every part stands in the internal network; only the search page is also in one that has a way out."""
    whole = yaml.safe_load((COMPOSE / "many.yaml").read_text())
    assert whole["networks"]["inside"]["internal"] is True
    reach = {part: set(service["networks"]) for part, service in whole["services"].items()}
    assert {part for part, networks in reach.items() if networks & OPEN} == {"web"}
    assert all("inside" in networks for networks in reach.values())
    assert {part for part, service in whole["services"].items() if "ports" in service} == {"web"}


@pytest.mark.parametrize(("name", "part", "service"), every())
def test_what_a_part_names_is_there(name: str, part: str, service: dict[str, Any], secrets: Path) -> None:
    """Secrets, volumes and the health of what a part waits for are defined; its variables are settings of ours."""
    whole = yaml.safe_load((COMPOSE / f"{name}.yaml").read_text())
    wanted = {one["source"] if isinstance(one, dict) else one for one in service.get("secrets", [])}
    assert wanted <= whole["secrets"].keys()
    assert all((secrets / Path(whole["secrets"][one]["file"]).name).stat().st_size for one in wanted)
    volumes = {one.partition(":")[0] for one in service.get("volumes", []) if one[0] not in "./$"}
    assert volumes <= whole["volumes"].keys()
    for other, how in service.get("depends_on", {}).items():
        assert how["condition"] != "service_healthy" or "healthcheck" in whole["services"][other]
    ours = {v for v in service.get("environment", {}) if v.startswith("MUNIMENT_")}
    assert {v.removeprefix("MUNIMENT_").lower() for v in ours} <= Settings.model_fields.keys()
    if service["image"].startswith(OURS) and service["command"][0] == "muniment":
        with pytest.raises(SystemExit) as said:
            muniment([service["command"][1], "--help"])
        assert said.value.code == 0


def test_secrets_are_read_from_files(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is mounted under /run/secrets, or given by systemd, is a setting; a variable that is set wins."""
    monkeypatch.setattr(settings_module, "SECRETS", secrets)
    loaded = load_settings()
    assert loaded.database_url == (secrets / "muniment_database_url").read_text().strip()
    assert loaded.qdrant_api_key.get_secret_value() == (secrets / "muniment_qdrant_api_key").read_text().strip()
    monkeypatch.setenv("MUNIMENT_DATABASE_URL", "sqlite:////elsewhere")
    assert load_settings().database_url == "sqlite:////elsewhere"
    monkeypatch.setattr(settings_module, "SECRETS", secrets / "nowhere")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(secrets))
    assert load_settings().qdrant_api_key == loaded.qdrant_api_key


def test_secrets_are_made_once(secrets: Path) -> None:
    """A second run changes nothing: the database knows its password by now."""
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    subprocess.run(["sh", COMPOSE / "secrets.sh", secrets, "contracts.example.com"], check=True)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o777 == 0o700
    key = before["muniment_qdrant_api_key"].decode().strip()
    assert yaml.safe_load(before["qdrant.yaml"])["service"] == {"enable_tls": True, "api_key": key}


@pytest.fixture
def tls_server(secrets: Path) -> Iterator[str]:
    """A loopback that answers as Qdrant would, over TLS with the certificate that secrets.sh made."""
    from test_page_index import Loopback

    server: ThreadingHTTPServer = Loopback()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(secrets / "qdrant.pem", secrets / "qdrant.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_qdrant_is_checked_against_the_authority(tls_server: str, secrets: Path) -> None:
    """A server whose certificate our authority signed is believed, any other is not asked."""
    from index_helpers import SIGNATURE

    from pipeline.backends.qdrant import QdrantIndex

    assert QdrantIndex(connect(tls_server, "key", 5, secrets / "ca.pem"), "c", SIGNATURE).count() == 0
    with pytest.raises(IndexUnavailable, match="can't be reached"):
        QdrantIndex(connect(tls_server, "key", 5), "c", SIGNATURE).count()
    with pytest.raises(UsageError, match="MUNIMENT_QDRANT_CA"):
        connect(tls_server, "key", 5, secrets / "nowhere.pem")
