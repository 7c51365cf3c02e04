"""Fields as extracted against a golden set: precision, recall, F1, and how far `verified` can be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pipeline.evaluate.bootstrap import Floats, Interval, Statistic, interval
from pipeline.evaluate.goldenset import GoldenDocument, LookedUp
from pipeline.evaluate.judge import FIGURES, Counts, Verdict, answers, judge
from schemas.contract import Contract

__all__ = ["FieldScores", "counts_of", "extraction", "verdicts"]

INTERVALS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class FieldScores:
    """The counts of each document and field: `table` has shape (documents, fields, columns of `Counts`).

    `missing` names the documents that are not here, `unread` those that are and have no record; both count
    as missed in every field.
    """

    fields: tuple[str, ...]
    table: Floats
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @classmethod
    def of(cls, judged: Sequence[Mapping[str, Counts]], **named: tuple[str, ...]) -> FieldScores:
        """From the counts of each document, by key."""
        fields = tuple(dict.fromkeys(key for counts in judged for key in counts))
        rows = [[counts.get(key, Counts()) for key in fields] for counts in judged]
        shape = (len(judged), len(fields), len(Counts._fields))
        return cls(fields, np.asarray(rows, np.float64).reshape(shape), **named)

    def rows(self) -> dict[str, Floats]:
        """A table (documents, columns) for each field, and their sum as `micro`."""
        named = {field: self.table[:, index] for index, field in enumerate(self.fields)}
        return named | {"micro": self.table.sum(axis=1)}

    @cached_property
    def macro(self) -> Interval:
        """The mean F1 of the fields for which it is defined."""
        return interval(self.table, macro_f1)

    def as_json(self) -> dict[str, Any]:
        """Everything, by field; shares are null where nothing defines them."""
        rows = {key: _row(table) for key, table in self.rows().items()}
        return {
            "documents": len(self.table),
            "missing": list(self.missing),
            "unread": list(self.unread),
            "fields": {key: row for key, row in rows.items() if key != "micro"},
            "micro": rows["micro"],
            "macro": {"f1": self.macro.as_json()},
        }


def extraction(found: LookedUp[Contract]) -> FieldScores:
    """Judge the record of each golden document; one without a record missed everything."""
    judged = [counts_of(verdicts(document, contract)) for document, contract in found.documents]
    return FieldScores.of(judged, missing=found.missing, unread=found.unread)


def verdicts(document: GoldenDocument, contract: Contract | None) -> dict[str, tuple[Verdict, bool]]:
    """The verdict on each field asked for, and whether its golden list is complete; no record answers nothing."""
    return {
        asked.key: (judge(asked, expected, answers(contract, asked) if contract else ()), asked.complete)
        for asked, expected in document.fields.items()
    }


def counts_of(judged: Mapping[str, tuple[Verdict, bool]]) -> dict[str, Counts]:
    """The verdicts of one document in numbers."""
    return {key: verdict.counts(complete) for key, (verdict, complete) in judged.items()}


def macro_f1(sums: Floats) -> Floats:
    """The statistic of a table (documents, fields, columns)."""
    scores = FIGURES["f1"](sums)
    defined = np.isfinite(scores)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(defined, scores, 0.0).sum(axis=-1) / defined.sum(axis=-1), np.float64)


def _row(table: Floats) -> dict[str, Any]:
    counts = dict(zip(Counts._fields, map(int, table.sum(axis=0)), strict=True))
    figures: dict[str, Statistic] = FIGURES
    shares = {name: interval(table, statistic) for name, statistic in figures.items()}
    return counts | {
        name: share.as_json() if name in INTERVALS else share.as_json()["value"] for name, share in shares.items()
    }
