"""Which words a page is read as, where they come from, and what is said about it."""

import io
import zlib
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from pipeline.backends.ocr import read_words
from pipeline.errors import UsageError
from pipeline.read import ReadJob, read_page
from pipeline.render import RenderJob, render_page
from pipeline.types import TextSource
from pipeline.workers import WorkerPool

CORPORA = Path(__file__).parents[1].parent / "shared" / "corpora"
LINES = (
    "This Agreement is made by and between the parties hereto, who agree that the Supplier",
    "shall deliver the goods described in Schedule A within thirty days after each order,",
    "and that the Buyer shall pay USD 12,500 by the last day of the month of delivery.",
    "Either party may terminate this Agreement by giving ninety days written notice.",
)
FRENCH = (
    "Le présent contrat est conclu entre les parties désignées ci-après, qui conviennent",
    "que le fournisseur livrera les marchandises dans un délai de trente jours suivant",
    "chaque commande, et que l'acheteur paiera le prix au plus tard le dernier jour du mois.",
)


def typed(lines=LINES, font="tiro"):
    """A born-digital page."""
    document = pymupdf.open()
    page = document.new_page(width=480, height=360)
    for row, line in enumerate(lines):
        page.insert_text((50, 60 + row * 18), line, fontsize=10, fontname=font)
    return document


def picture(document, dpi=150, lossless=False):
    """What the first page looks like, as an image file."""
    pixmap = document[0].get_pixmap(dpi=dpi, colorspace="gray")
    image = Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if lossless else "JPEG")
    return buffer.getvalue()


def scanned(lines=LINES):
    """A scan: a page that is only pixels."""
    document = pymupdf.open()
    page = document.new_page(width=480, height=360)
    page.insert_image(page.rect, stream=picture(typed(lines)))
    return document


@pytest.fixture
def read(tmp_path):
    def run(document, **options):
        path = tmp_path / "document.pdf"
        document.save(path)
        image = render_page(RenderJob(path, 1, tmp_path / "store"))
        return read_page(ReadJob(path, image, tmp_path / "store", **options))

    return run


def texts(text):
    return [word.text for word in text.words]


def recall(text, lines=LINES):
    wanted = " ".join(lines).split()
    return sum(word in texts(text) for word in wanted) / len(wanted)


def test_a_trustworthy_layer_is_used_word_by_word(read):
    """Born-digital text comes from the PDF, in order, confirmed by OCR of a few lines."""
    text = read(typed())
    assert (text.source, text.layer) == (TextSource.LAYER, "trusted")
    assert text.text.splitlines() == list(LINES)
    assert text.confidence == 1.0
    assert text.agreement > 0.9
    assert (text.hidden, text.notes) == (0, ())
    assert text.language == "en"
    assert text.unread_ink < 0.02


def test_a_scan_is_read_by_ocr(read):
    """Pixels are read with boxes, confidences below one, and line numbers in reading order."""
    text = read(scanned())
    assert (text.source, text.layer) == (TextSource.OCR, "none")
    assert recall(text) > 0.95
    assert 0.8 < text.confidence < 1.0
    assert [word.line for word in text.words] == sorted(word.line for word in text.words)
    assert len({word.line for word in text.words}) == len(LINES)
    assert all(0 <= w.box.left < w.box.right <= 1 and 0 <= w.box.top < w.box.bottom <= 1 for w in text.words)
    assert text.agreement is None


def test_a_blank_page_has_no_words(read):
    """Nothing there, nothing read, nothing said."""
    document = pymupdf.open()
    document.new_page()
    text = read(document)
    assert (text.words, text.source, text.unread_ink, text.notes) == ((), TextSource.NONE, 0.0, ())


def test_an_invisible_layer_is_never_believed(read):
    """A scanner's hidden OCR layer that says something else than the page: the page is read."""
    document = scanned()
    document[0].insert_text((50, 60), "This Contract was never signed by anybody", fontsize=10, render_mode=3)
    text = read(document)
    assert (text.source, text.layer, text.hidden) == (TextSource.OCR, "invisible", 7)
    assert "never" not in texts(text)
    assert recall(text) > 0.95
    assert "7 words of the text layer can't be seen" in text.notes[0]


def test_a_stamp_over_a_scan_is_a_thin_layer(read):
    """A live "received" stamp doesn't pass for the page's text: OCR reads the rest, the stamp stays exact."""
    document = scanned()
    document[0].insert_text((300, 330), "RECEIVED 03/14/2019", fontsize=12)
    text = read(document)
    assert (text.source, text.layer) == (TextSource.OCR, "thin")
    assert texts(text)[:2] == ["RECEIVED", "03/14/2019"]
    assert recall(text) > 0.9
    assert texts(text).count("RECEIVED") == 1


