"""Search over a small real index: real MiniLM vectors, the real engine, real words with boxes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from pipeline.backends.edge import EdgeIndex
from pipeline.backends.minilm import MiniLM
from pipeline.backends.protocols import PageInput, PageQuery, PageScore
from pipeline.errors import NotFound, UsageError
from pipeline.index import DocumentContext, build, opening, signature
from pipeline.models import minilm_path
from pipeline.page_words import PageWords
from pipeline.search import Searcher
from pipeline.types import Affine, Box, Document, PageImage, PageText, SearchFilter, TextSource, Word

ANYWHERE = SearchFilter()
FILLER = (
    "The parties have read this agreement and sign it freely. Headings are for convenience only. This agreement may "
    "be signed in counterparts. No waiver is a continuing waiver. "
)
PAGES = {
    ("lease", "m1"): [
        "OFFICE LEASE between Harbor Estates LLC as landlord and Blue Finch Ltd as tenant. Reference MSA-2021-0043.",
        FILLER + "Rent is due on the first day of each month. Late payments bear interest at five percent. " + FILLER,
        FILLER + "The tenant shall have quiet en-\njoyment of the premises. Either party may end this lease by giving "
        "ninety days written notice. " + FILLER,
    ],
    ("supply", "m2"): [
        "SUPPLY AGREEMENT between Orchid Foods GmbH and Kestrel Logistics BV. Purchase order PO 4500123.",
        FILLER + "Rent is due for every returned pallet within ten days. " + FILLER,
        FILLER + "Either party may end this agreement by thirty days written notice. See MSA-2021-0043. " + FILLER,
        "",
    ],
}


@dataclass
class Room:
    """The searcher and the words behind it."""

    searcher: Searcher
    texts: dict[tuple[str, int], PageText]

    def pages(self, query: str, where: SearchFilter = ANYWHERE, limit: int = 10) -> list[tuple[str, int]]:
        return [(hit.document, hit.page) for hit in self.searcher.find(query, where, limit)]


class Looks:
    """A `PageEmbedder` by page number: what a page looks like is told by its file, what is asked for by the query."""

    name, dimension = "looks@1", 4

    def embed_pages(self, images: Sequence[Path]) -> list[np.ndarray]:
        return [np.eye(4, dtype=np.float32)[[int(path.stem) % 4, 0]] for path in images]

    def embed_query(self, query: str) -> np.ndarray:
        return np.eye(4, dtype=np.float32)[[3]]

    def pool(self, pages: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(pages)

    def images(self, pages: Sequence[PageInput]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        rows = self.embed_pages([page.image_path for page in pages])
        return {page.image.number: (row, row) for page, row in zip(pages, rows, strict=True)}


class Asked:
    """A `PageIndex` that finds nothing and keeps what it was asked."""

    def __init__(self) -> None:
        self.queries: list[PageQuery] = []

    def search(self, query: PageQuery, where: SearchFilter, limit: int) -> list[PageScore]:
        self.queries.append(query)
        return []


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    """The text model, loaded once."""
    return MiniLM(minilm_path(), device="cpu")


@pytest.fixture(scope="module")
def room(minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Two documents of two matters, indexed by text."""
    yield from _room(minilm, None, tmp_path_factory.mktemp("search"))


def test_plain_words_find_the_page_that_means_it(room: Room) -> None:
    """Other words than the page's find its passage."""
    hit = room.searcher.find("how long is the notice period for cancelling the office lease", ANYWHERE, 5)[0]
    assert (hit.document, hit.page, hit.name, hit.matter) == ("lease", 3, "lease.pdf", "m1")
    assert "ninety days written notice" in hit.quote


def test_more_like_a_page_are_others_that_say_the_same(room: Room) -> None:
    """The page about notice finds the other contract's page about notice first, never itself, inside the wall."""
    hits = room.searcher.like("lease", 3, ANYWHERE, 3)
    assert (hits[0].document, hits[0].page) == ("supply", 3)
    assert ("lease", 3) not in [(hit.document, hit.page) for hit in hits]
    assert {hit.matter for hit in room.searcher.like("lease", 3, SearchFilter(matters=("m1",)), 3)} == {"m1"}


