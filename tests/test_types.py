"""What flows along the road: geometry that composes, and JSON that comes back as it was."""

from __future__ import annotations

import dataclasses
import inspect
import json
import random

import pytest
from pydantic import TypeAdapter

from pipeline import types
from pipeline.types import (
    Affine,
    Answer,
    Box,
    Document,
    DocumentStatus,
    FieldStatus,
    Finding,
    Origin,
    PageImage,
    PageOutcome,
    PageStatus,
    PageText,
    Route,
    SearchFilter,
    SearchHit,
    Signals,
    TextSource,
    Triage,
    Verdict,
    Word,
)

WORD = Word("“Übergabe”\u0000", Box(0.1, 0.2, 1 / 3, 0.25), 0.875, 4)
SIGNALS = Signals(0.03, 0.8, 200.0, -1.5, 90, 312, TextSource.OCR, 0.91, agreement=0.5, language="de", script="Latin")
VERDICT = Verdict({"kind": Answer("amendment", 0.75)}, "smol@abc")

EXAMPLES = [
    WORD.box,
    WORD,
    Affine(1.0, 2.0, 3.0, 4.5, -6.0, 1e-9),
    Document("0123456789ab", "acme", "a.pdf", "f" * 64, DocumentStatus.AWAITING, "two pages wait", 12),
    Origin("d" * 64, "3-7"),
    PageImage(3, "e" * 64, "image/jpeg", 1654, 2339, 199.8, Affine(595.0, 0.0, 0.0, 842.0), 270, 0.4, 0.05, 0.9, 7),
    PageText(1, (WORD,), TextSource.LAYER, 0.99, "de", "Latin", "trusted", None, 2, 0.01, ("two words hidden",)),
    SIGNALS,
    VERDICT.answers["kind"],
    VERDICT,
    Triage(3, Route.FRONTIER, ("handwriting",), SIGNALS, VERDICT),
    Triage(4, Route.TEXT, (), SIGNALS),
    Finding("amounts", 2, "$1", "USD 1.00", "pays $1", 0.5, "rules@1", {"purpose": "fee"}, (WORD.box,)),
    Finding("parties", 2, "A", "A", "A", 1.0, "rules@1", status=FieldStatus.VERIFIED),
    PageOutcome(9, None, ("the worker died",), PageStatus.HELD),
    SearchFilter(matters=(), kind="NDA", documents=("a", "b")),
    SearchHit("0123456789ab", "a.pdf", "acme", 2, 0.25, "pays $1", (WORD.box, WORD.box)),
]


def random_affine(chance: random.Random) -> Affine:
    """An invertible map: matrices near zero determinant would only test rounding."""
    while True:
        affine = Affine(*(chance.uniform(-3, 3) for _ in range(6)))
        if abs(affine.a * affine.d - affine.b * affine.c) > 0.1:
            return affine


@pytest.mark.parametrize("seed", range(50))
def test_affine_maps_compose_and_invert(seed: int) -> None:
    """`then` applies in reading order and is associative; `inverse` undoes on both sides and reverses a chain."""
    chance = random.Random(seed)
    f, g, h = (random_affine(chance) for _ in range(3))
    point = chance.uniform(-2, 2), chance.uniform(-2, 2)
    assert f.then(g).apply(*point) == pytest.approx(g.apply(*f.apply(*point)))
    assert f.then(g).then(h).apply(*point) == pytest.approx(f.then(g.then(h)).apply(*point))
    assert f.inverse().apply(*f.apply(*point)) == pytest.approx(point)
    assert f.apply(*f.inverse().apply(*point)) == pytest.approx(point)
    assert f.then(g).inverse().apply(*point) == pytest.approx(g.inverse().then(f.inverse()).apply(*point))
    assert Affine().then(f) == f.then(Affine()) == f


def test_affine_is_written_as_a_pdf_matrix() -> None:
    """[a b c d e f] maps (x, y) to (a·x + c·y + e, b·x + d·y + f), as the PDF specification writes it."""
    assert Affine(1, 2, 3, 4, 5, 6).apply(10, 100) == (1 * 10 + 3 * 100 + 5, 2 * 10 + 4 * 100 + 6)


def test_a_flat_map_has_no_inverse() -> None:
    """It says so instead of giving infinities."""
    with pytest.raises(ZeroDivisionError):
        Affine(1, 2, 2, 4, 0, 0).inverse()


def test_a_union_holds_both_boxes() -> None:
    """Commutative, idempotent, and no larger than needed."""
    one, other = Box(0.1, 0.5, 0.2, 0.6), Box(0.15, 0.1, 0.9, 0.55)
    assert one.union(other) == other.union(one) == Box(0.1, 0.1, 0.9, 0.6)
    assert one.union(one) == one


def test_a_pages_text_keeps_its_lines() -> None:
    """Words of a line stand together, lines in the order they were first met."""
    box = Box(0, 0, 1, 1)
    words = tuple(Word(text, box, line=line) for text, line in (("This", 3), ("Agreement", 3), ("is", 5), ("made", 5)))
    assert PageText(1, words, TextSource.OCR).text == "This Agreement\nis made"
    assert PageText(1, (), TextSource.NONE).text == ""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_json_gives_back_the_same_value(example: object) -> None:
    """Stage results are kept as JSON: what is read is equal to what was written, types and enums included."""
    adapter = TypeAdapter(type(example))
    payload = adapter.dump_json(example)
    again = adapter.validate_json(payload)
    assert again == example
    assert repr(again) == repr(example)
    json.loads(payload, parse_constant=pytest.fail)


def test_every_dataclass_has_an_example() -> None:
    """A new type is tried too, and every one is frozen."""
    defined = {kind for _, kind in inspect.getmembers(types, dataclasses.is_dataclass)}
    assert defined == {type(example) for example in EXAMPLES}
    for example in EXAMPLES:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(example, dataclasses.fields(example)[0].name, None)  # type: ignore[arg-type]
