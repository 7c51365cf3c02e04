"""A page as the rules see it: one line of text for prose, the lines for layout, and the way back to the words."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from pipeline.normalise import TYPOGRAPHY
from pipeline.types import Finding, PageText

__all__ = ["EXTRACTOR", "PageView", "Span", "view_of"]

EXTRACTOR = "rules/1"
MAX_CHARACTERS = 40_000
"""Characters of a page that are read: six times a dense page. What comes after them is hostile or a dump."""

MAX_WORD, MAX_SENTENCE = 100, 1500
"""Characters of a word (longer ones are leaders, rules or hostile) and of a sentence, which is cut there."""

QUOTE_WORDS = 18
"""Words of the sentence kept on each side of a value in its quote."""

Span = tuple[int, int]
SENTENCE_END = re.compile(r"(?<=[a-z0-9)\"'])[.;](?=\s+[\"(]?[A-Z0-9])|[.:](?=\s+\(?[a-z0-9]{1,3}[.)]\s)")
ABBREVIATED = re.compile(r"(?:\b(?:Inc|Corp|Co|Ltd|No|Mr|Ms|Mrs|Dr|St|Jr|Sr|vs|Sec|Art|L\.P|N\.A|U\.S|[A-Z])|\d)$")


@dataclass(frozen=True)
class PageView:
    """`text` has straight quotes and single blanks; `source` is the same length and verbatim."""

    number: int
    text: str
    source: str
    lines: tuple[Span, ...]
    starts: tuple[int, ...]
    confidences: tuple[float, ...]

    @cached_property
    def sentences(self) -> tuple[Span, ...]:
        """Spans of the sentences, in order, without gaps."""
        cuts = [0]
        for match in SENTENCE_END.finditer(self.text):
            if not ABBREVIATED.search(self.text[max(0, match.start() - 8) : match.start()]) or match[0] != ".":
                cuts += [*range(cuts[-1] + MAX_SENTENCE, match.end(), MAX_SENTENCE), match.end()]
        cuts += range(cuts[-1] + MAX_SENTENCE, len(self.text), MAX_SENTENCE)
        return tuple(zip(cuts, [*cuts[1:], len(self.text)], strict=True))

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
    pieces: list[str] = []
    starts: list[int] = []
    confidences: list[float] = []
    lines: list[Span] = []
    numbers: list[int] = []
    position = 0
    for word in page.words:
        piece = _plain(word.text)
        if not 0 < len(piece) <= MAX_WORD or position + len(piece) > MAX_CHARACTERS:
            continue
        if numbers and numbers[-1] == word.line:
            lines[-1] = (lines[-1][0], position + len(piece))
        else:
            lines.append((position, position + len(piece)))
        numbers.append(word.line)
        pieces.append(piece)
        starts.append(position)
        confidences.append(word.confidence)
        position += len(piece) + 1
    source = " ".join(pieces)
    text = source.translate(TYPOGRAPHY)
    return PageView(page.number, text, source, tuple(lines), tuple(starts), tuple(confidences))


def _plain(word: str) -> str:
    """Ligatures written out, control and direction characters dropped, blanks inside made one."""
    kept = "".join(c for c in word if unicodedata.category(c)[0] != "C" or c.isspace())
    return " ".join((unicodedata.normalize("NFKC", kept) if any(c in kept for c in LIGATURES) else kept).split())


LIGATURES = "ﬀﬁﬂﬃﬄﬅﬆ"
