"""Search: a question in plain words, an "exact phrase" or a reference number becomes pages with their passage.

Ranking is hybrid (see `pipeline.backends.layout`), with a second look at the passages of what was found (see
`pipeline.rescore`). A search confined to one document asks the page alone; any other asks for the page and for what
its document is. Exact phrases are a condition, not a wish: every page that holds all of them inside the filter is
found, ranked by the rest, and no other. Pages with a reference number outside quotes come first, all of them; other
pages follow only when the query says more than numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.backends.protocols import PageEmbedder, PageIndex, PageQuery, PageScore, TextEmbedder
from pipeline.errors import NotFound
from pipeline.ground import Haystack, boxes_of
from pipeline.index import query_terms, windows
from pipeline.page_words import UNREAD, PageWords
from pipeline.passages import QUOTE_WORDS, choose
from pipeline.phrases import ParsedQuery, parse, tokens
from pipeline.rescore import LOOKED, beyond_names, looked_at, rescored, together
from pipeline.types import SearchFilter, SearchHit, Word

__all__ = ["Searcher"]


Place = tuple[str, int]
"""A page: the id of its document, and its number."""


@dataclass(frozen=True)
class Searcher:
    """Everything a search needs; `words_of` gives the words of pages, (document id, page), as they were indexed, and
    leaves out those that are not there: while a page is read anew it is still an answer."""

    index: PageIndex
    text_embedder: TextEmbedder
    page_embedder: PageEmbedder | None
    words_of: Callable[[Collection[Place]], Mapping[Place, PageWords]]

    def find(self, query: str, where: SearchFilter, limit: int = 10, *, placed: bool = True) -> list[SearchHit]:
        """At most `limit` hits, best first; none for a query without a word in it. Unless `placed`, each has its quote
        and no boxes: what a list of hits shows, and half the work of quoting.

        Queries are cut at 2,000 characters. Raises `UsageError` for a filter date that is not ISO and
        `IndexUnavailable` when the index can't be reached.
        """
        parsed, scores = self._asked(query, where, limit)
        return self._hits(parsed, scores, placed=placed) if scores else []

    def rank(self, query: str, where: SearchFilter, limit: int = 10) -> list[SearchHit]:
        """The same hits without quotes and boxes: what an evaluation needs, at a fraction of the time."""
        return [_hit(score) for score in self._asked(query, where, limit)[1]]

    def like(self, document: str, page: int, where: SearchFilter, limit: int = 10) -> list[SearchHit]:
        """Pages that say what this page says, best first, without the page itself; `NotFound` when it was not read.

        The page's own windows are the question (MaxSim), its words beside them; each hit is quoted by its first words.
        """
        read = self.words_of([(document, page)])
        if not read:
            raise NotFound(f"page {page} of {document} has not been read")
        words = read[document, page].texts
        texts = [" ".join(words[start:stop]) for start, stop in windows(len(words))]
        if not texts:
            return []
        question = PageQuery(text=self.text_embedder.embed(texts), terms=query_terms(" ".join(texts)))
        hits = self.index.search(question, where, limit + 1)
        others = [hit for hit in hits if (hit.document, hit.page) != (document, page)][:limit]
        return [_hit(score, page, (0, QUOTE_WORDS)) for score, page in self._with_words(others)]

    def around(self, query: str, where: SearchFilter, at: tuple[str, int], limit: int = 10) -> list[SearchHit]:
        """The hits of `find`, where only the page `at` (document, page) has its quote and boxes: what opening one
        of them needs, so that it can lead on to the others."""
        parsed, scores = self._asked(query, where, limit)
        opened = iter(
            self._hits(parsed, [score for score in scores if (score.document, score.page) == at], placed=True)
        )
        return [next(opened) if (score.document, score.page) == at else _hit(score) for score in scores]

    def _asked(self, query: str, where: SearchFilter, limit: int) -> tuple[ParsedQuery, list[PageScore]]:
        parsed = parse(query)
        if not tokens(parsed.plain):
            return parsed, []
        question = self._question(parsed, confined=where.documents is not None and len(where.documents) == 1)
        return parsed, self._ranked(parsed, question, where, limit)

    def _looked(self, asked: str, question: PageQuery, where: SearchFilter, limit: int) -> list[PageScore]:
        """The index's pages after the second look."""
        found = looked_at(self.index.search(question, where, max(limit, LOOKED)))
        if question.about is not None:
            found = together(found, asked)
        content = asked if question.about is None else beyond_names(asked, found)
        named = content != asked
        meaning = self.text_embedder.embed([content]) if named or question.text is None else question.text
        return rescored(found, content, meaning, named=named)[:limit]

    def _question(self, parsed: ParsedQuery, confined: bool) -> PageQuery:
        text = self.text_embedder.embed([parsed.plain])
        terms = query_terms(parsed.plain)
        return PageQuery(
            text=text,
            terms=terms if confined else None,
            about=None if confined else text,
            about_terms=None if confined else terms,
            image=self.page_embedder.embed_query(parsed.plain) if self.page_embedder else None,
            phrases=parsed.phrases,
        )

    def _ranked(self, parsed: ParsedQuery, question: PageQuery, where: SearchFilter, limit: int) -> list[PageScore]:
        first: list[PageScore] = []
        if parsed.references:
            named = replace(question, phrases=(*question.phrases, parsed.references))
            first = self._looked(parsed.plain, named, where, limit)
        if len(first) >= limit or parsed.only_references:
            return first
        seen = {(hit.document, hit.page) for hit in first}
        rest = self._looked(parsed.plain, question, where, limit)
        return [*first, *(hit for hit in rest if (hit.document, hit.page) not in seen)][:limit]

    def _hits(self, parsed: ParsedQuery, scores: Sequence[PageScore], *, placed: bool) -> list[SearchHit]:
        # A number beside other words ("balance due on INV-7") names the page; the words say what to read on it.
        said = (*parsed.phrases, *([parsed.references] if parsed.only_references else []))
        hits = []
        for score, page in self._with_words(scores):
            span = _exact_span(page, said) or choose(parsed.plain, score, page.texts)
            hits.append(_hit(score, page, span, placed=placed))
        return hits

    def _with_words(self, scores: Sequence[PageScore]) -> list[tuple[PageScore, PageWords]]:
        read = self.words_of([(score.document, score.page) for score in scores])
        return [(score, read.get((score.document, score.page), UNREAD)) for score in scores]


