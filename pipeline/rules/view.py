"""A page as the rules see it: one line of text for prose, the lines for layout, and the way back to the words."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby, pairwise

from pipeline.normalise import TYPOGRAPHY
from pipeline.rules.furniture import Line, breaks
from pipeline.types import Finding, PageText, Word

__all__ = ["EXTRACTOR", "PageView", "Span", "view_of"]

EXTRACTOR = "rules/1"
MAX_CHARACTERS = 40_000
"""Characters of a page that are read: six times a dense page. What comes after them is hostile or a dump."""

MAX_WORD, MAX_SENTENCE = 100, 1500
"""Characters of a word (longer ones are leaders, rules or hostile) and of a sentence, which is cut there."""

QUOTE_WORDS = 18
"""Words of the sentence kept on each side of a value in its quote."""

Span = tuple[int, int]
SENTENCE_END = re.compile(
    r"(?<=[a-z0-9)%\"'])[.;][\"')]{0,2}(?=\s+(?:\W{1,2}\s)?[\"(]?[A-Z0-9])"
    r"|(?:(?<=[A-Z]{5})|(?<=Exhibit [A-Z])|(?<=Schedule [A-Z])|(?<=Annex [A-Z])|(?<=Appendix [A-Z]))\.(?=\s+[A-Z0-9])"
    r"|[.:](?=\s+\(?[a-z0-9]{1,3}[.)]\s)"
)
ABBREVIATED = re.compile(
    r"(?:\b(?:Inc|Corp|Co|Ltd|No|Mr|Ms|Mrs|Dr|St|Jr|Sr|vs|Sec|Art|L\.P|N\.A|U\.S)"
    r"|(?:^|(?<!Section)(?<!Sections)(?<!Article)(?<!Exhibit)(?<!Schedule)\s)[\"(]?(?:\d{1,2}\.)?\d{1,2}"
    r"|(?<!\bExhibit )(?<!\bSchedule )(?<!\bAnnex )(?<!\bAppendix )\b[A-Z])$"
)
"""What ends with a point that ends no sentence; the number of a section is such, a sum or a year is not."""

SECTION = re.compile(r"(?:ARTICLE|SECTION|Article|Section)\s\d{1,3}\.?\s[A-Z]|\d{1,2}\.\d{1,2}\.?\s[\"(]?[A-Z]")
"""How a printed line begins that opens a section, and with it a sentence, whatever stands before it."""

CITING = re.compile(r"\b(?:sections?|articles?|paragraphs?|clauses?|and|or|to|in|of|under|by)\s$", re.I)


@dataclass(frozen=True)
class PageView:
    """`text` has straight quotes and single blanks; `source` is the same length and verbatim.

    `breaks` are offsets over which no sentence runs: the edges of running headers and footers.
    """

    number: int
    text: str
    source: str
    lines: tuple[Span, ...]
    starts: tuple[int, ...]
    confidences: tuple[float, ...]
    breaks: tuple[int, ...] = ()

    @cached_property
    def sentences(self) -> tuple[Span, ...]:
        """Spans of the sentences, in order, without gaps."""
        ends = sorted({*self._stops(), *self._sections(), *self.breaks, len(self.text)})
        cuts = [0]
        for end in ends:
            cuts += [*range(cuts[-1] + MAX_SENTENCE, end, MAX_SENTENCE), end]
        return tuple((start, end) for start, end in pairwise(cuts) if start < end) or ((0, 0),)

    def _stops(self) -> Iterator[int]:
        """Where punctuation ends a sentence."""
        for match in SENTENCE_END.finditer(self.text):
            before = self.text[max(0, match.start() - 12) : match.start()]
            if not match[0].startswith(".") or not ABBREVIATED.search(before):
                yield match.end()

    def _sections(self) -> Iterator[int]:
        """Where a printed line opens a section."""
        for start, _ in self.lines:
            if SECTION.match(self.text, start) and not CITING.search(self.text[max(0, start - 12) : start]):
                yield start

    @cached_property
    def _sentence_starts(self) -> list[int]:
        return [start for start, _ in self.sentences]

    def sentence(self, position: int) -> Span:
        """The sentence that holds this character."""
        return self.sentences[max(0, bisect_right(self._sentence_starts, position) - 1)]

    def line(self, position: int) -> str:
        """The printed line that holds this character."""
        return self.text[slice(*self._line(position))]

    def line_end(self, position: int) -> int:
        """Where the printed line that holds this character ends."""
        return self._line(position)[1]

    def _line(self, position: int) -> Span:
        index = max(0, bisect_right(self.lines, (position, len(self.text))) - 1)
        return self.lines[index] if self.lines else (0, 0)

    def quote(self, span: Span) -> str:
        """The value with its sentence around it, verbatim, cut to whole words."""
        start, end = self.sentence(span[0])[0], self.sentence(max(span[0], span[1] - 1))[1]
        before = self.source[start : span[0]].split(" ")[-QUOTE_WORDS - 1 :]
        after = self.source[span[1] : end].split(" ")[: QUOTE_WORDS + 1]
        return (" ".join(before) + self.source[slice(*span)] + " ".join(after)).strip()

    def confidence(self, span: Span) -> float:
        """Mean OCR confidence of the words in the span (0..1)."""
        first = max(0, bisect_right(self.starts, span[0]) - 1)
        last = max(first + 1, bisect_right(self.starts, max(span[0], span[1] - 1)))
        found = self.confidences[first:last]
        return sum(found) / len(found) if found else 0.0

    def finding(self, field: str, span: Span, value: str, confidence: float, **detail: str) -> Finding:
        """A finding whose raw value is this span; `confidence` is the rule's own."""
        raw, sure = self.source[slice(*span)], confidence * self.confidence(span)
        kept = {name: text for name, text in detail.items() if text}
        return Finding(field, self.number, raw, value, self.quote(span), round(sure, 3), EXTRACTOR, detail=kept)


