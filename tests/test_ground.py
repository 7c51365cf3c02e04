"""Grounding: quotes are found through OCR noise, altered values are not."""

import time

import pytest
from written import AGREEMENT, page_text

from pipeline.ground import SUSPECT, WHOLE, Haystack, boxes_of, ground, ground_over, locate, stands_in
from pipeline.types import Box, FieldStatus, Finding

LINES = """\
The Company shall pay Consultant a monthly fee of $1,000 no later than
March 3, 2021 under the modern arrange-
ment with Acme Corporation of Illinois"""


def finding(raw: str, quote: str, field: str = "parties", value: str = "", **more: object) -> Finding:
    return Finding(field, 1, raw, value, quote, 0.9, "model", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("a monthly fee of $1,000", "a monthly fee of $1,000"),
        ("A MONTHLY FEE OF", "a monthly fee of"),
        ("monthly  fee\nof", "monthly fee of"),
        ("the rnodern arrangement with", "the modern arrange- ment with"),
        ("Acme Corporation of lllinois", "Acme Corporation of Illinois"),
        ("“Company” shall pay", "Company shall pay"),
        ("Company shal1 pay Consuitant a montbly fee", "Company shall pay Consultant a monthly fee"),
        ("no 1ater than March 3, 2O21", "no later than March 3, 2021"),
        ("ﬁnal ﬀ", ""),
    ],
)
def test_locate_through_noise(quote: str, words: str) -> None:
    """Case, blanks, quotes, hyphenation and OCR's confusions don't hide a quote; the word range is exact."""
    page = page_text(LINES)
    match = locate(quote, page.words)
    found = " ".join(word.text for word in page.words[match.start : match.end]) if match else ""
    assert found == words


@pytest.mark.parametrize("quote", ["", " ", "!?", "the tenant shall keep the garden", "ore", "x" * 100_000])
def test_locate_does_not_invent(quote: str) -> None:
    """What isn't on the page is not found, nor a scrap inside a word, nor an endless quote."""
    assert locate(quote, page_text(LINES).words) is None


def test_locate_on_an_empty_page() -> None:
    """A page without words holds no quote, and a page shorter than the quote does not match by being part of it."""
    assert locate("a monthly fee", ()) is None
    assert locate("The Company shall pay Consultant a monthly fee", page_text("monthly").words) is None


def test_score_says_how_near() -> None:
    """A quote that is equal after folding scores 1.0, a misread one less."""
    words = page_text(LINES).words
    exact, noisy = locate("Consultant a monthly fee", words), locate("Consultont a montbly fee", words)
    assert exact and noisy
    assert exact.score == 1.0
    assert 0.8 < noisy.score < 1.0


def test_one_box_a_line() -> None:
    """A quote over two lines gets two boxes, each around its words only."""
    match = locate("later than March 3, 2021", page_text(LINES).words)
    assert match
    first, second = match.boxes
    assert (first.left, first.top) == pytest.approx((0.11, 0.0))
    assert (second.left, second.top, second.right, second.bottom) == pytest.approx((0.0, 0.02, 0.029, 0.035))
    assert boxes_of(()) == ()


@pytest.mark.parametrize(
    ("raw", "passage", "stands"),
    [
        ("1,000", "a fee of $1,000 now", True),
        ("1,000", "a fee of $7,000 now", False),
        ("1,000", "a fee of $21,000 now", False),
        ("$1,000", "a fee of $1,000,000 now", False),
        ("$1,000", "a fee of $1,000.50 now", False),
        ("$1,000", "$1,000,000 or $1,000", True),
        ("$1,000", "a fee of $l,0O0 now", True),
        ("$1,250,000", "a sum of $1,250,008", False),
        ("USD500", "USD500/month", True),
        ("$500", "$500/month", True),
        ("March 3, 2021", "as of March 3, 2021.", True),
        ("March 3, 2021", "as of March 8, 2021.", False),
        ("March 3, 2021", "as of March 3, 2027.", False),
        ("June 30, 2020", "on July 30, 2020", False),
        ("30th day of June, 2020", "this 30th day of July, 2020", False),
        ("March 3, 2021", "March 8, 2021, and 3, 2021", False),
        ("12/31/2020", "12/31/2020-1/31/2021", True),
        ("thirty (30) days", "within thirteen (30) days", False),
        ("thirty (30) days", "within thirty (30) days", True),
        ("two years", "ten years", False),
        ("Acme Corporation", "by Acrne Corporatlon, a", True),
        ("Acme Corporation", "by Apex Cooperative, a", False),
        ("Ann", "the Annual report", False),
        ("", "anything", False),
    ],
)
def test_value_stands_in_passage(raw: str, passage: str, stands: bool) -> None:
    """Names may be misread; a number or a month may not differ, whatever surrounds it."""
    assert stands_in(raw, passage) is stands


