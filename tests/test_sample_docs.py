"""sample_docs: the committed documents, their ground truth, and the generator that must still agree with both."""

import hashlib
import json
from datetime import date
from pathlib import Path

import pymupdf
import pytest

from sample_docs.generate import build, clean, versions, visible_texts, write_all
from sample_docs.layout import page_text
from sample_docs.spec import load_specs

FOLDER = Path(__file__).parents[1] / "sample_docs"
PDFS = sorted((FOLDER / "inbox").glob("*/*.pdf"))
SPECS = {spec.name: spec for spec in load_specs()}
QUICK = ("estoppel-fax", "cover-letter", "consulting-agreement")
DATES = ("agreement_date", "effective_date", "expiration_date")
ROUTES = {"blank", "text", "local", "frontier"}
KINDS = {"text", "signature", "table", "form", "letter", "handwriting", "blank"}
FIELDS = {
    *("title", "kind", "parties", "renewal_term", "notice_period", "governing_law", "amounts", "obligations"),
    *("reference_numbers", "signatories", "clauses", *DATES),
}
GENERATED_HERE = json.loads((FOLDER / "versions.json").read_text()) == versions()

each_pdf = pytest.mark.parametrize("pdf", PDFS, ids=lambda pdf: pdf.stem)


def truth(pdf: Path) -> dict:
    return json.loads(pdf.with_suffix(".json").read_text("utf-8"))


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_enough_documents_and_pages():
    """At least 12 documents, 60 pages and 25 questions; each file under 3 MB, all under 12 MB."""
    assert len(PDFS) == len(SPECS) >= 12
    assert sum(len(truth(pdf)["pages"]) for pdf in PDFS) >= 60
    assert len((FOLDER / "queries.jsonl").read_text("utf-8").splitlines()) >= 25
    sizes = [pdf.stat().st_size for pdf in PDFS]
    assert max(sizes) < 3_000_000
    assert sum(sizes) < 12_000_000


@each_pdf
def test_truth_belongs_to_the_pdf(pdf):
    """The truth names this file, its matter, its bytes and each of its pages, in the documented words."""
    told = truth(pdf)
    assert (told["document"], told["matter"]) == (pdf.name, pdf.parent.name)
    assert told["sha256"] == hashlib.sha256(pdf.read_bytes()).hexdigest()
    with pymupdf.open(pdf) as document:
        assert [page["page"] for page in told["pages"]] == list(range(1, len(document) + 1))
    assert {page["route"] for page in told["pages"]} <= ROUTES
    assert {page["kind"] for page in told["pages"]} <= KINDS
    assert {field["field"] for field in told["fields"]} <= FIELDS


@each_pdf
def test_quotes_stand_on_the_clean_page(pdf):
    """Each quote is verbatim on its page before scanning, and what is hidden is in no visible text."""
    told, spec = truth(pdf), SPECS[pdf.stem]
    texts = visible_texts(spec, clean(spec))
    assert [page["text"] for page in told["pages"]] == texts
    for field in told["fields"]:
        assert field["quote"] in texts[field["page"] - 1]
    for phrase in told["hidden"]:
        assert all(phrase not in text for text in texts)


@each_pdf
def test_values_are_normalised(pdf):
    """Dates are ISO dates, amounts a currency and a figure with two decimals, raw dates stand in the quote."""
    for field in truth(pdf)["fields"]:
        if field["field"] in DATES:
            date.fromisoformat(field["value"])
            assert field["raw"] in field["quote"]
        if field["field"] == "amounts":
            currency, figure = field["value"].split()
            assert len(currency) == 3
            assert figure == f"{float(figure):.2f}"
            assert field["detail"]["purpose"]


@each_pdf
def test_scans_have_no_honest_text_layer(pdf):
    """A scanned page is one full-page image; the only text over it is the stamp or the garbage put there on purpose."""
    spec, told = SPECS[pdf.stem], truth(pdf)
    overlaid = {mark.page for mark in spec.ink if mark.do in ("received", "garbage")}
    with pymupdf.open(pdf) as document:
        for number, page in enumerate(document, 1):
            layer, visible = page_text(page), told["pages"][number - 1]["text"]
            if spec.page(number).level is None:
                assert visible[:60] in squeezed(layer)
            else:
                assert len(page.get_image_info()) == 1
                assert bool(layer) == (number in overlaid)
                assert not visible or visible[:60] not in layer


def test_hidden_words_are_still_in_the_pdf():
    """The blacked out, white and invisible passages can be copied from the PDF: that is the trap."""
    with pymupdf.open(FOLDER / "inbox" / "novatek" / "consulting-agreement.pdf") as document:
        layer = squeezed(" ".join(page_text(page) for page in document))
    hidden = truth(FOLDER / "inbox" / "novatek" / "consulting-agreement.pdf")["hidden"]
    assert len(hidden) == 3
    assert all(phrase in layer for phrase in hidden)


def test_the_set_shows_every_fault():
    """G4, grey and colour JPEG, born-digital and mixed files, quarter turns and blanks all occur."""
    codecs, mixed, turns, routes = set(), 0, set(), set()
    for pdf in PDFS:
        told = truth(pdf)
        with pymupdf.open(pdf) as document:
            images = [document.get_page_images(page.number) for page in document]
        codecs |= {(image[8], image[5]) for page in images for image in page}
        mixed += 0 < sum(bool(page) for page in images) < len(images)
        turns |= {page["rotation"] for page in told["pages"]}
        routes |= {page["route"] for page in told["pages"]}
    assert codecs == {("CCITTFaxDecode", "DeviceGray"), ("DCTDecode", "DeviceGray"), ("DCTDecode", "DeviceRGB")}
    assert mixed == 1
    assert turns == {0, 90, 180, 270}
    assert routes == ROUTES


def test_one_document_contradicts_itself():
    """The second amendment states two expiration dates on two pages."""
    told = truth(FOLDER / "inbox" / "harbor-logistics" / "amendment-no-2.pdf")
    ends = [(field["page"], field["value"]) for field in told["fields"] if field["field"] == "expiration_date"]
    assert ends == [(1, "2029-03-31"), (3, "2030-03-31")]


def test_questions_name_real_pages():
    """Each question names a document of the set and pages it has, and no page that is blank."""
    kinds = {pdf.name: {page["page"]: page["kind"] for page in truth(pdf)["pages"]} for pdf in PDFS}
    for line in (FOLDER / "queries.jsonl").read_text("utf-8").splitlines():
        question = json.loads(line)
        assert set(question) == {"query", "corpus_query", "document", "gold_pages"}
        assert question["gold_pages"]
        assert all(kinds[question["document"]][page] != "blank" for page in question["gold_pages"])


@pytest.mark.parametrize("name", QUICK)
def test_two_runs_give_the_same_bytes(tmp_path, name):
    """Generating a document twice gives the same bytes: the committed ones, where the versions are the same."""
    files = [tmp_path / "one.pdf", tmp_path / "two.pdf"]
    for file in files:
        build(SPECS[name], file)
    first, second = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    assert first == second
    if GENERATED_HERE:
        assert first == truth(FOLDER / "inbox" / SPECS[name].matter / f"{name}.pdf")["sha256"]


def test_generator_writes_truth_beside_the_pdf(tmp_path):
    """A named document is written with its JSON beside it; an unknown name is an error."""
    write_all(tmp_path, ["purchase-order"])
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert written == ["inbox/harbor-logistics/purchase-order.json", "inbox/harbor-logistics/purchase-order.pdf"]
    with pytest.raises(ValueError, match="no such document: nothing"):
        write_all(tmp_path, ["nothing"])
