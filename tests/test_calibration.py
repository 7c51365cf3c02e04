"""Confidence from several readers: what must hold whatever the fitted constants are, and the constants themselves."""

import random
from itertools import pairwise

import pytest

from pipeline.calibration import CALIBRATION, MOST, UNMEASURED, Calibration, Curve
from pipeline.rules.view import EXTRACTOR
from pipeline.trust import BARS
from pipeline.types import FieldStatus, Finding

FIELDS = [*BARS, "amounts", "obligations"]
WEIGHED = Calibration({"a": {}, "b": {}}, same_eyes=0.3, other_eyes=0.6, opposition=0.8)


def said(extractor: str, confidence: float, field: str = "governing_law") -> Finding:
    return Finding(field, 1, "Ohio", "Ohio", "laws of Ohio", confidence, extractor, status=FieldStatus.VERIFIED)


def drawn(dice: random.Random, field: str) -> list[Finding]:
    """One to four findings by readers of all sorts."""
    names = [EXTRACTOR, "vlm/tiny", "claude-sonnet-5-5", "qwen"]
    return [said(dice.choice(names), round(dice.random(), 2), field) for _ in range(dice.randint(1, 4))]


def cases(seed: int, count: int = 200):
    """Findings of one value and of its rivals, at random."""
    dice = random.Random(seed)
    for _ in range(count):
        field = dice.choice(FIELDS)
        rivals = [drawn(dice, field) for _ in range(dice.randint(0, 2))]
        yield dice, field, drawn(dice, field), rivals


def test_every_confidence_is_a_probability_that_nobody_is_certain_of() -> None:
    """Whatever is read, it is above 0 and never above the bound that the measured sample allows."""
    sure = [CALIBRATION.confidence(field, own, rivals) for _, field, own, rivals in cases(1)]
    assert 0 < min(sure) < max(sure) <= MOST


def test_a_surer_reader_never_makes_a_value_less_sure() -> None:
    """Raise one finding's confidence: the value's is not lower; and with another value's it is not higher."""
    moved = 0
    for dice, field, own, rivals in cases(2):
        at = dice.randrange(len(own))
        surer = [*own[:at], said(own[at].extractor, min(1.0, own[at].confidence + 0.3), field), *own[at + 1 :]]
        before, after = (CALIBRATION.confidence(field, each, rivals) for each in (own, surer))
        assert after >= before
        opposed = [CALIBRATION.confidence(field, [said(EXTRACTOR, 0.8, field)], [each]) for each in (own, surer)]
        assert opposed[1] <= opposed[0]
        moved += after > before
    assert moved > 50


def test_agreement_raises_and_disagreement_lowers() -> None:
    """Another reader who says the same never lowers a value, and raises it when it is believed by itself."""
    for _, field, own, rivals in cases(3):
        alone = CALIBRATION.confidence(field, own, rivals)
        backed = CALIBRATION.confidence(field, [*own, said("another", 0.8, field)], rivals)
        opposed = CALIBRATION.confidence(field, own, [*rivals, [said("another", 0.8, field)]])
        assert opposed <= alone <= backed
        assert backed > alone or alone == MOST


def test_one_reader_counts_once() -> None:
    """The same extractor saying it again, as surely or less, changes nothing."""
    for dice, field, own, rivals in cases(4):
        best = max(own, key=lambda finding: finding.confidence)
        again = said(best.extractor, best.confidence * dice.random(), field)
        assert CALIBRATION.confidence(field, [*own, again], rivals) == CALIBRATION.confidence(field, own, rivals)


def test_order_does_not_matter() -> None:
    """Findings and rivals in another order give the same confidence."""
    for dice, field, own, rivals in cases(5):
        shuffled = dice.sample(own, len(own))
        expected = CALIBRATION.confidence(field, own, rivals)
        assert CALIBRATION.confidence(field, shuffled, rivals[::-1]) == expected


def test_who_was_never_measured_is_not_believed_beyond_a_bound() -> None:
    """A model that calls itself certain is believed as far as any other that was never measured."""
    assert not CALIBRATION.measured("claude-opus-5") and CALIBRATION.measured(EXTRACTOR)
    sure, certain = (CALIBRATION.confidence("parties", [said("claude-opus-5", each)]) for each in (UNMEASURED, 1.0))
    assert sure == certain == UNMEASURED


def test_other_eyes_say_more_than_the_same() -> None:
    """Two readers of the same words share OCR's errors; one that looked at the ink itself raises a value more."""
    same = WEIGHED.confidence("term", [said("a", 0.8), said("b", 0.8)])
    other = WEIGHED.confidence("term", [said("a", 0.8), said("ink", 0.8)])
    assert 0.8 < same < other
    assert CALIBRATION.same_eyes <= CALIBRATION.other_eyes


def test_doubtful_words_weaken_whoever_reads_them() -> None:
    """OCR's doubt is in the confidence of both who go by its words: their agreement says less on a poor scan."""

    def gained(ocr: float) -> float:
        one = [said("a", 0.9 * ocr), said("b", 0.85 * ocr)]
        return WEIGHED.confidence("term", one) - WEIGHED.confidence("term", one[:1])

    assert gained(0.6) < gained(0.8)
    poor = [said("a", 0.9 * 0.5), said("b", 0.85 * 0.5)]
    assert WEIGHED.confidence("term", poor) < 0.5


def test_equal_rivals_leave_no_more_than_a_toss() -> None:
    """Of two values that are read equally surely neither is likelier than not, where opposition counts in full."""
    whole = Calibration(opposition=1.0)
    assert whole.confidence("term", [said("a", 0.8)], [[said("b", 0.8)]]) == 0.5


@pytest.mark.parametrize("field", FIELDS)
def test_the_rules_own_steps_keep_their_order(field: str) -> None:
    """What the rules are surer of stays surer, in every field: no fitted curve falls."""
    steps = [CALIBRATION.confidence(field, [said(EXTRACTOR, step / 20, field)]) for step in range(2, 19)]
    assert all(one <= other for one, other in pairwise(steps)) and steps[0] < steps[-1]


def test_a_curve_without_constants_takes_the_reader_at_its_word() -> None:
    """A measured reader in a field that was not measured is believed as far as it says."""
    assert Calibration({"a": {}}).confidence("amounts", [said("a", 0.7)]) == 0.7
    lower = Calibration({"a": {"amounts": Curve(shift=-1.0)}})
    assert lower.confidence("amounts", [said("a", 0.7)]) == pytest.approx(0.462, abs=0.001)
