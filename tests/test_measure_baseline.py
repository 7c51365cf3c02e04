"""The naive baseline: it is naive, but it finds what a regex finds, on the page where it stands."""

from __future__ import annotations

import time

import pytest

from infra.measure.baseline import baseline
from pipeline.evaluate.goldenset import Asked, golden_documents
from pipeline.types import Box, PageText, TextSource, Word


def page(number: int, *lines: str) -> PageText:
    """A page of these lines."""
    box = Box(0, 0, 1, 1)
    words = tuple(Word(word, box, line=n) for n, line in enumerate(lines) for word in line.split(" "))
    return PageText(number, words, TextSource.LAYER, 1.0)


def asked(key: str) -> Asked:
    """A key of a golden file."""
    (document,) = golden_documents([f'{{"document": "a.pdf", "fields": {{"{key}": []}}}}'])
    return next(iter(document.fields))


PAGES = (
    page(1, "MASTER SERVICES AGREEMENT", "dated January 31, 2020 between Acme Instruments, Inc. and", "Bolt LLC."),
    page(2, "It shall expire on 1/31/2023 and renew for 12 months. It needs (30) days prior notice. The laws of"),
    page(3, "the State of New York apply. Insurance.", "Advertiser: Friends of Rover", "Contract No. 4259297"),
    page(4, "Gross Amount: $9,100.00"),
)


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("title", [("MASTER SERVICES AGREEMENT", 1)]),
        ("agreement_date", [("2020-01-31", 1)]),
        ("effective_date|agreement_date", [("2020-01-31", 1)]),
        ("expiration_date", [("2023-01-31", 2)]),
        ("renewal_term", [("12 months", 2)]),
        ("notice_period", [("30 days", 2)]),
        ("governing_law", [("New York", 2)]),
        ("parties", [("Acme Instruments, Inc.", 1), ("Bolt LLC.", 1)]),
        ("parties:advertiser", [("Friends of Rover", 3)]),
        ("amounts:gross|total", [("USD 9100.00", 4)]),
        ("reference_numbers:contract", [("4259297", 3)]),
        ("clauses", [("Insurance", 3)]),
        ("obligations", []),
    ],
)
def test_what_a_regex_finds(key: str, found: list) -> None:
    """The first match of each field and the page it begins on; one may run over the end of a page."""
    given = [(answer.value, answer.page) for answer in baseline(PAGES, asked(key))]
    assert given == found


@pytest.mark.parametrize("text", ["a " * 50_000, "1" * 100_000, "A," * 50_000, "total " * 20_000, "(1" * 50_000])
def test_hostile_text_does_not_stall_it(text: str) -> None:
    """100 kB of what regexes stumble over."""
    start = time.process_time()
    for key in ("title", "parties", "term", "notice_period", "amounts:total", "parties:total", "reference_numbers"):
        baseline((page(1, text),), asked(key))
    assert time.process_time() - start < 10
