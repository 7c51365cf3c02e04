"""Grounding: every quote is located by code in the words read from the page; boxes come from there only.

Locating is tolerant, because the quote and the words come from two reads of the same ink: case, blanks,
punctuation, hyphenation, ligatures, accents and the confusions of OCR (l/1/I, O/0, rn/m, vv/w) are folded away,
and what is left is aligned by edit distance. Verifying is not: the value itself must stand in the words found,
and there every number, in digits or in words, must be the same number.
"""

from __future__ import annotations

import calendar
import dataclasses
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, groupby, pairwise

from num2words import num2words
from rapidfuzz import fuzz

from pipeline.normalise import currencies, date_readings, money, tidy
from pipeline.rules.identity import kind_of
from pipeline.types import Box, FieldStatus, Finding, PageText, Word
from schemas.kinds import UNKNOWN

__all__ = [
    "SUSPECT",
    "WHOLE",
    "Haystack",
    "Match",
    "boxes_of",
    "fold",
    "ground",
    "ground_over",
    "locate",
    "same_name",
    "stands_in",
]

MAX_QUOTE = 4000
"""Folded characters of a quote worth looking for: a dense page has about as many."""

LENGTHS, LEAST_SCORE = (6, 12, 40), (None, 0.9, 0.85, 0.75)
"""The alignment score (0..1) a quote needs, by folded characters: short ones fit anywhere by chance, so below
6 the fit must be exact, and from 40 on a quarter may differ (Tesseract on harsh scans misreads that much)."""

LEAST_VALUE = 0.85
NOWHERE = Box(0, 0, 0, 0)
CONFUSED = str.maketrans({"1": "l", "i": "l", "|": "l", "!": "l", "0": "o", "m": "rn", "w": "vv"})
PIECE = re.compile(r"\d+|[^\W\d_]+|[|!]+")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
MISREAD_DIGIT = re.compile(r"(?<=[\d.,$£€])[OoIl|]|[OoIl|](?=[.,]?\d)")
WORD = re.compile(r"[^\W\d_]+")
CORPORATE = re.compile(
    r"\b(?:incorporated|inc|corporation|corp|company|co|limited|ltd|llc|llp|lp|plc|gmbh|ag|sa|nv|bv|the)\b",
    re.IGNORECASE,
)
SERIAL = re.compile(r"\b(?:[IVX]+|\d+)\b(?!\.)")
NO_CURRENCY = "XXX"
NEAR = 80
"""Words between a page's edge and a sentence that runs over it: a running head, a page number, a footnote."""

SUSPECT, WHOLE = "suspect", "whole"
"""Keys of `Finding.detail` that no record shows: why the finding can't be verified whatever stands on the page, and
the whole passage of which its quote is the part on this page."""

DATE_FIELDS = frozenset({"agreement_date", "effective_date", "expiration_date", "dates"})


@dataclass(frozen=True, slots=True)
class Match:
    """Words `start` to `end` (exclusive) of a page hold the quote; `score` is 0..1, 1.0 equal after folding."""

    start: int
    end: int
    score: float
    boxes: tuple[Box, ...]


