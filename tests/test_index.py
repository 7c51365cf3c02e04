"""The index stage: what a page's point is made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.backends.protocols import PageInput
from pipeline.index import (
    DocumentContext,
    Maker,
    build,
    document_terms,
    opening,
    query_terms,
    signature,
    stems,
    windows,
)
from pipeline.look import unpack
from pipeline.types import Affine, Box, Document, PageImage, PageText, TextSource, Word

DOCUMENT = Document(id="d1", matter="m1", name="lease.pdf", sha256="1" * 64)


class Texts:
    """A `TextEmbedder` that spells out what it was given: each text's length and order."""

    name, dimension = "texts@1", 2

    def __init__(self) -> None:
        self.given: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.given += texts
        return np.array([[len(text.split()), number] for number, text in enumerate(texts)], dtype=np.float32)


def page(number: int, text: str) -> PageInput:
    """A page whose words stand ten to a line."""
    words = tuple(Word(word, Box(0, 0, 1, 1), line=at // 10) for at, word in enumerate(text.split()))
    image = PageImage(number, f"{number:064d}", "image/png", 100, 140, 72, Affine())
    return PageInput(image, Path(f"{number}.png"), PageText(number, words, TextSource.LAYER))


@pytest.mark.parametrize(
    ("words", "ranges"),
    [
        (0, []),
        (1, [(0, 1)]),
        (90, [(0, 90)]),
        (91, [(0, 90), (60, 91)]),
        (200, [(0, 90), (60, 150), (120, 200)]),
    ],
)
def test_windows_cover_the_page(words: int, ranges: list[tuple[int, int]]) -> None:
    """Ninety words every sixty, to the last word, and no window inside the one before it."""
    assert windows(words) == ranges


@pytest.mark.parametrize("words", [30, 89, 149, 151, 478, 1000])
def test_windows_leave_no_word_out(words: int) -> None:
    """Every word stands in a window."""
    assert set(range(words)) == {word for start, stop in windows(words) for word in range(start, stop)}


def test_windows_have_an_end() -> None:
    """A page made of a million words doesn't grow past what a point can hold."""
    assert len(windows(1_000_000)) == 2000


def test_points_keep_their_own_vectors() -> None:
    """Windows and images go back to the page they came from; a blank page in between has none."""
    texts = Texts()
    pages = [page(1, "alpha " * 100), page(2, ""), page(3, "beta " * 5)]
    images = {number: (np.full((4, 2), number, np.float32), np.full((1, 2), number, np.float32)) for number in (1, 3)}
    points = build(DOCUMENT, pages, DocumentContext(title="Lease"), texts, images)
    assert [len(point.text_windows) for point in points] == [2, 0, 1]
    assert points[0].text_windows[:, 0].tolist() == [90, 40]
    assert points[2].text_windows[:, 0].tolist() == [5]
    assert points[1].image is points[1].pooled is None
    assert [(point.image[0, 0], len(point.pooled)) for point in points[::2]] == [(1, 1), (3, 1)]
    assert points[1].terms.indices == ()


def test_document_is_described_once_for_all_its_pages() -> None:
    """Title, kind, parties, file name and first words are one text, whose vector every page shares."""
    texts = Texts()
    first = page(1, "THIS LEASE is made")
    context = DocumentContext(opening(first.text), title="Lease", kind="office lease", parties=("Acme Inc.", "Brown"))
    points = build(DOCUMENT, [first, page(2, "beta")], context, texts)
    assert texts.given[0] == "Lease. office lease. Acme Inc.; Brown. lease. THIS LEASE is made"
    assert points[0].about.tolist() == points[1].about.tolist() == [[11.0, 0.0]]


def test_naming_terms_weigh_the_same_on_every_page() -> None:
    """Across documents "Acme" chooses the document, not the page that says it most; on the page alone it counts."""
    context = DocumentContext(title="Acme supply")
    often, never = build(DOCUMENT, [page(1, "Acme " * 9 + "notice"), page(2, "notice")], context, Texts())
    acme, notice = query_terms("acme").indices[0], query_terms("notice").indices[0]
    assert weight(often.about_terms, acme) == weight(never.about_terms, acme) > 0
    assert weight(often.about_terms, notice) == weight(often.terms, notice)
    assert weight(often.terms, acme) > 0
    assert weight(never.terms, acme) == 0


def test_terms_are_stemmed_saturated_and_without_stop_words() -> None:
    """Inflections share a term, repetition counts ever less, and "the" is none."""
    assert query_terms("terminated").indices == query_terms("Termination").indices
    assert query_terms("the of and").indices == ()
    once, often = document_terms("notice"), document_terms("notice " * 30)
    assert once.values[0] < often.values[0] < 2.2
    assert list(document_terms("b c a d").indices) == sorted(document_terms("b c a d").indices)


def test_payload_is_what_filters_stand_on() -> None:
    """Names are folded, the date is also a number, phrases are spelled for matching, the second look has its own."""
    context = DocumentContext(
        kind="Office Lease",
        parties=("ACME, Inc.",),
        date="2021-03-29",
        law="Delaware",
        amounts=(1250.0,),
        references={1: ("PO 4500123",)},
    )
    payload = dict(build(DOCUMENT, [page(1, "Quiet Enjoyment")], context, Texts())[0].payload)
    look = unpack(payload.pop("look"))
    assert look.terms.tolist() == stems("quiet enjoyment")
    assert look.about.tolist() == sorted(stems("office lease acme inc"))
    assert payload == {
        "document": "d1",
        "name": "lease.pdf",
        "matter": "m1",
        "page": 1,
        "kind": "office lease",
        "parties": ["acme inc"],
        "party": ["ACME, Inc."],
        "law": "Delaware",
        "amounts": [1250.0],
        "date": "2021-03-29",
        "day": 20210329,
        "references": ["PO 4500123"],
        "text": ["quiet enjoyment", "po 4500123", "po4500123", "4500123"],
        "sha256": f"{1:064d}",
        "confidence": 0.0,
    }


@pytest.mark.parametrize("date", ["", "2021-03", "March 2021", "2021-02-30"])
def test_half_a_date_is_no_day(date: str) -> None:
    """What is no whole ISO date can't be compared, so it isn't indexed as one."""
    assert "day" not in build(DOCUMENT, [page(1, "x")], DocumentContext(date=date), Texts())[0].payload


def test_signature_names_both_models() -> None:
    """Another model or none at all is another signature."""
    with_pages, without = signature(Texts(), Maker("pages@1", 2)), signature(Texts(), None)
    assert with_pages["page_model"] == "pages@1"
    assert without["page_model"] == ""
    assert with_pages != without


def weight(vector, term: int) -> float:
    return dict(zip(vector.indices, vector.values, strict=True)).get(term, 0.0)
