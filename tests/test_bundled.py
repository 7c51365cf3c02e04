"""The bundled page models as they are shipped: found by name, held to their record, and at work on a real page."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest
import torch

import sample_docs
from pipeline import stages
from pipeline.backends.colpali import ColPaliEmbedder
from pipeline.backends.protocols import PageInput, PageQuery
from pipeline.backends.vlm import VlmClassifier
from pipeline.errors import ModelError
from pipeline.intake import discover, take
from pipeline.models import BUNDLED, SHELF, bundled, resolve
from pipeline.questions import QUESTIONS
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.types import Affine, PageImage, PageText, SearchFilter, TextSource
from pipeline.wiring import open_tools

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


def drawn(folder: Path, name: str, count: int, dpi: int = 100) -> list[Path]:
    """The first pages of a sample document."""
    made = [folder / f"{Path(name).name}-{number}.png" for number in range(count)]
    with pymupdf.open(LEASE.parents[1] / f"{name}.pdf") as pdf:
        for page, path in zip(pdf, made, strict=False):
            page.get_pixmap(dpi=dpi).save(path)
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
    """It is heard on which way is up, and on that alone; a page and the same page upside down are told apart."""
    model = VlmClassifier(resolve("muniment-triage", tmp_path))
    upright, _, turned = model.classify([given(path) for path in pages])
    assert set(upright.answers) == set(model.heard) == {"rotation"}
    assert upright.answers["rotation"].label == "0"
    assert turned.answers["rotation"].label == "180"
    assert min(each.answers["rotation"].probability for each in (upright, turned)) > 0.9


def shares(model: VlmClassifier, images: list[Path], name: str) -> np.ndarray:
    """The probabilities of a question's labels, heard or not, (pages, labels)."""
    at = [question.name for question in QUESTIONS].index(name)
    return np.array([torch.softmax(row[at], 0).tolist() for row in model.logits(images)])


def test_the_triage_model_finds_tables(tmp_path):
    """A schedule is told to hold a dense table, and it, invoice and order rank above every page of running prose."""
    tables = drawn(tmp_path, "harbor-logistics/fee-schedule", 2) + drawn(tmp_path, "harbor-logistics/invoice", 1)
    tables += drawn(tmp_path, "harbor-logistics/purchase-order", 1)
    prose = drawn(tmp_path, "novatek/consulting-agreement", 4) + drawn(tmp_path, "novatek/mutual-nda", 3)
    found = shares(VlmClassifier(resolve("muniment-triage", tmp_path)), tables + prose, "table")
    assert found[:2].argmax(1).tolist() == [2, 2]
    assert found[len(tables) :].argmax(1).tolist() == [0] * len(prose)
    assert (1 - found[: len(tables), 0]).min() > 10 * (1 - found[len(tables) :, 0]).max()


def test_the_triage_model_finds_a_handwritten_page(tmp_path):
    """Notes written by hand rank above every page of print."""
    notes = drawn(tmp_path, "acme-lease/site-walk-notes", 1)
    prose = drawn(tmp_path, "novatek/consulting-agreement", 4) + drawn(tmp_path, "novatek/mutual-nda", 3)
    written, *printed = shares(VlmClassifier(resolve("muniment-triage", tmp_path)), notes + prose, "handwriting")[:, 0]
    assert written > 0.5 > max(printed)


@pytest.mark.parametrize("turn", [180, 270])  # turned by 90 Tesseract reads it as it lies
def test_by_default_a_page_that_its_letters_put_upright_wrongly_is_mended(home, turn, monkeypatch, tmp_path):
    """A signature page, scanned turned: its letters leave it as it lies, OCR reads nonsense, the bundled model sees how
    it lies, and the second read proves it. The next walk asks nobody."""
    monkeypatch.delenv("MUNIMENT_TRIAGE_MODEL")
    path = tmp_path / "acme" / "signed.pdf"
    path.parent.mkdir()
    signed = LEASE.parents[1] / "harbor-logistics" / "statement-of-work-3.pdf"
    with pymupdf.open(signed) as source, pymupdf.open() as scan:
        source[3].set_rotation((source[3].rotation + turn) % 360)
        picture = source[3].get_pixmap(dpi=120, colorspace="gray")
        page = scan.new_page(width=picture.width * 72 / 120, height=picture.height * 72 / 120)
        page.insert_image(page.rect, pixmap=picture)
        scan.save(path)
    with open_tools(load_settings(workers=1)) as tools:
        [incoming] = discover([path.parent], None, "default")
        document, _ = take(incoming, tools.store, tools.catalog, max_file_mb=10)
        work = stages.Work(document, tools)
        lying = stages.render(work, stages.inspect(work))
        images, texts = stages.turn(work, lying, stages.read(work, lying))
        assert (lying[1].rotation, images[1].rotation) == (0, 360 - turn)
        assert texts[1].confidence > 0.85
        assert stages.render(work, stages.inspect(work)) == images


