"""The generator of training pages: what it says of a page holds on the page."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from infra.train.pages import (
    TrainingPage,
    Wanted,
    fonts,
    grids,
    letters,
    make,
    make_some,
    phrases,
    plan,
    prose,
    questions,
    scan,
    writing,
)
from infra.train.pages.arabic import joined
from infra.train.pages.chance import Chance
from infra.train.pages.draft import Draft, design
from infra.train.pages.extras import furnish
from infra.train.pages.make import DOCUMENT, boxes
from infra.train.pages.matter import invent
from infra.train.pages.sheet import Sheet
from infra.train.pages.tongues import ENGLISH, TONGUES
from pipeline.questions import QUESTIONS

SEED, PAGES = 13, 180
SMALL = Wanted(dpi=20)


@cache
def sample() -> tuple[TrainingPage, ...]:
    """One page of each of many documents, drawn small: how often labels come up does not depend on the size."""
    return tuple(make(SEED, DOCUMENT * number, SMALL) for number in range(PAGES))


def shares(question: str) -> dict[str, float]:
    told = [page.labels[question] for page in sample() if question in page.labels]
    return {label: count / len(told) for label, count in Counter(told).items()}


def assert_drawn(question: str, wanted: dict[str, float]) -> None:
    """The labels come up as often as they are to, but for the luck of a sample: three standard deviations."""
    found = shares(question)
    assert set(found) == set(wanted)
    for label, share in wanted.items():
        assert abs(found[label] - share) <= 3 * (share * (1 - share) / PAGES) ** 0.5


def drawn(layout: plan.Layout, seed: int = 1, dpi: float = 120, tongue=ENGLISH) -> Draft:
    """A page of this layout as it comes from the printer."""
    chance = Chance(seed)
    matter = invent(chance, tongue)
    style = design(chance, tongue)
    sheet = Sheet(*style.paper, dpi, mirrored=tongue.label == "ar")
    draft = Draft(sheet, matter, style, chance, "agreement", "AGREEMENT")
    layout(draft)
    return draft


def covered(shape: tuple[int, ...], placed: list[tuple[float, float, float, float]], reach: int) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    for x0, y0, x1, y1 in placed:
        mask[max(0, int(y0) - reach) : int(np.ceil(y1)) + reach, max(0, int(x0) - reach) : int(np.ceil(x1)) + reach] = (
            True
        )
    return mask


@pytest.mark.parametrize("degrade", [False, True])
def test_same_page_twice(degrade: bool) -> None:
    """A seed and an index are a page: pixels, words and labels are the same on the next call."""
    wanted = Wanted(dpi=40, degrade=degrade)
    for index in (0, 5, 10):
        first, again = make(SEED, index, wanted), make(SEED, index, wanted)
        assert first.image.tobytes() == again.image.tobytes()
        assert (first.words, dict(first.labels), first.facts) == (again.words, dict(again.labels), again.facts)


def test_other_pages_by_index_and_seed() -> None:
    """Pages differ by index and by seed; the pages of a document share its title."""
    pages = {(seed, index): make(seed, index, SMALL) for seed in (1, 2) for index in range(DOCUMENT + 1)}
    assert len({page.image.tobytes() for page in pages.values()}) == len(pages)
    assert len({pages[1, index].title for index in range(DOCUMENT)}) == 1
    assert {pages[1, index].document for index in range(DOCUMENT + 1)} == {0, 1}


@pytest.mark.parametrize("layout", [prose.clauses, prose.columns, prose.first_page, prose.plain])
@pytest.mark.parametrize("tongue", [ENGLISH, TONGUES[0], TONGUES[-1], TONGUES[-2]], ids=lambda tongue: tongue.label)
def test_boxes_hold_the_ink(layout: plan.Layout, tongue) -> None:
    """Each printed word has ink under its box up to the box's edges, and beside all boxes there is none."""
    if tongue not in plan.languages():
        pytest.skip(f"no font has the letters of {tongue.locale}")
    sheet = drawn(layout, tongue=tongue).sheet
    ink = sheet.ink < 240  # print may be grey: its faintest pixels are paler than those of black print
    assert len(sheet.words) > 20
    assert not (ink & ~covered(ink.shape, [word.box for word in sheet.words], 0)).any()
    for word in sheet.words:
        x0, y0, x1, y1 = map(int, word.box)
        inside = ink[y0:y1, x0:x1]
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("photo", [False, True])
def test_moved_boxes_still_cover_their_words(turn: int, photo: bool) -> None:
    """Skewed, photographed from the side, and turned by quarters: the ink is where the boxes went."""
    sheet = drawn(prose.clauses).sheet
    corners = ((0.03, 0.05), (-0.06, 0.01), (-0.02, -0.04), (0.05, -0.01)) if photo else scan.skewed(2.5, Chance(3))
    wear = replace(scan.Wear(), corners=corners)
    image, _ = scan.spoil(Image.fromarray(sheet.ink), wear, Chance(4), scan.Size(120, 1))
    image = image.rotate(-turn, expand=True)
    words = boxes(sheet.words, sheet.ink.shape[::-1], wear, turn)
    places = [(w.x0 * image.width, w.y0 * image.height, w.x1 * image.width, w.y1 * image.height) for w in words]
    ink = np.asarray(image) < 128
    assert ink.sum() > 3000
    assert not (ink & ~covered(ink.shape, places, 2)).any()
    assert all(ink[int(y0) : int(y1) + 2, int(x0) : int(x1) + 2].any() for x0, y0, x1, y1 in places)


