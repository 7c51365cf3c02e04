"""Write all sample documents and their ground truth.

    python -m sample_docs.generate [--out DIR] [NAME ...]

Each PDF goes to `inbox/<matter>/` with its truth as JSON beside it; `queries.jsonl` holds the questions. The
same package versions give the same bytes: `versions.json` says which were used, each truth holds its SHA-256.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf

from sample_docs import ink, truth
from sample_docs.layout import compose, page_text
from sample_docs.scanify import place, save, scan_page
from sample_docs.spec import Ink, Spec, load_specs

__all__ = ["PACKAGES", "build", "clean", "versions", "visible_texts", "write_all"]

PACKAGES = ("pymupdf-lite", "pillow", "numpy", "markdown-it-py", "Hershey-Fonts")
AFTER_SCAN = ("received", "garbage")
INVISIBLE = 3  # PDF text rendering mode: neither fill nor stroke
USUAL_SIZES = {"sign": 17.0, "write": 9.0, "stamp": 14.0, "seal": 48.0}


def clean(spec: Spec) -> pymupdf.Document:
    """The document before it was scanned: typeset, blank pages put in, inked."""
    document = compose(list(spec.parts))
    for number in spec.blank:
        size = document[number - 2].rect
        document.new_page(number - 1, width=size.width, height=size.height)
    for index, mark in enumerate(spec.ink):
        if mark.do not in AFTER_SCAN:
            _apply(document[mark.page - 1], mark, np.random.default_rng([spec.seed, 1000 + index]))
    return document


def visible_texts(spec: Spec, document: pymupdf.Document) -> list[str]:
    """What a reader can see on each page, handwriting last, hidden passages cut out."""
    texts = [page_text(page) for page in document]
    for phrase in spec.hidden:
        texts = [" ".join(text.replace(phrase, " ").split()) for text in texts]
    for mark in spec.ink:
        if mark.do in ("write", "received"):
            texts[mark.page - 1] = f"{texts[mark.page - 1]} {mark.text}".strip()
    return texts


def build(spec: Spec, target: Path) -> list[str]:
    """Write one PDF; the visible text of its pages comes back."""
    source = clean(spec)
    texts = visible_texts(spec, source)
    with pymupdf.open() as out:
        for number, page in enumerate(source, 1):
            level = spec.page(number).level
            if level is None:
                out.insert_pdf(source, from_page=number - 1, to_page=number - 1)
                continue
            reverse = source[number] if number < len(source) else None
            place(out, scan_page(page, level, np.random.default_rng([spec.seed, number]), reverse))
        for mark in spec.ink:
            if mark.do in AFTER_SCAN:
                _overlay(out[mark.page - 1], mark, source[mark.page - 1])
        save(out, target)
    return texts


def _apply(page: pymupdf.Page, mark: Ink, rng: np.random.Generator) -> None:
    """Put one mark on the clean page."""
    size = mark.size or USUAL_SIZES.get(mark.do, 10.0)
    pen = ink.Pen(mark.colour, rng.uniform(0.9, 1.4))
    match mark.do:
        case "black_out":
            ink.black_out(page, mark.text)
        case "sign":
            ink.sign(page, mark.text, _spot(page, mark), size, pen, rng)
        case "write":
            ink.write(page, mark.text, _spot(page, mark), size, pen, rng)
        case "stamp":
            ink.stamp(page, list(mark.lines), _spot(page, mark), size, mark.colour, mark.angle)
        case "seal":
            ink.seal(page, mark.text, list(mark.middle), _spot(page, mark), size, mark.colour)
        case "white":
            page.insert_text(_spot(page, mark), mark.text, fontsize=size, color=(1, 1, 1))
        case "invisible":
            page.insert_text(_spot(page, mark), mark.text, fontsize=size, render_mode=INVISIBLE)
        case _:
            raise ValueError(f"no such ink: {mark.do}")


def _spot(page: pymupdf.Page, mark: Ink) -> tuple[float, float]:
    """Where a mark goes: the point given, or on the line after the text given."""
    if mark.at:
        return mark.at
    anchor = page.search_for(mark.after)[mark.nth]
    return anchor.x1 + 8, anchor.y1 - 4


def _overlay(page: pymupdf.Page, mark: Ink, source: pymupdf.Page) -> None:
    """Lay text over the scan: the mail room's printed line, or a broken OCR engine's invisible one."""
    if mark.do == "received":
        page.insert_text(mark.at, mark.text, fontname="helv", fontsize=mark.size or 9, color=(0.1, 0.1, 0.4))
        return
    for x0, _, _, y1, word, *_ in source.get_text("words"):
        garbled = ink.garble(word, round(x0 * y1))
        page.insert_text((x0 - 1.5, y1 + 1), garbled, fontsize=9, render_mode=INVISIBLE)


def write_all(out: Path, names: Sequence[str] = ()) -> None:
    """Write the documents (or only the named ones) with their truth, and the questions, under `out`.

    An unknown name is a `ValueError`.
    """
    specs = load_specs()
    if unknown := set(names) - {spec.name for spec in specs}:
        raise ValueError(f"no such document: {', '.join(sorted(unknown))}")
    questions: list[dict[str, Any]] = []
    for spec in specs:
        if names and spec.name not in names:
            continue
        texts = _write(spec, out / "inbox" / spec.matter)
        questions += truth.query_lines(spec, texts)
    if not names:
        lines = "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)
        (out / "queries.jsonl").write_text(lines, "utf-8")
        _write_json(out / "versions.json", versions())


def versions() -> dict[str, str]:
    """What the bytes depend on: package versions and the processor's family."""
    return {package: version(package) for package in PACKAGES} | {"machine": platform.machine()}


def _write(spec: Spec, folder: Path) -> list[str]:
    target = folder / f"{spec.name}.pdf"
    texts = build(spec, target)
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    _write_json(target.with_suffix(".json"), truth.record(spec, texts, sha256))
    return texts


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sample_docs.generate", description="Write the sample documents.")
    parser.add_argument("names", nargs="*", help="only these documents, without the questions")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="default: this folder")
    given = parser.parse_args(arguments)
    write_all(given.out, given.names)


if __name__ == "__main__":
    main()
