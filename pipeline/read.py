"""The words a reader can see on a page: the PDF's own where they can be trusted, else OCR.

Runs in a worker. A text layer is never believed unseen: what no reader can see is dropped first
(`pipeline.visible`), then a few of its lines are read by OCR too, because a font may map its glyphs to
other letters than it shows. What ink the layer leaves unread (a scan pasted into a page, a stamp) is
read by OCR and joins it. An invisible layer, which scanners put under a page, is never used: it can say
what the page does not show, and our own OCR says with which confidence it read what.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline import language, pixels, strokes
from pipeline.agreement import agreement, legible, spot_lines
from pipeline.backends import ocr
from pipeline.pdf import load_page, open_pdf
from pipeline.reread import surer_words
from pipeline.store import Store
from pipeline.types import Affine, Box, PageImage, PageText, TextSource, Word
from pipeline.visible import Layer, visible_layer

if TYPE_CHECKING:
    from PIL.Image import Image

    from pipeline.pixels import Mask, Small

__all__ = ["ReadJob", "read_page", "worth"]

LayerState = Literal["none", "trusted", "thin", "garbage", "invisible"]

SURE = 0.9  # mean confidence under which a page is read again, cleaned otherwise; clean scans have 0.91 and more
UNSURE = 0.75  # mean confidence under which a cleaned page is read as it was scanned, too
POOR = 0.6  # mean confidence under which the script is looked at
LEFT_OVER = 0.10  # share of the ink that a trusted layer may leave unread without OCR looking at it
THIN = 0.5  # share of the ink outside the layer from which the page is taken for a scan
DUST = 1e-4  # share of the page that is ink, under which there is nothing to read
MOST_BAD = 0.3  # share of words without legible letters from which the rest isn't believed either
EXTRA_CONFIDENCE = 0.7  # words that OCR adds to a trusted layer must be this sure: a logo reads as letters, too
DAMAGED = "part of the page could not be drawn, because its content is damaged: words may be missing"
AGAIN = "read again, cleaned otherwise, because the first read was unsure; the surer words were kept"
AGREE = 0.6  # share of the words on a few lines that OCR must see too for the layer to be believed


@dataclass(frozen=True, slots=True)
class ReadJob:
    """One page to read. `language` is Tesseract's ("eng", "eng+deu"); `tessdata` its folder or None."""

    pdf: Path
    image: PageImage
    store: Path
    language: str = "eng"
    tessdata: Path | None = None


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The page at hand: its upright image, the small copy the measurements use, the ink that may be writing
    (all but ruling lines), and how to read it."""

    image: Image
    dpi: float
    small: Small
    ink: Mask
    language: str
    tessdata: Path | None

    def ocr(self, image: Image) -> tuple[Word, ...]:
        return ocr.read_words(image, self.dpi, self.language, self.tessdata)


def read_page(job: ReadJob) -> PageText:
    """The page's visible words and what was noticed while reading.

    Raises `UsageError` when Tesseract's data for the configured language is missing.
    """
    ocr.tessdata_folder(job.tessdata, job.language)
    layer = visible_layer(load_page(open_pdf(job.pdf), job.image.number))
    sheet = _sheet(job)
    placed = _placed(layer, job.image.to_pdf.inverse())
    notes = (*((DAMAGED,) if job.image.damaged else ()), *_hidden_note(layer.hidden))
    blank = PageText(job.image.number, (), TextSource.NONE, hidden=layer.hidden, notes=notes)
    words = tuple(replace(word, text=kept) for word in placed if (kept := legible(word.text)))
    if not placed:
        text = _by_ocr(sheet, replace(blank, layer="invisible" if layer.hidden else "none"))
    elif len(words) < (1 - MOST_BAD) * len(placed):
        text = _by_ocr(sheet, _noted(blank, "most of the text layer's characters stand for no letter", "garbage"))
    else:
        text = _by_layer(sheet, words, blank)
    text = _with_language(_with_shares(text, sheet), sheet)
    return replace(text, words=tuple(word.rounded() for word in text.words))  # further digits took a third of its JSON


def _sheet(job: ReadJob) -> _Sheet:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # rendering has bounded it
    image = Image.open(io.BytesIO(Store(job.store).read(job.image.sha256)))
    image.load()
    small = pixels.shrink(image, job.image.dpi)
    ink = small.ink & ~pixels.rulings(small).mask
    return _Sheet(image, job.image.dpi, small, ink, job.language, job.tessdata)


def _placed(layer: Layer, to_image: Affine) -> tuple[Word, ...]:
    """The layer's words with their boxes as fractions of the upright image."""
    words = []
    for word in layer.words:
        left, top, right, bottom = word.rect
        corners = [to_image.apply(x, y) for x in (left, right) for y in (top, bottom)]
        xs, ys = [min(max(x, 0.0), 1.0) for x, _ in corners], [min(max(y, 0.0), 1.0) for _, y in corners]
        words.append(Word(word.text, Box(min(xs), min(ys), max(xs), max(ys)), line=word.line))
    return tuple(words)


