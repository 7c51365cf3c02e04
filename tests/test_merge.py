"""What reaches `verified` where a frontier model reads beside the rules: what stands on the page, whoever agrees."""

import random
from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest
from written import AGREEMENT, document, page_input, page_text

from pipeline.backends.rules import RuleExtractor
from pipeline.extract import extract, merge
from pipeline.frontier.readings import FrontierReading, findings_of
from pipeline.ground import ground
from pipeline.read import ReadJob, read_page
from pipeline.render import RenderJob, render_page
from pipeline.rules.view import EXTRACTOR
from pipeline.trust import BARS, CONTRADICTED, NOT_MEASURED, NOT_ON_PAGE
from pipeline.types import FieldStatus, Finding, PageText
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Contract
from schemas.frontier import FrontierPage

MODELS = ("claude-sonnet-5-5", "qwen3-vl", "gemma")
EMPTY = {"dates": [], "amounts": [], "parties": [], "key_obligations": [], "reference_numbers": []}
UNTITLED = {"kind": "unknown", "title": "", "quote": ""}


def answer(number: int = 1, clauses: Sequence[dict] = (), **record: object) -> FrontierPage:
    """A page as a model fills it."""
    whole = {"document_type": UNTITLED, **EMPTY, **record}
    return FrontierPage.model_validate({"page": number, "readable": True, "record": whole, "clauses": list(clauses)})


def agreed(text: str, quote: str, iso: str = "") -> dict:
    """The date of the agreement, as a model gives it."""
    return {"role": "agreement", "text": text, "iso": iso, "legible": True, "quote": quote}


def read_by(models: Sequence[str], page: FrontierPage, text: PageText, *, rules: bool = False) -> Contract:
    """The record of a one-page document that these models read alike, the rules too if asked."""
    found = extract([page_input(text)], [], [RuleExtractor()])[1] if rules else []
    for model in models:
        found = [*found, *ground(findings_of(FrontierReading(model, "cloud", page), text.number), text)]
    return merge(document(text.number), {text.number: found})


PAGE = page_text(AGREEMENT)
QUOTE = "entered into as of March 3, 2021"


@pytest.mark.parametrize(
    "date",
    [
        agreed("April 9, 2022", "entered into as of April 9, 2022"),
        agreed("April 9, 2022", QUOTE),
        agreed("March 8, 2021", "entered into as of March 8, 2021"),
        agreed("March 3, 2022", QUOTE),
        agreed("March 3, 2021", "the parties have met in the garden of the house"),
        agreed("", QUOTE),
    ],
    ids=["no such quote", "value not in its quote", "one digit", "another year", "quote of another paper", "no value"],
)
def test_readers_who_agree_on_what_the_page_does_not_say_verify_nothing(date: dict) -> None:
    """Three models give the same altered date with confidence: it stays unverified, and says why."""
    values = read_by(MODELS, answer(dates=[date]), PAGE).agreement_date.values
    assert all((value.status, value.doubt) == ("unverified", NOT_ON_PAGE) for value in values)
    assert values or not date["text"]


def test_what_the_page_does_not_say_takes_nothing_from_what_it_says() -> None:
    """Models that agree on an altered date neither displace the one on the page nor make it less sure."""
    alone = read_by((), answer(), PAGE, rules=True).agreement_date
    entry = read_by(
        MODELS, answer(dates=[agreed("March 8, 2021", "entered into as of March 8, 2021")]), PAGE, rules=True
    ).agreement_date
    assert entry.best == alone.best and entry.best.status == "verified"
    assert [value.value for value in entry.values] == ["2021-03-03", "2021-03-08"] and not entry.conflict


def test_a_form_of_its_own_is_not_taken_from_a_model() -> None:
    """The ISO date a model adds is not used where it is not what the print says."""
    best = read_by(
        MODELS[:1], answer(dates=[agreed("March 3, 2021", QUOTE, iso="2027-07-07")]), PAGE
    ).agreement_date.best
    assert best.value == "2021-03-03"