def test_a_scan_pasted_into_a_typed_page_is_read_too(read):
    """Live text and the words of an image beside it come together, the live ones exact."""
    document = typed()
    clause = ("Governing law is that of the State of Delaware", "and the courts of Wilmington have jurisdiction")
    document[0].insert_image(pymupdf.Rect(0, 150, 480, 510), stream=picture(typed(clause)))
    text = read(document)
    assert (text.source, text.layer) == (TextSource.LAYER, "trusted")
    assert recall(text) == 1.0
    assert {"Delaware", "Wilmington", "jurisdiction"} <= set(texts(text))
    assert "OCR added" in text.notes[0]


def test_a_font_that_lies_about_its_letters_is_found_out(read):
    """ToUnicode maps what looks like one letter to another: the layer is garbage, OCR is used."""
    document = typed()
    page = document[0]
    font = page.get_fonts()[0][0]
    pairs = "".join(f"<{ord(c):02x}> <{ord(c) + 1:04x}>\n" for c in "abcdefghijklmnopqrstuvwxy")
    cmap = document.get_new_xref()
    document.update_object(cmap, "<<>>")
    document.update_stream(
        cmap,
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <ff> endcodespacerange\n25 beginbfchar\n" + pairs.encode() + b"endbfchar\n"
        b"endcmap end end",
    )
    document.xref_set_key(font, "ToUnicode", f"{cmap} 0 R")
    text = read(document)
    assert (text.source, text.layer) == (TextSource.OCR, "garbage")
    assert text.agreement < 0.4
    assert recall(text) > 0.9
    assert "does not say what the page shows" in text.notes[0]


def test_characters_that_stand_for_nothing_make_a_layer_garbage(read):
    """A layer of replacement characters is recognised without being read."""
    document = typed()
    font = document[0].get_fonts()[0][0]
    cmap = document.get_new_xref()
    document.update_object(cmap, "<<>>")
    document.update_stream(
        cmap,
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <ff> endcodespacerange\n"
        b"1 beginbfrange <21> <7e> <e021> endbfrange\nendcmap end end",
    )
    document.xref_set_key(font, "ToUnicode", f"{cmap} 0 R")
    text = read(document)
    assert (text.source, text.layer) == (TextSource.OCR, "garbage")
    assert recall(text) > 0.9


def test_a_page_cut_short_says_so(read):
    """A page whose content ends in the middle keeps the words it has, with a note that others may be missing."""
    document = typed(LINES * 4)
    page = document[0]
    page.clean_contents()
    (content,) = page.get_contents()
    packed = zlib.compress(document.xref_stream(content))
    document.update_stream(content, packed[:-40], compress=False)
    document.xref_set_key(content, "Filter", "/FlateDecode")
    text = read(document)
    assert text.words
    assert any("could not be drawn" in note for note in text.notes)
    assert not any("could not be drawn" in note for note in read(typed()).notes)


def test_words_under_a_mark_are_neither_read_nor_kept(read):
    """A passage blacked out over live text is gone from the words, and OCR doesn't bring it back."""
    document = typed()
    box = document[0].search_for("USD 12,500")[0]
    document[0].draw_rect(box, fill=(0, 0, 0))
    text = read(document)
    assert text.hidden == 2
    assert not {"USD", "12,500"} & set(texts(text))
    assert "Supplier" in texts(text)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_layer_words_stand_on_the_upright_image(read, rotate):
    """Whatever /Rotate says, boxes are fractions of the upright image."""
    document = typed()
    document[0].set_rotation(rotate)
    text = read(document)
    first, last = text.words[0].box, text.words[-1].box
    assert text.layer == "trusted"
    assert first.left == pytest.approx(50 / 480, abs=0.01)
    assert first.bottom == pytest.approx(62 / 360, abs=0.02)
    assert last.top > first.bottom
    assert last.right - last.left > 0.05


def test_another_language_is_named(read):
    """A French page says so beside the configured language; setting both silences it."""
    text = read(typed(FRENCH))
    assert text.language == "fr"
    assert text.notes == ("page is in French (fr); the configured language is eng",)


def test_another_script_is_named(read):
    """Letters that Tesseract's English can't know: the page's script is looked at and named."""
    russian = "Настоящий договор заключён между сторонами на следующих условиях и вступает в силу"
    document = pymupdf.open()
    page = document.new_page(width=480, height=360)
    writer = pymupdf.TextWriter(page.rect)
    for row in range(14):
        writer.append((40, 60 + row * 18), russian[:62], font=pymupdf.Font("cjk"), fontsize=12)
    writer.write_text(page)
    scan = pymupdf.open()
    scan.new_page(width=480, height=360).insert_image(page.rect, stream=picture(document, 200))
    text = read(scan)
    assert text.script == "Cyrillic"
    assert "page looks to be in Cyrillic script; the configured language is eng" in text.notes