@pytest.mark.parametrize(
    ("raw", "quote", "status"),
    [
        ("$1,000", "a monthly fee of $1,000 no later", FieldStatus.VERIFIED),
        ("$7,000", "a monthly fee of $7,000 no later", FieldStatus.UNVERIFIED),
        ("$7,000", "a monthly fee of $1,000 no later", FieldStatus.UNVERIFIED),
        ("$1,000", "a monthly fee of $7,000 no later", FieldStatus.UNVERIFIED),
        ("$1,000", "a yearly rebate for the garden of $1,000", FieldStatus.UNVERIFIED),
    ],
)
def test_verified_needs_quote_and_value(raw: str, quote: str, status: FieldStatus) -> None:
    """Only a value that stands in a quote that stands on the page is verified; an altered digit never is."""
    (grounded,) = ground([finding(raw, quote, "amounts")], page_text(LINES))
    assert grounded.status is status


@pytest.mark.parametrize(
    ("field", "raw", "value", "status"),
    [
        ("agreement_date", "March 3, 2021", "2021-03-03", FieldStatus.VERIFIED),
        ("agreement_date", "March 3, 2021", "2021-03-08", FieldStatus.UNVERIFIED),
        ("amounts", "$1,000", "USD 1000.00", FieldStatus.VERIFIED),
        ("amounts", "$1,000", "USD 10000.00", FieldStatus.UNVERIFIED),
        ("reference_numbers", "Acme", "Acme", FieldStatus.VERIFIED),
        ("reference_numbers", "Acne", "Acne", FieldStatus.UNVERIFIED),
    ],
)
def test_normal_form_must_follow(field: str, raw: str, value: str, status: FieldStatus) -> None:
    """A date or sum whose normal form says something else than its print is not verified; references are exact."""
    quote = "$1,000 no later than March 3, 2021 under the modern arrangement with Acme Corporation"
    if raw == "Acne":
        quote = quote.replace("Acme", "Acne")
    (grounded,) = ground([finding(raw, quote, field, value)], page_text(LINES))
    assert grounded.status is status


def test_boxes_and_status_of_an_extractor_are_not_trusted() -> None:
    """Boxes and `verified` that came with a finding are thrown away."""
    lie = finding("Nobody Ltd", "by Nobody Ltd", boxes=(Box(0, 0, 1, 1),), status=FieldStatus.VERIFIED)
    (grounded,) = ground([lie], page_text(LINES))
    assert (grounded.boxes, grounded.status) == ((), FieldStatus.UNVERIFIED)


def test_unreadable_stays_unreadable() -> None:
    """What a model saw but could not read keeps that answer, with boxes where its quote stands."""
    seen = finding("", "monthly fee of", "amounts", status=FieldStatus.UNREADABLE)
    (grounded,) = ground([seen], page_text(LINES))
    assert grounded.status is FieldStatus.UNREADABLE
    assert grounded.boxes


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script> " * 50,
        "x" * 100_000,
        "\u202eevil\u202c " * 500,
        "a̴̧͓" * 2000,
        "((((" * 5000,
        "1" * 5000,
        "\x00\x1b[31m",
    ],
)
def test_hostile_words_and_quotes(hostile: str) -> None:
    """Markup, an endless line, direction overrides and digits without end cost little and prove nothing."""
    started = time.process_time()
    page = page_text(LINES + "\n" + hostile)
    (grounded,) = ground([finding("Acme Corporation", "arrangement with Acme Corporation")], page)
    (wild,) = ground([finding(hostile, "no such " + hostile)], page_text(LINES))
    assert grounded.status is FieldStatus.VERIFIED
    assert wild.status is FieldStatus.UNVERIFIED
    assert time.process_time() - started < 5


