"""The words of a corpus's documents, as Muniment reads them, remembered between runs.

A page of text and drawings gives its visible text layer at once; one that shows a picture or has no layer goes
the whole way of `render_page` and `read_page`, with OCR where they want it. For developing on the corpora: what
a home holds after `muniment ingest` is read with a spot check of each layer beside.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from infra.measure.corpora import CORPORA, Half, names
from pipeline.agreement import legible
from pipeline.backends.protocols import PageInput
from pipeline.pdf import load_page, open_pdf
from pipeline.read import ReadJob, read_page
from pipeline.render import RenderJob, render_page
from pipeline.stages import VERSIONS
from pipeline.types import Affine, Box, PageImage, PageText, TextSource, Word
from pipeline.visible import visible_layer

__all__ = ["pdf_of", "read_corpus", "read_pdf"]

CACHE = Path(tempfile.gettempdir()) / "muniment-measure-words"
NO_IMAGE = hashlib.sha256(b"").hexdigest()
_PAGES = TypeAdapter(list[PageInput])
PICTURE = 0.05
"""Share of the page from which a picture may hold words."""


def read_corpus(corpus: str, half: Half) -> Iterator[tuple[str, list[PageInput]]]:
    """Name and pages of each document of this half."""
    for name in names(corpus, half):
        yield Path(name).with_suffix(".pdf").name, read_pdf(pdf_of(corpus, name))


def pdf_of(corpus: str, name: str) -> Path:
    """The document as a PDF; a scan that the corpus has as an image becomes a PDF of one page in the cache."""
    image = CORPORA / corpus / "img" / name
    if not image.is_file():
        return CORPORA / corpus / "pdf" / name
    from PIL import Image

    pdf = CACHE / corpus / Path(name).with_suffix(".pdf").name
    if not pdf.is_file():
        pdf.parent.mkdir(parents=True, exist_ok=True)
        Image.open(image).convert("RGB").save(pdf, resolution=200)
    return pdf


def read_pdf(pdf: Path) -> list[PageInput]:
    """The pages of a PDF; their images are not kept."""
    digest = hashlib.sha256(pdf.read_bytes()).hexdigest()
    kept = CACHE / f"{digest}-{VERSIONS['render']}-{VERSIONS['read']}.json"
    if kept.is_file():
        return _PAGES.validate_json(kept.read_bytes())
    with tempfile.TemporaryDirectory() as store:
        pages = [_read(pdf, number, Path(store)) for number in range(1, len(open_pdf(pdf)) + 1)]
    kept.parent.mkdir(parents=True, exist_ok=True)
    whole = kept.with_suffix(f".{os.getpid()}")  # several measurements may read the same document at once
    whole.write_bytes(_PAGES.dump_json(pages))
    whole.replace(kept)
    return pages


def _read(pdf: Path, number: int, store: Path) -> PageInput:
    text = _layer(load_page(open_pdf(pdf), number), number)
    if text is not None:
        return PageInput(PageImage(number, NO_IMAGE, "image/png", 1, 1, 200.0, Affine(), contrast=1.0), pdf, text)
    image = render_page(RenderJob(pdf, number, store))
    return PageInput(image, pdf, read_page(ReadJob(pdf, image, store)))


def _layer(page: Any, number: int) -> PageText | None:
    """The text layer of a page without pictures, or None."""
    area = page.rect.width * page.rect.height
    shown = [picture["bbox"] for picture in page.get_image_info()]
    if any((x1 - x0) * (y1 - y0) > PICTURE * area for x0, y0, x1, y1 in shown):
        return None
    found = visible_layer(page)
    if not found.words:
        return None
    wide, high = page.rect.width, page.rect.height
    words = tuple(
        Word(text, Box(left / wide, top / high, right / wide, bottom / high), line=word.line)
        for word in found.words
        for (left, top, right, bottom), text in [(word.rect, legible(word.text))]
        if text
    )
    return PageText(number, words, TextSource.LAYER, 1.0, "en", layer="trusted", hidden=found.hidden)
