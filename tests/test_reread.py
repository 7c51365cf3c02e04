"""Two reads of a page made into one."""

from __future__ import annotations

from pipeline.reread import sureness, surer_words
from pipeline.types import Box, Word


def word(text: str, left: float, confidence: float, *, line: int = 0, width: float = 0.1) -> Word:
    top = 0.1 + 0.05 * line
    return Word(text, Box(left, top, left + width, top + 0.02), confidence, line)


def texts(words: tuple[Word, ...]) -> list[str]:
    return [one.text for one in words]


def test_the_surer_of_two_words_on_the_same_ink_stands():
    """Each read contributes the words that it was surer of; order and line stay."""
    first = (word("Tbe", 0.1, 0.4), word("lessee", 0.25, 0.9), word("shall", 0.1, 0.9, line=1))
    second = (word("The", 0.101, 0.8), word("1essee", 0.25, 0.3), word("shell", 0.1, 0.5, line=1))
    read = surer_words(first, second)
    assert texts(read) == ["The", "lessee", "shall"]
    assert [one.line for one in read] == [0, 0, 1]


def test_a_word_read_in_two_pieces_is_compared_as_a_whole():
    """Where one read split a word, the two pieces stand or fall together."""
    first = (word("agree", 0.1, 0.5, width=0.05), word("rnent", 0.15, 0.3, width=0.05), word("of", 0.25, 0.9))
    second = (word("agreement", 0.1, 0.8), word("of", 0.25, 0.8))
    assert texts(surer_words(first, second)) == ["agreement", "of"]
    assert texts(surer_words(second, first)) == ["agreement", "of"]


def test_a_sure_word_that_only_one_read_saw_is_added_where_it_stands():
    """It joins the line of the word before it, or starts a line between two; an unsure one stays out."""
    first = (word("monthly", 0.1, 0.9), word("Signed", 0.1, 0.9, line=3))
    second = (
        word("monthly", 0.1, 0.8),
        word("rent", 0.25, 0.9),
        word("of", 0.1, 0.9, line=1),
        word("$500", 0.3, 0.9, line=1),
        word("~;", 0.1, 0.2, line=2),
        word("Signed", 0.1, 0.8, line=3),
    )
    read = surer_words(first, second)
    assert texts(read) == ["monthly", "rent", "of", "$500", "Signed"]
    assert [one.line for one in read] == [0, 0, 1, 1, 2]


def test_a_stain_over_many_lines_does_not_tie_their_words_together():
    """A tall box that lies over other words is compared with none of them."""
    stain = Word("|", Box(0.1, 0.1, 0.3, 0.9), 0.95, 0)
    second = (word("The", 0.1, 0.5), word("lessee", 0.2, 0.5))
    assert {"The", "lessee"} <= set(texts(surer_words(second, (stain,))))


def test_one_empty_read_leaves_the_other():
    """Nothing is lost when one of the reads found nothing."""
    only = (word("alone", 0.1, 0.2),)
    assert surer_words(only, ()) == surer_words((), only) == only


def test_sureness_weighs_words_by_their_letters():
    """A sure comma says less than an unsure long word."""
    assert sureness((word(",", 0.1, 1.0), word("agreement", 0.2, 0.5))) == 0.55
    assert sureness(()) == 0.0
