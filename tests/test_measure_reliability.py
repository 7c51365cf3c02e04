"""The measure of reliability: figures that are known by hand, fits that recover what was put in, the second reader."""

import json
import random
import re

import numpy as np
import pytest
from written import AGREEMENT, page_input, page_text

from infra.measure import fitting, readers, reliability
from infra.measure.corpora import CORPORA, names
from infra.measure.meaning import MEANING, MeaningReader
from infra.measure.readers import RULES, Judged, ReadTwice
from pipeline.backends.minilm import MiniLM
from pipeline.calibration import CALIBRATION, Curve
from pipeline.evaluate.goldenset import golden_documents
from pipeline.ground import ground
from pipeline.models import minilm_path
from pipeline.types import FieldStatus, Finding
from schemas.fields import FieldValue


def row(confidence: float, right: bool, *, document: str = "a.pdf", verified: bool = True) -> Judged:
    status = "verified" if verified else "unverified"
    value = FieldValue(raw="x", value="x", evidence=(), status=status, confidence=confidence, extractor=RULES)
    return Judged(document, "term", confidence, verified, right, value)


def said(extractor: str, value: str, confidence: float, page: int = 1) -> Finding:
    return Finding("governing_law", page, value, value, f"laws of {value}", confidence, extractor,
                   status=FieldStatus.VERIFIED)  # fmt: skip


def twice(name: str, truth: str, *found: Finding) -> ReadTwice:
    """A document whose law is known, with what both readers found on its page."""
    line = {"document": name, "fields": {"governing_law": [{"value": truth}]}}
    by = {reader: {1: [f for f in found if f.extractor == reader]} for reader in (RULES, MEANING)}
    return ReadTwice("cuad", golden_documents([json.dumps(line)])[0], by)


def test_ece_and_brier_by_hand() -> None:
    """Four values at 0.75, three right, are perfectly calibrated; two at 0.95, none right, are 0.95 off."""
    rows = [row(0.75, n < 3, document=f"{n}.pdf") for n in range(4)] + [
        row(0.95, False, document=f"{n}.pdf") for n in (4, 5)
    ]
    shown = reliability.reliability(rows).splitlines()
    assert [line.split()[:4] for line in shown[1:3]] == [
        ["0.70–0.80", "4", "0.750", "0.750"],
        ["0.95–1.00", "2", "0.950", "0.000"],
    ]
    brier = (3 * 0.0625 + 0.5625 + 2 * 0.9025) / 6
    assert f"ECE {2 * 0.95 / 6:.3f}" in shown[-1] and f"Brier {brier:.3f}" in shown[-1]


def test_what_is_verified_is_counted_beside_what_of_it_is_right() -> None:
    """Before and after stand in one row: three of four verified, two of these right; then one, and it is right."""
    before = [row(0.8, right, verified=sure) for right, sure in ((1, 1), (1, 1), (0, 1), (0, 0))]
    after = [row(0.8, right, verified=sure) for right, sure in ((1, 1), (1, 0), (0, 0), (0, 0))]
    shown = reliability.verified(before, after).splitlines()[-1]
    figures = re.sub(r" \[[^]]*\]", "", shown).split()
    assert figures == ["all", "4", "0.750", "0.667", "0.250", "1.000"]


def test_a_curve_recovers_how_a_reader_errs() -> None:
    """A reader that overstates itself by a known amount is put right from many values, and barely moved by few."""
    dice = random.Random(3)
    stated = [dice.choice((0.55, 0.65, 0.75, 0.85)) for _ in range(4000)]
    right = [dice.random() < 1 / (1 + np.exp(1.0 - np.log(c / (1 - c)))) for c in stated]
    fitted = fitting.curve(stated, right)
    assert fitted.shift == pytest.approx(-1.0, abs=0.2) and fitted.slope == pytest.approx(1.0, abs=0.25)
    few = fitting.curve(stated[:3], right[:3])
    assert abs(few.shift) < 0.9 and few.slope > 0


def test_a_reader_that_is_surer_where_it_errs_is_not_turned_round() -> None:
    """Slopes stay above 0: a confidence may say nothing, but never the opposite."""
    assert fitting.curve([0.5, 0.9] * 200, [True, False] * 200).slope == fitting.LEAST_SLOPE


