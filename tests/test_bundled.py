"""The bundled page models as they are shipped: found by name, held to their record, and at work on a real page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest

import sample_docs
from pipeline.backends.colpali import ColPaliEmbedder
from pipeline.backends.protocols import PageInput
from pipeline.backends.vlm import VlmClassifier
from pipeline.errors import ModelError
from pipeline.models import BUNDLED, SHELF, bundled, resolve
from pipeline.questions import QUESTIONS
from pipeline.types import Affine, PageImage, PageText, TextSource

LEASE = Path(sample_docs.__file__).parent / "inbox" / "acme-lease" / "office-lease.pdf"
MOST = 60_000_000  # bytes of all bundled files


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> list[Path]:
    """Two scanned pages of the lease, and the first of them upside down."""
    folder, made = tmp_path_factory.mktemp("pages"), []
    with pymupdf.open(LEASE) as pdf:
        for number, turn in ((1, 0), (3, 0), (1, 180)):
            page = pdf[number]
            page.set_rotation((page.rotation + turn) % 360)
            made.append(folder / f"{number}-{turn}.png")
            page.get_pixmap(dpi=100).save(made[-1])
    return made


def drawn(folder: Path, name: str, count: int) -> list[Path]:
    """The first pages of a sample document."""
    made = [folder / f"{Path(name).name}-{number}.png" for number in range(count)]
    with pymupdf.open(LEASE.parents[1] / f"{name}.pdf") as pdf:
        for page, path in zip(pdf, made, strict=False):
            page.get_pixmap(dpi=100).save(path)
    return made


def given(path: Path) -> PageInput:
    image = PageImage(1, "0" * 64, "image/png", 850, 1100, 100, Affine())
    return PageInput(image, path, PageText(1, (), TextSource.OCR))


def test_they_are_listed_whole():
    """Name, parameters and hash, without a problem, and no more bytes than a package may carry."""
    listed = {model.name: model for model in bundled()}
    for name in BUNDLED:
        model = listed[name]
        assert (model.source, model.problem) == ("bundled", "")
        assert model.parameters > 900_000
        assert len(model.sha256) == 64
        assert (SHELF / name / "README.md").read_text("utf-8").startswith(f"# {name}")
    assert sum(path.stat().st_size for path in SHELF.rglob("*")) < MOST


def test_the_triage_model_tells_up_from_down(pages, tmp_path):
    """Every question is answered with a probability; a page and the same page upside down are told apart."""
    model = VlmClassifier(resolve("muniment-triage", tmp_path))
    upright, _, turned = model.classify([given(path) for path in pages])
    assert set(upright.answers) == {question.name for question in QUESTIONS}
    assert all(0 < answer.probability <= 1 for answer in upright.answers.values())
    assert upright.answers["rotation"].label == "0"
    assert turned.answers["rotation"].label == "180"


def test_the_triage_model_finds_tables(tmp_path):
    """Schedule, invoice and order are told to hold dense tables, and each ranks above every page of running prose."""
    tables = drawn(tmp_path, "harbor-logistics/fee-schedule", 2) + drawn(tmp_path, "harbor-logistics/invoice", 1)
    tables += drawn(tmp_path, "harbor-logistics/purchase-order", 1)
    prose = drawn(tmp_path, "novatek/consulting-agreement", 4) + drawn(tmp_path, "novatek/mutual-nda", 3)
    model = VlmClassifier(resolve("muniment-triage", tmp_path))
    answers = [verdict.answers["table"] for verdict in model.classify([given(path) for path in tables + prose])]
    assert [answer.label for answer in answers] == ["dense"] * len(tables) + ["no"] * len(prose)
    held = [answer.probability if answer.label != "no" else 1 - answer.probability for answer in answers]
    assert min(held[: len(tables)]) > 0.9 > max(held[len(tables) :])


def test_the_page_model_makes_multivectors(pages, tmp_path):
    """Unit rows of 128 a page, a row a piece of the question, and a page is nearer to itself than to another."""
    model = ColPaliEmbedder(resolve("muniment-page", tmp_path))
    first, second = model.embed_pages(pages[:2])
    assert first.shape[1] == model.embed_query("notice of termination").shape[1] == 128
    assert len(first) <= 1_100
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-3)
    assert (first @ first.T).max(axis=1).sum() > (first @ second.T).max(axis=1).sum()


@pytest.mark.parametrize(
    "blocks", [[{"foo": 1}], [7], [{"channels": "x"}], [{"channels": 8, "stride": [0, 0]}]], ids=str
)
@pytest.mark.parametrize(("name", "loaded"), [("muniment-triage", VlmClassifier), ("muniment-page", ColPaliEmbedder)])
def test_a_tower_of_nonsense_is_refused(name: str, loaded: Any, blocks: list[Any], tmp_path) -> None:
    """A config that is not of this tower is the model's fault by name, and no document's."""
    folder = shutil.copytree(SHELF / name, tmp_path / name)
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["blocks"] = blocks
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=name):
        loaded(folder)
