"""Routes against those a person would choose."""

from __future__ import annotations

import json

import pytest

from pipeline.evaluate.goldenset import golden_documents, look_up
from pipeline.evaluate.routes import triage
from pipeline.types import Route


def scores(wanted: dict[str, dict[int, str]], given: dict[str, dict[int, Route]]):
    """The comparison of these routes, by document."""
    lines = [json.dumps({"document": name, "routes": routes}) for name, routes in wanted.items()]
    return triage(look_up(golden_documents(lines), lambda document: given[document.document]))


def test_confusion_precision_and_recall() -> None:
    """Two of three text pages right, one of two frontier pages; one page was held."""
    wanted = {"a.pdf": {1: "text", 2: "text", 3: "text", 4: "frontier", 5: "frontier", 6: "blank"}}
    given = {1: Route.TEXT, 2: Route.TEXT, 3: Route.FRONTIER, 4: Route.FRONTIER, 5: Route.LOCAL}
    found = scores(wanted, {"a.pdf": given}).as_json()
    assert found["confusion"]["text"] == {"blank": 0, "text": 2, "local": 0, "frontier": 1, "none": 0}
    assert found["confusion"]["blank"]["none"] == 1
    assert found["routes"]["text"] == {"pages": 3, "precision": 1.0, "recall": pytest.approx(2 / 3)}
    assert found["routes"]["frontier"] == {"pages": 2, "precision": 0.5, "recall": 0.5}
    assert found["routes"]["local"] == {"pages": 0, "precision": 0.0, "recall": None}
    assert found["agreement"]["value"] == 0.5
    assert found["too_easy"]["value"] == pytest.approx(1 / 6, abs=1e-5)


def test_agreement_is_resampled_by_document() -> None:
    """One document all right, one all wrong: the interval spans everything."""
    wanted = {name: dict.fromkeys(range(1, 30), "text") for name in ("a.pdf", "b.pdf")}
    given = {"a.pdf": dict.fromkeys(range(1, 30), Route.TEXT), "b.pdf": dict.fromkeys(range(1, 30), Route.LOCAL)}
    agreement = scores(wanted, given).agreement
    assert (agreement.value, agreement.low, agreement.high) == (0.5, 0.0, 1.0)


def test_a_document_not_here_is_named_and_its_pages_count() -> None:
    """Its pages got no route, so they do not agree."""
    found = scores({"a.pdf": {1: "text"}, "b.pdf": {1: "text"}}, {"a.pdf": {1: Route.TEXT}})
    assert found.missing == ("b.pdf",)
    assert found.agreement.value == 0.5


def test_a_document_without_routes_is_named() -> None:
    """It is here, but nothing is known of its pages: rejected, or worked off under other settings."""
    found = scores({"a.pdf": {1: "text"}}, {"a.pdf": {}})
    assert (found.missing, found.unread, found.agreement.value) == ((), ("a.pdf",), 0.0)