@pytest.mark.parametrize(
    ("text", "currency", "status"),
    [("$2,000", "USD", "verified"), ("2,000", "USD", "verified"), ("2,000", "EUR", "unverified")],
)
def test_a_currency_must_stand_on_the_page(text: str, currency: str, status: str) -> None:
    """A bare number takes only a currency that the page shows somewhere."""
    amount = {"text": text, "currency": currency, "purpose": "fee", "legible": True, "quote": "Dollars ($2,000) within"}
    (value,) = read_by(MODELS, answer(amounts=[amount]), PAGE).amounts.values
    assert (value.value, value.status) == (f"{currency} 2000.00", status)


def test_a_title_is_not_the_title_of_another_kind() -> None:
    """A kind that contradicts the printed title is not verified."""
    shown = {"title": "SERVICES AGREEMENT", "quote": "SERVICES AGREEMENT"}
    kinds = [
        read_by(MODELS, answer(document_type={"kind": kind, **shown}), PAGE).kind.status
        for kind in ("services agreement", "lease")
    ]
    assert kinds == ["verified", "unverified"]


def test_a_duty_says_only_what_its_sentence_says() -> None:
    """Who owes what by when is left out where the quoted sentence does not say it."""
    quote = "The Company shall pay Consultant a monthly fee of Two Thousand Dollars ($2,000) within thirty (30) days"
    duty = {"who": "The Company", "what": "pay Consultant", "by_when": "before January 1, 2020", "quote": quote}
    (value,) = read_by(MODELS[:1], answer(key_obligations=[duty]), PAGE).obligations.values
    assert (value.status, value.who, value.what, value.by_when) == ("verified", "The Company", "pay Consultant", "")


def test_a_quote_of_the_neighbouring_page_is_not_on_this_one() -> None:
    """The neighbours' words are sent as context; a value that stands there only is not verified on this page."""
    here = page_text("The parties have met and agreed on nothing else.\nAll schedules are attached.", 2)
    value = read_by(MODELS, answer(2, dates=[agreed("March 3, 2021", QUOTE)]), here).agreement_date.best
    assert (value.status, value.doubt, value.evidence[0].page) == ("unverified", NOT_ON_PAGE, 2)


def test_words_nobody_sees_verify_nothing(tmp_path: Path) -> None:
    """A date in white on white, which a model may have been given by a hidden layer, is not on the page."""
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=560, height=300)
        for row, line in enumerate(AGREEMENT.splitlines()[:6]):
            page.insert_text((40, 50 + 16 * row), line, fontsize=9)
        page.insert_text((40, 250), "This Agreement is dated July 7, 2027", fontsize=10, color=(1, 1, 1))
        pdf.save(tmp_path / "hidden.pdf")
    image = render_page(RenderJob(tmp_path / "hidden.pdf", 1, tmp_path))
    text = read_page(ReadJob(tmp_path / "hidden.pdf", image, tmp_path))
    dates = [agreed("July 7, 2027", "This Agreement is dated July 7, 2027"), agreed("March 3, 2021", QUOTE)]
    entry = read_by(MODELS, answer(dates=dates), text, rules=True).agreement_date
    assert text.hidden and "Agreement" in text.text
    assert [(value.value, value.status) for value in entry.values] == [
        ("2021-03-03", "verified"),
        ("2027-07-07", "unverified"),
    ]


def test_a_model_that_was_never_measured_does_not_verify_alone() -> None:
    """Its value stands on the page; whether such values are right is not known, and the record says that."""
    page = answer(dates=[agreed("March 3, 2021", QUOTE)])
    alone, backed = (read_by(MODELS[:1], page, PAGE, rules=rules).agreement_date.best for rules in (False, True))
    assert (alone.status, alone.doubt) == ("unverified", NOT_MEASURED)
    assert (backed.status, backed.doubt) == ("verified", "") and backed.confidence > alone.confidence


