"""The passage of a found page that answers best: what a lawyer reads first, and sees marked on the scan.

A question names its document ("… in the Harborline agreement") as well as what it asks. The names chose the page;
on the page they stand in every header and footer, so they are left out when the passage is chosen. Candidates are
the sentences of the page's nearest text window and those anywhere on it that say most of the asked words, a word
counting more the rarer it is on the page; among them the nearest in meaning wins.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.backends.protocols import PageScore
from pipeline.index import query_terms, stems, windows, without
from pipeline.types import Word

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix

__all__ = ["Span", "choose", "sentences"]

Span = tuple[int, int]
"""A run of words, [start, stop)."""

# A quote is one or two printed lines: long enough to judge, short enough to read at a glance.
SENTENCE_WORDS, QUOTE_WORDS = 8, 28
BY_WORDS = 6  # sentences from outside the nearest window that are looked at
SAID = 0.5  # what saying all asked words is worth, in units of cosine; either alone is fooled by headings


@dataclass(frozen=True, slots=True)
class _Page:
    """One hit: its words, the sentences to choose from, what is asked of it and the share of it each sentence says."""

    words: Sequence[Word]
    spans: Sequence[Span]
    asked: str
    said: Sequence[float]


def choose(
    query: str, pages: Sequence[tuple[PageScore, Sequence[Word]]], embed: Callable[[Sequence[str]], Matrix]
) -> list[Span]:
    """The best passage of each page; (0, 0) for a page without words. All texts are embedded in one batch."""
    looked = [_look(query, score, words) for score, words in pages]
    texts = [text for page in looked for text in (page.asked, *(_text(page.words, span) for span in page.spans))]
    vectors = iter(embed(texts) if texts else ())
    return [_best(page, next(vectors), [next(vectors) for _ in page.spans]) for page in looked]


def sentences(words: Sequence[Word]) -> Iterator[Span]:
    """Runs of words up to a full stop, not shorter than 8 words ("Inc." ends none) and not longer than 28."""
    start = 0
    for at, word in enumerate(words, 1):
        ended = word.text.endswith((".", ";", "?", "!")) and at - start >= SENTENCE_WORDS
        if ended or at - start >= QUOTE_WORDS or at == len(words):
            yield start, at
            start = at


def _look(query: str, score: PageScore, words: Sequence[Word]) -> _Page:
    asked = without(query, _names(score))
    spans = list(sentences(words))
    said = _said(asked, [_text(words, span) for span in spans])
    ranges = windows(len(words))
    start, stop = ranges[score.window] if 0 <= score.window < len(ranges) else (0, 0)
    near = {at for at, span in enumerate(spans) if span[0] < stop and span[1] > start}
    by_words = sorted((at for at in range(len(spans)) if said[at] > 0), key=lambda at: -said[at])[:BY_WORDS]
    chosen = sorted(near.union(by_words)) or list(range(min(BY_WORDS, len(spans))))
    return _Page(words, [spans[at] for at in chosen], asked, [said[at] for at in chosen])


def _names(score: PageScore) -> set[int]:
    """The terms of what the page's document is called: its parties, its kind."""
    parties = score.payload.get("parties")
    names = [*(parties if isinstance(parties, list | tuple) else ()), score.payload.get("kind") or ""]
    return {term for name in names for term in stems(str(name))}


def _said(asked: str, texts: Sequence[str]) -> list[float]:
    """For each text the share (0..1) of the asked terms it says, each term weighed by its rarity among the texts."""
    wanted = set(query_terms(asked).indices)
    found = [wanted.intersection(query_terms(text).indices) for text in texts]
    spread = Counter(term for terms in found for term in terms)
    weight = {term: math.log1p(len(texts) / (spread[term] or 1)) for term in wanted}
    total = sum(weight.values()) or 1.0
    return [sum(weight[term] for term in terms) / total for terms in found]


def _best(page: _Page, question: Matrix, vectors: Sequence[Matrix]) -> Span:
    merits = [float(question @ vector) + SAID * said for vector, said in zip(vectors, page.said, strict=True)]
    return page.spans[merits.index(max(merits))] if merits else (0, 0)


def _text(words: Sequence[Word], span: Span) -> str:
    return " ".join(word.text for word in words[slice(*span)])
