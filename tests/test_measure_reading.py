"""Measuring reading: the counts, the scanned copies, the transcripts and plain Tesseract."""

from __future__ import annotations

import numpy as np
import pymupdf
import pytest
from PIL import Image

from infra.measure import scans, transcripts
from infra.measure.plain import plain_pages, plain_words
from infra.measure.reading import characters, compare, measure, word_bag
from infra.measure.transcripts import Transcript
from tests.pdfs import scanned

TEXT = "This Agreement is made between Harbor Logistics and Acme Holdings."


def test_words_are_runs_of_letters_and_digits_without_case():
    """Signs part words and case does not count."""
    assert word_bag("Sub-lease of 1,000 SQ_FT; sub") == {
        "sub": 2, "lease": 1, "of": 1, "1": 1, "000": 1, "sq": 1, "ft": 1,
    }  # fmt: skip


def test_characters_are_compared_without_the_printer_s_signs():
    """Typographic quotes, dashes, ligatures and line ends are no errors; order is, unless it means nothing."""
    assert characters("“oﬃce”\n –  x") == '"office" - x'
    assert characters("b a", ordered=False) == characters("a b", ordered=False)


def test_counts_are_edits_and_shared_words():
    """Each word of the truth is found once at most, and what was said too much lowers precision."""
    counts = compare("the lessee lessee pays", "The Lessee pays rent")
    assert (counts.found, counts.words, counts.said) == (3, 4, 4)
    assert counts.characters == len("The Lessee pays rent")
    assert compare("rent", "rent").edits == 0


def test_both_readings_find_the_words_of_a_clean_scan(tmp_path):
    """A clean scan is read without an error by the product and by plain Tesseract."""
    page = Transcript("a.pdf", scanned(tmp_path / "a.pdf", TEXT, dpi=200), TEXT)
    for counts in measure(page, ordered=True):
        assert (counts.edits, counts.found) == (0, counts.words)


def test_plain_words_have_their_boxes_and_confidences(tmp_path):
    """Boxes are fractions of the image and confidences shares."""
    ((words, confidence),) = plain_pages(scanned(tmp_path / "a.pdf", TEXT, dpi=200))
    assert [word.text for word in words] == TEXT.split()
    assert all(0 < word.box.left < word.box.right < 1 for word in words)
    assert 0.8 < confidence <= 1


def test_a_page_without_ink_has_no_words():
    """An empty image gives no words and no error."""
    assert plain_words(Image.new("L", (400, 300), 255), 200) == ()


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """A corpus of one contract and one form of the names that the halves know."""
    for module in (scans, transcripts):
        monkeypatch.setattr(module, "CORPORA", tmp_path)
        monkeypatch.setattr(module, "names", lambda corpus, half: ("a.pdf",) if corpus == "cuad" else ("f.png",))
    (tmp_path / "cuad" / "pdf").mkdir(parents=True)
    with pymupdf.open() as document:
        document.new_page().insert_textbox((72, 72, 500, 700), f"{TEXT} " * 12)
        document.new_page().insert_text((72, 72), "Signatures")
        document.save(tmp_path / "cuad" / "pdf" / "a.pdf")
    return tmp_path


def test_copies_keep_their_names_and_are_the_same_every_time(corpus):
    """A document's seed follows from its name; what is there is left alone."""
    first, second = (scans.copies("cuad", "harsh", corpus / out, ("tuning",)) for out in ("x", "y"))
    assert [path.name for path in first] == ["a.pdf"]
    assert first[0].read_bytes() == second[0].read_bytes()
    written = first[0].stat().st_mtime_ns
    assert scans.copies("cuad", "harsh", corpus / "x", ("tuning",)) == first
    assert first[0].stat().st_mtime_ns == written


def test_a_contract_s_transcript_is_its_text_layer(corpus):
    """Only pages with enough words are drawn, as scans without a layer."""
    (page,) = transcripts.transcripts("cuad-light", "tuning", corpus / "out", pages=5)
    assert word_bag(page.text)["agreement"] == 12
    with pymupdf.open(page.pdf) as document:
        assert [one.get_text() for one in document] == [""]


def test_a_form_s_transcript_is_its_annotated_words(corpus):
    """The image becomes a page of a letter's height."""
    folder = corpus / "funsd"
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    Image.fromarray(np.full((1000, 770), 255, np.uint8)).save(folder / "images" / "f.png")
    (folder / "annotations" / "f.json").write_text('{"form": [{"words": [{"text": "Date:"}, {"text": "May"}]}]}')
    (page,) = transcripts.transcripts("funsd", "tuning", corpus / "out")
    assert page.text == "Date: May"
    with pymupdf.open(page.pdf) as document:
        assert document[0].rect.height == pytest.approx(792, abs=1)
