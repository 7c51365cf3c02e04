"""Pages with a transcript, as PDFs of one scanned page each: what `infra.measure.reading` reads."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from infra.measure.corpora import CORPORA, Half, names
from infra.measure.scans import seed
from sample_docs.scanify import LEVELS, place, save, scan_page

__all__ = ["SETS", "Transcript", "transcripts"]

SETS = ("scans_misc", "funsd", *(f"cuad-{level}" for level in LEVELS))
PAPER_INCHES = 11.0  # funsd's images name no resolution; the forms are letters
FEWEST_WORDS = 80  # of a contract's page: signature pages and covers say little


@dataclass(frozen=True, slots=True)
class Transcript:
    """A scanned page: its document's name, the PDF, the words on it in reading order (or, where the corpus knows
    no order, as annotated), separated by white space."""

    document: str
    pdf: Path
    text: str


def transcripts(name: str, half: Half, folder: Path, pages: int = 1) -> Iterator[Transcript]:
    """The pages of a set of `SETS`, written to `folder`; of a contract `pages` pages drawn by its name.

    Raises `KeyError` for an unknown set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    corpus, _, level = name.partition("-")
    if corpus == "cuad":
        for document in names("cuad", half):
            yield from _contract(document, level, folder, pages)
        return
    find = {"scans_misc": _misc, "funsd": _form}[corpus]
    for document in names(corpus, half):
        if (found := find(document)) is not None:
            image, text = found
            yield Transcript(document, _as_pdf(image, folder / f"{document}.pdf"), text)


def _contract(document: str, level: str, folder: Path, pages: int) -> Iterator[Transcript]:
    """Pages of a contract as scans, and its text layer. A contract that is a scan itself has none and is left out."""
    import pymupdf

    with pymupdf.open(CORPORA / "cuad" / "pdf" / document) as clean:
        usable = [page.number for page in clean if len(page.get_text("words")) >= FEWEST_WORDS]
        for number in random.Random(seed(document)).sample(usable, min(pages, len(usable))):
            pdf = folder / f"{Path(document).stem}-{number + 1}.pdf"
            reverse = clean[number + 1] if number + 1 < len(clean) else None
            faults = np.random.default_rng([seed(document), number])
            with pymupdf.open() as scanned:
                place(scanned, scan_page(clean[number], LEVELS[level], faults, reverse))
                save(scanned, pdf)
            yield Transcript(document, pdf, clean[number].get_text())


def _misc(document: str) -> tuple[Path, str] | None:
    """A file of scans_misc with a transcript; all of these have one page."""
    file = CORPORA / "scans_misc" / document
    truth = file.with_name(f"{document}.gt.txt")
    return (file, truth.read_text("utf-8")) if truth.is_file() else None


def _form(document: str) -> tuple[Path, str]:
    folder = CORPORA / "funsd"
    form = json.loads((folder / "annotations" / f"{Path(document).stem}.json").read_text("utf-8"))["form"]
    return folder / "images" / document, " ".join(word["text"] for entry in form for word in entry["words"])


def _as_pdf(file: Path, target: Path) -> Path:
    """The file itself if it is a PDF, else its pixels, untouched, as a PDF page of the paper's size."""
    if file.suffix == ".pdf":
        return file
    import pymupdf

    with Image.open(file) as image, pymupdf.open() as document:
        dpi = _resolution(image)
        page = document.new_page(width=image.width / dpi * 72, height=image.height / dpi * 72)
        page.insert_image(page.rect, filename=str(file))
        document.save(target)
    return target


def _resolution(image: Image.Image) -> float:
    named: Any = image.info.get("dpi", (0, 0))
    return float(named[0]) if named[0] > 1 else max(image.size) / PAPER_INCHES