class Haystack:
    """A page's words folded once, so that many quotes can be located in them."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        folds = [fold(word.text) for word in words]
        self._ends = list(accumulate(map(len, folds)))
        self._text = "".join(folds)
        pieces = chain.from_iterable(_pieces(word.text) for word in words)
        self._edges = {0, *accumulate(pieces), *self._ends}

    def locate(self, quote: str) -> Match | None:
        """The words that hold the quote best, or None when no place comes near enough."""
        needle = fold(quote)
        if not needle or len(needle) > MAX_QUOTE:
            return None
        place = next(self._exact(needle), None) or self._fuzzy(needle)
        return self._match(*place) if place else None

    def all(self, quote: str) -> Iterator[Match]:
        """Every place that holds the quote exactly (after folding), or else the one that comes nearest."""
        needle = fold(quote)
        if needle and len(needle) <= MAX_QUOTE:
            places = list(self._exact(needle)) or list(filter(None, [self._fuzzy(needle)]))
            yield from (self._match(*place) for place in places)

    def _exact(self, needle: str) -> Iterator[tuple[int, int, float]]:
        """The places where the folded quote begins and ends with a word, or a number within one."""
        start = self._text.find(needle)
        while start >= 0:
            if start in self._edges and start + len(needle) in self._edges:
                yield start, start + len(needle), 1.0
            start = self._text.find(needle, start + 1)

    def _fuzzy(self, needle: str) -> tuple[int, int, float] | None:
        least = LEAST_SCORE[bisect_right(LENGTHS, len(needle))]
        # With less text than quote, rapidfuzz would look for the page in the quote.
        if least is None or len(self._text) < least * len(needle):
            return None
        found = fuzz.partial_ratio_alignment(needle, self._text, score_cutoff=100 * least)
        if found is None or found.dest_end <= found.dest_start:
            return None
        return found.dest_start, found.dest_end, found.score / 100

    def _match(self, start: int, end: int, score: float) -> Match:
        """From characters to words: a word that the alignment merely touches at its edge is left out."""
        first, last = bisect_right(self._ends, start), bisect_right(self._ends, end - 1)
        while first < last and 2 * (self._ends[first] - start) < len(fold(self._words[first].text)):
            first, start = first + 1, self._ends[first]
        while last > first and 2 * (end - self._ends[last - 1]) < len(fold(self._words[last].text)):
            last, end = last - 1, self._ends[last - 1]
        return Match(first, last + 1, score, boxes_of(self._words[first : last + 1]))


def locate(quote: str, words: Sequence[Word]) -> Match | None:
    """Where the quote stands among the words, or None; for many quotes on one page keep a `Haystack`."""
    return Haystack(words).locate(quote)


def boxes_of(words: Iterable[Word]) -> tuple[Box, ...]:
    """One box for each line of the words, in their order."""
    return tuple(_union(list(line)) for _, line in groupby(words, key=lambda word: word.line))


def _union(words: Sequence[Word]) -> Box:
    boxes = [word.box for word in words]
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def ground(findings: Iterable[Finding], text: PageText) -> list[Finding]:
    """The findings of this page with `boxes` and `status` set; nothing that came in these two is trusted.

    `verified`: the quote was found, the raw value stands both in the quote and in the words found, and the normal form
    of a date, a sum or a kind follows from it. `unreadable` (no value claimed) is kept as it is.
    """
    haystack = Haystack(text.words)
    return [_grounded(finding, haystack, text.words) for finding in findings]


def ground_over(parts: Sequence[Finding], texts: Mapping[int, PageText]) -> list[Finding]:
    """The parts of one passage that runs over page breaks, each grounded on its own page, with the whole as `raw`.

    They are verified together or not at all, and only near the break: what stands in the middle of the next
    page does not continue a sentence of this one.
    """
    found = [part for part in parts if part.page in texts]
    grounded = [ground([part], texts[part.page])[0] for part in found]
    whole = len(found) == len(parts) and all(part.status is FieldStatus.VERIFIED for part in grounded)
    whole = whole and all(_meet(*pair, texts) for pair in pairwise(grounded))
    status = FieldStatus.VERIFIED if whole else FieldStatus.UNVERIFIED
    return [dataclasses.replace(part, raw=part.detail[WHOLE], status=status) for part in grounded]


def _meet(one: Finding, other: Finding, texts: Mapping[int, PageText]) -> bool:
    """Whether the first part ends near the foot of its page and the second begins near the head of the next."""
    ends, begins = locate(one.quote, texts[one.page].words), locate(other.quote, texts[other.page].words)
    if ends is None or begins is None or other.page != one.page + 1:
        return False
    return ends.end >= len(texts[one.page].words) - NEAR and begins.start <= NEAR


def _grounded(finding: Finding, haystack: Haystack, words: Sequence[Word]) -> Finding:
    match = haystack.locate(finding.quote)
    boxes = match.boxes if match else ()
    if finding.status is FieldStatus.UNREADABLE:
        return dataclasses.replace(finding, boxes=boxes)
    seen = _joined(words[match.start : match.end]) if match else ""
    exact = finding.field == "reference_numbers"
    proven = all(stands_in(finding.raw, passage, exact=exact) for passage in (finding.quote, seen))
    proven = proven and SUSPECT not in finding.detail
    status = FieldStatus.VERIFIED if proven and _follows(finding, words) else FieldStatus.UNVERIFIED
    return dataclasses.replace(finding, boxes=boxes, status=status)


def _follows(finding: Finding, words: Sequence[Word]) -> bool:
    """A normal form must be one that the raw text can mean, and a currency one that the page shows."""
    if finding.field in DATE_FIELDS and finding.value:
        return finding.value in date_readings(finding.raw)
    if finding.field == "amounts" and finding.value:
        return _worth(finding, words)
    if finding.field == "kind":
        return kind_of(finding.raw) in {UNKNOWN, finding.value}
    return True


def _worth(finding: Finding, words: Sequence[Word]) -> bool:
    said, number = finding.value.rpartition(" ")[::2]
    printed, digits = money(finding.raw).rpartition(" ")[::2]
    if number != digits:
        return False
    return said in ({printed} if printed != NO_CURRENCY else {"", NO_CURRENCY, *currencies(_joined(words))})


def _joined(words: Sequence[Word]) -> str:
    return " ".join(word.text for word in words)


def stands_in(raw: str, passage: str, *, exact: bool = False) -> bool:
    """Whether a value stands in a passage: words OCR-tolerant (or folded alike, if `exact`), numbers the same.

    "1,000" does not stand in "$7,000", "$21,000", "$1,000,000" or "$1,000.50".
    """
    words = passage.split()
    wanted, least = numbers(raw), 1.0 if exact else LEAST_VALUE
    matches = Haystack([Word(word, NOWHERE) for word in words]).all(raw)
    return any(m.score >= least and _within(wanted, numbers(" ".join(words[m.start : m.end]))) for m in matches)


def _within(part: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether `part` is a run of `whole`."""
    size = len(part)
    return any(list(part) == list(whole[i : i + size]) for i in range(len(whole) - size + 1))


