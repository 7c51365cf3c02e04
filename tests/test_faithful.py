"""A model's value is what OCR surely read, and its details are the page's own words, or they are not kept as such."""

import pytest

from pipeline.faithful import faithful
from pipeline.ground import ground
from pipeline.types import Box, FieldStatus, Finding, PageText, TextSource, Word

PAGE = (
    "Alder Freight Company shall pay Brook Survey Limited a fee of USD 12,500.00 within thirty (30) days. "
    "Contract No. MSA-2021-0043. Guaranteed by Larch Capital Fund II."
)


def page(text: str = PAGE, unsure: str = "") -> PageText:
    """A page whose words OCR was sure of, but for one."""
    words = [Word(w, Box(0, 0, 1, 1), 0.6 if w == unsure else 0.96, 0) for w in text.split()]
    return PageText(1, tuple(words), TextSource.OCR, 0.95)


def said(field: str, raw: str, quote: str, on: PageText | None = None, **detail: str) -> Finding:
    """What is left of a model's finding."""
    text = on or page()
    finding = Finding(field, 1, raw, raw, quote, 0.85, "model", detail=detail)
    return faithful(ground([finding], text), {1: text})[0]


@pytest.mark.parametrize(
    ("field", "raw", "quote"),
    [
        ("parties", "Alder Freight Company", "Alder Freight Company shall pay"),
        ("parties", "Brook Survey Limited", "shall pay Brook Survey Limited a fee"),
        ("obligations", "Alder Freight Company shall pay", "Alder Freight Company shall pay"),
        ("reference_numbers", "MSA-2021-0043", "Contract No. MSA-2021-0043."),
        ("parties", "larch capital fund II", "Guaranteed by Larch Capital Fund II."),
    ],
)
def test_what_stands_there_stays_verified(field, raw, quote):
    """A value that is word for word on the page loses nothing; case and punctuation make no difference."""
    assert said(field, raw, quote).status is FieldStatus.VERIFIED


@pytest.mark.parametrize(
    ("field", "raw", "quote"),
    [
        ("parties", "Aldor Freight Company", "Alder Freight Company shall pay"),
        ("parties", "Larch Capital Fund III", "Guaranteed by Larch Capital Fund II."),
        ("amounts", "USD 12,500.00k", "a fee of USD 12,500.00 within"),
        ("reference_numbers", "MSA-2O2l-0043", "Contract No. MSA-2021-0043."),
        ("parties", "Alder Freight Companies", "Alder Freight Company shall pay"),
    ],
)
def test_a_letter_more_or_less_is_not_verified(field, raw, quote):
    """Where OCR was sure of the word, another letter or numeral is another value, whatever grounding forgives."""
    assert said(field, raw, quote).status is FieldStatus.UNVERIFIED


def test_a_word_ocr_was_not_sure_of_may_be_read_better():
    """A model that reads a smudged word better than OCR did is believed as far as grounding believes it."""
    smudged = page(PAGE.replace("Alder", "A1der"), unsure="A1der")
    assert said("parties", "Aldar Freight Company", "Aldar Freight Company shall pay", smudged).status == "verified"
    sure = page(PAGE.replace("Alder", "A1der"))
    assert said("parties", "Aldar Freight Company", "Aldar Freight Company shall pay", sure).status == "unverified"


def test_details_are_the_pages_own_words():
    """A role, purpose or label that the page doesn't say is dropped; one that it says stays."""
    kept = said("parties", "Alder Freight Company", "Alder Freight Company shall pay", role="Surety", alias="Alder")
    assert kept.detail == {"alias": "Alder"} and kept.status is FieldStatus.VERIFIED
    kept = said("amounts", "USD 12,500.00", "a fee of USD 12,500.00 within", purpose="fee")
    assert kept.detail == {"purpose": "fee"}


def test_a_summary_with_a_number_of_its_own_is_dropped():
    """A clause's summary may use its own words, but the numbers in it stand on the page, in digits or in words."""
    quote = "shall pay Brook Survey Limited a fee of USD 12,500.00 within thirty (30) days."
    for summary, stays in (
        ("The fee of 12,500.00 is due within 30 days.", True),
        ("Payment in a month.", True),
        ("The fee of 12.50 is due within 30 days.", False),
        ("Due within 300 days.", False),
    ):
        assert ("summary" in said("clauses", quote, quote, summary=summary).detail) is stays, summary


def test_what_is_shown_holds_no_character_that_turns_or_hides():
    """Direction, zero-width and control characters never reach the record."""
    kept = said("parties", "Alder\u202e Frei\u200bght Company\x1b[31m", "Alder Freight\u2060 Company shall pay")
    assert kept.raw == "Alder Freight Company[31m" and kept.quote == "Alder Freight Company shall pay"
