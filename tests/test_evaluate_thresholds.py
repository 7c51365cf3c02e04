"""The sweep of thresholds over remembered signals and findings."""

from __future__ import annotations

import json

import pytest

from pipeline.evaluate.goldenset import LookedUp, golden_documents
from pipeline.evaluate.thresholds import STEPS, routing
from pipeline.evaluate.walked import Walked
from pipeline.triage import Policy, decide
from pipeline.types import Document, FieldStatus, Finding, Signals, TextSource


def signals(confidence: float) -> Signals:
    """A page of print that OCR read with this confidence."""
    return Signals(0.1, 0.8, 200, 0, 0, 300, TextSource.OCR, confidence)


def finding(field: str, page: int, value: str, extractor: str = "rules/1", confidence: float = 0.9) -> Finding:
    """A verified value on a page."""
    sure = FieldStatus.VERIFIED
    return Finding(field, page, value, value, value, confidence, extractor, status=sure)


def walked(number: int, confidences: list[float], findings: list[Finding], fields: dict, frontier=None) -> Walked:
    """A document with pages read at these confidences, and what a frontier model read of its pages."""
    (golden,) = golden_documents([json.dumps({"document": f"{number}.pdf", "fields": fields})])
    triages = tuple(decide(n, signals(c), None, Policy()) for n, c in enumerate(confidences, 1))
    by_page = {n: [f for f in findings if f.page == n] for n in range(1, len(confidences) + 1)}
    document = Document(str(number), "m", f"{number}.pdf", "0" * 64, page_count=len(confidences))
    return Walked(golden, document, triages, by_page, frontier or {})


def here(cases: list[Walked]) -> LookedUp[Walked]:
    """All of these documents were found."""
    return LookedUp(tuple((case.golden, case) for case in cases))


def sweep(cases: list[Walked]):
    """The points of `escalate_below`, by setting."""
    found = routing(here(cases), Policy(escalate_below=0.6), 0.0)
    return found, {point.setting: point for point in found.sweeps[0].points}


LAW = {"governing_law": [{"value": "Texas", "page": 2}]}


def test_pages_under_the_threshold_go_and_cost() -> None:
    """Of two pages read at 0.62 and 0.92 one is escalated from 0.65 on, both from 0.95 on."""
    found, points = sweep([walked(1, [0.92, 0.62], [], LAW)])
    assert [points[at].escalated for at in (0.6, 0.65, 0.9, 0.95)] == [0, 1, 1, 2]
    assert points[0.65].share == 0.5
    assert points[0.65].usd == pytest.approx(1000 * 0.5 * found.page_usd)
    assert [point.setting for point in found.sweeps[0].points] == list(STEPS)


def test_the_ceiling_mends_what_stands_on_escalated_pages_only() -> None:
    """The law on page 2 was missed: right as soon as page 2 goes, not before; the floor stays."""
    _, points = sweep([walked(1, [0.92, 0.62], [], LAW)])
    assert [points[at].ceiling.value for at in (0.6, 0.65)] == [0.0, 1.0]
    assert {point.floor.value for point in points.values()} == {0.0}


def test_a_wrong_value_on_an_escalated_page_is_mended() -> None:
    """A perfect reader gives the right law instead of the wrong one."""
    given = [finding("governing_law", 2, "Ohio")]
    _, points = sweep([walked(1, [0.92, 0.62], given, LAW)])
    assert [points[at].ceiling.value for at in (0.6, 0.65)] == [0.0, 1.0]


def test_a_wrong_value_on_a_page_that_stays_keeps_counting() -> None:
    """An ordinary false positive is not repaired by reading another page."""
    given = [finding("parties", 1, "Nobody"), finding("parties", 2, "Acme")]
    parties = {"parties": [{"value": "Acme", "page": 2}]}
    _, points = sweep([walked(1, [0.92, 0.62], given, parties)])
    assert points[0.65].ceiling.value == pytest.approx(2 / 3)
    assert points[0.95].ceiling.value == 1.0


def test_a_value_of_unknown_page_counts_by_the_escalated_share() -> None:
    """One page of two escalated: half a value is mended."""
    _, points = sweep([walked(1, [0.92, 0.62], [], {"governing_law": [{"value": "Texas"}]})])
    assert points[0.65].ceiling.value == pytest.approx(2 / 3)  # precision 1, recall 1/2


def test_findings_of_a_frontier_model_are_measured() -> None:
    """Only those of escalated pages are heard; the bounds stand beside."""
    given = [finding("governing_law", 2, "Ohio", confidence=0.3)]
    asked = {2: [finding("governing_law", 2, "Texas", "model-x")]}
    _, points = sweep([walked(1, [0.92, 0.62], given, LAW, asked)])
    assert [points[at].measured.value for at in (0.6, 0.65)] == [0.0, 1.0]
    assert points[0.65].floor.value == 0.0


def test_without_a_frontier_model_nothing_is_called_measured() -> None:
    """Bounds are bounds."""
    _, points = sweep([walked(1, [0.92], [], LAW)])
    assert points[0.6].measured is None
    assert points[0.6].as_json()["f1_measured"] is None


def test_the_knee_is_where_quality_ends_to_rise() -> None:
    """Badly read pages hold what is missed, well read ones nothing: the knee takes the first and leaves the rest."""
    cases = [
        walked(n, [0.97, 0.93, 0.88, 0.52], [], {"governing_law": [{"value": "Texas", "page": 4}]}) for n in (1, 2)
    ]
    found = routing(here(cases), Policy(escalate_below=0.2), 0.0)
    assert found.sweeps[0].best == 0.55
    assert found.sweeps[0].points[found.sweeps[0].knee].ceiling.value == 1.0


def test_a_setting_that_does_as_well_is_kept() -> None:
    """From 0 to 0.5 the same pages go: nothing speaks for moving the present 0.3."""
    case = walked(1, [0.97, 0.52], [], {"governing_law": [{"value": "Texas", "page": 1}]})
    found = routing(here([case]), Policy(escalate_below=0.33), 0.0)
    assert found.sweeps[0].best == 0.33
    assert 0.33 in [point.setting for point in found.sweeps[0].points]


def test_field_threshold_escalates_unsure_fields() -> None:
    """A required date that is right in 0.73 of the cases goes from a threshold of 0.75 on."""
    given = [
        finding("kind", 1, "lease"),
        finding("agreement_date", 1, "2020-01-31", confidence=0.55),
        finding("parties", 1, "Acme"),
    ]
    case = walked(1, [0.97, 0.97], given, {"agreement_date": [{"value": "2020-01-13", "page": 1}]})
    second = {point.setting: point for point in routing(here([case]), Policy(escalate_below=0.6), 0.0).sweeps[1].points}
    assert [second[at].escalated for at in (0.7, 0.75)] == [0, 1]
    assert [second[at].ceiling.value for at in (0.7, 0.75)] == [0.0, 1.0]


def test_no_document_here_is_no_error() -> None:
    """Nothing to sweep: no pages, no share, no cost."""
    found = routing(here([]), Policy(), 0.5)
    assert (found.pages, found.sweeps[0].points[0].share, found.sweeps[0].points[0].usd) == (0, 0.0, 0.0)
