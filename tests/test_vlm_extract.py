"""The generative local VLM: constrained JSON from tiny real checkpoints, and what becomes of bad answers."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw
from pydantic import BaseModel, ConfigDict
from tiny_vlm import FAMILIES, build_vlm
from transformers import AutoTokenizer

from pipeline.backends.constrained import Grammar, JsonConstraint
from pipeline.backends.protocols import PageInput
from pipeline.backends.vlm_extract import AnswerLimits, VlmExtractor, bounded, outline
from pipeline.backends.vlm_load import VlmOptions
from pipeline.errors import ModelError
from pipeline.types import Affine, FieldStatus, PageImage, PageText, TextSource
from schemas.page import PageRecord, page_json_schema

TINY = VlmOptions(device="cpu", dtype="float32", batch=2, longest_edge=64)
SHORT = AnswerLimits(tokens=700, items=1, characters=4)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {family: build_vlm(family, root / family) for family in FAMILIES}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[PageInput]:
    """Three pages, one of another shape: numbers 1 to 3."""
    root = tmp_path_factory.mktemp("pages")
    made = []
    for number, size in enumerate([(170, 220), (200, 60), (60, 60)], 1):
        image = Image.new("L", size, 255)
        ImageDraw.Draw(image).rectangle((4, 4, 20 * number, 30), fill=0)
        image.save(root / f"{number}.png")
        note = PageImage(number, "0" * 64, "image/png", *size, 200.0, Affine())
        made.append(PageInput(note, root / f"{number}.png", PageText(number, (), TextSource.NONE)))
    return made


@pytest.mark.parametrize("family", FAMILIES)
def test_random_weights_still_fill_the_page_schema(family, checkpoints, pages) -> None:
    """However little the model knows, its answer ends and is a valid record within the bounds."""
    extractor = VlmExtractor(checkpoints[family], TINY, SHORT)
    [(text, confidence, complete)] = extractor.answers([pages[0].image_path])
    assert complete
    assert 0 < confidence < 1
    record = PageRecord.model_validate_json(text)
    assert all(len(items) <= 1 for items in (record.dates, record.amounts, record.parties))
    assert len(record.document_type.title) <= 4


@pytest.mark.parametrize("family", ["smolvlm", "qwen3_vl"])
def test_a_batch_says_what_single_pages_say(family, checkpoints, pages) -> None:
    """Padding and the neighbours in a batch change no word of a page's answer."""
    extractor = VlmExtractor(checkpoints[family], TINY, SHORT)
    together = extractor.answers([page.image_path for page in pages[:2]])
    alone = [extractor.answers([page.image_path])[0] for page in pages[:2]]
    assert [text for text, _, _ in together] == [text for text, _, _ in alone]
    assert [c for _, c, _ in together] == pytest.approx([c for _, c, _ in alone], rel=1e-3)


def test_findings_name_their_page_and_reader_and_no_place(checkpoints, pages) -> None:
    """Three pages in batches of two: findings in page order, unverified and without boxes, as grounding wants them."""
    extractor = VlmExtractor(checkpoints["qwen3_vl"], TINY, SHORT)
    found = extractor.extract(pages)
    assert [{finding.page for finding in findings} for findings in found] == [{1}, {2}, {3}]
    for finding in found[0]:
        assert finding.extractor == extractor.name
        assert finding.status in (FieldStatus.UNVERIFIED, FieldStatus.UNREADABLE)
        assert finding.boxes == ()


def test_a_cut_answer_gives_nothing_and_says_why(checkpoints, pages, caplog) -> None:
    """An answer that reaches the token limit is dropped whole; the log names the page and no word of it."""
    extractor = VlmExtractor(checkpoints["smolvlm"], TINY, AnswerLimits(tokens=30, items=1, characters=8))
    with caplog.at_level(logging.WARNING):
        assert extractor.extract(pages[:2]) == [[], []]
    assert [record.getMessage() for record in caplog.records] == [
        f"page {number}: answer of the local VLM cut at 30 tokens, nothing taken" for number in (1, 2)
    ]


