"""Values that were read against those a golden file expects: counts a field and document, and their figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from pipeline.evaluate.bootstrap import Floats, Statistic
from pipeline.evaluate.goldenset import Asked, Expected
from pipeline.evaluate.values import same_text, same_value
from schemas.contract import Contract
from schemas.fields import FieldValue

__all__ = ["FIGURES", "Answer", "Counts", "Verdict", "answers", "judge"]

NARROWED_BY = ("role", "purpose", "label", "title")


@dataclass(frozen=True, slots=True)
class Answer:
    """A value that was read: the page it was found on first (0: nowhere), the quote there, and how sure it is."""

    value: str
    page: int = 0
    quote: str = ""
    verified: bool = False


class Counts(NamedTuple):
    """What is counted of one field of one document. An incomplete list judges nothing found: `judged` stays 0."""

    expected: float = 0
    right: float = 0
    judged: float = 0
    judged_right: float = 0
    verified: float = 0
    verified_right: float = 0
    placed: float = 0
    placed_right: float = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The expected values each beside the answer that met it, or None; and the answers that met none."""

    met: tuple[tuple[Expected, Answer | None], ...] = ()
    wrong: tuple[Answer, ...] = ()

    def counts(self, complete: bool = True) -> Counts:
        """The verdict in numbers."""
        pairs = [(expected, answer) for expected, answer in self.met if answer is not None]
        sure = sum(answer.verified for _, answer in pairs)
        placed = [_in_place(expected, answer) for expected, answer in pairs if expected.pages or expected.quote]
        wrong = len(self.wrong) if complete else 0
        return Counts(
            expected=len(self.met),
            right=len(pairs),
            judged=len(pairs) + wrong if complete else 0,
            judged_right=len(pairs) if complete else 0,
            verified=sure + sum(answer.verified for answer in self.wrong) if complete else 0,
            verified_right=sure if complete else 0,
            placed=len(placed),
            placed_right=sum(placed),
        )


def judge(asked: Asked, expected: Sequence[Expected], found: Iterable[Answer]) -> Verdict:
    """Each answer meets at most one expected value, and each of these is met once; exact spellings first."""
    left = list(dict.fromkeys(found))
    met: dict[int, Answer] = {}
    for exact in (True, False):
        for index, each in enumerate(expected):
            if index in met:
                continue
            hit = next((answer for answer in left if _meets(asked.fields[0], each, answer, exact)), None)
            if hit is not None:
                met[index] = hit
                left.remove(hit)
    return Verdict(tuple((each, met.get(index)) for index, each in enumerate(expected)), tuple(left))


def answers(contract: Contract, asked: Asked) -> tuple[Answer, ...]:
    """What the record answers, best first: the best value where one is asked for, else all of them."""
    for name in asked.fields:
        values = _narrowed(getattr(contract, name).values, asked.words)
        if values:
            given: dict[tuple[str, int], Answer] = {}
            for answer in chain.from_iterable(_answers(name, value) for value in values[: 1 if asked.single else None]):
                given.setdefault((answer.value, answer.page), answer)
            return tuple(given.values())
    return ()


def _answers(field: str, value: FieldValue) -> list[Answer]:
    """One a value; a clause is a category on a page, so one for each page it stands on."""
    told = value.value or value.raw
    shown = value.evidence if field == "clauses" else value.evidence[:1]
    sure = value.status == "verified"
    return [Answer(told, each.page, each.quote, sure) for each in shown] or [Answer(told, verified=sure)]


def _narrowed(values: Sequence[FieldValue], words: Sequence[str]) -> Sequence[FieldValue]:
    """The values that hold the first word which any of them holds; all of them when there are no words."""
    if not words:
        return values
    said = [" ".join(str(getattr(value, name, "")) for name in NARROWED_BY).casefold() for value in values]
    kept = ([value for value, text in zip(values, said, strict=True) if word in text] for word in words)
    return next(filter(None, kept), [])


def _meets(field: str, expected: Expected, answer: Answer, exact: bool) -> bool:
    if field == "clauses" and expected.pages and answer.page not in expected.pages:
        return False
    if exact:
        return answer.value in expected.values
    return any(same_value(field, value, answer.value) for value in expected.values)


def _in_place(expected: Expected, answer: Answer) -> bool:
    """The page decides where the golden file gives it, else the words."""
    if expected.pages:
        return answer.page in expected.pages
    wanted, given = expected.quote, answer.quote
    return bool(given) and (wanted in given or given in wanted or same_text(wanted, given))


def _share(part: int, whole: int) -> Statistic:
    def statistic(sums: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[..., part] / sums[..., whole], np.float64)

    return statistic


def _f1(sums: Floats) -> Floats:
    """2PR/(P+R), and 0 where nothing is right though something was expected or found."""
    precision, recall = FIGURES["precision"](sums), FIGURES["recall"](sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        both = 2 * precision * recall / (precision + recall)
    nothing = (sums[..., _AT["right"]] == 0) & (sums[..., _AT["expected"]] + sums[..., _AT["judged"]] > 0)
    return np.asarray(np.where(nothing, 0.0, both), np.float64)


_AT: Mapping[str, int] = {name: index for index, name in enumerate(Counts._fields)}
FIGURES: dict[str, Callable[[Floats], Floats]] = {
    "precision": _share(_AT["judged_right"], _AT["judged"]),
    "recall": _share(_AT["right"], _AT["expected"]),
    "f1": _f1,
    "verified": _share(_AT["verified"], _AT["judged"]),
    "verified_right": _share(_AT["verified_right"], _AT["verified"]),
    "evidence": _share(_AT["placed_right"], _AT["placed"]),
}
"""Statistics of sums of `Counts`. `verified` is the share of what was found that is verified, `verified_right` the
share of that which is right, `evidence` the share of right values whose first evidence stands where it should."""