def test_the_page_model_makes_multivectors(pages, tmp_path):
    """Unit rows of 128 a page, a row a piece of the question, and a page is nearer to itself than to another."""
    model = ColPaliEmbedder(resolve("muniment-page", tmp_path))
    first, second = model.embed_pages(pages[:2])
    assert first.shape[1] == model.embed_query("notice of termination").shape[1] == 128
    assert len(first) <= 1_100
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-3)
    assert (first @ first.T).max(axis=1).sum() > (first @ second.T).max(axis=1).sum()


def test_pages_side_by_side_are_as_each_alone(pages, tmp_path):
    """Pages shared out to the cores come in order, with the rows that each has by itself; a question asked meanwhile
    has the rows it always has, and what torch computes on afterwards is what it was."""
    # float32: the threads asked for below never come under the tests' OMP_THREAD_LIMIT, and bfloat16 then gives NaN
    model = ColPaliEmbedder(resolve("muniment-page", tmp_path), device="cpu", dtype="float32")
    kept = torch.get_num_threads()
    alone = [model.embed_pages([page])[0] for page in pages]
    asked = model.embed_query("notice of termination")
    torch.set_num_threads(3)  # as many pages at once, however many cores there are
    try:
        with ThreadPoolExecutor(1) as beside:
            together = beside.submit(model.embed_pages, pages)
            meanwhile = [model.embed_query("notice of termination") for _ in range(20)]
            rows = together.result()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(kept)
    for one, other in zip(alone, rows, strict=True):
        assert one.shape == other.shape
        assert (one * other).sum(axis=1).min() > 0.999
    assert all(np.allclose(asked, each, atol=1e-4) for each in meanwhile)


def test_the_page_model_ranks_the_page_that_a_phrase_stands_on(tmp_path):
    """Phrases of ten words, asked of eight pages of two documents by their images alone: half find their page first,
    by chance one in eight would, and nearly all among the first four."""
    names = {"novatek/consulting-agreement": 6, "harbor-logistics/fee-schedule": 2}
    images = [image for name, count in names.items() for image in drawn(tmp_path, name, count, dpi=150)]
    model = ColPaliEmbedder(resolve("muniment-page", tmp_path))
    pages = model.embed_pages(images)
    ranks = []
    with pymupdf.open(LEASE.parents[1] / "novatek" / "consulting-agreement.pdf") as pdf:
        for at, page in enumerate(pdf):
            words = page.get_text().split()
            for start in range(10, len(words) - 10, 40):
                query = model.embed_query(" ".join(words[start : start + 10]))
                scores = np.array([(query @ rows.T).max(1).sum() for rows in pages])
                ranks.append(int((scores > scores[at]).sum()))
    assert np.mean(np.array(ranks) == 0) > 0.5
    assert np.mean(np.array(ranks) < 4) > 0.9


def test_a_scan_is_found_by_its_image(home):
    """A fax of two pages, ingested with the page model named: its images are in the index at once, the right one of
    them comes first for what is read on it, and no word had to be read for that."""
    with open_tools(load_settings(workers=1, page_model="muniment-page")) as tools:
        report = ingest_paths([LEASE.with_name("estoppel-fax.pdf")], "acme", tools)
        assert tools.index.count() == 2
        assert "page images put off to the night" not in report.totals
        for phrase, page in (("refinancing One Pemberton Square", 1), ("the landlord holds a security deposit", 2)):
            asked = PageQuery(image=tools.page_embedder.embed_query(phrase))
            assert [hit.page for hit in tools.index.search(asked, SearchFilter(), 2)] == [page, 3 - page]


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
