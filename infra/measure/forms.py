"""Reading by place on forms that nobody here made: funsd's links and the registrants of vrdu_fara.

    python -m infra.measure.forms [--half tuning|reporting]

funsd (noisy scanned forms, their own words and boxes): of the questions that are labels of the lexicon and have an
answer, the share that is paired with it, and of all pairs the share that is right. Printed beside it is the baseline:
the answer is the nearest text to the right in the row. vrdu_fara (scanned filings, Muniment's own OCR of the first two
pages): the share whose registrant was read as the file's name has it, and where it was read, the share that is right;
file names use today's names, so an older name counts as wrong. Intervals resample documents.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from rapidfuzz import fuzz

from infra.measure.corpora import CORPORA, Half, names
from infra.measure.words import pdf_of, read_pdf
from pipeline.evaluate.bootstrap import Floats, Statistic, interval
from pipeline.report import table
from pipeline.rules.geometry import Grid, grid_of
from pipeline.rules.labels import spots_of
from pipeline.rules.orders import read_forms
from pipeline.rules.pairs import pairs_of
from pipeline.types import Box, Word

__all__ = ["links", "main", "registrants"]

ALIKE = 85.0
"""Likeness (0..100) of a name that was read and the file's."""

Form = Sequence[Mapping[str, Any]]
Counts = tuple[int, int, int]


def main(argv: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["tuning", "reporting"], default="tuning")
    half: Half = parser.parse_args(argv).half
    forms = [json.loads((CORPORA / "funsd" / "annotations" / name).with_suffix(".json").read_text("utf-8"))["form"]
             for name in names("funsd", half)]  # fmt: skip
    rows = [
        ("funsd links", [links(form) for form in forms]),
        ("funsd links, next to the right", [links(form, nearest=True) for form in forms]),
        ("vrdu_fara registrants", list(registrants(half))),
    ]
    head = ("what", "documents", "expected", "recall", "precision")
    print(table([head, *(_row(what, np.asarray(counts, np.float64)) for what, counts in rows)], indent=""))
    return 0


def _row(what: str, counts: Floats) -> tuple[Any, ...]:
    return what, len(counts), int(counts[:, 0].sum()), interval(counts, _share(1, 0)), interval(counts, _share(1, 2))


def _share(part: int, whole: int) -> Statistic:
    def statistic(sums: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[..., part] / sums[..., whole], np.float64)

    return statistic


def links(form: Form, *, nearest: bool = False) -> Counts:
    """Questions of a funsd annotation that are known labels and have an answer, how many got it, and pairs made."""
    owner, words = _words(form)
    grid = grid_of(words)
    answers = _answers(form)
    labels = {
        owner[spot.cell.words[spot.first]] for spot in spots_of(grid) if spot.whole and spot.label.kind != "other"
    }
    made = _nearest(grid, owner, labels) if nearest else _paired(grid, owner)
    judged = [(question, given) for question, given in made if question in answers]
    right = {question for question, given in judged if given & answers[question]}
    return (
        len(labels & set(answers)),
        len(right & labels),
        len([question for question, _ in judged if question in labels]),
    )


def _words(form: Form) -> tuple[list[int], list[Word]]:
    """The annotation's words, and which entry each belongs to; boxes as fractions of the furthest edges."""
    kept = [(entry["id"], word) for entry in form for word in entry["words"] if word["text"].strip()]
    width, height = (max(word["box"][edge] for _, word in kept) for edge in (2, 3))
    scale = (width, height, width, height)
    boxes = [Box(*(value / by for value, by in zip(word["box"], scale, strict=True))) for _, word in kept]
    return [owner for owner, _ in kept], [
        Word(word["text"], box, line=owner) for (owner, word), box in zip(kept, boxes, strict=True)
    ]


def _answers(form: Form) -> dict[int, set[int]]:
    """The answers linked to each question."""
    kinds = {entry["id"]: entry["label"] for entry in form}
    found: dict[int, set[int]] = {}
    for one, other in (link for entry in form for link in entry["linking"]):
        if (kinds.get(one), kinds.get(other)) == ("question", "answer"):
            found.setdefault(one, set()).add(other)
    return found


def _paired(grid: Grid, owner: Sequence[int]) -> Iterator[tuple[int, set[int]]]:
    for pair in pairs_of(grid):
        yield owner[pair.label_places[0]], {owner[place] for place in pair.places}


def _nearest(grid: Grid, owner: Sequence[int], labels: set[int]) -> Iterator[tuple[int, set[int]]]:
    """The baseline: each label takes the entry that follows it in its row."""
    for row in grid.rows:
        entries = list(dict.fromkeys(owner[place] for cell in row for place in cell.words))
        yield from ((one, {other}) for one, other in pairwise(entries) if one in labels)


def registrants(half: Half) -> Iterator[Counts]:
    """For each filing: one registrant is expected, whether it was read right, and whether one was read."""
    truths = [
        json.loads(line) for line in (CORPORA / "vrdu_fara" / "ground_truth.jsonl").read_text("utf-8").splitlines()
    ]
    for truth in (each for each in truths if each["id"] in set(names("vrdu_fara", half))):
        pages = [page.text for page in read_pdf(pdf_of("vrdu_fara", truth["id"]))[:2]]
        found = [finding.value for findings in read_forms(pages) for finding in findings
                 if finding.field == "parties" and finding.detail.get("role") == "registrant"]  # fmt: skip
        right = bool(found) and fuzz.partial_ratio(found[0].casefold(), truth["registrant"].casefold()) >= ALIKE
        yield 1, int(right), int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())