def numbers(text: str) -> list[str]:
    """The numbers of a text in order: digits without thousands commas, and number words."""
    plain = MISREAD_DIGIT.sub(lambda m: "0" if m[0] in "Oo" else "1", tidy(text))
    digits = [(m.start(), THOUSANDS.sub("", m[0])) for m in NUMBER.finditer(plain)]
    words = [(m.start(), m[0].lower()) for m in WORD.finditer(plain) if m[0].lower() in number_words()]
    return [value for _, value in sorted(digits + words)]


@lru_cache(maxsize=1)
def number_words() -> frozenset[str]:
    """The English words that numbers and ordinals up to a billion are made of, and the months."""
    sizes = [*range(2, 100), 100, 1000, 10**6, 10**9]
    texts = [num2words(n, to=form) for n in sizes for form in ("cardinal", "ordinal")]
    months = {name.lower() for names in (calendar.month_name, calendar.month_abbr) for name in names if name}
    return (frozenset(word for text in texts for word in WORD.findall(text)) | months) - {"one", "and", "second"}


def same_name(one: str, other: str) -> bool:
    """Names that differ in company form, punctuation, case or one OCR slip in about twelve letters; a numeral
    tells two names apart ("Fund II", "Fund III")."""
    if SERIAL.findall(one) != SERIAL.findall(other):
        return False
    first, second = (fold(CORPORATE.sub(" ", name)) for name in (one, other))
    return first == second or (min(len(first), len(second)) >= 8 and fuzz.ratio(first, second) >= 92)


@lru_cache(maxsize=8192)
def _pieces(word: str) -> tuple[int, ...]:
    """The lengths of the numbers and words within a word, folded."""
    return tuple(len(fold(piece)) for piece in PIECE.findall(word))


@lru_cache(maxsize=8192)
def fold(text: str) -> str:
    """The text without what two reads of one ink may differ in; for comparing only.

    Works character by character, so that the folded page is its folded words in a row.
    """
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(c for c in decomposed if c.isalnum() or c in "|!")
    return kept.translate(CONFUSED) if kept.strip("|!") else ""
