"""A second local reader, to learn from: it finds a field's passage by meaning, where the rules go by wording.

Values are recognised by their type (a date, a length of time, a place with laws of its own, a company's name, a line);
what each one is follows from the words around it alone: these are embedded, and the field whose descriptions they come
nearest to takes the value. It shares with the rules the words that were read and the forms of values, but not the
judgement of what a value is, and that is what the rules err in. Its confidence is a similarity; what that is worth is
fitted (`reliability.py`). It is no part of the product: alone it is right less often than the rules are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from pipeline.normalise import duration, tidy
from pipeline.rules.cues import CUES
from pipeline.rules.dates import date_spans
from pipeline.rules.jurisdictions import JURISDICTIONS
from pipeline.rules.terms import LENGTH
from pipeline.rules.view import PageView, Span, view_of
from pipeline.types import Finding
from schemas.cuad import DESCRIPTIONS

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix, PageInput, TextEmbedder

__all__ = ["MEANING", "MeaningReader"]

MEANING = "meaning/1"
BEFORE, AFTER = 18, 12
"""Words around a value that tell what it is."""

OPENING = 3000
"""Characters of the first page of text in which a document names its parties."""

MIN_WORDS = 6
LEAST = 0.3
"""Similarity under which nothing is found."""

ELSEWHERE = 0.15
"""What a value loses of its similarity to a field when it is nearer to another field of its type."""

LEAST_CLAUSE, CLAUSES_EACH = 0.5, 2
MOST_PARTIES = 4
TOP_LINES, TITLE_WORDS = 25, 14

DESCRIBED: dict[str, tuple[str, ...]] = {
    "agreement_date": (
        "This Agreement is made and entered into as of this date by and between the parties",
        "The contract is dated as of this day",
    ),
    "effective_date": (
        "This Agreement is effective as of this date, the Effective Date",
        "The term of this Agreement commences on this date",
    ),
    "expiration_date": (
        "This Agreement shall expire on this date",
        "The term shall continue until and terminate on this date",
    ),
    "dates": ("Signed by name and title on this date", "pursuant to another agreement dated that day", "filed on"),
    "term": (
        "The term of this Agreement shall continue for a period of years from the Effective Date",
        "The obligations of confidentiality shall remain in effect for years from the date of this Agreement",
    ),
    "renewal_term": ("This Agreement shall automatically renew for successive periods of one year",),
    "notice_period": (
        "Either party may prevent renewal by giving written notice at least so many days before the term ends",
        "Either party may terminate this Agreement upon so many days prior written notice",
    ),
    "lengths": ("Payment is due within days of the invoice", "cure the breach within days", "warranty for months"),
    "governing_law": ("This Agreement shall be governed by and construed in accordance with the laws of the State",),
    "places": ("a corporation organized under the laws of the State", "with its principal office at an address"),
    "parties": (
        "This Agreement is entered into by and between the Company, a corporation, and the other party",
        "the party, a Delaware limited liability company, hereinafter called the Licensee",
    ),
    "names": ("a subsidiary of another company", "copies of notices shall be sent to the law firm"),
    "title": ("Consulting Agreement", "Non-Disclosure and Confidentiality Agreement", "License Agreement", "Amendment"),
}
"""What the words around a value of each field are like. `dates`, `lengths`, `places` and `names` take what is none of
the fields asked for."""

COMPANY = re.compile(
    r"\b(?:[A-Z][\w&.'-]*,?\s(?:(?:of|and|the|&)\s)?){1,6}?"
    r"(?:Inc|INC|LLC|L\.L\.C|Corporation|CORPORATION|Corp|CORP|Company|COMPANY|Ltd|LTD|Limited|LIMITED|L\.P|LP|LLP|PLC"
    r"|GmbH|Co|N\.A|S\.A|B\.V|Trust|University|Bank)\b\.?"
)
PLACE = re.compile(r"\b(" + "|".join(sorted(map(re.escape, JURISDICTIONS), key=len, reverse=True)) + r")\b")
DURATION = re.compile(LENGTH, re.I)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A typed value, and the words around it."""

    view: PageView
    span: Span
    value: str
    said: str