def test_passages_cut_differently_are_one_clause() -> None:
    """Two readers quote the same clause with more and with fewer words; one reader's two passages stay two."""
    law = "This Agreement shall be governed by and construed in accordance with the laws of the\nState of New York"

    def clause(extractor: str, quote: str) -> Finding:
        return Finding("clauses", 1, quote, "Governing Law", quote, 0.8, extractor, status=FieldStatus.VERIFIED,
                       detail={"category": "Governing Law"})  # fmt: skip

    both = merge(document(1), {1: [clause(EXTRACTOR, law), clause("model", law[:60])]}).clauses.values
    own = merge(document(1), {1: [clause(EXTRACTOR, law), clause(EXTRACTOR, law[:60])]}).clauses.values
    assert [value.extractor for value in both] == [f"model + {EXTRACTOR}"]
    assert len(own) == 2


def drawn(dice: random.Random) -> dict[int, list[Finding]]:
    """Findings of any field, reader, standing and confidence, on three pages."""
    found: dict[int, list[Finding]] = {1: [], 2: [], 3: []}
    for _ in range(dice.randint(1, 14)):
        field, page = dice.choice([*SINGLE_FIELDS, *LIST_FIELDS]), dice.randint(1, 3)
        value = dice.choice(["2021-03-03", "2022-04-09", "2030-12-31"])
        status = dice.choice([FieldStatus.VERIFIED, FieldStatus.UNVERIFIED, FieldStatus.UNREADABLE])
        detail = {"category": "Insurance"} if field == "clauses" else {}
        said = (value, value) if status is not FieldStatus.UNREADABLE else ("", "")
        reader = dice.choice([EXTRACTOR, *MODELS])
        found[page].append(Finding(field, page, *said, value, dice.random(), reader, detail=detail, status=status))
    return found


def entries(contract: Contract):
    return ((name, getattr(contract, name)) for name in (*SINGLE_FIELDS, *LIST_FIELDS))


@pytest.mark.parametrize("seed", range(150))
def test_whatever_is_read_only_what_stands_on_the_page_is_verified(seed: int) -> None:
    """Random readings: a verified value has a grounded finding of its own, is as sure as its bar, and no grounded
    rival is believed as much; what is not verified says why; nothing that was read is lost."""
    found = drawn(random.Random(seed))
    flat = [finding for page in found.values() for finding in page]
    for name, entry in entries(merge(document(3), found)):
        grounded = {f.value for f in flat if f.field == name and f.status is FieldStatus.VERIFIED}
        for value in entry.values:
            if value.status == "verified":
                assert value.value in grounded
                assert value.confidence >= BARS.get(name, 0.0)
            else:
                assert value.doubt
            assert value.derived or (value.doubt == NOT_ON_PAGE) is (value.value not in grounded)
        read = {f.value for f in flat if f.field == name and f.status is not FieldStatus.UNREADABLE}
        assert read <= {value.value for value in entry.values}
        if entry.conflict:
            assert entry.values[0].doubt in (CONTRADICTED, NOT_ON_PAGE)


@pytest.mark.parametrize("seed", range(50))
def test_readings_that_are_not_on_the_page_change_no_value_that_is(seed: int) -> None:
    """Add any number of ungrounded readings: every grounded value keeps its status and its confidence."""
    dice = random.Random(seed)
    found = {page: [f for f in own if f.status is FieldStatus.VERIFIED] for page, own in drawn(dice).items()}
    noise = {page: [f for f in own if f.status is FieldStatus.UNVERIFIED] for page, own in drawn(dice).items()}
    before = merge(document(3), found)
    after = merge(document(3), {page: [*found[page], *noise[page]] for page in found})
    for (name, one), (_, other) in zip(entries(before), entries(after), strict=True):
        firm = [(v.value, v.status, v.confidence) for v in other.values if v.doubt != NOT_ON_PAGE and not v.derived]
        assert firm == [(v.value, v.status, v.confidence) for v in one.values if not v.derived], name
