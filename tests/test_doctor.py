"""`muniment doctor` says what works, what is missing with its fix, and what would leave the machine."""

import json

import pytest

from pipeline.cli import main
from pipeline.doctor import examine, examine_text
from pipeline.settings import load_settings


def test_a_fresh_machine_is_fine(home):
    """Without a home, a model or a server everything needed is there, and nothing would leave the machine."""
    found = examine(load_settings())
    assert found["ok"], found["checks"]
    assert found["leaves_the_machine"][0].endswith("nothing, no frontier model is configured")
    assert not home.exists(), "doctor only looks"
    assert [m["source"] for m in found["models"] if m["role"] == "text"] == ["bundled"]


def test_json_is_one_object(home, capsys):
    """`--json` prints one object and nothing else."""
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


@pytest.mark.parametrize(
    ("setting", "value", "check", "says"),
    [
        ("language", "xyz", "ocr", "MUNIMENT_LANGUAGE"),
        ("page_model", "colsmol-256m", "page images", "muniment models pull colsmol-256m"),
        ("qdrant_url", "http://127.0.0.1:9", "index", "127.0.0.1"),
    ],
)
def test_a_problem_names_its_fix(home, setting, value, check, says):
    """What is configured but missing is a problem, and the text names what to do or where it looked."""
    found = examine(load_settings(**{setting: value}))
    problem = next(c for c in found["checks"] if c["name"] == check)
    assert not found["ok"]
    assert not problem["ok"]
    assert says in problem["detail"]
    assert "PROBLEM" in examine_text(found)


def test_servers_are_named_without_their_secrets(home):
    """What leaves the machine names hosts, never a password."""
    settings = load_settings(
        qdrant_url="https://user:hunter2@vectors.example:6333",
        database_url="postgresql+psycopg://m:hunter2@db.example/m",
    )
    found = json.dumps(examine(settings))
    assert "vectors.example" in found
    assert "db.example" in found
    assert "hunter2" not in found