def _hit(
    score: PageScore, page: PageWords = UNREAD, span: tuple[int, int] = (0, 0), *, placed: bool = True
) -> SearchHit:
    return SearchHit(
        document=score.document,
        name=str(score.payload.get("name", "")),
        matter=str(score.payload.get("matter", "")),
        page=score.page,
        score=score.score,
        quote=" ".join(page.texts[slice(*span)]),
        boxes=boxes_of(page.words[slice(*span)]) if placed else (),
        kind=str(score.payload.get("kind", "")),
        date=str(score.payload.get("date", "")),
    )


def _exact_span(page: PageWords, phrases: Sequence[tuple[str, ...]]) -> tuple[int, int] | None:
    """The first run of words that says one of the phrases, in any of its spellings."""
    if not any(phrases):
        return None
    words = page.words
    haystack = Haystack(words)
    matches = (haystack.locate(spelling) for phrase in phrases for spelling in phrase)
    exact = next((match for match in matches if match and match.score == 1.0), None)
    return _widened(words, exact.start, exact.end) if exact else None


def _widened(words: Sequence[Word], start: int, stop: int) -> tuple[int, int]:
    """The whole printed lines around a find, so that it is read in its sentence; long finds stay as they are."""
    while start > 0 and words[start - 1].line == words[start].line and stop - start < QUOTE_WORDS:
        start -= 1
    while stop < len(words) and words[stop].line == words[stop - 1].line and stop - start < QUOTE_WORDS:
        stop += 1
    return start, stop
