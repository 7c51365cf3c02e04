"""Settings: the one reader of the environment, its defaults, and errors that name the variable."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MUNIMENT_")]:
        monkeypatch.delenv(name)


def test_by_default_everything_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home below the user's own, SQLite in it, no server, no model but the bundled one of triage, a worker a core."""
    monkeypatch.setenv("HOME", "/home/somebody")
    settings = load_settings()
    assert settings.root == Path("/home/somebody/.muniment")
    assert settings.catalog_url == "sqlite:////home/somebody/.muniment/catalog.sqlite"
    assert settings.models_dir == settings.root / "models"
    assert (settings.qdrant_url, settings.page_model, settings.extract_model) == ("",) * 3
    assert settings.triage_model == "muniment-triage"
    assert settings.workers == os.cpu_count()
    assert settings.language == "eng"


def test_a_model_is_taken_back_by_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as not set, so "none" says that there is to be no triage VLM."""
    monkeypatch.setenv("MUNIMENT_TRIAGE_MODEL", "")
    assert load_settings().triage_model == "muniment-triage"
    monkeypatch.setenv("MUNIMENT_TRIAGE_MODEL", "none")
    assert load_settings().triage_model == ""


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each name is read from MUNIMENT_NAME, in any case; a database URL replaces SQLite."""
    monkeypatch.setenv("MUNIMENT_HOME", "relative/home")
    monkeypatch.setenv("MUNIMENT_WORKERS", "3")
    monkeypatch.setenv("muniment_dpi", "300")
    monkeypatch.setenv("MUNIMENT_DATABASE_URL", "postgresql+psycopg://host/db")
    settings = load_settings()
    assert (settings.root, settings.workers, settings.dpi) == (Path.cwd() / "relative/home", 3, 300)
    assert settings.catalog_url == "postgresql+psycopg://host/db"


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command line gives is not overruled."""
    monkeypatch.setenv("MUNIMENT_HOME", "/from/environment")
    assert load_settings(home=Path("/from/command")).root == Path("/from/command")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MUNIMENT_WORKERS", "0"),
        ("MUNIMENT_WORKERS", "many"),
        ("MUNIMENT_DPI", "20"),
        ("MUNIMENT_DEVICE", "abacus"),
        ("MUNIMENT_PAGE_SECONDS", "-1"),
        ("MUNIMENT_ESCALATE_BELOW", "1.5"),
        ("MUNIMENT_MAX_FILE_MB", "large"),
    ],
)
def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """The message begins with the variable the user has to change."""
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=rf"^{name}: "):
        load_settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the index key nor a database password appears when settings are printed."""
    monkeypatch.setenv("MUNIMENT_QDRANT_API_KEY", "s3cret-key")
    monkeypatch.setenv("MUNIMENT_DATABASE_URL", "postgresql+psycopg://me:s3cret-word@host/db")
    settings = load_settings()
    assert "s3cret" not in repr(settings) + str(settings)
    assert settings.qdrant_api_key.get_secret_value() == "s3cret-key"


def test_settings_do_not_change() -> None:
    """They are read once; nobody sets them behind another's back."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().workers = 1  # type: ignore[misc]


def test_reading_them_is_light() -> None:
    """Settings, types, errors, names, store and intake load no heavy library: every command starts with them."""
    heavy = "{'sqlalchemy', 'alembic', 'torch', 'numpy', 'pymupdf', 'transformers', 'prefect'}"
    modules = "pipeline.settings, pipeline.types, pipeline.errors, pipeline.names, pipeline.store, pipeline.intake"
    script = f"import sys, {modules}; sys.exit(repr({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_readme_names_every_setting() -> None:
    """The table of the README holds each variable that is read, and no other."""
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", readme, flags=re.MULTILINE))
    read = {str(field.validation_alias or f"MUNIMENT_{name.upper()}") for name, field in Settings.model_fields.items()}
    assert table == read


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """`MUNIMENT_HOME=` means the default home, never the current folder."""
    monkeypatch.setenv("MUNIMENT_HOME", "")
    monkeypatch.setenv("MUNIMENT_DPI", "")
    settings = load_settings()
    assert settings.root == Path("~/.muniment").expanduser()
    assert settings.dpi == Settings.model_fields["dpi"].default


def test_the_night_is_in_a_time_zone_that_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's unless one is named; a wrong one, or a time without five fields, is said with its variable."""
    assert load_settings().zone.key
    monkeypatch.setenv("MUNIMENT_TIMEZONE", "Europe/Berlin")
    assert load_settings().zone.key == "Europe/Berlin"
    for name, wrong in (("TIMEZONE", "Berlin/Europe"), ("TIMEZONE", "../../etc/passwd"), ("NIGHTLY", "02:00")):
        with monkeypatch.context() as changed, pytest.raises(UsageError, match=f"MUNIMENT_{name}"):
            changed.setenv(f"MUNIMENT_{name}", wrong)
            load_settings()