class Small(BaseModel):
    model_config = ConfigDict(extra="forbid")
    answer: bool
    note: str


def constrained(folder: Path, wishes: list[str]) -> list[str]:
    """Greedy decoding of rows that each wish for one text: the logit of its next token is raised at every step."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    grammar = Grammar(tokenizer, bounded(Small.model_json_schema(), AnswerLimits(characters=5)))
    constraint = JsonConstraint(grammar, len(wishes))
    wanted = [tokenizer.encode(wish, add_special_tokens=False) for wish in wishes]
    rows = torch.zeros(len(wishes), 1, dtype=torch.long)
    for _ in range(60):
        scores = torch.zeros(len(wishes), len(tokenizer) + 7)  # models pad their vocabulary beyond the tokenizer's
        for row, wish in enumerate(wanted):
            scores[row, wish] = 5.0
        rows = torch.cat([rows, constraint(rows, scores).argmax(-1, keepdim=True)], dim=1)
    assert all(constraint.complete(row) for row in range(len(wishes)))
    return tokenizer.batch_decode(rows[:, 1:], skip_special_tokens=True)


def test_a_model_that_wants_something_else_is_held_to_the_schema(checkpoints) -> None:
    """Prose, broken JSON, unknown keys and overlong strings all become valid objects, rows apart from each other."""
    wishes = ["I can't answer that.", '{"answer": maybe', '{"extra": 1}', '"' + "x" * 40]
    for text in constrained(checkpoints["qwen2_5_vl"], wishes):
        assert len(Small.model_validate_json(text).note) <= 5
        assert " " not in text.split('"note"')[0]


def test_confidence_is_the_models_own_before_the_constraint(checkpoints) -> None:
    """A model that wanted another token is less sure of the one it was made to say."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoints["smolvlm"])
    grammar = Grammar(tokenizer, {"type": "boolean"})
    free, forbidden = (tokenizer.encode(word, add_special_tokens=False)[0] for word in ("true", "zebra"))
    sure = {}
    for wanted in (free, forbidden):
        constraint = JsonConstraint(grammar, 1)
        scores = torch.zeros(1, len(tokenizer))
        scores[0, wanted] = 12.0
        constraint(torch.zeros(1, 1, dtype=torch.long), scores)
        sure[wanted] = constraint.confidence(0)
    assert sure[free] > 0.9
    assert sure[forbidden] < 0.01


def test_a_schema_that_cannot_be_constrained_is_an_error(checkpoints) -> None:
    """An unsupported schema is refused when it is compiled, not discovered in the answers."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoints["smolvlm"])
    with pytest.raises(ModelError, match="can't be constrained"):
        Grammar(tokenizer, {"not": {"type": "string"}})


def test_bounds_are_added_where_a_schema_has_none() -> None:
    """Every free string and list of the page schema is bounded; enums and given bounds stay as they are."""
    schema = bounded(page_json_schema(), AnswerLimits(items=3, characters=20))
    date = schema["$defs"]["DateItem"]["properties"]
    assert date["text"]["maxLength"] == 20
    assert "maxLength" not in date["role"]
    assert schema["properties"]["dates"]["maxItems"] == 3
    assert bounded({"type": "string", "maxLength": 5}, AnswerLimits())["maxLength"] == 5


def test_the_outline_tells_the_model_every_field() -> None:
    """Each field of the schema stands in the prompt with its choices and description, items under their list."""
    told = outline(page_json_schema())
    assert "dates: list; " in told
    assert "\n  role: agreement | effective" in told
    for definition in page_json_schema()["$defs"].values():
        for name, field in definition["properties"].items():
            assert f"  {name}: " in told
            assert field["description"] in told


def test_the_name_follows_prompt_and_limits(checkpoints) -> None:
    """Other limits make another name, so findings made under old ones are not reused."""
    one, other = (VlmExtractor(checkpoints["smolvlm"], TINY, limits) for limits in (SHORT, AnswerLimits(tokens=30)))
    assert one.name != other.name
    assert json.dumps(one.name)
