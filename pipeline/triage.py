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
from pipeline.settings import Settings
from pipeline.types import Route, Signals, TextSource, Triage, Verdict

__all__ = ["Policy", "decide", "policy_of", "signals", "triage", "worth_asking"]

NO_VLM = "no local VLM installed: decided by signals"
NOT_ASKED = "local VLM not asked: no answer could change the route"


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds of routing; shares, confidences and probabilities are 0..1. Comments give each number's reason."""

    escalate_below: float = 0.60  # the setting; under it a harsh scan's words are recalled by 0.29 (DESIGN.md, 4)
    clean_above: float = 0.85  # clean office scans read at 0.88-0.96; between the two, words are right but values err
    unsure_word: float = 0.60  # a single word under it is more often wrong than right
    unsure_local: float = 0.12  # one word in eight: a value in a line of eight words is hit once a line
    unsure_frontier: float = 0.40  # nearly every line has several wrong words
    blank_ink: float = 0.003  # dust and scanner edges; one typed line of a letter page is 0.004 or more
    stray_words: int = 2  # OCR makes a word or two of dust, never three above `unsure_word`
    unread_local: float = 0.08  # a letterhead's logo or one signature
    unread_frontier: float = 0.25  # more than a quarter of what is on the page was never read
    agreement: float = 0.60  # two reads of one clean page share 0.9 and more of their words
    ruled: int = 8  # a table of three rows and three columns has eight rules; a signature block has two to four
    dense: int = 24  # a schedule whose cells OCR easily joins across columns
    faint: float = 0.35  # grey on grey: fax, bleed-through, pencil
    coarse_dpi: float = 140.0  # fax "standard" is 98 lines an inch; Tesseract wants 20 px high letters: 10 pt at 144
    sure: float = 0.70  # a VLM's answer under it is no ground: it's one of seven questions put in one pass
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
    )


def triage(pages: Sequence[PageInput], classifier: PageClassifier | None, policy: Policy) -> list[Triage]:
    """Measure, ask the classifier where it matters (one batched call), decide; one `Triage` a page, in order."""
    measured = [signals(page, policy) for page in pages]
    asked = [index for index, each in enumerate(measured) if worth_asking(each, policy)]
    answers = classifier.classify([pages[index] for index in asked]) if classifier and asked else []
    verdicts = dict(zip(asked, answers, strict=False))
    decided = [
        decide(page.image.number, each, verdicts.get(index), policy)
        for index, (page, each) in enumerate(zip(pages, measured, strict=True))
    ]
    if classifier is None:
        return [_adding(each, NO_VLM) if index in set(asked) else each for index, each in enumerate(decided)]
    return [each if index in verdicts else _adding(each, NOT_ASKED) for index, each in enumerate(decided)]


def worth_asking(measured: Signals, policy: Policy) -> bool:
    """Whether any answer of a VLM could change this page's route.

    Not on a blank page, not where a closed ground demands the frontier already, and not on a page whose own
    text layer is good and which shows hardly any ink beside its words: nothing is left there to be seen.
    """
    if _is_blank(measured, policy):
        return False
    if any(ground.route is Route.FRONTIER and not ground.open for ground in _from_signals(measured, policy)):
        return False
    return measured.source is not TextSource.LAYER or measured.unread_ink >= policy.unread_local


def decide(number: int, measured: Signals, verdict: Verdict | None, policy: Policy) -> Triage:
    """The routing policy: a pure function of what was measured, what the VLM answered, and the thresholds."""
    if _is_blank(measured, policy):
        reason = f"blank: {_count(measured.words, 'word')}, {measured.ink * 100:.2f} % ink"
        return Triage(number, Route.BLANK, (reason,), measured, verdict)
    grounds = list(_from_signals(measured, policy))
    if verdict is not None:
        grounds = [*_unanswered(grounds, verdict, policy), *_from_verdict(verdict, measured, policy)]
    route = max((ground.route for ground in grounds), key=list(Route).index)
    reasons = tuple(ground.reason for ground in grounds if ground.route is route)
    return Triage(number, route, reasons, measured, verdict)


def _is_blank(measured: Signals, policy: Policy) -> bool:
    stray = measured.words <= policy.stray_words and measured.confidence < policy.unsure_word
    return measured.ink < policy.blank_ink and (measured.words == 0 or stray)