def _by_layer(sheet: _Sheet, words: tuple[Word, ...], blank: PageText) -> PageText:
    """The layer's words, with what OCR adds, if a few lines of OCR confirm them; else OCR alone."""
    agreed = _spot_check(words, sheet)
    text = replace(blank, words=words, source=TextSource.LAYER, layer="trusted", agreement=agreed)
    if agreed is not None and agreed < AGREE:
        read = _by_ocr(sheet, blank)
        agreed = agreement([word.text for word in words], [word.text for word in read.words])
        if agreed is None or agreed < AGREE:
            why = f"the text layer does not say what the page shows: OCR saw {agreed or 0:.0%} of its words"
            return replace(_noted(read, why, "garbage"), agreement=agreed)
        text = replace(text, agreement=agreed)
    return _completed(sheet, text)


def _spot_check(words: tuple[Word, ...], sheet: _Sheet) -> float | None:
    """The share of the words on a few lines that OCR saw too; None where there are too few to tell."""
    lines = spot_lines(words)
    seen = [word.text for line in lines for word in sheet.ocr(_line_alone(sheet, _hull(line)))]
    return agreement([word.text for line in lines for word in line], seen)


def _completed(sheet: _Sheet, text: PageText) -> PageText:
    """The layer's words and, where they leave much ink unread, what OCR reads there."""
    ink = int(sheet.ink.sum())
    rest = _unread(sheet.ink, text.words)
    if rest < LEFT_OVER * max(ink, 1):
        return text
    bare = replace(sheet, image=_blank_out(sheet, text.words))
    if rest > THIN * ink:
        extra, notes = _read_twice(bare)
    else:
        extra, notes = tuple(filter(_is_sure_word, bare.ocr(bare.image))), ()
    if len(extra) > len(text.words):
        why = f"the text layer holds only {len(text.words)} of the page's words: OCR read the rest"
        thin = replace(_noted(text, why, "thin"), words=_merge(text.words, extra), source=TextSource.OCR)
        return replace(thin, notes=(*thin.notes, *notes))
    if extra:
        text = _noted(text, f"OCR added {len(extra)} words that the page shows outside its text layer", "trusted")
    return replace(text, words=_merge(text.words, extra))


def _is_sure_word(word: Word) -> bool:
    """A logo or a signature reads as letters, too; next to trusted text only clear words are wanted."""
    return word.confidence >= EXTRA_CONFIDENCE and sum(map(str.isalnum, word.text)) >= 2


def _noted(text: PageText, note: str, layer: LayerState) -> PageText:
    return replace(text, layer=layer, notes=(*text.notes, note))


def _hidden_note(count: int) -> tuple[str, ...]:
    return (f"{count} words of the text layer can't be seen on the page and were left out",) if count else ()


def _hull(words: list[Word]) -> Box:
    box = words[0].box
    for word in words[1:]:
        box = box.union(word.box)
    return box


