"""How well pages are read: the product beside plain Tesseract, against transcripts.

    python -m infra.measure.reading [SET…] [--half tuning|reporting] [--pages N]

Sets: `scans_misc` (the scans with a transcript), `funsd` (noisy forms, words annotated by hand) and `cuad-LEVEL`
(N pages of each contract through `sample_docs.scanify` at light, office, harsh and fax, against their text layer).

- word recall and precision: bags of words, case-folded runs of letters and digits; all words of a set are one bag
  of counts, so a long page weighs more.
- character error rate (CER): Levenshtein distance over the transcript's length, after NFKC, typographic quotes and
  dashes made plain, white space made single spaces. On cuad and scans_misc it punishes another reading order, too. On
  funsd the annotation's order means nothing, so there both sides' words are sorted first: it says how far the
  words are off as spelled, not where they stand, and stays an upper bound.
- seconds of CPU a page, from the PDF to the words.

Prints for each set both readings and their difference with 95 % intervals, resampled by document.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
import unicodedata
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import get_args

import numpy as np

from infra.measure.corpora import Half
from infra.measure.plain import plain_pages
from infra.measure.transcripts import SETS, Transcript, transcripts
from pipeline.evaluate.bootstrap import Floats, Statistic, difference, interval
from pipeline.read import ReadJob, read_page
from pipeline.render import RenderJob, render_page

__all__ = ["Counts", "characters", "compare", "measure", "word_bag"]

PROCESSES = 2
UNORDERED = ("funsd",)
PLAIN_SIGNS = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "\u00ad": ""})
RUN = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Counts:
    """What one reading of one page got: `edits` of `characters`, `found` of `words`, of `said` words in all."""

    edits: int
    characters: int
    found: int
    words: int
    said: int
    seconds: float


def word_bag(text: str) -> Counter[str]:
    """The words of a text: runs of letters and digits, case-folded."""
    return Counter(RUN.findall(unicodedata.normalize("NFKC", text).casefold()))


def characters(text: str, *, ordered: bool = True) -> str:
    """The text as it is compared by characters; `ordered=False` sorts its words."""
    words = unicodedata.normalize("NFKC", text).translate(PLAIN_SIGNS).split()
    return " ".join(words if ordered else sorted(words))


def compare(said: str, truth: str, *, ordered: bool = True, seconds: float = 0.0) -> Counts:
    """The counts of one reading."""
    from rapidfuzz.distance import Levenshtein

    bag, wanted, target = word_bag(said), word_bag(truth), characters(truth, ordered=ordered)
    edits = Levenshtein.distance(characters(said, ordered=ordered), target)
    return Counts(edits, len(target), (bag & wanted).total(), wanted.total(), bag.total(), seconds)


def measure(page: Transcript, *, ordered: bool) -> tuple[Counts, Counts]:
    """The product's reading of a page and plain Tesseract's."""
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        image = render_page(RenderJob(page.pdf, 1, Path(folder)))
        words = read_page(ReadJob(page.pdf, image, Path(folder))).words
    middle = time.process_time()
    product = " ".join(word.text for word in words)
    plain = " ".join(word.text for word in plain_pages(page.pdf)[0][0])
    end = time.process_time()
    return (
        compare(product, page.text, ordered=ordered, seconds=middle - start),
        compare(plain, page.text, ordered=ordered, seconds=end - middle),
    )


def _ordered(page: Transcript) -> tuple[Counts, Counts]:
    return measure(page, ordered=True)


def _unordered(page: Transcript) -> tuple[Counts, Counts]:
    return measure(page, ordered=False)


def _table(pages: list[Transcript], counts: list[Counts]) -> Floats:
    """A row of sums a document: edits, characters, found, words, said, seconds, pages."""
    rows: dict[str, Floats] = {}
    for page, c in zip(pages, counts, strict=True):
        row = np.array([c.edits, c.characters, c.found, c.words, c.said, c.seconds, 1], np.float64)
        rows[page.document] = rows.get(page.document, np.zeros(7)) + row
    return np.array(list(rows.values())).reshape(-1, 7)


def _share(above: int, below: int) -> Statistic:
    """The statistic that divides one column's sum by another's."""

    def ratio(sums: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[..., above] / sums[..., below], np.float64)

    return ratio


FIGURES = {"CER": _share(0, 1), "recall": _share(2, 3), "precision": _share(2, 4), "seconds": _share(5, 6)}


def report(name: str, half: Half, pages: int) -> None:
    """Measure one set and print its rows."""
    with tempfile.TemporaryDirectory() as folder:
        found = list(transcripts(name, half, Path(folder), pages))
        way = _unordered if name in UNORDERED else _ordered
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
            counts = list(pool.map(way, found))
    product, plain = (_table(found, [pair[side] for pair in counts]) for side in (0, 1))
    print(f"{name}, {half} half: {len(found)} pages of {len(product)} documents")
    for figure, share in FIGURES.items():
        columns = interval(product, share), interval(plain, share), difference(product, plain, share)
        print(f"  {figure:10}" + "".join(f"{column!s:26}" for column in columns), flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.reading", description="Measure reading.")
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--half", choices=get_args(Half), default="tuning")
    parser.add_argument("--pages", type=int, default=1, help="of each contract")
    given = parser.parse_args()
    if unknown := set(given.sets) - set(SETS):
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    print(f"  {'':10}{'Muniment':26}{'plain Tesseract':26}{'difference':26}")
    for name in given.sets or SETS:
        report(name, given.half, given.pages)


if __name__ == "__main__":
    main()