def test_a_turned_page_says_where_its_top_is() -> None:
    """Rotation is told as clockwise degrees: reading order runs down an upright page, up one on its head."""
    down = {
        "0": lambda word: word.y0 + word.y1, "90": lambda word: -word.x0 - word.x1,
        "180": lambda word: -word.y0 - word.y1, "270": lambda word: word.x0 + word.x1,
    }  # fmt: skip
    running = {"first_page", "clauses", "letter", "report", "plain"}  # the words of a table come column by column
    prosy = [page for page in sample() if page.layout in running and sum(not w.hand for w in page.words) > 60]
    assert {page.labels["rotation"] for page in prosy} == set(down)
    for page in prosy:
        depths = [down[page.labels["rotation"]](word) for word in page.words if not word.hand]
        assert np.corrcoef(range(len(depths)), depths)[0, 1] > 0.5


def test_labels_are_answers_of_triage() -> None:
    """Each question of triage has one of its labels, but the language of an empty page, which has none."""
    labels = {question.name: {option.label for option in question.options} for question in QUESTIONS}
    for page in sample():
        asked = set(labels) - ({"language"} if page.labels["blank"] == "yes" else set())
        assert set(page.labels) == asked | {"blank"}
        assert all(page.labels[name] in labels[name] for name in asked)


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        (letters.mail, ("From:", "To:", "Subject:", "AM", "PM")),
        (prose.court, ("Plaintiff", "Defendant", "Court", "affiant,", "Counsel", "witness")),
        (letters.letter, ("Dear",)),
        (grids.schedule, ("AGREEMENT",)),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_pages_say_what_they_are(layout: plan.Layout, says: tuple[str, ...]) -> None:
    """E-mails, court papers, letters and exhibits can be told by their words, as by people."""
    found = set()
    for seed in range(12):
        found |= {word.text for word in drawn(layout, seed, dpi=20).sheet.words}
    assert set(says) <= found


def test_prose_is_no_business_paper() -> None:
    """Books and manuals, the "other" pages of mere text, have none of the sentences of contracts, letters and reports;
    some end half way down."""
    drafts = [drawn(prose.plain, seed, dpi=20) for seed in range(20)]
    text = [" ".join(word.text for word in draft.sheet.words) for draft in drafts]
    assert not any("this Agreement" in page or "your letter" in page or "Management" in page for page in text)
    depths = [max(w.box[3] for w in d.sheet.words if w.box[3] < d.bottom * d.sheet.scale) for d in drafts]
    filled = [depth / draft.sheet.ink.shape[0] for depth, draft in zip(depths, drafts, strict=True)]
    assert min(filled) < 0.6 and max(filled) > 0.8


def test_label_shares() -> None:
    """Each label of each question comes up often enough to be learned: the shares that `plan` states."""
    weight = sum(plan.KINDS.values())
    assert_drawn("kind", {kind: share / weight for kind, share in plan.KINDS.items()})
    assert_drawn("rotation", {str(turn): share for turn, share in plan.TURNS.items()})
    assert 0.15 <= shares("handwriting")["yes"] <= 0.45
    assert min(shares("stamp")[label] for label in ("stamp", "signature")) >= 0.08 and shares("stamp")["both"] > 0.01
    assert min(shares("table")[label] for label in ("simple", "dense")) >= 0.08
    assert min(shares("legibility")[label] for label in ("fair", "poor")) >= 0.07
    assert 0.02 <= shares("blank")["yes"] <= 0.08


def test_language_shares() -> None:
    """English most of the time, every other language that a font is there for at times; without them, English only."""
    weights = {}
    for tongue, share in plan.languages().items():
        weights[tongue.label] = weights.get(tongue.label, 0.0) + share
    assert sum(weights.values()) == pytest.approx(1)
    assert 0.2 <= 1 - weights["en"] <= 0.45 and min(weights.values()) >= 0.01
    assert 0.1 <= 1 - shares("language")["en"] <= 0.5
    assert {make(SEED, number, Wanted(20, languages=False)).labels.get("language", "en") for number in range(24)} == {
        "en"
    }


def test_handwriting_is_words_by_hand() -> None:
    """A page says it is written on where words are marked as written, and nowhere else: signatures are no words."""
    upright = [page for page in sample() if page.labels["blank"] == "no"]
    wrong = [page for page in upright if (page.labels["handwriting"] == "yes") != any(word.hand for word in page.words)]
    assert not [page for page in wrong if page.labels["handwriting"] == "no"]
    assert len(wrong) <= 0.02 * len(upright)  # a note may lie wholly off a skewed sheet


