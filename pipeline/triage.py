"""Triage: where a page goes, and why, in words a person can read.

Three steps. `signals` measures what needs no model. The small VLM is asked, but only about pages where an
answer can change the route. `decide` is a pure function of both: every rule that applies gives a *ground*
(a route and its reason), and the most demanding route wins, `blank < text < local < frontier`.

A ground from signals may be *open*: ink that is not words can be handwriting or a harmless logo, and only
eyes can tell. Without a VLM it is taken at its worst, and a confident VLM may answer it. All other grounds
are closed: an OCR confidence of 0.4 means the words are wrong, whatever a small model thinks of the page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline import language
from pipeline.backends.protocols import PageClassifier, PageInput
from pipeline.cells import cells
from pipeline.settings import Settings
from pipeline.types import Route, Signals, TextSource, Triage, Verdict

__all__ = ["Policy", "decide", "hears", "policy_of", "signals", "triage", "unread", "worth_asking"]

ROUTING = frozenset({"handwriting", "legibility", "stamp", "table", "language"})  # answers that `decide` goes by
NO_VLM = "no local VLM installed: decided by signals"
NOT_ASKED = "local VLM not asked: no answer could change the route"


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds of routing; shares, confidences and probabilities are 0..1.

    "Seen" is what about 100 pages of the corpora and the 62 sample pages gave; "chosen" was not measured.
    """

    escalate_below: float = 0.85  # the setting, at the knee of field F1 against cost: see settings.py
    clean_above: float = 0.85  # seen: clean office scans 0.87-0.96, noisy faxed forms 0.61-0.82
    unsure_word: float = 0.60  # chosen: a word is doubted where a page would be
    unsure_local: float = 0.10  # chosen: one word in ten is about one in every line
    unsure_frontier: float = 0.25  # seen: neat handwriting 0.25, handwritten wills 0.70 and more, clean scans under 0.1
    blank_ink: float = 0.0005  # a lone signature is about 0.001 of a letter page; seen: white scans 0.0000
    blank_dust: float = 0.0003  # seen: white backs up to 0.00005, print lost on a fax 0.0007 and more
    stray_words: int = 10  # what OCR may make of dust and holes; seen: 7 on a blank back with four punch holes
    unread_local: float = 0.08  # seen in filings: 0.09-0.12 with a stamp, mostly 0.00-0.05 on forms without one
    unread_frontier: float = 0.20  # seen in filings: 0.25-0.54 where handwriting or signatures fill much of the page
    pen_local: float = 14.0  # the least that is measured: initials, a tick
    pen_frontier: float = 24.0  # seen: signatures 40-330 letters, pages without a pen's mark 0
    agreement: float = 0.60  # seen: trusted layers share 0.63-1.0 of their words with OCR
    ruled: int = 6  # seen: scanned forms 5-41, scanned text 0-4
    dense: int = 24  # chosen: a schedule, whose cells OCR easily joins across columns
    cells: int = 9  # three rows of three; seen: scanned text 0-3, typed tables without rules 30
    dense_cells: int = 100  # seen: schedules in small print 155-178, a smudged invoice 100, other tables up to 69
    crooked: float = 1.8  # degrees; seen: 1.9 on a page that strikes the eye as crooked, mostly under 1
    faint: float = 0.35  # seen: grey copies 0.26-0.35, handwritten wills 0.27-0.36, office scans 0.4 and more
    coarse_dpi: float = 140.0  # Tesseract wants letters of 20 pixels: 10 pt at 144 dpi; a standard fax has 98 lines
    sure: float = 0.70  # chosen: a VLM's answer under it is no ground; its checkpoint is to be calibrated (issue 7)
    language: str = "eng"  # the setting: what OCR was told the page is in


