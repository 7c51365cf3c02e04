"""The tables of a model card: what each answerer is worth, question by question and label by label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from infra.measure.answerers import labels_of
from infra.measure.answers import Seen
from infra.measure.scoring import Scored, accuracy, auc, f1, less, macro_auc, macro_f1, measured
from pipeline.evaluate.bootstrap import Floats, Interval, Statistic
from pipeline.questions import QUESTIONS

__all__ = ["by_label", "by_question", "commonest", "gained"]

Answered = Mapping[str, Mapping[str, Scored]]
"""Scores by who answers ("signals", "model", "both", "commonest") and question, all of the same pages."""

Measure = Callable[[Scored], Statistic]

TOLD_APART: dict[str, Sequence[tuple[str, Sequence[str]]]] = {
    "handwriting": [("AUC: yes", ["yes"])],
    "stamp": [("AUC: any", ["stamp", "signature", "both"])],
    "table": [("AUC: any", ["simple", "dense"])],
    "legibility": [("AUC: worn (fair or poor)", ["fair", "poor"])],
}
"""The questions that triage takes for a yes or no, and the labels that are the yes."""


def commonest(tuning: Iterable[Seen], count: int) -> dict[str, Floats]:
    """The scores of so many pages if every one is given the label that most pages of the tuning half have; of copies
    that were turned at random, that of an upright page."""
    tuning, scores = list(tuning), {}
    for question in QUESTIONS:
        told = Counter(page.answers[question.name] for page in tuning if page.answers[question.name] is not None)
        row = [float(label == told.most_common(1)[0][0]) for label in labels_of(question)]
        scores[question.name] = np.array([row] * count, np.float64)
    return scores


def by_question(answered: Answered) -> Iterator[str]:
    """A row a question and measure: pages with a label, each one's figure, and what is above the signals."""
    people = [who for who in ("signals", "model", "both", "commonest") if who in answered]
    gainers = [who for who in ("model", "both") if who in answered and "signals" in answered]
    yield _row("question", "measure", "pages", *people, *(f"{who} − signals" for who in gainers))
    yield _row(*["---"] * (3 + len(people) + len(gainers)))
    for question in QUESTIONS:
        for name, measure in _measures(question.name, labels_of(question)):
            asked = {who: answered[who][question.name] for who in people}
            figures = [measured(measure(each), each) for each in asked.values()]
            for who in gainers:
                over = less(measure(asked[who]), measure(asked["signals"]))
                figures.append(measured(over, asked[who]))
            yield _row(question.name, name, _known(asked[people[0]]), *figures)


def gained(answered: Answered, who: str) -> dict[str, Interval]:
    """By question, how much better this answerer ranks pages than the signals do, by the question's first measure."""
    found = {}
    for question in QUESTIONS:
        _, measure = next(_measures(question.name, labels_of(question)))
        ours, theirs = (answered[each][question.name] for each in (who, "signals"))
        found[question.name] = measured(less(measure(ours), measure(theirs)), ours)
    return found


def by_label(answered: Answered) -> Iterator[str]:
    """A row a label that a page has: how many have it, and the area and F1 of each answerer."""
    people = [who for who in ("model", "signals") if who in answered]
    yield _row("question", "label", "pages", *(f"{who}: {what}" for who in people for what in ("AUC", "F1")))
    yield _row(*["---"] * (3 + 2 * len(people)))
    for question in QUESTIONS:
        truth = answered[people[0]][question.name]
        for at in truth.present:
            figures = [
                measured(statistic(each), each)
                for each in (answered[who][question.name] for who in people)
                for statistic in (lambda one, at=at: auc(one, [at]), lambda one, at=at: f1(one, at))
            ]
            yield _row(question.name, labels_of(question)[at], int((truth.truth == at).sum()), *figures)


def _measures(question: str, labels: Sequence[str]) -> Iterator[tuple[str, Measure]]:
    for name, wanted in TOLD_APART.get(question, ()):
        places = [labels.index(label) for label in wanted]
        yield name, lambda scored, places=places: auc(scored, places)
    if len(labels) > 2:
        yield "macro-AUC", macro_auc
    yield "macro-F1", macro_f1
    yield "accuracy", accuracy


def _known(scored: Scored) -> int:
    return int((scored.truth >= 0).sum())


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
