"""Putting a trained checkpoint on the shelf of bundled models."""

from __future__ import annotations

import pytest

from infra.train import ship as shipping
from infra.train.ship import ship
from pipeline import models
from pipeline.errors import ModelError


@pytest.fixture
def made(tmp_path):
    """What a training run exports."""
    folder = tmp_path / "made"
    folder.mkdir()
    for name, text in {"config.json": "{}", "README.md": "card", ".cache": "", "model.safetensors": "weights"}.items():
        (folder / name).write_text(text)
    return folder


def test_what_is_shipped_is_resolved_by_its_name_and_held_to_its_record(made, tmp_path, monkeypatch):
    """Without the caches that lay beside it; an altered file is refused, and the remedy fits a bundled model."""
    monkeypatch.setattr(models, "SHELF", tmp_path / "shelf")
    place = ship(made, "muniment-page", tmp_path / "shelf")
    assert not (place / ".cache").exists()
    assert models.resolve("muniment-page", tmp_path / "models") == place
    assert models.identity(place).startswith("muniment-page@")
    (place / "config.json").write_text("[]")
    with pytest.raises(ModelError, match=r"muniment-page: config.json changed; install muniment again"):
        models.resolve("muniment-page", tmp_path / "models")


def test_a_bundled_name_is_no_folder_of_the_working_directory(made, tmp_path, monkeypatch):
    """Where it was not shipped, what lies about under its name is not taken for it."""
    monkeypatch.setattr(models, "SHELF", tmp_path / "shelf")
    made.rename(tmp_path / "muniment-page")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="not installed: install muniment again"):
        models.resolve("muniment-page", tmp_path / "models")
    assert [model.problem != "" for model in models.bundled()] == [False, True, True]


def test_shipping_again_replaces_and_keeps_the_card(made, tmp_path):
    """Files that are gone from the new export don't stay; a card is written by a person, and stays."""
    (made / "old.bin").write_text("x")
    ship(made, "muniment-page", tmp_path / "shelf")
    (made / "old.bin").unlink()
    (made / "README.md").unlink()
    place = ship(made, "muniment-page", tmp_path / "shelf")
    assert {path.name for path in place.iterdir()} == {
        *("config.json", "README.md", "model.safetensors", "muniment-model.json")
    }


def test_whoever_uses_the_package_may_read_it(made, tmp_path):
    """Weights that were saved for their owner alone are everybody's on the shelf."""
    (made / "model.safetensors").chmod(0o600)
    place = ship(made, "muniment-page", tmp_path / "shelf")
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o644}


def test_a_large_file_of_a_subfolder_counts(made, tmp_path, monkeypatch):
    """The bound is of every file that is committed, wherever it lies."""
    monkeypatch.setattr(shipping, "MOST_FILE", 20)
    (made / "onnx").mkdir()
    (made / "onnx" / "model.onnx").write_text("x" * 20)
    with pytest.raises(SystemExit, match=r"model\.onnx: 20 bytes or more"):
        ship(made, "muniment-page", tmp_path / "shelf")


@pytest.mark.parametrize(
    ("limit", "value", "said"), [("MOST_FILE", 7, "model.safetensors"), ("MOST_ALL", 10, "would take")]
)
def test_too_much_is_not_shipped(made, tmp_path, monkeypatch, limit, value, said):
    """A file, or all of it, over the limits: nothing is put on the shelf."""
    monkeypatch.setattr(shipping, limit, value)
    with pytest.raises(SystemExit, match=said):
        ship(made, "muniment-page", tmp_path / "shelf")
    assert not any((tmp_path / "shelf").iterdir())


def test_a_model_without_a_card_is_not_shipped(made, tmp_path):
    """Nobody should have to guess what it was trained on."""
    (made / "README.md").unlink()
    with pytest.raises(SystemExit, match="no model card"):
        ship(made, "muniment-page", tmp_path / "shelf")