def _line_alone(sheet: _Sheet, box: Box) -> Image:
    """What is in the box, with air of half its height in the paper's grey: Tesseract needs air around a line, and
    would take as long again over each neighbour that it saw a part of."""
    from PIL import ImageOps

    image = sheet.image.convert("L")
    left, right = int(box.left * image.width), int(box.right * image.width) + 1
    top, bottom = int(box.top * image.height), int(box.bottom * image.height) + 1
    line = image.crop((max(0, left - 2), top, min(image.width, right + 2), min(image.height, bottom)))
    return ImageOps.expand(line, (bottom - top) // 2, fill=int(np.median(sheet.small.paper)))


def _blank_out(sheet: _Sheet, words: tuple[Word, ...]) -> Image:
    from PIL import ImageDraw

    image = sheet.image.convert("L")
    paper = int(np.median(sheet.small.paper))
    draw = ImageDraw.Draw(image)
    for word in words:
        box = word.box
        draw.rectangle(
            (
                box.left * image.width, box.top * image.height,
                box.right * image.width, box.bottom * image.height,
            ),
            fill=paper,
        )  # fmt: skip
    return image


def _merge(words: tuple[Word, ...], extra: tuple[Word, ...]) -> tuple[Word, ...]:
    """The layer's words, then what OCR added, on lines of their own."""
    first = max((word.line for word in words), default=-1) + 1
    return (*words, *(replace(word, line=word.line + first) for word in extra))


def _unread(ink: Mask, words: tuple[Word, ...]) -> int:
    """How much ink lies outside every word's box, a pixel of slack around each."""
    height, width = ink.shape
    rest = ink.copy()
    for word in words:
        box = word.box
        rest[
            max(0, int(box.top * height) - 1) : int(box.bottom * height) + 2,
            max(0, int(box.left * width) - 1) : int(box.right * width) + 2,
        ] = False
    return int(rest.sum())


def _by_ocr(sheet: _Sheet, text: PageText) -> PageText:
    """The page by OCR: it has no words of its own, or none that a reader sees, or wrong ones."""
    words, notes = _read_twice(sheet)
    source = TextSource.OCR if words else TextSource.NONE
    return replace(text, words=words, source=source, notes=(*text.notes, *notes))


def _read_twice(sheet: _Sheet) -> tuple[tuple[Word, ...], tuple[str, ...]]:
    """OCR of the page as it is, or cleaned where its paper is uneven; where that was unsure, another way, too,
    and of each word the surer read is kept.

    Word recall and precision of one page each of 12 contracts scanned by `sample_docs.scanify --level harsh`, against
    keeping the better of two reads below 0.75: 0.948 and 0.929 against 0.933 and 0.921, CPU seconds a page 3.0 against
    2.0; of 8 noisy forms (funsd) 0.882 and 0.841 against 0.870 and 0.842, 1.3 s against 0.8 s. A page whose first read
    is sure costs nothing more.
    """
    if not sheet.ink.any():
        return (), ()
    ways = (_cleaned, _softened, _as_scanned) if pixels.uneven(sheet.small) else (_as_scanned, _cleaned)
    words = sheet.ocr(ways[0](sheet))
    notes: tuple[str, ...] = ()
    for way, enough in zip(ways[1:], (SURE, UNSURE), strict=False):
        if _confidence(words) >= enough:
            break
        words, notes = _better(words, sheet.ocr(way(sheet))), (AGAIN,)
    return words, notes


def _better(one: tuple[Word, ...], other: tuple[Word, ...]) -> tuple[Word, ...]:
    """The better read, with the words of the other where those are surer."""
    first, second = (one, other) if worth(one) >= worth(other) else (other, one)
    return surer_words(first, second)


def _as_scanned(sheet: _Sheet) -> Image:
    return sheet.image


def _cleaned(sheet: _Sheet) -> Image:
    return pixels.even_out(sheet.image, sheet.dpi)


def _softened(sheet: _Sheet) -> Image:
    return pixels.even_out(sheet.image, sheet.dpi, softer=True)


def _confidence(words: tuple[Word, ...]) -> float:
    return float(np.mean([word.confidence for word in words])) if words else 0.0


def worth(words: tuple[Word, ...]) -> float:
    """Letters read, each counted by how far its word is better than a guess; a bad word takes nothing away."""
    return sum(len(word.text) * max(word.confidence - 0.5, 0.0) for word in words)


def _with_shares(text: PageText, sheet: _Sheet) -> PageText:
    """Fill in what follows from the final words."""
    ink = int(sheet.ink.sum())
    # A share of next to nothing would call the dust on a blank page unread.
    unread = _unread(sheet.ink, text.words) / ink if ink > DUST * sheet.ink.size else 0.0
    found = strokes.marks(sheet.small, sheet.ink, text.words)
    text = replace(text, pen=found.pen, holes=found.holes, solid=found.solid, dust=found.dust)
    return replace(text, confidence=round(_confidence(text.words), 4), unread_ink=round(unread, 4))


def _with_language(text: PageText, sheet: _Sheet) -> PageText:
    script = ""
    if text.source is not TextSource.LAYER and sheet.ink.any() and text.confidence < POOR:
        script = ocr.script(sheet.image, sheet.dpi, sheet.tessdata)
    found = language.identify([word.text for word in text.words]) if text.confidence >= POOR else ""
    notes = language.notes(found, script, sheet.language)
    return replace(text, language=found, script=script, notes=(*text.notes, *notes))
