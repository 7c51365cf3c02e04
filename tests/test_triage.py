"""Triage: the routing table, what is measured, and who is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.backends.protocols import PageInput
from pipeline.questions import QUESTIONS
from pipeline.settings import load_settings
from pipeline.triage import Policy, decide, policy_of, signals, triage, worth_asking
from pipeline.types import Affine, Answer, Box, PageImage, PageText, Route, Signals, TextSource, Verdict, Word

POLICY = Policy(escalate_below=0.6)  # apart from `clean_above`, so that what lies between is seen too
SCAN = Signals(
    ink=0.05,
    contrast=0.8,
    dpi=200,
    skew=0.0,
    rotation=0,
    words=300,
    source=TextSource.OCR,
    confidence=0.93,
    language="en",
    script="Latin",
)
LAYER = dataclasses.replace(SCAN, source=TextSource.LAYER, words=412, confidence=1.0)


def scan(**changes: object) -> Signals:
    return dataclasses.replace(SCAN, **changes)


def layer(**changes: object) -> Signals:
    return dataclasses.replace(LAYER, **changes)


def verdict(**answers: tuple[str, float]) -> Verdict:
    calm = {"handwriting": ("no", 0.9), "stamp": ("no", 0.9), "table": ("no", 0.9), "legibility": ("good", 0.9)}
    return Verdict({name: Answer(*answer) for name, answer in (calm | answers).items()}, "a model")


BY_SIGNALS = [
    ("white page", scan(words=0, ink=0.0004, confidence=0.0), "blank", "blank: no words, 0.04 % ink"),
    ("dust read as words", scan(words=2, ink=0.0003, confidence=0.3), "blank", "blank: 2 words, 0.03 % ink"),
    ("a lone signature", scan(words=0, ink=0.0015, confidence=0.0), "frontier", "no word could be read though 0.15 %"),
    ("one clear word is not blank", scan(words=1, ink=0.0003, confidence=0.9), "text", "clean OCR, 1 word at"),
    ("good layer", LAYER, "text", "good text layer, 412 words"),
    ("clean scan", SCAN, "text", "clean OCR, 300 words at confidence 0.93"),
    ("poor scan", scan(confidence=0.43), "frontier", "OCR confidence 0.43 is under 0.60"),
    ("middling scan", scan(confidence=0.74), "local", "OCR confidence 0.74 is under 0.85"),
    ("unsure words", scan(low_confidence_share=0.2), "local", "20 % of the words are unsure"),
    ("mostly unsure words", scan(low_confidence_share=0.5), "frontier", "50 % of the words are unsure"),
    ("some ink unread", scan(unread_ink=0.12), "local", "12 % of the ink was not read: handwriting, stamp or picture"),
    ("much ink unread", scan(unread_ink=0.32), "frontier", "32 % of the ink was not read: handwriting, stamp or pic"),
    ("a picture among print", scan(unread_ink=0.32, solid=0.25), "local", "32 % of the ink was not read"),
    ("punch holes are no ink", scan(unread_ink=0.25, holes=0.2), "text", "clean OCR, 300 words"),
    ("blank with punch holes", scan(words=7, ink=0.0018, confidence=0.22, holes=1.0), "blank", "blank: 7 words"),
    (
        "print lost on a fax",
        scan(words=0, ink=0.0, confidence=0.0, dust=0.0013),
        "frontier",
        "no word could be read though 0.13 % of the page is specks",
    ),
    ("faint words are not blank", scan(words=40, ink=0.0003, confidence=0.4), "frontier", "OCR confidence 0.40"),
    ("a signature read as words", scan(pen=66.0), "frontier", "pen strokes as large as 66 letters: a signature or"),
    ("initials", scan(pen=16.0), "local", "pen strokes as large as 16 letters"),
    ("signed in a text layer", layer(pen=90.0), "frontier", "pen strokes as large as 90 letters"),
    ("ink without a word", scan(words=0, confidence=0.0), "frontier", "no word could be read though 5 % of the page"),
    ("ruled table", scan(rules=14), "local", "14 ruling lines: a table or form"),
    ("ruled table in a layer", layer(rules=14), "text", "good text layer"),
    ("dense table read well", scan(rules=60), "local", "60 ruling lines: a table or form"),
    ("dense table read badly", scan(rules=60, confidence=0.7), "frontier", "dense table (60 ruling lines) and OCR"),
    ("a table without rules", scan(cells=30), "local", "30 cells in columns: a table"),
    ("a table that fills the page", scan(cells=160), "frontier", "dense table (160 cells)"),
    ("the same in a layer", layer(cells=160), "text", "good text layer"),
    ("crooked", scan(skew=-2.3), "local", "the page was scanned crooked, by 2.3°"),
    ("a picture in a layer", layer(unread_ink=0.5), "local", "50 % of the ink was not read"),
    ("a mark in a layer", layer(unread_ink=0.15), "text", "good text layer"),
    ("coarse but clear", scan(dpi=98), "text", "clean OCR, 300 words"),
    ("faint but clear", scan(contrast=0.2), "local", "faint print: contrast 0.20"),
    ("a bad fax", scan(dpi=98, confidence=0.5), "frontier", "OCR confidence 0.50 is under 0.60 (98 dpi)"),
    (
        "a faint fax",
        scan(dpi=98, contrast=0.2, confidence=0.7),
        "local",
        "OCR confidence 0.70 is under 0.85 (98 dpi)",
    ),
    ("reads disagree", layer(agreement=0.4), "frontier", "two reads disagree: text layer and OCR share 40 %"),
    ("doubted layer, unsure OCR", scan(agreement=0.1, confidence=0.7), "frontier", "two reads disagree"),
    ("discarded layer", scan(agreement=0.1), "text", "clean OCR, 300 words"),
    ("French read badly", scan(language="fr", script="", confidence=0.7), "frontier", "page is in French (fr); the"),
    ("French", scan(language="fr", script=""), "local", "page is in French (fr); the configured language is eng"),
    (
        "Cyrillic",
        scan(language="ru", script="Cyrillic"),
        "frontier",
        "page looks to be in Cyrillic script; the configured",
    ),
    ("language unknown", scan(language="", script=""), "text", "clean OCR"),
]

BY_VERDICT = [
    ("handwriting", SCAN, {"handwriting": ("yes", 0.93)}, "frontier", "handwriting (VLM, 0.93)"),
    ("unsure of handwriting", SCAN, {"handwriting": ("yes", 0.55)}, "text", "clean OCR"),
    ("handwriting on a layer", layer(unread_ink=0.1), {"handwriting": ("yes", 0.9)}, "frontier", "handwriting (VLM"),
    ("signature alone", SCAN, {"stamp": ("signature", 0.9)}, "local", "signature (VLM, 0.90)"),
    ("stamp beside the text", SCAN, {"stamp": ("stamp", 0.9)}, "local", "stamp (VLM, 0.90)"),
    ("stamp over the text", scan(unread_ink=0.1), {"stamp": ("stamp", 0.9)}, "frontier", "stamp (VLM, 0.90)"),
    ("unread ink is a signature", scan(unread_ink=0.4), {"stamp": ("signature", 0.9)}, "local", "signature (VLM"),
    ("unread ink, unsure of stamps", scan(unread_ink=0.4), {"stamp": ("no", 0.5)}, "frontier", "40 % of the ink"),
    ("pen strokes are a logo", scan(pen=66.0), {}, "text", "clean OCR"),
    ("a logo is harmless", scan(unread_ink=0.3), {}, "text", "clean OCR"),
    ("a logo, unsure", scan(unread_ink=0.3), {"handwriting": ("no", 0.6)}, "frontier", "30 % of the ink was not read"),
    ("calm VLM, bad OCR", scan(confidence=0.4), {}, "frontier", "OCR confidence 0.40"),
    ("dense table, clean", SCAN, {"table": ("dense", 0.8)}, "local", "dense table (VLM, 0.80)"),
    ("dense table, unsure OCR", scan(confidence=0.7), {"table": ("dense", 0.8)}, "frontier", "dense table (VLM, 0.80)"),
    ("poor legibility", SCAN, {"legibility": ("poor", 0.8)}, "frontier", "poor legibility (VLM, 0.80)"),
    ("turned, read well", SCAN, {"rotation": ("90", 0.9)}, "text", "clean OCR"),
    ("turned, read badly", scan(confidence=0.7), {"rotation": ("90", 0.9)}, "frontier", "page stands turned by 90°"),
    (
        "French by eye",
        scan(language=""),
        {"language": ("fr", 0.9)},
        "local",
        "page is in French (fr); the configured language is eng (VLM, 0.90)",
    ),
    ("words outvote the eye", SCAN, {"language": ("fr", 0.9)}, "text", "clean OCR"),
]


@pytest.mark.parametrize(
    ("measured", "route", "reason"), [row[1:] for row in BY_SIGNALS], ids=[r[0] for r in BY_SIGNALS]
)
def test_route_by_signals(measured: Signals, route: str, reason: str) -> None:
    """Each signal sends a page where the policy says, with a reason that holds its number."""
    decided = decide(3, measured, None, POLICY)
    assert (decided.number, decided.route) == (3, Route(route))
    assert decided.reasons[0].startswith(reason)


@pytest.mark.parametrize(
    ("measured", "answers", "route", "reason"), [row[1:] for row in BY_VERDICT], ids=[row[0] for row in BY_VERDICT]
)
def test_route_by_verdict(measured: Signals, answers: dict[str, tuple[str, float]], route: str, reason: str) -> None:
    """A sure answer of the VLM raises the route or answers an open question; an unsure one does neither."""
    decided = decide(1, measured, verdict(**answers), POLICY)
    assert decided.route is Route(route)
    assert decided.reasons[0].startswith(reason)


def test_all_reasons_of_the_winning_route_are_told() -> None:
    """A page that is hard for two reasons names both, and not the milder ones."""
    decided = decide(1, scan(confidence=0.4, unread_ink=0.4, rules=10), None, POLICY)
    assert len(decided.reasons) == 2
    assert not any("ruling" in reason for reason in decided.reasons)


def test_thresholds_belong_to_the_policy() -> None:
    """The same page takes another route under other thresholds and another language pack."""
    policy = policy_of(load_settings(escalate_below=0.9, language="eng+fra"))
    assert decide(1, scan(confidence=0.88), None, policy).route is Route.FRONTIER
    assert decide(1, scan(language="fr", confidence=0.95), None, policy).route is Route.TEXT


@pytest.mark.parametrize(
    ("measured", "asked"),
    [
        (scan(words=0, ink=0.0001, confidence=0.0), False),
        (LAYER, False),
        (layer(unread_ink=0.2), True),
        (layer(pen=40.0), True),
        (SCAN, True),
        (scan(unread_ink=0.5), True),
        (scan(confidence=0.3), False),
        (scan(language="ru", script="Cyrillic"), False),
    ],
    ids=["blank", "clean layer", "layer with pictures", "signed layer", "scan", "unread ink", "bad OCR", "Cyrillic"],
)
def test_the_vlm_is_asked_only_where_it_can_matter(measured: Signals, asked: bool) -> None:
    """No question where the route stands already."""
    assert worth_asking(measured, POLICY) is asked


@pytest.mark.parametrize("measured", [scan(words=0, ink=0.0001), LAYER, scan(confidence=0.3), scan(script="Cyrillic")])
def test_no_answer_changes_the_route_of_a_page_that_is_not_asked_about(measured: Signals) -> None:
    """What `worth_asking` spares really is settled, whatever the VLM would have said."""
    before = decide(1, measured, None, POLICY).route
    worst = verdict(handwriting=("yes", 1.0), stamp=("both", 1.0), table=("dense", 1.0), legibility=("poor", 1.0))
    if measured is not LAYER:  # a clean layer is settled because there is no ink left that could be handwriting
        assert decide(1, measured, worst, POLICY).route is before
    assert decide(1, measured, verdict(), POLICY).route is before


class Recording:
    """A classifier that answers calmly and keeps whom it was asked about."""

    name = "recording"

    def __init__(self, *heard: str) -> None:
        self.asked: list[int] = []
        self.heard = heard or tuple(question.name for question in QUESTIONS)

    def classify(self, pages: Sequence[PageInput]) -> list[Verdict]:
        self.asked += [page.image.number for page in pages]
        return [verdict(handwriting=("yes", 0.95)) for _ in pages]


def page(
    number: int, words: int, source: TextSource, confidence: float, ink: float = 0.05, notes: tuple[str, ...] = ()
) -> PageInput:
    image = PageImage(number, "0" * 64, "image/png", 1700, 2200, 200.0, Affine(), ink=ink, contrast=0.8)
    found = tuple(Word("word", Box(0, 0, 0.1, 0.1), confidence) for _ in range(words))
    return PageInput(image, Path("page.png"), PageText(number, found, source, confidence, notes=notes))


PAGES = [
    page(1, 400, TextSource.LAYER, 1.0),
    page(2, 300, TextSource.OCR, 0.93),
    page(3, 0, TextSource.NONE, 0.0, ink=0.0),
]


def test_triage_asks_about_open_pages_only_and_keeps_the_order() -> None:
    """The scan is asked about in one call; the others say that they were not."""
    classifier = Recording()
    decided = triage(PAGES, classifier, POLICY)
    assert classifier.asked == [2]
    assert [each.route for each in decided] == [Route.TEXT, Route.FRONTIER, Route.BLANK]
    assert decided[0].reasons[-1] == "local VLM not asked: no answer could change the route"
    assert decided[1].reasons == ("handwriting (VLM, 0.95)",)
    assert decided[1].verdict is not None


def test_a_vlm_that_is_heard_on_no_route_is_not_asked() -> None:
    """One that only knows which way is up changes no route, so no page is shown to it here; each says so."""
    classifier = Recording("rotation")
    decided = triage(PAGES, classifier, POLICY)
    assert classifier.asked == []
    assert [each.route for each in decided] == [each.route for each in triage(PAGES, None, POLICY)]
    assert all("local VLM not asked: no answer could change the route" in each.reasons for each in decided)


def test_without_a_vlm_the_pages_it_would_have_seen_say_so() -> None:
    """The missing model is named on the pages where it could have mattered, and only there."""
    reasons = [each.reasons for each in triage(PAGES, None, POLICY)]
    assert [("no local VLM installed: decided by signals" in each) for each in reasons] == [False, True, False]


def test_signals_count_what_was_read() -> None:
    """Words, unsure words and the page's own measurements arrive in the signals."""
    words = (Word("clear", Box(0, 0, 1, 1), 0.9), Word("smudge", Box(0, 0, 1, 1), 0.3))
    text = PageText(
        2, words, TextSource.OCR, 0.6, language="en", hidden=4, unread_ink=0.2, pen=20.0, holes=0.1, solid=0.3
    )
    image = PageImage(2, "0" * 64, "image/jpeg", 10, 20, 150.0, Affine(), rotation=90, skew=1.5, ink=0.07, rules=3)
    measured = signals(PageInput(image, Path("p.jpg"), text))
    assert (measured.words, measured.low_confidence_share, measured.hidden) == (2, 0.5, 4)
    assert (measured.pen, measured.holes, measured.solid, measured.cells) == (20.0, 0.1, 0.3, 0)
    assert (measured.rotation, measured.skew, measured.rules, measured.dpi) == (90, 1.5, 3, 150.0)


def test_what_reading_noted_stands_among_the_reasons_once() -> None:
    """Why OCR was used, or words left out, is told after the route's own reasons, without saying a thing twice."""
    foreign = "page is in French (fr); the configured language is eng"
    one = page(1, 300, TextSource.OCR, 0.7, notes=("12 words were left out", foreign))
    one = dataclasses.replace(one, text=dataclasses.replace(one.text, language="fr"))
    assert triage([one], None, POLICY)[0].reasons == (foreign, "12 words were left out")  # no VLM was wanted
