"""Reading a corpus: what needs OCR, and what is remembered."""

from __future__ import annotations

import pytest
from pdfs import AGREEMENT, LEASE, born_digital, scanned
from PIL import Image

from infra.measure import words
from infra.measure.words import pdf_of, read_pdf


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Nothing is remembered from elsewhere."""
    monkeypatch.setattr(words, "CACHE", tmp_path / "cache")


def test_a_page_of_text_is_read_from_its_layer_and_remembered(tmp_path, monkeypatch) -> None:
    """No OCR where nothing asks for it; the second time nothing is read at all."""
    monkeypatch.setattr("infra.measure.words.CACHE", tmp_path / "cache")
    monkeypatch.setattr("infra.measure.words.read_page", lambda _: pytest.fail("a page of text needs no OCR"))
    pdf = tmp_path / "a.pdf"
    born_digital(pdf, AGREEMENT)
    pages = read_pdf(pdf)
    assert " ".join(pages[0].text.text.split()).startswith(" ".join(AGREEMENT.split())[:20])
    monkeypatch.setattr("infra.measure.words.open_pdf", lambda _: pytest.fail("it was read before"))
    assert read_pdf(pdf) == pages


def test_a_scan_goes_the_whole_way(tmp_path) -> None:
    """A page that is a picture is read by OCR, with the confidence that it has."""
    scanned(tmp_path / "b.pdf", LEASE)
    (page,) = read_pdf(tmp_path / "b.pdf")
    assert page.text.source == "ocr"
    assert "kangaroo" in page.text.text
    assert page.text.confidence < 1


def test_an_image_becomes_a_pdf(tmp_path, monkeypatch) -> None:
    """A corpus of JPEGs is read as PDFs of the same name; a PDF is taken where it lies."""
    monkeypatch.setattr(words, "CORPORA", tmp_path)
    (tmp_path / "sroie" / "img").mkdir(parents=True)
    Image.new("RGB", (300, 500), "white").save(tmp_path / "sroie" / "img" / "1.jpg")
    assert pdf_of("sroie", "1.jpg").read_bytes().startswith(b"%PDF")
    assert pdf_of("cuad", "c.pdf") == tmp_path / "cuad" / "pdf" / "c.pdf"
