"""How a text layer is judged by a few lines of OCR."""

from pipeline.agreement import agreement, legible, spot_lines
from pipeline.types import Box, Word


def line(number, text):
    return [Word(word, Box(0, 0, 1, 1), line=number) for word in text.split()]


def test_agreement_is_the_share_of_words_seen():
    """Case, accents and signs don't count, and one wrong letter in a word is forgiven."""
    layer = ["The", "Supplier", "shall", "deliver", "Café", "goods"]
    assert agreement(layer, ["the", "supplier,", "shall", "deliver", "cafe", "goods"]) == 1.0
    assert agreement(layer, ["the", "suppIier", "shall", "deliver", "cafe", "goods"]) == 1.0
    assert agreement(layer, ["the", "Supplier", "shall", "something", "else", "entirely"]) == 0.5


def test_each_word_seen_counts_once():
    """OCR that saw a word once doesn't confirm it three times."""
    assert agreement(["the", "the", "the", "party", "agrees"], ["the", "party", "agrees"]) == 0.6


def test_too_few_or_foreign_words_tell_nothing():
    """English OCR can't confirm or refute Cyrillic, nor a handful of words anything."""
    assert agreement(["one", "two"], ["one", "two"]) is None
    assert agreement(["настоящий", "договор", "заключён", "между", "сторонами", "в", "силу"], ["HacTosLuni"]) is None


def test_lines_with_figures_are_checked_first():
    """Figures are what a forger changes; lines too short or too long to check are passed over."""
    words = [word for n in range(30) for word in line(n, "words of an ordinary line")]
    words += line(30, "the price is 12,500 USD") + line(31, "due on 1 May 2020 or before") + line(32, "Exhibit 7")
    chosen = [" ".join(word.text for word in spot) for spot in spot_lines(words)]
    assert chosen[:2] == ["the price is 12,500 USD", "due on 1 May 2020 or before"]
    assert len(chosen) == 3


def test_characters_that_stand_for_nothing_are_dropped():
    """A private-use bullet goes, a word of nothing else goes whole."""
    assert legible("\uf0b7Services") == "Services"
    assert legible("\ufffd\ufffdx") == ""
    assert legible("Straße") == "Straße"


def test_a_layer_that_lies_about_figures_alone_does_not_agree():
    """Letters that all agree don't make up for figures that OCR sees differently; a misread figure or two may."""

    def words(fee, deposit, number):
        return f"The fee of USD {fee} and the deposit of USD {deposit} under {number} were paid".split()

    seen = words("1,371.00", "11,111.11", "MSA-2021-1053")
    assert agreement(words("9,379.00", "99,999.99", "MSA-2029-9053"), seen) < 0.6
    assert agreement(words("1,371.00", "11,111.77", "MSA-2021-1053"), seen) > 0.9