def view_of(page: PageText) -> PageView:
    """The page's words joined by single blanks, direction and control characters left out."""
    words = list(_kept(page))
    pieces = [piece for _, piece in words]
    starts = list(accumulate((len(piece) + 1 for piece in pieces), initial=0))[: len(pieces)]
    source = " ".join(pieces)
    text = source.translate(TYPOGRAPHY)
    lines = [_line(list(run)) for _, run in groupby(zip(words, starts, strict=True), key=lambda w: w[0][0].line)]
    return PageView(
        page.number,
        text,
        source,
        tuple((line.start, line.end) for line in lines),
        tuple(starts),
        tuple(word.confidence for word, _ in words),
        tuple(breaks(lines, text)),
    )


def _kept(page: PageText) -> Iterator[tuple[Word, str]]:
    """The words worth reading with their text made plain, up to `MAX_CHARACTERS`."""
    position = 0
    for word in page.words:
        piece = _plain(word.text)
        if 0 < len(piece) <= MAX_WORD and position + len(piece) <= MAX_CHARACTERS:
            yield word, piece
            position += len(piece) + 1


def _line(run: Sequence[tuple[tuple[Word, str], int]]) -> Line:
    """A printed line from its words and where each begins."""
    boxes = [word.box for (word, _), _ in run]
    (_, last), start = run[-1]
    return Line(run[0][1], start + len(last), min(box.top for box in boxes), max(box.bottom for box in boxes))


def _plain(word: str) -> str:
    """Ligatures written out, control and direction characters dropped, blanks inside made one."""
    kept = "".join(c for c in word if unicodedata.category(c)[0] != "C" or c.isspace())
    return " ".join((unicodedata.normalize("NFKC", kept) if any(c in kept for c in LIGATURES) else kept).split())


LIGATURES = "ﬀﬁﬂﬃﬄﬅﬆ"