def test_blank_pages_have_no_words() -> None:
    """An empty page has no words, and a page with words is not called empty."""
    for page in sample():
        assert (page.labels["blank"] == "yes") == (page.layout == writing.blank.__name__)
        assert page.labels["blank"] == "no" or not page.words


def test_more_faults_are_harder_to_read() -> None:
    """Legibility falls with blur, with pale ink and with noise, and small print suffers first."""
    rows = (
        (scan.Wear(), scan.Wear(blur=0.6), scan.Wear(blur=1.2)),
        (scan.Wear(), scan.Wear(ink=190), scan.Wear(ink=228)),
        (scan.Wear(), scan.Wear(ink=120, paper=215, noise=18), scan.Wear(ink=120, paper=190, noise=40)),
    )
    for row in rows:
        assert [scan.legibility(wear, 10) for wear in row] == ["good", "fair", "poor"]
    assert [scan.legibility(scan.Wear(blur=0.7), size) for size in (24, 7)] == ["good", "poor"]


def test_a_fax_that_loses_strokes_says_so() -> None:
    """What is left of the print falls as a fax's threshold leaves thin strokes behind."""
    sheet = Image.fromarray(drawn(prose.clauses).sheet.ink)
    left = [
        scan.spoil(sheet, scan.Wear(blur=0.35, bilevel=level), Chance(1), scan.Size(120, 1))[1]
        for level in (0.6, 0.3, 0.1)
    ]
    assert left == sorted(left, reverse=True) and left[0] > 0.8 and left[-1] < 0.3


def test_phrases_stand_on_the_page() -> None:
    """Phrases are 2 to 8 printed words that follow each other, the same for the same seed."""
    page = next(page for page in sample() if page.layout == "first_page" and len(page.words) > 100)
    text = " ".join(word.text for word in page.words if not word.hand)
    asked = phrases(page, 20, seed=5)
    assert len(asked) == 20 and asked == phrases(page, 20, seed=5) != phrases(page, 20, seed=6)
    assert all(phrase in text and 2 <= len(phrase.split()) <= 8 for phrase in asked)


def test_questions_name_facts_on_the_page() -> None:
    """A page's facts are printed on it, and its questions are about them."""
    known = [
        page
        for page in sample()
        if page.facts and page.labels["language"] == "en" and page.layout in {"invoice", "letter"}
    ]
    assert len(known) > 10
    for page in known:
        text = "".join(word.text for word in page.words).lower()
        assert any(fact.value.replace(" ", "").lower()[:12] in text for fact in page.facts)
        assert len(questions(page)) == len(page.facts)


def test_arabic_letters_join() -> None:
    """Letters take the form of their place, lam and alef become one, and the drawn order runs from the right."""
    assert joined("سلام") == "ﻡﻼﺳ"
    assert joined("باب") == "ﺏﺎﺑ"
    assert joined("2024/05/01") == "2024/05/01"


def test_a_till_roll_takes_whatever_an_office_leaves() -> None:
    """The narrowest paper there is, and everything at once on it."""

    class Always(Chance):
        def yes(self, share: float) -> bool:
            return True

    for seed in range(10):
        chance = Always(seed)
        style = replace(design(chance, ENGLISH), paper=(190.0, 300.0), margins=(14, 30, 14, 30))
        draft = Draft(Sheet(*style.paper, 72), invent(chance, ENGLISH), style, chance, "receipt", "RECEIPT")
        furnish(draft)
        assert (draft.sheet.ink < 128).any()


def test_a_page_that_fails_has_another_in_its_place(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """A long run goes on, and the log names the page."""

    def failing(seed: int, index: int, wanted: Wanted) -> TrainingPage:
        if index == 3:
            raise ValueError("no room")
        return make(seed, index, wanted)

    monkeypatch.setattr(sys.modules[make.__module__], "make", failing)
    assert make_some(SEED, 2, SMALL).words == make(SEED, 2, SMALL).words and not caplog.records
    assert make_some(SEED, 3, SMALL).document != make(SEED, 3, SMALL).document
    assert f"page 3 of seed {SEED}" in caplog.text


def test_pages_come_without_collected_fonts(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """On a bare machine PyMuPDF's own fonts print the pages, and Hershey's strokes write on them."""
    caches = (fonts.collected, fonts.faces, fonts.covering, plan.languages)
    monkeypatch.setattr(fonts, "FOLDER", tmp_path)
    monkeypatch.setattr(fonts, "PACKAGES", ())
    for cached in caches:
        cached.cache_clear()
    try:
        pages = [make(SEED, index, SMALL) for index in range(0, 40, 2)]
        assert "ar" not in {tongue.label for tongue in plan.languages()}
        assert any(word.hand for page in pages for word in page.words)
    finally:
        monkeypatch.undo()
        for cached in caches:
            cached.cache_clear()
