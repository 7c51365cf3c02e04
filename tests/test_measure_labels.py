"""The pages whose routes a person chose."""

import json
from collections import Counter

import pytest
from PIL import Image

from infra.measure.corpora import CORPORA, names
from infra.measure.labels import LABELS, golden_line, in_inbox, labelled, samples
from pipeline.evaluate.goldenset import golden_documents
from pipeline.types import Route

FILES = sorted(LABELS.glob("*.jsonl"))
HALVES = ("tuning", "reporting")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_label_is_a_route_with_its_reason_in_one_word(file):
    """Every document is in one half of its corpus, once; every page has a known route and one word."""
    told = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    halves = Counter(name for half in HALVES for name in names(file.stem, half))
    assert all(halves[entry["document"]] == 1 for entry in told)
    assert len({entry["document"] for entry in told}) == len(told)
    for entry in told:
        assert set(entry["routes"].values()) <= set(Route)
        assert entry["routes"].keys() == entry["why"].keys()
        assert all(word and " " not in word for word in entry["why"].values())


def test_the_guide_counts_the_pages_right():
    """The README of the labels names the number of pages there are."""
    lines = [line for file in FILES for line in file.read_text("utf-8").splitlines()]
    pages = sum(len(json.loads(line)["routes"]) for line in lines)
    assert (LABELS / "README.md").read_text("utf-8").count(f"{pages} pages") == 1


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not here")
def test_labelled_documents_are_put_into_the_inbox_as_pdfs(tmp_path):
    """The half lies there with all its documents, and as a golden set that is understood."""
    documents = labelled("tuning", tmp_path)
    assert len(documents) > 30
    assert all(b"%PDF-" in one.pdf.read_bytes()[:1024] for one in documents)
    golden = golden_documents(map(golden_line, documents))
    assert [dict(one.routes) for one in golden] == [dict(one.routes) for one in documents]


def test_an_image_becomes_a_page_of_its_own_size(tmp_path):
    """Its resolution is kept, so that the page is as large as the paper was."""
    import pymupdf

    scan = tmp_path / "scan.png"
    Image.new("L", (850, 1100), 255).save(scan, dpi=(100, 100))
    pdf = in_inbox(scan, tmp_path / "inbox")
    assert pdf.name == "scan.png.pdf"
    with pymupdf.open(pdf) as document:
        assert [round(document[0].rect.width), round(document[0].rect.height)] == [612, 792]


def test_the_sample_pages():
    """All 62, with routes of every kind."""
    routes = Counter(route for document in samples() for route in document.routes.values())
    assert sum(routes.values()) == 62
    assert set(routes) == set(Route)
