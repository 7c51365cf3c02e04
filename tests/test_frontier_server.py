"""The loopback server refuses what the real API refuses, so that a request it takes would be taken there."""

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
from frontier_rules import batch_wrong, message_wrong, too_large
from PIL import Image

from pipeline.frontier.prompts import SYSTEM
from schemas.frontier import answer_json_schema

Change = Callable[[dict[str, Any]], Any]


def picture(width: int = 60, height: int = 80, kind: str = "JPEG") -> dict[str, Any]:
    """An image block."""
    out = io.BytesIO()
    Image.new("L", (width, height), 255).save(out, kind)
    data = base64.standard_b64encode(out.getvalue()).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": data}}


def body() -> dict[str, Any]:
    """A request as Muniment sends it."""
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 6000,
        "system": [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Page 1"}, picture()]}],
        "output_config": {"format": {"type": "json_schema", "schema": answer_json_schema()}},
    }


def test_our_own_request_is_taken():
    """Nothing is wrong with the request as it is sent, for a message and for counting its tokens."""
    counted = body()
    del counted["max_tokens"]
    assert message_wrong("/v1/messages", body()) is None
    assert message_wrong("/v1/messages/count_tokens", counted) is None


WRONG: dict[str, tuple[Change, str]] = {
    "unknown key": (lambda b: b.update(temperature=0), "temperature: Extra inputs"),
    "unknown key in a block": (lambda b: b["messages"][0]["content"][0].update(page=1), "Extra inputs"),
    "model missing": (lambda b: b.pop("model"), "model: Field required"),
    "too much output": (lambda b: b.update(max_tokens=200_000), "max_tokens"),
    "no turn": (lambda b: b.update(messages=[]), "at least one message"),
    "assistant first": (
        lambda b: b["messages"].insert(0, {"role": "assistant", "content": "x"}), 'must use the "user" role'
    ),
    "prefill": (lambda b: b["messages"].append({"role": "assistant", "content": "{"}), "prefill"),
    "blank text": (lambda b: b["messages"][0]["content"][0].update(text=" "), "non-whitespace"),
    "five breakpoints": (lambda b: b.update(system=b["system"] * 5), "maximum of 4"),
    "choice without tools": (lambda b: b.update(tool_choice={"type": "tool", "name": "x"}), "while providing tools"),
    "choice of no tool": (
        lambda b: b.update(
            tools=[{"name": "a", "input_schema": {"type": "object"}}], tool_choice={"type": "tool", "name": "x"}
        ),
        "not found in provided tools",
    ),
    "open object": (
        lambda b: b["output_config"]["format"]["schema"].pop("additionalProperties"), "additionalProperties"
    ),
    "bound in the schema": (
        lambda b: b["output_config"]["format"]["schema"]["properties"]["pages"].update(maxItems=3), "maxItems"
    ),
    "empty image": (lambda b: b["messages"][0]["content"][1]["source"].update(data=""), "Could not process image"),
    "no base64": (lambda b: b["messages"][0]["content"][1]["source"].update(data="%%"), "invalid base64"),
    "another kind": (lambda b: b["messages"][0]["content"].append(picture(kind="PNG")), "appears to be image/png"),
    "20,000 pixels": (lambda b: b["messages"][0]["content"].append(picture(20_000, 2)), "8000 pixels"),
    "2,001 pixels among many": (
        lambda b: b["messages"][0]["content"].extend([picture()] * 20 + [picture(2001, 2)]), "2000 pixels"
    ),
    "101 images": (lambda b: b["messages"][0]["content"].extend([picture()] * 100), "at most 100 images"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_refused_with_its_reason(name):
    """Each limit of the API refuses by itself, and says what it is."""
    change, says = WRONG[name]
    changed = body()
    change(changed)
    wrong = message_wrong("/v1/messages", changed)
    assert wrong is not None and wrong.status == 400 and says in wrong.message


@pytest.mark.parametrize(
    ("ids", "says"),
    [(["a", "a"], "unique"), (["ä"], "pattern"), (["x" * 65], "pattern"), ([], "1 to 100000")],
    ids=["twice", "letters", "length", "none"],
)
def test_a_batch_is_refused_for_its_custom_ids(ids, says):
    """They are unique, of 1 to 64 plain characters; a batch has requests."""
    wrong = batch_wrong({"requests": [{"custom_id": id, "params": body()} for id in ids]})
    assert wrong is not None and says in wrong.message
    assert batch_wrong({"requests": [{"custom_id": "a-1_B", "params": body()}]}) is None


def test_sizes_are_bounded_by_path():
    """32 MB a message, 256 MB a batch, with the status that says so."""
    assert too_large("/v1/messages", 33_000_000).status == 413
    assert too_large("/v1/messages/batches", 33_000_000) is None
    assert too_large("/v1/messages/batches", 257_000_000).kind == "request_too_large"