def test_a_page_is_known_by_its_document(room: Room) -> None:
    """Two pages say the same; the party named on page 1 alone chooses between them."""

    def notice_pages(query: str) -> list[str]:
        return [document for document, page in room.pages(query) if page == 3]

    assert notice_pages("written notice to end the agreement, Orchid Foods") == ["supply", "lease"]
    assert notice_pages("written notice to end the agreement, Blue Finch") == ["lease", "supply"]


def test_within_one_document_only_the_page_is_asked(minilm: MiniLM) -> None:
    """What all pages of the document share is left out there, and asked for everywhere else."""
    asked = Asked()
    searcher = Searcher(asked, minilm, None, lambda places: {})
    searcher.find("rent", SearchFilter(documents=("lease",)))
    searcher.find("rent", SearchFilter(documents=("lease", "supply")))
    searcher.find("rent", ANYWHERE)
    assert [(query.about is None, query.about_terms is None) for query in asked.queries] == [
        (True, True),
        (False, False),
        (False, False),
    ]
    assert [query.terms is None for query in asked.queries] == [False, True, True]


def test_quote_is_verbatim_and_boxed_by_line(room: Room) -> None:
    """The quote is a run of the page's words; every line it touches has one box around its words."""
    hit = room.searcher.find("interest on late payments", ANYWHERE, 1)[0]
    words = room.texts[hit.document, hit.page].words
    texts = [word.text for word in words]
    length = len(hit.quote.split())
    starts = [at for at in range(len(texts)) if " ".join(texts[at : at + length]) == hit.quote]
    assert len(starts) == 1
    quoted = words[starts[0] : starts[0] + length]
    assert len(hit.boxes) == len({word.line for word in quoted})
    assert hit.boxes[0].left == quoted[0].box.left
    assert 8 <= length <= 28


def test_exact_phrase_over_a_line_break(room: Room) -> None:
    """A quoted phrase finds the one page that says it, though a hyphen breaks it, and quotes that place."""
    hits = room.searcher.find('"Quiet Enjoyment"', ANYWHERE, 10)
    assert [(hit.document, hit.page) for hit in hits] == [("lease", 3)]
    assert "quiet en- joyment of the premises." in hits[0].quote


def test_exact_phrase_that_stands_nowhere(room: Room) -> None:
    """A phrase no page says finds nothing, however near its words come."""
    assert room.pages('"notice written"') == []


def test_phrase_and_words_together(room: Room) -> None:
    """The phrase confines, the words rank."""
    assert room.pages('"rent is due" pallet')[0] == ("supply", 2)
    assert set(room.pages('"rent is due" pallet')) == {("supply", 2), ("lease", 2)}


def test_reference_number_finds_every_page_that_has_it(room: Room) -> None:
    """All pages with the number and no other; spelled with blanks too."""
    assert set(room.pages("MSA-2021-0043")) == {("lease", 1), ("supply", 3)}
    assert room.pages("po 4500123", SearchFilter(matters=("m2",)))[0] == ("supply", 1)
    assert room.pages("ABC-1999-0001") == []


def test_reference_number_with_words_comes_first(room: Room) -> None:
    """Pages with the number lead, the words' pages follow."""
    hits = room.pages("MSA-2021-0043 rent")
    assert set(hits[:2]) == {("lease", 1), ("supply", 3)}
    assert ("lease", 2) in hits[2:]


def test_matters_are_walls(room: Room) -> None:
    """Phrase, reference and plain words stay inside the allowed matters; no matters, no hits."""
    only = SearchFilter(matters=("m2",))
    for query in ("notice", '"rent is due"', "MSA-2021-0043", "quiet enjoyment"):
        assert {document for document, _ in room.pages(query, only)} <= {"supply"}
    assert room.pages("notice", SearchFilter(matters=())) == []


@pytest.mark.parametrize("query", ["", "   ", "\0\0", '""', "?!…", "\n\t"])
def test_query_without_a_word(room: Room, query: str) -> None:
    """Nothing asked, nothing found."""
    assert room.pages(query) == []


def test_hostile_queries_are_only_words(room: Room) -> None:
    """Markup, NUL and 100 kB are searched for as words, quickly."""
    assert room.pages("<script>alert('rent')</script>\0 due")
    started = time.monotonic()
    room.pages("rent " * 20_000)
    room.pages('"' * 100_000)
    assert time.monotonic() - started < 20