class MeaningReader:
    """An `Extractor`; a field's finding is the value of its type whose surroundings come nearest to it."""

    name = MEANING

    def __init__(self, embedder: TextEmbedder, *, clauses: bool = True) -> None:
        """`clauses`: look for them, too; every sentence is embedded then."""
        self._embedder = embedder
        self._seeks_clauses = clauses
        self._fields = [field for field, texts in DESCRIBED.items() for _ in texts]
        self._targets = embedder.embed([text for texts in DESCRIBED.values() for text in texts])
        self._categories = list(CUES)
        self._clauses = embedder.embed([DESCRIPTIONS[name] for name in self._categories])

    def extract(self, pages: Sequence[PageInput]) -> list[list[Finding]]:
        """The findings of each page of one document, in order."""
        views = [view_of(page.text) for page in pages]
        found = [finding for kind in KINDS for finding in self._typed(kind, views)]
        found += self._passages(views) if self._seeks_clauses else []
        return [[finding for finding in found if finding.page == view.number] for view in views]

    def _typed(self, kind: _Kind, views: Sequence[PageView]) -> Iterator[Finding]:
        candidates = list(kind.candidates(views))
        if not candidates:
            return
        scores = self._scores([each.said for each in candidates], [*kind.asked, *kind.others])
        nearest = scores.argmax(axis=1)
        for column, (field, most) in enumerate(kind.asked.items()):
            own = scores[:, column] - ELSEWHERE * (nearest != column)
            ranked = [(float(own[i]), candidates[i]) for i in np.argsort(-own, kind="stable")]
            yield from _finest(field, ranked, most)

    def _scores(self, said: Sequence[str], fields: Sequence[str]) -> Matrix:
        """(said, fields): the similarity to the nearest description of each field."""
        every = self._embedder.embed(said) @ self._targets.T
        columns = [[index for index, name in enumerate(self._fields) if name == field] for field in fields]
        return np.stack([every[:, own].max(axis=1) for own in columns], axis=1)

    def _passages(self, views: Sequence[PageView]) -> Iterator[Finding]:
        """The passages nearest to each category of clauses; a passage has one category only."""
        passages = [(view, span) for view in views for span in view.sentences if _says_something(view, span)]
        if not passages:
            return
        scores = self._embedder.embed([view.text[slice(*span)] for view, span in passages]) @ self._clauses.T
        nearest = scores.argmax(axis=1)
        for column, category in enumerate(self._categories):
            ranked = (i for i in np.argsort(-scores[:, column]) if nearest[i] == column)
            for index in islice((i for i in ranked if scores[i, column] >= LEAST_CLAUSE), CLAUSES_EACH):
                (view, span), similarity = passages[index], float(scores[index, column])
                quote = view.source[slice(*span)].strip()
                sure = round(_sure(similarity) * view.confidence(span), 3)
                yield Finding("clauses", view.number, quote, category, quote, sure, MEANING, {"category": category})


def _finest(field: str, ranked: Iterable[tuple[float, _Candidate]], most: int) -> Iterator[Finding]:
    """The best candidates of different values, as many as the field may have."""
    seen: set[str] = set()
    for score, each in ranked:
        if score < LEAST or len(seen) == most:
            return
        if each.value not in seen:
            seen.add(each.value)
            yield replace(each.view.finding(field, each.span, each.value, _sure(score)), extractor=MEANING)


def _sure(similarity: float) -> float:
    """A similarity as a confidence: 0.3 gives 0.2, 0.7 and more give 0.95."""
    return float(np.clip(0.2 + (similarity - LEAST) * 1.875, 0.05, 0.95))


def _says_something(view: PageView, span: Span) -> bool:
    return len(view.text[slice(*span)].split()) >= MIN_WORDS


def _around(view: PageView, span: Span) -> str:
    """The value with the words before and after it."""
    before, after = view.text[: span[0]].split()[-BEFORE:], view.text[span[1] :].split()[:AFTER]
    return " ".join([*before, view.text[slice(*span)], *after])


def _matches(
    pattern: re.Pattern[str], value: Callable[[str], str], views: Sequence[PageView], within: int | None = None
) -> Iterator[_Candidate]:
    for view in views:
        for match in pattern.finditer(view.text, 0, within or len(view.text)):
            if said := value(match[0]):
                yield _Candidate(view, match.span(), said, _around(view, match.span()))


def _dates(views: Sequence[PageView]) -> Iterator[_Candidate]:
    for view in views:
        for span, value in date_spans(view.text):
            yield _Candidate(view, span, value, _around(view, span))


def _lengths(views: Sequence[PageView]) -> Iterator[_Candidate]:
    return _matches(DURATION, duration, views)


def _places(views: Sequence[PageView]) -> Iterator[_Candidate]:
    return _matches(PLACE, str, views)


def _names(views: Sequence[PageView]) -> Iterator[_Candidate]:
    return _matches(COMPANY, tidy, _opening(views), OPENING)


def _titles(views: Sequence[PageView]) -> Iterator[_Candidate]:
    """The first lines of the document, each judged by itself."""
    for view in _opening(views)[:1]:
        for span in view.lines[:TOP_LINES]:
            line = tidy(view.text[slice(*span)])
            if 1 < len(line.split()) <= TITLE_WORDS:
                yield _Candidate(view, span, line, line)


def _opening(views: Sequence[PageView]) -> Sequence[PageView]:
    """The first pages of text."""
    return [view for view in views if len(view.starts) >= 20][:2]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type of value: where it stands, the fields of that type with how many values each may have, and what else
    such a value may be."""

    candidates: Callable[[Sequence[PageView]], Iterator[_Candidate]]
    asked: Mapping[str, int]
    others: tuple[str, ...] = ()


KINDS = (
    _Kind(_dates, {"agreement_date": 1, "effective_date": 1, "expiration_date": 1}, ("dates",)),
    _Kind(_lengths, {"term": 1, "renewal_term": 1, "notice_period": 1}, ("lengths",)),
    _Kind(_places, {"governing_law": 1}, ("places",)),
    _Kind(_names, {"parties": MOST_PARTIES}, ("names",)),
    _Kind(_titles, {"title": 1}),
)