def test_many_quotes_on_a_dense_page() -> None:
    """A 1,000-word page answers a hundred misread quotes of 30 words in well under two seconds."""
    words = page_text(AGREEMENT * 5).words
    haystack = Haystack(words)
    started = time.process_time()
    for start in range(0, 500, 5):
        quote = " ".join(word.text for word in words[start : start + 30]).replace("e", "c", 3)
        assert haystack.locate(quote)
    assert time.process_time() - started < 2


# ---- passages over a page break

HEAD = "This Agreement shall be governed by and construed in accordance with"
TAIL = "the laws of the State of New York, without regard to its conflict of laws principles."
FIRST = page_text(f"1. Fees. Client shall pay USD 12,500.00 for each survey.\n5. Governing Law. {HEAD}\n3 of 9")
SECOND = page_text(
    f"Services Agreement\n{TAIL}\n" + "6. Notices. " + "word " * 200 + "the laws of the State of Ohio.", 2
)


def parts(head: str, tail: str, pages: tuple[int, int] = (1, 2)) -> list[Finding]:
    whole = {"category": "Governing Law", WHOLE: f"{head} {tail}"}
    return [
        Finding("clauses", page, text, "Governing Law", text, 0.9, "model", detail=dict(whole))
        for page, text in zip(pages, (head, tail), strict=True)
    ]


@pytest.mark.parametrize(
    ("head", "tail", "status"),
    [
        (HEAD, TAIL, FieldStatus.VERIFIED),
        (HEAD, TAIL.replace("principles", "principies"), FieldStatus.VERIFIED),
        (HEAD, TAIL.replace("New York", "Delaware, and Provider shall pay nothing"), FieldStatus.UNVERIFIED),
        (HEAD.replace("governed", "ungoverned, unless Client pays,"), TAIL, FieldStatus.UNVERIFIED),
        (HEAD, "the laws of the State of Ohio.", FieldStatus.UNVERIFIED),
        (HEAD, "and with nothing else whatsoever", FieldStatus.UNVERIFIED),
    ],
    ids=["as printed", "an OCR slip", "invented rest", "invented head", "from elsewhere on the page", "no such words"],
)
def test_a_passage_over_a_page_break_is_verified_whole_or_not_at_all(head: str, tail: str, status: FieldStatus) -> None:
    """Both parts stand around the break, each on its page, or neither is verified; the raw value is the whole."""
    found = ground_over(parts(head, tail), {1: FIRST, 2: SECOND})
    assert [(part.page, part.raw, part.quote, part.status) for part in found] == [
        (1, f"{head} {tail}", head, status),
        (2, f"{head} {tail}", tail, status),
    ]


def test_a_passage_that_continues_on_no_known_page_is_not_verified() -> None:
    """The next page was not read, or it is not the next one: the part there is stays, unverified."""
    (found,) = ground_over(parts(HEAD, TAIL), {1: FIRST})
    assert (found.page, found.status) == (1, FieldStatus.UNVERIFIED)
    far = ground_over(parts(HEAD, TAIL, (1, 3)), {1: FIRST, 3: SECOND})
    assert {part.status for part in far} == {FieldStatus.UNVERIFIED}


def test_a_suspect_finding_is_never_verified() -> None:
    """Its words stand on the page, and still its source can't be relied on."""
    sure, suspect = ground(
        [
            finding("$1,000", "a monthly fee of $1,000"),
            finding("$1,000", "a monthly fee of $1,000", detail={SUSPECT: "why"}),
        ],
        page_text(LINES),
    )
    assert (sure.status, suspect.status) == (FieldStatus.VERIFIED, FieldStatus.UNVERIFIED) and suspect.boxes
