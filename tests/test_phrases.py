"""Exact phrases and reference numbers: page and query are spelled alike."""

from __future__ import annotations

import pytest

from pipeline.phrases import page_spellings, parse, reference_spellings, spellings, tokens


def stands(phrase: str, page: str) -> bool:
    """Whether a spelling of the phrase stands in a spelling of the page, word for word."""
    return any(f" {form} " in f" {text} " for form in spellings(phrase) for text in page_spellings(page))


@pytest.mark.parametrize(
    ("phrase", "page"),
    [
        ("Governing Law", "the GOVERNING   law\nof"),
        ("termination of the agreement", "termi-\nnation of the agree-  \n ment"),
        ("long-term lease", "a long-term lease"),
        ("long-term lease", "a long-\nterm lease"),
        ("long-term lease", "a longterm lease"),
        ("long term lease", "a long-term lease"),
        ("long term", "a long-\nterm lease"),
        ("Licensee’s fee", "the Licensee's fee,"),
        ("the “Term”", 'the "Term" of'),
        ("first office", "ﬁrst oﬃce"),
        ("Société Générale", "Societe Generale"),
        ("co\u00adoperation", "cooperation"),
        ("PO 4500123", "PO 45OOl23"),
        ("MSA–2021–0043", "No. MSA-2021-0043."),
    ],
)
def test_tolerated_differences(phrase: str, page: str) -> None:
    """Case, blanks, hyphens, line breaks, ligatures, accents, quotes and look-alike digits don't hide a phrase."""
    assert stands(phrase, page)


@pytest.mark.parametrize(
    ("phrase", "page"),
    [
        ("law governing", "governing law"),
        ("govern", "governing law"),
        ("governing law", "governing the law"),
        ("oil", "011 barrels"),
        ("PO 4500123", "PO 4500124"),
    ],
)
def test_other_words_are_other_words(phrase: str, page: str) -> None:
    """Order, whole words and every digit count."""
    assert not stands(phrase, page)


def test_phrase_across_two_spellings_of_a_page_is_none() -> None:
    """The mended spelling is a text of its own, not a continuation of the first."""
    assert len(page_spellings("agree-\nment")) == 2
    assert page_spellings("plain") == ("plain",)


@pytest.mark.parametrize(
    ("query", "references"),
    [
        ("MSA-2021-0043", ("msa 2021 0043", "msa20210043")),
        ("what does PO 4500123 cost", ("po 4500123", "po4500123", "4500123")),
        ("invoice INV/2020/117", ("inv 2020 117", "inv2020117")),
        ("4500123", ("4500123",)),
        ("the lease of May 2021", ()),
        ("non-compete and 30-day notice", ()),
        ("Section 12.3", ()),
    ],
)
def test_reference_numbers_are_recognised(query: str, references: tuple[str, ...]) -> None:
    """Numbers that identify something are told from years, periods and section numbers."""
    assert parse(query).references == references


def test_query_of_references_only() -> None:
    """A number alone asks for nothing else; words beside it do."""
    assert parse("MSA-2021-0043").only_references
    assert not parse("MSA-2021-0043 termination").only_references
    assert not parse("termination").only_references


def test_quotes_make_phrases() -> None:
    """Straight, curly and several quotes; a lone one and an empty pair mean nothing."""
    assert parse('notice "quiet enjoyment" and “Net Sales”').phrases == (("quiet enjoyment",), ("net sales",))
    assert parse('"quiet enjoyment').phrases == ()
    assert parse('"" "..."').phrases == ()
    assert parse('Acme, Inc. ("Acme"); (the "Parties")').phrases == ()


def test_quoted_reference_is_a_phrase() -> None:
    """In quotes a number is a condition like any phrase."""
    parsed = parse('"MSA-2021-0043"')
    assert parsed.phrases == (("msa 2021 0043", "msa20210043"),)
    assert parsed.references == ()


def test_hostile_queries_are_tamed() -> None:
    """Control characters, markup and 100 kB become a plain, short query."""
    parsed = parse("\0<b>law</b>\x1b[31m " + "x" * 100_000)
    assert "\0" not in parsed.plain
    assert "\x1b" not in parsed.plain
    assert len(parsed.plain) <= 2000
    assert tokens(parsed.plain)[:3] == ["b", "law", "b"]


def test_pathological_queries_are_quick() -> None:
    """No pattern backtracks for long on repeated pieces."""
    for piece in ('"', "a-", "1-", "A1/", "(", "((", "PO ", "-1"):
        parse(piece * 50_000)


def test_extracted_references_join_the_page() -> None:
    """A number an extractor read is found on the page although OCR misspelled it."""
    assert "po 4500123" in page_spellings("P0 45QO123", ["PO 4500123"])
    assert reference_spellings("PO 4500123")[-1] == "4500123"