class _Ground(NamedTuple):
    route: Route
    reason: str
    open: bool = False


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings ask for."""
    return Policy(escalate_below=settings.escalate_below, language=settings.language)


def signals(page: PageInput, policy: Policy | None = None) -> Signals:
    """Measure one page; pure, from what render and read have already noted."""
    image, text = page.image, page.text
    unsure = (policy or Policy()).unsure_word
    low = sum(word.confidence < unsure for word in text.words)
    return Signals(
        ink=image.ink,
        contrast=image.contrast,
        dpi=image.dpi,
        skew=image.skew,
        rotation=image.rotation,
        words=len(text.words),
        source=text.source,
        confidence=text.confidence,
        low_confidence_share=low / len(text.words) if text.words else 0.0,
        unread_ink=text.unread_ink,
        rules=image.rules,
        hidden=text.hidden,
        language=text.language,
        script=text.script,
        agreement=text.agreement,
        pen=text.pen,
        holes=text.holes,
        solid=text.solid,
        dust=text.dust,
        cells=cells(text.words, image.height / image.width),
    )


def triage(pages: Sequence[PageInput], classifier: PageClassifier | None, policy: Policy) -> list[Triage]:
    """Measure, ask the classifier where it matters (one batched call), decide; one `Triage` a page, in order.

    A page's reasons are those of its route, then what reading noted, then why the VLM was not heard.
    """
    measured = [signals(page, policy) for page in pages]
    heard = classifier is None or hears(classifier)
    asked = [index for index, each in enumerate(measured) if heard and worth_asking(each, policy)]
    verdicts = dict.fromkeys(asked)
    if classifier and asked:
        verdicts = dict(zip(asked, classifier.classify([pages[index] for index in asked]), strict=True))
    unheard = {True: () if classifier else (NO_VLM,), False: (NOT_ASKED,) if classifier else ()}
    decided = []
    for index, (page, each) in enumerate(zip(pages, measured, strict=True)):
        one = decide(page.image.number, each, verdicts.get(index), policy)
        reasons = (*one.reasons, *page.text.notes, *unheard[index in verdicts])
        decided.append(dataclasses.replace(one, reasons=tuple(dict.fromkeys(reasons))))
    return decided


def hears(classifier: PageClassifier) -> bool:
    """Whether the classifier is heard on anything that routes hang on."""
    return not ROUTING.isdisjoint(classifier.heard)


def worth_asking(measured: Signals, policy: Policy) -> bool:
    """Whether any answer of a VLM could change this page's route.

    Not on a blank page, not where a closed ground demands the frontier already, and not on a page whose own text
    layer is good and which shows hardly any ink beside its words and no pen stroke: nothing is left to be seen.
    """
    if _is_blank(measured, policy):
        return False
    if any(ground.route is Route.FRONTIER and not ground.open for ground in _from_signals(measured, policy)):
        return False
    bare = measured.unread_ink < policy.unread_local and measured.pen < policy.pen_local
    return measured.source is not TextSource.LAYER or not bare


def unread(page: PageInput, policy: Policy) -> bool:
    """Whether a page that shows something was read so badly by OCR that it may not even stand upright."""
    if page.text.source is TextSource.LAYER or page.text.confidence >= policy.clean_above:
        return False
    return not _is_blank(signals(page, policy), policy)


def decide(number: int, measured: Signals, verdict: Verdict | None, policy: Policy) -> Triage:
    """The routing policy: a pure function of what was measured, what the VLM answered, and the thresholds."""
    if _is_blank(measured, policy):
        reason = f"blank: {_count(measured.words, 'word')}, {_percent(measured.ink)} ink"
        return Triage(number, Route.BLANK, (reason,), measured, verdict)
    grounds = list(_from_signals(measured, policy))
    if verdict is not None:
        grounds = [*_unanswered(grounds, verdict, policy), *_from_verdict(verdict, measured, policy)]
    route = max((ground.route for ground in grounds), key=list(Route).index)
    reasons = tuple(ground.reason for ground in grounds if ground.route is route)
    return Triage(number, route, reasons, measured, verdict)


def _is_blank(measured: Signals, policy: Policy) -> bool:
    stray = measured.words <= policy.stray_words and measured.confidence < policy.unsure_word
    bare = measured.ink * (1 - measured.holes) < policy.blank_ink and measured.dust < policy.blank_dust
    return bare and (measured.words == 0 or stray)


def _is_unclean(measured: Signals, policy: Policy) -> bool:
    return measured.source is TextSource.OCR and measured.confidence < policy.clean_above


def _from_signals(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    yield _readable(measured)
    yield from _language(measured, policy)
    yield from _unread(measured, policy)
    yield from _pen(measured, policy)
    yield from _tabled(measured, policy)
    yield from _disagreement(measured, policy)
    if measured.source is TextSource.OCR and measured.words:
        yield from _ocr(measured, policy)


def _readable(measured: Signals) -> _Ground:
    words = _count(measured.words, "word")
    if measured.source is TextSource.LAYER:
        return _Ground(Route.TEXT, f"good text layer, {words}")
    if measured.words:
        return _Ground(Route.TEXT, f"clean OCR, {words} at confidence {measured.confidence:.2f}")
    shown = f"{_percent(measured.dust)} of the page is specks" if measured.dust > measured.ink else ""
    shown = shown or f"{_percent(measured.ink)} of the page is ink"
    return _Ground(Route.FRONTIER, f"no word could be read though {shown}")


def _language(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    """Another script was read as nonsense. Another language in our own letters was read well if the OCR is sure."""
    read_well = measured.script in ("", "Latin") and not _is_unclean(measured, policy)
    for note in language.notes(measured.language, measured.script, policy.language):
        yield _Ground(Route.LOCAL if read_well else Route.FRONTIER, note)


def _unread(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    """Ink outside all words; bars, logos and pictures in it are no reason for the frontier, punch holes none at all.
    A page with a good text layer was made by a program, and what looked like print beside the layer was read by OCR
    too: what is left are pictures and shading, which count one step less."""
    shown = max(measured.unread_ink - measured.holes, 0.0)
    steps = ((shown, policy.unread_local), (shown - measured.solid, policy.unread_frontier))
    passed = sum(share >= step for share, step in steps) if measured.words else 0
    route = (Route.TEXT, Route.LOCAL, Route.FRONTIER)[max(passed - (measured.source is TextSource.LAYER), 0)]
    if route is not Route.TEXT:
        yield _Ground(route, f"{_percent(shown)} of the ink was not read: handwriting, stamp or picture", open=True)


def _pen(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    if measured.pen >= policy.pen_local:
        route = Route.FRONTIER if measured.pen >= policy.pen_frontier else Route.LOCAL
        reason = f"pen strokes as large as {measured.pen:.0f} letters: a signature or handwriting"
        yield _Ground(route, reason, open=True)


def _tabled(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    """Tables of a page that was read by OCR; in a text layer the words of a cell stand together anyway."""
    if measured.source is not TextSource.OCR:
        return
    if measured.cells >= policy.dense_cells:
        yield _Ground(Route.FRONTIER, f"dense table ({measured.cells} cells)")
    if measured.rules >= policy.dense and _is_unclean(measured, policy):
        reason = f"dense table ({measured.rules} ruling lines) and OCR confidence {measured.confidence:.2f}"
        yield _Ground(Route.FRONTIER, reason)
    elif measured.rules >= policy.ruled:
        yield _Ground(Route.LOCAL, f"{measured.rules} ruling lines: a table or form")
    if measured.cells >= policy.cells:
        yield _Ground(Route.LOCAL, f"{measured.cells} cells in columns: a table")


def _ocr(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    confidence, unsure = measured.confidence, measured.low_confidence_share
    for bound, route in ((policy.escalate_below, Route.FRONTIER), (policy.clean_above, Route.LOCAL)):
        if confidence < bound:
            yield _Ground(route, f"OCR confidence {confidence:.2f} is under {bound:.2f}{_quality(measured, policy)}")
            break
    if unsure >= policy.unsure_local:
        route = Route.FRONTIER if unsure >= policy.unsure_frontier else Route.LOCAL
        yield _Ground(route, f"{_percent(unsure)} of the words are unsure")
    if measured.contrast < policy.faint:
        yield _Ground(Route.LOCAL, f"faint print: contrast {measured.contrast:.2f}")
    if abs(measured.skew) >= policy.crooked:
        yield _Ground(Route.LOCAL, f"the page was scanned crooked, by {abs(measured.skew):.1f}°")


def _disagreement(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    """Two reads that differ, and no reason to believe either: a doubted layer beside a clean OCR is none."""
    believed = measured.source is TextSource.OCR and not _is_unclean(measured, policy)
    if measured.agreement is not None and measured.agreement < policy.agreement and not believed:
        share = _percent(measured.agreement)
        yield _Ground(Route.FRONTIER, f"two reads disagree: text layer and OCR share {share} of the words")


def _quality(measured: Signals, policy: Policy) -> str:
    """A resolution that explains a bad read; no ground of its own, since plain print reads well at 100 dpi."""
    return f" ({measured.dpi:.0f} dpi)" if measured.dpi < policy.coarse_dpi else ""


def _unanswered(grounds: Sequence[_Ground], verdict: Verdict, policy: Policy) -> list[_Ground]:
    """The grounds that stand after the VLM has looked. An open one falls if the VLM surely sees no handwriting and is
    sure about stamps and signatures, whatever it is sure of: that answer is a ground of its own."""
    stamp = verdict.answers.get("stamp")
    seen = _says(verdict, "handwriting", "no", policy.sure) and stamp is not None and stamp.probability >= policy.sure
    return [ground for ground in grounds if not (ground.open and seen)]


def _from_verdict(verdict: Verdict, measured: Signals, policy: Policy) -> Iterator[_Ground]:
    ocr, unclean, sure = measured.source is TextSource.OCR, _is_unclean(measured, policy), policy.sure
    covered = measured.unread_ink >= policy.unread_local or unclean
    table = Route.LOCAL if ocr else Route.TEXT  # a text layer keeps the words of a cell together, dense or not
    for question, label, route, said in (
        ("handwriting", "yes", Route.FRONTIER, "handwriting"),
        ("legibility", "poor", Route.FRONTIER if ocr else Route.TEXT, "poor legibility"),
        ("stamp", "stamp", Route.FRONTIER if covered else Route.LOCAL, "stamp"),
        ("stamp", "both", Route.FRONTIER if covered else Route.LOCAL, "stamp and signature"),
        ("stamp", "signature", Route.LOCAL, "signature"),
        ("table", "dense", Route.FRONTIER if unclean else table, "dense table"),
        ("table", "simple", table, "table"),
    ):
        if _says(verdict, question, label, sure):
            yield _Ground(route, f"{said} (VLM, {verdict.answers[question].probability:.2f})")
    yield from _turned(verdict, unclean, sure)
    yield from _foreign(verdict, measured, policy)


def _turned(verdict: Verdict, unclean: bool, sure: float) -> Iterator[_Ground]:
    turn = verdict.answers.get("rotation")
    if turn and turn.label != "0" and turn.probability >= sure and unclean:
        yield _Ground(Route.FRONTIER, f"page stands turned by {turn.label}° (VLM, {turn.probability:.2f})")


def _foreign(verdict: Verdict, measured: Signals, policy: Policy) -> Iterator[_Ground]:
    """A language the VLM sees counts only where the words were too few to tell."""
    seen = verdict.answers.get("language")
    if measured.language or seen is None or seen.probability < policy.sure or seen.label == "other":
        return
    route = Route.FRONTIER if _is_unclean(measured, policy) else Route.LOCAL
    for note in language.notes(seen.label, "", policy.language):
        yield _Ground(route, f"{note} (VLM, {seen.probability:.2f})")


def _says(verdict: Verdict, question: str, label: str, sure: float) -> bool:
    answer = verdict.answers.get(question)
    return answer is not None and answer.label == label and answer.probability >= sure


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %" if share >= 0.01 else f"{share * 100:.2f} %"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