def test_pages_like_one_that_was_not_read_are_not_to_be_had(room: Room) -> None:
    """More like this page: the others, each by its first words; of a page without a reading there is no such thing."""
    hits = room.searcher.like("supply", 1, ANYWHERE, 3)
    assert hits
    assert ("supply", 1) not in [(hit.document, hit.page) for hit in hits]
    for hit in hits:
        first = [word.text for word in room.texts[hit.document, hit.page].words][:28]
        assert hit.quote.split() == first
    with pytest.raises(NotFound):
        replace(room.searcher, words_of=lambda places: {}).like("supply", 1, ANYWHERE, 3)


def test_page_whose_words_are_gone_is_still_a_hit(room: Room) -> None:
    """While a page is read anew it is found, without a quote."""
    hits = replace(room.searcher, words_of=lambda places: {}).find("rent", ANYWHERE, 2)
    assert len(hits) == 2
    assert {hit.quote for hit in hits} == {""}


def test_hits_that_are_not_placed_are_the_same_without_boxes(room: Room) -> None:
    """A list of hits has the order and the quotes it would have with boxes, by meaning and by exact phrase."""
    for query in ("rent", "written notice to end the agreement", '"quiet enjoyment"', "MSA-2021-0043"):
        placed, bare = (room.searcher.find(query, ANYWHERE, 5, placed=placed) for placed in (True, False))
        assert bare == [replace(hit, boxes=()) for hit in placed]
        assert any(hit.boxes for hit in placed)


def test_limit_and_order(room: Room) -> None:
    """At most `limit` hits, best first."""
    hits = room.searcher.find("agreement", ANYWHERE, 3)
    assert len(hits) == 3
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert room.pages("agreement", limit=0) == []


def test_rank_is_find_without_passages(room: Room) -> None:
    """The same hits in the same order, with nothing to show of them."""
    full = room.searcher.find("notice period", ANYWHERE, 5)
    assert room.searcher.rank("notice period", ANYWHERE, 5) == [replace(hit, quote="", boxes=()) for hit in full]


def test_wrong_date_is_a_usage_error(room: Room) -> None:
    """A filter that can't be obeyed is refused."""
    with pytest.raises(UsageError):
        room.pages("rent", SearchFilter(dated_to="soon"))


def test_page_images_add_their_evidence(minilm: MiniLM, tmp_path: Path) -> None:
    """With a page model, the page that looks like the answer wins over equal words; a blank page can be a hit."""
    for room in _room(minilm, Looks(), tmp_path):
        assert room.pages("the parties", SearchFilter(matters=("m2",)))[0][1] == 3
        assert ("supply", 4) in room.pages("the parties")
        blank = next(hit for hit in room.searcher.find("the parties", ANYWHERE, 10) if hit.page == 4)
        assert (blank.quote, blank.boxes) == ("", ())


def _room(minilm: MiniLM, looks: Looks | None, folder: Path) -> Iterator[Room]:
    index = EdgeIndex(folder / "index", signature(minilm, looks))
    texts = {}
    for (name, matter), pages in PAGES.items():
        inputs = [_page(number, text) for number, text in enumerate(pages, 1)]
        context = DocumentContext(opening(inputs[0].text))
        document = Document(id=name, matter=matter, name=f"{name}.pdf", sha256="0" * 64)
        images = looks.images(inputs) if looks else None
        index.upsert(build(document, inputs, context, minilm, images))
        texts |= {(name, page.text.number): page.text for page in inputs}
    kept = {place: PageWords.of(TypeAdapter(PageText).dump_json(text).decode()) for place, text in texts.items()}
    yield Room(Searcher(index, minilm, looks, lambda places: {place: kept[place] for place in places}), texts)
    index.close()


def _page(number: int, text: str) -> PageInput:
    """Words ten to a line, or fewer where the text breaks it."""
    words: list[Word] = []
    lines = [line.split()[at : at + 10] for line in text.split("\n") for at in range(0, len(line.split()), 10)]
    for row, line in enumerate(lines):
        top = row / 60
        words += [Word(word, Box(at / 10, top, (at + 0.9) / 10, top + 0.01), 1.0, row) for at, word in enumerate(line)]
    image = PageImage(number, f"{number:064d}", "image/png", 100, 140, 72, Affine())
    return PageInput(image, Path(f"{number}.png"), PageText(number, tuple(words), TextSource.LAYER))