def test_agreement_is_told_from_disagreement_and_silence() -> None:
    """The rules' value with the other's the same, another, and none: each counts in its column."""
    documents = [
        twice("a.pdf", "Ohio", said(RULES, "Ohio", 0.8), said(MEANING, "Ohio", 0.6)),
        twice("b.pdf", "Utah", said(RULES, "Ohio", 0.8), said(MEANING, "Utah", 0.6)),
        twice("c.pdf", "Ohio", said(RULES, "Ohio", 0.8)),
    ]
    cells = [cell.strip() for cell in fitting.agreement(documents).splitlines()[1].split("  ") if cell.strip()]
    assert cells == ["governing_law", "3, 0.667", "2, 1.000", "1, 1.000", "1, 0.000", "1, 1.000"]


def test_the_lowest_bar_that_reaches_the_goal() -> None:
    """Values from 0.8 on are all right, one below is wrong: the bar is 0.8; where the best are wrong there is none."""
    rows = [row(0.6, False), row(0.8, True), row(0.9, True)]
    assert fitting.lowest_bar(rows) == 0.8
    assert fitting.lowest_bar([row(0.9, False), row(0.8, True)]) is None


def test_fit_prints_what_the_product_holds() -> None:
    """The lines name each reader and field with its curve and the weights between them; the rules' values, on which
    they were written, count half."""
    agreeing = [twice(f"{n}.pdf", "Ohio", said(RULES, "Ohio", 0.8), said(MEANING, "Ohio", 0.8)) for n in range(12)]
    shown = fitting.fit(agreeing)
    half, whole = (fitting.fitted([row(0.8, True)] * 12, weight)["term"] for weight in (fitting.SEEN, 1.0))
    assert f'{RULES} "governing_law": {half}' in shown and f'{MEANING} "governing_law": {whole}' in shown
    assert half.shift < whole.shift
    assert "same_eyes=" in shown and "opposition=" in shown


def test_before_is_noisy_or() -> None:
    """Two extractors at 0.8 and 0.5 gave 0.9, whatever else was read; the same one twice counted once."""
    both = [said(RULES, "Ohio", 0.8), said(MEANING, "Ohio", 0.5)]
    assert fitting.noisy_or("governing_law", both, [both]) == 0.9
    assert fitting.noisy_or("governing_law", [both[0], both[0]]) == 0.8


def test_the_second_reader_is_unknown_to_the_product() -> None:
    """Only the rules were measured for the product; the reader by meaning has its curves in the measurement."""
    assert not CALIBRATION.measured(MEANING) and fitting.AFTER.measured(MEANING)
    assert all(isinstance(curve, Curve) and curve.slope > 0 for curve in fitting.MEANT.values())


@pytest.fixture(scope="module")
def reader() -> MeaningReader:
    return MeaningReader(MiniLM(minilm_path()))


def test_the_second_reader_finds_fields_by_what_is_said_around_them(reader: MeaningReader) -> None:
    """On an agreement it tells dates, law, notice and parties, and all it says stands on the page."""
    page = page_text(AGREEMENT)
    found = ground(reader.extract([page_input(page)])[0], page)
    best = {f.field: f.value for f in sorted(found, key=lambda f: f.confidence)}
    assert (best["governing_law"], best["expiration_date"]) == ("New York", "2023-03-02")
    assert best["notice_period"] == "60 days"
    assert any("Halden Freight" in f.value for f in found if f.field == "parties")
    assert "Governing Law" in {f.value for f in found if f.field == "clauses"}
    assert {f.extractor for f in found} == {MEANING} and {f.status for f in found} == {FieldStatus.VERIFIED}


def test_the_second_reader_says_nothing_of_an_empty_page(reader: MeaningReader) -> None:
    """A page without words, and one without typed values, give no finding."""
    assert reader.extract([page_input(page_text("")), page_input(page_text("to be or not", 2))]) == [[], []]


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not here")
def test_a_document_is_read_once_and_judged(tmp_path, monkeypatch, reader: MeaningReader) -> None:
    """Findings are remembered by content and code; the tables come from them, of both halves or one."""
    monkeypatch.setattr("infra.measure.words.CACHE", tmp_path)
    monkeypatch.setattr("infra.measure.readers.CACHE", tmp_path)
    (one,) = [name for name in names("cuad", "tuning") if name == "cuad-094.pdf"]
    monkeypatch.setattr("infra.measure.words.names", lambda *_: (one,))
    documents = list(readers.read_twice("cuad", "tuning"))
    assert len(list(tmp_path.glob("twice-*"))) == 1
    monkeypatch.setattr("infra.measure.readers._readers", lambda *_: pytest.fail("read again"))
    assert list(readers.read_twice("cuad", "tuning")) == documents
    shown = reliability.tables(documents)
    assert shown.count("ECE") == 6 and "governing_law" in shown
