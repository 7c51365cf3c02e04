"""Write all sample documents and their ground truth.

    python -m sample_docs.generate [--out DIR] [NAME ...]

The same versions of Python packages give the same bytes; `SHA256SUMS` and `versions.json` hold both down.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pymupdf

from sample_docs import ink, truth
from sample_docs.layout import compose, page_text
from sample_docs.scanify import place, save, scan_page
from sample_docs.spec import Ink, Spec, load_specs

__all__ = ["PACKAGES", "build", "clean", "visible_texts", "write_all"]

PACKAGES = ("pymupdf-lite", "pillow", "numpy", "markdown-it-py", "Hershey-Fonts")
AFTER_SCAN = ("received", "garbage")
LINE_SIZES = {"sign": 17.0, "write": 9.0, "stamp": 14.0, "seal": 48.0}


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
    size = mark.size or LINE_SIZES.get(mark.do, 10.0)
    pen = ink.Pen(mark.colour, rng.uniform(0.9, 1.4))
    if mark.do == "black_out":
        ink.black_out(page, mark.text)
        return
    at = _spot(page, mark)
    if mark.do == "sign":
        ink.sign(page, mark.text, at, size, pen, rng)
    elif mark.do == "write":
        ink.write(page, mark.text, at, size, pen, rng)
    elif mark.do == "stamp":
        ink.stamp(page, list(mark.lines), at, size, mark.colour, mark.angle)
    elif mark.do == "seal":
        ink.seal(page, mark.text, list(mark.middle), at, size, mark.colour)
    elif mark.do == "white":
        page.insert_text(at, mark.text, fontsize=size, color=(1, 1, 1))
    elif mark.do == "invisible":
        page.insert_text(at, mark.text, fontsize=size, render_mode=3)
    else:
        raise ValueError(f"no such ink: {mark.do}")


def _spot(page: pymupdf.Page, mark: Ink) -> tuple[float, float]:
    if mark.at:
        return mark.at
    place_of = page.search_for(mark.after)[mark.nth]
    return place_of.x1 + 8, place_of.y1 - 4


def _overlay(page: pymupdf.Page, mark: Ink, source: pymupdf.Page) -> None:
    if mark.do == "received":
        page.insert_text(mark.at, mark.text, fontname="helv", fontsize=mark.size or 9, color=(0.1, 0.1, 0.4))
        return
    for x0, _, _, y1, word, *_ in source.get_text("words"):
        page.insert_text((x0 - 1.5, y1 + 1), _garble(word, round(x0 * y1)), fontsize=9, render_mode=3)


def _garble(word: str, seed: int) -> str:
    """What a broken OCR engine of twenty years ago made of a word."""
    draw = random.Random(seed)
    letters = [draw.choice("ilI1|;:.,^~*#&%$rnvuoc0O") if draw.random() < 0.62 else letter for letter in word]
    return "".join(letters).encode("latin-1", "replace").decode("latin-1")


def write_all(out: Path, names: Sequence[str] = ()) -> None:
    """Write the documents (or only the named ones), their truth, the questions and the checksums under `out`."""
    questions: list[dict] = []
    for spec in load_specs():
        if names and spec.name not in names:
            continue
        target = out / "inbox" / spec.matter / f"{spec.name}.pdf"
        texts = build(spec, target)
        told = truth.record(spec, texts, hashlib.sha256(target.read_bytes()).hexdigest())
        _write_json(out / "truth" / spec.matter / f"{spec.name}.json", told)
        questions += truth.query_lines(spec, texts)
    if not names:
        (out / "queries.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in questions), "utf-8")
        _write_json(out / "versions.json", {package: version(package) for package in PACKAGES})


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sample_docs.generate", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only these documents, without checksums and questions")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args(arguments)
    write_all(given.out, given.names)


if __name__ == "__main__":
    main()
