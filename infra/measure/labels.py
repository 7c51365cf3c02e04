"""Pages with the route a person chose: the labels of `infra/measure/routes/`, and those of sample_docs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sample_docs
from infra.measure.corpora import CORPORA, Half, names
from pipeline.types import Route

__all__ = ["Labelled", "golden_line", "in_inbox", "labelled", "place", "samples"]

LABELS = Path(__file__).with_name("routes")
FOLDERS = ("pdf", "images", "img", "photo_en", "wills_fr", "")  # where a corpus keeps its pages


@dataclass(frozen=True, slots=True)
class Labelled:
    """A document with the routes a person chose, by page number, and in a word why; `pdf` is where it lies."""

    corpus: str
    name: str
    pdf: Path
    routes: Mapping[int, Route]
    why: Mapping[int, str]


def labelled(half: Half, inbox: Path) -> list[Labelled]:
    """The labelled documents of this half, over all corpora, put into the inbox."""
    found = []
    for file in sorted(LABELS.glob("*.jsonl")):
        inside = set(names(file.stem, half))
        for line in file.read_text("utf-8").splitlines():
            told = json.loads(line)
            if told["document"] in inside:
                pdf = in_inbox(place(file.stem, told["document"]), inbox / file.stem)
                found.append(_labelled(file.stem, pdf, told["routes"], told["why"]))
    return found


def samples() -> list[Labelled]:
    """The sample documents with the routes in their truth."""
    found = []
    for pdf in sorted((Path(sample_docs.__file__).parent / "inbox").glob("*/*.pdf")):
        pages = json.loads(pdf.with_suffix(".json").read_text("utf-8"))["pages"]
        routes = {page["page"]: page["route"] for page in pages}
        found.append(_labelled(pdf.parent.name, pdf, routes, {p["page"]: p["note"] or p["kind"] for p in pages}))
    return found


def _labelled(corpus: str, pdf: Path, routes: Mapping[str, str], why: Mapping[str, str]) -> Labelled:
    chosen = {int(number): Route(route) for number, route in routes.items()}
    return Labelled(corpus, pdf.name, pdf, chosen, {int(number): word for number, word in why.items()})


def place(corpus: str, name: str) -> Path:
    """Where a document lies in its corpus."""
    places = [CORPORA / corpus / folder / name for folder in FOLDERS]
    return next((place for place in places if place.is_file()), places[-1])


def in_inbox(file: Path, folder: Path) -> Path:
    """The document as a PDF in this folder; an image becomes a PDF of one page at its own resolution."""
    is_pdf = file.suffix == ".pdf"
    pdf = folder / (file.name if is_pdf else f"{file.name}.pdf")
    if not pdf.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        (shutil.copyfile if is_pdf else _wrap)(file, pdf)
    return pdf


def _wrap(image: Path, pdf: Path) -> None:
    import pymupdf

    with pymupdf.open(image) as picture:
        pdf.write_bytes(picture.convert_to_pdf())


def golden_line(document: Labelled) -> str:
    """The labels as `muniment evaluate triage` takes them, for a home that has ingested the inbox."""
    routes = {str(number): route for number, route in document.routes.items()}
    return json.dumps({"document": document.name, "matter": document.corpus, "routes": routes})