def _from_signals(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    yield _readable(measured)
    yield from _language(measured, policy)
    yield from _unread(measured, policy)
    yield from _ruled(measured, policy)
    if measured.source is TextSource.OCR:
        yield from _ocr(measured, policy)
    elif measured.agreement is not None and measured.agreement < policy.agreement:
        share = _percent(measured.agreement)
        yield _Ground(Route.FRONTIER, f"two reads disagree: text layer and OCR share {share} of the words")


def _readable(measured: Signals) -> _Ground:
    words = _count(measured.words, "word")
    if measured.source is TextSource.LAYER:
        return _Ground(Route.TEXT, f"good text layer, {words}")
    if measured.words:
        return _Ground(Route.TEXT, f"clean OCR, {words} at confidence {measured.confidence:.2f}")
    return _Ground(Route.FRONTIER, f"no word could be read though {_percent(measured.ink)} of the page is ink")


def _language(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    for note in language.notes(measured.language, measured.script, policy.language):
        yield _Ground(Route.FRONTIER, note)


def _unread(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    reason = f"{_percent(measured.unread_ink)} of the ink was not read: handwriting, stamp or picture"
    if measured.words and measured.unread_ink >= policy.unread_frontier:
        yield _Ground(Route.FRONTIER, reason, open=True)
    elif measured.words and measured.unread_ink >= policy.unread_local:
        yield _Ground(Route.LOCAL, reason, open=True)


def _ruled(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    unsure = measured.source is TextSource.OCR and measured.confidence < policy.clean_above
    if measured.rules >= policy.dense and unsure:
        reason = f"dense table ({measured.rules} ruling lines) and OCR confidence {measured.confidence:.2f}"
        yield _Ground(Route.FRONTIER, reason)
    elif measured.rules >= policy.ruled:
        yield _Ground(Route.LOCAL, f"{measured.rules} ruling lines: a table or form")


def _ocr(measured: Signals, policy: Policy) -> Iterator[_Ground]:
    confidence, unsure = measured.confidence, measured.low_confidence_share
    if not measured.words:
        return
    if confidence < policy.escalate_below:
        yield _Ground(Route.FRONTIER, f"OCR confidence {confidence:.2f} is under {policy.escalate_below:.2f}")
    elif confidence < policy.clean_above:
        yield _Ground(Route.LOCAL, f"OCR confidence {confidence:.2f} is under {policy.clean_above:.2f}")
    if unsure >= policy.unsure_local:
        route = Route.FRONTIER if unsure >= policy.unsure_frontier else Route.LOCAL
        yield _Ground(route, f"{_percent(unsure)} of the words are unsure")
    if measured.contrast < policy.faint:
        yield _Ground(Route.LOCAL, f"faint print: contrast {measured.contrast:.2f}")
    if measured.dpi < policy.coarse_dpi:
        yield _Ground(Route.LOCAL, f"low resolution: {measured.dpi:.0f} dpi")


def _unanswered(grounds: Sequence[_Ground], verdict: Verdict, policy: Policy) -> list[_Ground]:
    """The grounds that stand after the VLM has looked: open ones fall if it surely sees no hand and no stamp."""
    harmless = all(_says(verdict, question, "no", policy.sure) for question in ("handwriting", "stamp"))
    return [ground for ground in grounds if not (ground.open and harmless)]


def _from_verdict(verdict: Verdict, measured: Signals, policy: Policy) -> Iterator[_Ground]:
    ocr, sure = measured.source is TextSource.OCR, policy.sure
    unclean = ocr and measured.confidence < policy.clean_above
    covered = measured.unread_ink >= policy.unread_local or unclean
    for question, label, route, said in (
        ("handwriting", "yes", Route.FRONTIER, "handwriting"),
        ("legibility", "poor", Route.FRONTIER if ocr else Route.TEXT, "poor legibility"),
        ("stamp", "stamp", Route.FRONTIER if covered else Route.LOCAL, "stamp"),
        ("stamp", "both", Route.FRONTIER if covered else Route.LOCAL, "stamp and signature"),
        ("stamp", "signature", Route.LOCAL, "signature"),
        ("table", "dense", Route.FRONTIER if unclean else Route.LOCAL, "dense table"),
        ("table", "simple", Route.LOCAL if ocr else Route.TEXT, "table"),
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
    for note in language.notes(seen.label, "", policy.language):
        yield _Ground(Route.FRONTIER, f"{note} (VLM, {seen.probability:.2f})")


def _says(verdict: Verdict, question: str, label: str, sure: float) -> bool:
    answer = verdict.answers.get(question)
    return answer is not None and answer.label == label and answer.probability >= sure


def _adding(decided: Triage, reason: str) -> Triage:
    return dataclasses.replace(decided, reasons=(*decided.reasons, reason))


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
