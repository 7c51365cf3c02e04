"""Whether a confidence is the probability of being right: two local readers, before and after calibration.

    python -m infra.measure.reliability                       the reliability tables, on the reporting halves
    python -m infra.measure.reliability --half tuning         the same where it was fitted: in-sample
    python -m infra.measure.reliability --home HOME           the same on cuad's scanned copies that a home has read
    python -m infra.measure.reliability agreement             who is right when the readers agree (tuning halves)
    python -m infra.measure.reliability bars                  what each bar on the confidence buys (tuning halves)
    python -m infra.measure.reliability fit [--home HOME]     the constants of `pipeline/calibration.py` (tuning halves)

On the PDFs of cuad and kleister_nda, read by the rules and by a reader that goes by meaning (`meaning.py`), both from
the same words. A value is judged as `muniment evaluate extraction` judges it: of a field with one value the best, else
all that were found. "Before" takes what several extractors say as independent, 1 - Π(1 - c); "after" is what the
product does. Intervals resample whole documents. ECE is the mean distance between confidence and share right over the
bins, weighted by their values; Brier the mean squared distance of a confidence from what came true.
The reporting halves' fields had been looked at in earlier work on the rules, though never for confidence.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from infra.measure.corpora import Half
from infra.measure.fitting import AFTER, BEFORE, UNKNOWN, agreement, bars, fit, rows_of
from infra.measure.meaning import MEANING
from infra.measure.readers import RULES, Judged, ReadTwice, read_twice
from pipeline.evaluate.bootstrap import Floats, interval
from pipeline.report import table

__all__ = ["ece", "main", "reliability", "tables", "verified"]

CORPORA, SCANNED = ("cuad", "kleister_nda"), "cuad"
EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.01)
BOTH, ALONE = (RULES, MEANING), (RULES,)
"""Who reads."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["tables", "agreement", "bars", "fit"], default="tables")
    parser.add_argument("--half", choices=["tuning", "reporting"], default="reporting", help="for the tables")
    parser.add_argument("--home", type=Path, help="read the words that this home holds of cuad's documents instead")
    arguments = parser.parse_args(argv)
    half: Half = arguments.half if arguments.what == "tables" else "tuning"
    home: Path | None = arguments.home
    corpora = CORPORA if home is None or arguments.what == "fit" else ()
    documents = [each for corpus in corpora for each in read_twice(corpus, half)]
    documents += read_twice(SCANNED, half, home) if home else ()
    show = {"tables": tables, "agreement": agreement, "bars": bars, "fit": fit}
    scans = sum(each.scanned for each in documents)
    print(
        f"{half} halves: {len(documents) - scans} PDFs of {' and '.join(CORPORA)}, {scans} scanned copies of {SCANNED}"
    )
    print(show[arguments.what](documents))
    return 0


def tables(documents: Sequence[ReadTwice]) -> str:
    """The reliability of the confidences by who reads, and what is verified of each field."""
    parts = []
    for title, readers, trust in (
        ("two readers, both measured", BOTH, AFTER),
        ("two readers, one of them never measured", BOTH, UNKNOWN),
        ("the rules alone", ALONE, UNKNOWN),
    ):
        before, after = rows_of(documents, readers, BEFORE), rows_of(documents, readers, trust)
        parts += [f"\n{title}: before", reliability(before), f"\n{title}: after", reliability(after)]
        parts += [f"\n{title}: what is verified, and right of these", verified(before, after)]
    return "\n".join(parts)


def reliability(rows: Sequence[Judged]) -> str:
    """Bins of confidence with their share right; then ECE, Brier, and how far the mean confidence is off."""
    sums = _sums(rows)
    lines: list[tuple[object, ...]] = [("confidence", "n", "mean confidence", "share right")]
    for index, (low, high) in enumerate(pairwise(EDGES)):
        n, sure, _ = sums[:, index].sum(axis=0)
        if n:
            share = interval(sums[:, index], _share)
            lines.append((f"{low:.2f}–{min(1.0, high):.2f}", int(n), f"{sure / n:.3f}", share))
    brier = interval(_by_document([(row.document, [(row.confidence - row.right) ** 2, 1]) for row in rows]), _mean)
    lines.append(("all", len(rows), f"ECE {interval(sums, ece)}", f"Brier {brier}"))
    return table(lines, indent="")


def verified(before: Sequence[Judged], after: Sequence[Judged]) -> str:
    """By field and in all: the share of values that is verified and how many of these are right, before and after."""
    lines: list[tuple[object, ...]] = [("field", "n", "verified before", "right", "verified after", "right")]
    for name in [*dict.fromkeys(row.field for row in before), "all"]:
        shares: list[object] = []
        for rows in (before, after):
            own = [row for row in rows if name in (row.field, "all")]
            counts = _by_document([(r.document, [r.verified, 1, r.verified and r.right, r.verified]) for r in own])
            shares += [interval(counts[:, :2], _mean), interval(counts[:, 2:], _mean)]
        lines.append((name, sum(name in (row.field, "all") for row in before), *shares))
    return table(lines, indent="")


def ece(sums: Floats) -> Floats:
    """Expected calibration error of sums (..., bins, (values, their confidence, right ones))."""
    values = sums[..., 0].sum(axis=-1)
    return np.asarray(np.abs(sums[..., 1] - sums[..., 2]).sum(axis=-1) / values, np.float64)


def _sums(rows: Sequence[Judged]) -> Floats:
    """(documents, bins, (values, their confidence, right ones))."""
    places = {name: index for index, name in enumerate(dict.fromkeys(row.document for row in rows))}
    sums = np.zeros((len(places), len(EDGES) - 1, 3))
    for row in rows:
        bin_ = int(np.searchsorted(EDGES, row.confidence, side="right")) - 1
        sums[places[row.document], bin_] += (1, row.confidence, row.right)
    return sums


def _by_document(counted: Iterable[tuple[str, Sequence[float]]]) -> Floats:
    """One row of sums a document."""
    sums: dict[str, Floats] = {}
    for document, counts in counted:
        sums[document] = sums.get(document, np.zeros(len(counts))) + np.asarray(counts, np.float64)
    return np.stack(list(sums.values()))


def _mean(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1], np.float64)


def _share(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 2] / sums[..., 0], np.float64)


if __name__ == "__main__":
    raise SystemExit(main())
