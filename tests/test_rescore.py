"""The second look over hand-made hits: vectors one can reason about, payloads as the index stores them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pipeline.backends.protocols import PageScore
from pipeline.index import stems
from pipeline.look import pack
from pipeline.rescore import LOOKED, beyond_names, looked_at, rescored, together

ASKED = "notice of termination"
MEANING = np.eye(4, dtype=np.float32)[:1]


def hit(
    document: str,
    page: int,
    score: float,
    *windows: str,
    near: tuple[float, ...] = (),
    about: str = "",
    confidence: float = 1.0,
) -> PageScore:
    """A page found; `near` is how near each window is to what is asked."""
    vectors = np.zeros((len(windows), 4), np.float32)
    vectors[:, 0] = near or [0.5] * len(windows)
    look = pack(vectors, [stems(text) for text in windows], stems(about))
    return PageScore(document, page, score, payload={"look": look, "confidence": confidence})


def pages(hits: list[PageScore]) -> list[tuple[str, int]]:
    return [(found.document, found.page) for found in hits]


def test_one_passage_beats_words_strewn_over_the_page() -> None:
    """A page that answers in one window goes before one that says the same words here and there."""
    strewn = hit("d", 1, 0.6, "a notice board", "termination of the wire", near=(0.3, 0.3))
    said = hit("d", 2, 0.55, "the fee", "notice of termination in writing", near=(0.1, 0.9))
    ranked = rescored(looked_at([strewn, said]), ASKED, MEANING)
    assert pages(ranked) == [("d", 2), ("d", 1)]
    assert ranked[0].window == 1


def test_what_was_found_first_still_counts() -> None:
    """Of two pages whose passages are alike, the one that was found before stays before."""
    found = [hit("d", 1, 0.9, ASKED), hit("d", 2, 0.2, ASKED)]
    assert pages(rescored(looked_at(found), ASKED, MEANING)) == [("d", 1), ("d", 2)]


def test_named_document_keeps_its_place() -> None:
    """A better passage of another document doesn't take the lead from the document the question names."""
    found = [hit("acme", 1, 0.9, "rent", near=(0.1,)), hit("other", 1, 0.8, ASKED, near=(1.0,))]
    assert pages(rescored(looked_at(found), ASKED, MEANING, named=True))[0] == ("acme", 1)
    assert pages(rescored(looked_at(found), ASKED, MEANING, named=False))[0] == ("other", 1)


def test_page_without_text_is_kept() -> None:
    """A page found by its image alone stays in the ranking, and so does a whole list of them."""
    bare = PageScore("d", 3, 0.7)
    assert pages(rescored(looked_at([hit("d", 1, 0.9, ASKED), bare]), ASKED, MEANING)) == [("d", 1), ("d", 3)]
    assert rescored(looked_at([bare]), ASKED, MEANING) == [bare]
    assert rescored(looked_at([]), ASKED, MEANING) == []


def test_pages_beyond_the_look_stay_behind() -> None:
    """The order goes on below what was looked at, with scores that never rise."""
    found = [hit("d", page, 1.0 - page / 1000, "rent") for page in range(1, LOOKED + 3)]
    ranked = rescored(looked_at(found), ASKED, MEANING)
    assert pages(ranked)[LOOKED:] == [("d", LOOKED + 1), ("d", LOOKED + 2)]
    assert all(first.score >= second.score for first, second in pairwise(ranked))


def test_names_are_left_out_of_the_question() -> None:
    """The words that name the first document go, those that most documents begin with stay."""
    found = [
        hit("a", 1, 0.9, about="Supply Agreement Orchid Foods"),
        *(hit(name, 1, 0.5, about=f"Supply Agreement {name}") for name in ("b", "c", "d")),
    ]
    assert beyond_names("notice period Orchid Foods agreement", looked_at(found)) == "notice period agreement"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Orchid Foods", [hit("a", 1, 0.9, about="Orchid Foods"), *(hit(n, 1, 0.1, about=n) for n in "bcd")]),
        ("Orchid Foods", [hit("a", 1, 0.9, about="Orchid Foods")]),
        ("rent", []),
    ],
    ids=["nothing but names", "a sole document", "nothing found"],
)
def test_question_is_never_emptied(query: str, found: list[PageScore]) -> None:
    """A query that only names, or that has nothing to tell documents apart by, is asked as it is."""
    assert beyond_names(query, looked_at(found)) == query


def test_document_is_known_by_all_its_pages() -> None:
    """A name misread on the answering page is right on another page of the same document."""
    found = [hit("x", 1, 0.6, "notice period"), hit("a", 2, 0.5, "0rchid notice period"), hit("a", 7, 0.1, "Orchid")]
    assert together(looked_at(found), "Orchid notice period").hits[0].document == "a"


def test_together_weighs_more_where_pages_were_misread() -> None:
    """The worse the pages were read, the more their document's other pages say for them."""

    def gain(confidence: float) -> float:
        found = [hit("x", 1, 0.5, "rent"), hit("a", 1, 0.5, "Orchid", confidence=confidence)]
        scores = {one.document: one.score for one in together(looked_at(found), "Orchid").hits}
        return scores["a"] - scores["x"]

    assert gain(0.7) > gain(0.95) > 0


def test_one_document_is_not_weighed_against_itself() -> None:
    """Within one document there is nothing to choose between."""
    found = [hit("a", 1, 0.5, "Orchid"), hit("a", 2, 0.4, "rent")]
    assert together(looked_at(found), "Orchid").hits == tuple(found)


def test_payload_of_another_hand_is_no_crash() -> None:
    """Fields that aren't what this layout writes count as missing."""
    odd = PageScore("a", 1, 0.5, payload={"look": "x", "confidence": "1"})
    assert rescored(together(looked_at([odd]), ASKED), ASKED, MEANING) == [odd]
