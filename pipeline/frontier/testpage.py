"""The page `muniment doctor --frontier` sends: drawn on the spot, about nobody, and what is asked about it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pipeline.frontier.answers import bare
from pipeline.frontier.models import image_tokens
from pipeline.frontier.profiles import SchemaBy
from pipeline.frontier.prompts import Part

__all__ = ["LINES", "PAGE_TOKENS", "drawn", "page_of", "read_right", "said", "small_request"]

LINES = (
    "TEST PAGE OF MUNIMENT",
    "This page was drawn for a test. It holds no client's data.",
    "Agreement No. TEST-4711 between Heron Lantern Company",
    "and Quartz Pilot Limited, made on May 4, 2020.",
    "Fee: USD 3,141.59 for each lantern.",
)
SIZE, TYPE, LEADING = (900, 420), 28, 60  # pixels: the page, its letters, its lines
NUMBER, FEE = "TEST-4711", "3141.59"
SMALL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "agreement_number": {"type": "string", "description": "the agreement's number, as printed"},
        "fee": {"type": "string", "description": "the fee, as printed"},
    },
    "required": ["agreement_number", "fee"],
    "additionalProperties": False,
}
QUESTION = "Report the number and the fee of this agreement."
ROOM = 3000  # tokens for the small answer, thinking included
TOOL = "report"

PAGE_TOKENS = image_tokens(*SIZE)
"""What the page's image costs."""


def small_request(model: str, by: SchemaBy) -> dict[str, Any]:
    """A request that is bound to a small schema in one way and told of it in no other."""
    blocks = [_image(), {"type": "text", "text": QUESTION}]
    body: dict[str, Any] = {"model": model, "max_tokens": ROOM, "messages": [{"role": "user", "content": blocks}]}
    if by == "output_config":
        body["output_config"] = {"format": {"type": "json_schema", "schema": SMALL}}
    elif by == "tool":
        body["tools"] = [{"name": TOOL, "description": "Report what stands there.", "strict": True}]
        body["tools"][0]["input_schema"] = SMALL
        body["tool_choice"] = {"type": "tool", "name": TOOL}
    else:
        wanted = "Answer with one JSON object and nothing else. It must satisfy this JSON Schema:"
        body["system"] = f"{wanted}\n{json.dumps(SMALL)}"
    return body


def said(message: object, by: SchemaBy) -> Mapping[str, str] | None:
    """The small answer if it is one; bound to the schema it needs no picking out of other words."""
    blocks = getattr(message, "content", None) or ()
    if by == "tool":
        found: object = next((b.input for b in blocks if getattr(b, "type", "") == "tool_use" and b.name == TOOL), None)
    else:
        text = "".join(block.text for block in blocks if getattr(block, "type", "") == "text")
        try:
            found = json.loads(text if by == "output_config" else bare(text))
        except ValueError:
            return None
    if not isinstance(found, dict) or found.keys() != SMALL["properties"].keys():
        return None
    return found if all(isinstance(value, str) for value in found.values()) else None


def read_right(answer: Mapping[str, str]) -> bool:
    """Whether the number and the fee are the page's."""
    return NUMBER in answer["agreement_number"] and FEE in answer["fee"].replace(",", "")


def page_of(number: int) -> Part:
    """The page as one of a document."""
    return Part(number, ({"type": "text", "text": f"Page {number}"}, _image()), PAGE_TOKENS + 32)


def _image() -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": drawn()}}


@lru_cache(maxsize=1)
def drawn() -> str:
    """The page as base64 of a JPEG."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("L", SIZE, 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(TYPE)
    for index, line in enumerate(LINES):
        draw.text((40, 40 + LEADING * index), line, fill=0, font=font)
    out = io.BytesIO()
    page.save(out, "JPEG", quality=90)
    return base64.standard_b64encode(out.getvalue()).decode()