def test_text_in_a_script_that_ocr_cannot_check_is_kept(read):
    """A Cyrillic layer can't be compared with English OCR: that is no reason to throw it away."""
    russian = "Настоящий договор заключён между сторонами на следующих условиях"
    document = pymupdf.open()
    page = document.new_page(width=480, height=360)
    writer = pymupdf.TextWriter(page.rect)
    writer.append((40, 60), russian, font=pymupdf.Font("cjk"), fontsize=11)
    writer.write_text(page)
    text = read(document)
    assert (text.source, text.layer, text.agreement) == (TextSource.LAYER, "trusted", None)
    assert texts(text) == russian.split()


def test_ink_that_no_word_covers_is_measured(read):
    """A drawing beside the text counts as unread ink."""
    document = typed()
    for step in range(20):
        document[0].draw_line((100 + step * 8, 200), (110 + step * 8, 330), width=1.5)
    assert read(document).unread_ink > 0.3


def worn(fade, shade, grain, dpi=150):
    """A scan of faint print under uneven light, with grain."""
    pixmap = typed(LINES * 3)[0].get_pixmap(dpi=dpi, colorspace="gray")
    level = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width).astype(float)
    light = np.linspace(1 - shade, 1.0, pixmap.width)[None, :] * np.linspace(1.0, 1 - shade / 2, pixmap.height)[:, None]
    level = (255 - (255 - level) * fade) * light + np.random.default_rng(1).normal(0, grain, level.shape)
    return Image.fromarray(np.clip(level, 0, 255).astype(np.uint8))


def page_of(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    document = pymupdf.open()
    document.new_page(width=480, height=360).insert_image(pymupdf.Rect(0, 0, 480, 360), stream=buffer.getvalue())
    return document


def test_shaded_paper_is_evened_out_before_it_is_read(read):
    """Faint print under uneven light: the words are found that Tesseract alone would miss."""
    image = worn(fade=0.45, shade=0.5, grain=9)
    plain = [word.text for word in read_words(image, 150, "eng", None)]
    text = read(page_of(image))
    assert recall(text) > 0.9
    assert sum(map(len, plain)) < 0.8 * sum(map(len, texts(text)))


def test_an_unsure_read_is_repeated_on_the_cleaned_page(read):
    """Grain on white paper: the second read is kept where it is better, and the notes say so."""
    text = read(page_of(worn(fade=0.35, shade=0.0, grain=20)))
    assert text.notes == (
        "read again, cleaned otherwise, because the first read was unsure; the surer words were kept",
    )
    assert recall(text) > 0.5


def test_a_missing_language_names_the_setting(read):
    """Tesseract without its data is a usage error that says which setting and what to do."""
    with pytest.raises(UsageError, match="MUNIMENT_LANGUAGE=xyz"):
        read(scanned(), language="xyz")


def test_a_configured_folder_without_data_names_the_setting(read, tmp_path):
    """MUNIMENT_TESSDATA wins over the installed packages, and is named when it is wrong."""
    with pytest.raises(UsageError, match="MUNIMENT_TESSDATA"):
        read(scanned(), tessdata=tmp_path)


def test_pages_are_read_in_workers(tmp_path):
    """Render and read run one after the other in the same small worker."""
    path = tmp_path / "document.pdf"
    scanned().save(path)
    with WorkerPool(1, memory_mb=1024, tasks_per_worker=10) as pool:
        [(_, image)] = pool.run(render_page, [RenderJob(path, 1, tmp_path / "store")], seconds=60)
        [(_, text)] = pool.run(read_page, [ReadJob(path, image, tmp_path / "store")], seconds=60)
    assert recall(text) > 0.95


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the shared corpora are not here")
def test_a_real_filing_with_a_received_stamp_is_read_by_ocr(tmp_path):
    """vrdu_fara: a hidden layer on page 1 of a real scan is not used; the typed words of the form are read."""
    path = CORPORA / "vrdu_fara" / "pdf" / "fara-011.pdf"
    image = render_page(RenderJob(path, 1, tmp_path))
    text = read_page(ReadJob(path, image, tmp_path))
    assert text.source is TextSource.OCR
    assert text.hidden > 100
    assert {"Dissemination", "propaganda", "Georgia"} <= set(texts(text))
