"""What the loopback server's answers look like: content as each kind of server gives it, token counts, files."""

import base64
import io
import json
import math
import re
from typing import Any

from frontier_led import Answer
from frontier_rules import blocks, images
from PIL import Image

from pipeline.frontier.profiles import Profile

__all__ = ["content_of", "file_of", "prefix_of", "prefix_tokens", "tokens_of", "with_files"]

NOW = "2026-11-20T08:00:00+00:00"


def content_of(answer: Answer, body: dict[str, Any], profile: Profile, system: str) -> tuple[list[dict[str, Any]], str]:
    """The answer as this kind of server gives it: bound to the schema where it can be and was asked to, as a tool's
    input, in a fence where the schema was only told, and in prose where it was not even that."""
    wanted = _wanted(body, system)
    text, stop = answer.text, answer.stop
    if wanted and "pages" not in wanted["properties"] and answer.raw is None:
        text = json.dumps(_small(wanted, " ".join(one.text for one in answer.seen.values())))
    if not text:
        return [], stop
    tools = profile.schema in ("tool", "output_config") and body.get("tool_choice", {}).get("type") == "tool"
    if tools and stop == "end_turn":
        name = body["tool_choice"]["name"]
        return [{"type": "tool_use", "id": "toolu_1", "name": name, "input": _loaded(text)}], "tool_use"
    if profile.schema == "output_config" and body.get("output_config"):
        return [{"type": "text", "text": text}], stop
    if '"properties"' in system:
        return [{"type": "text", "text": f"Here is what I read:\n```json\n{text}\n```"}], stop
    words = " ".join(one.text for one in answer.seen.values())
    return [{"type": "text", "text": f"The page says: {words}"}], stop


def _wanted(body: dict[str, Any], system: str) -> dict[str, Any] | None:
    """The schema the answer is to satisfy, however it was told."""
    if bound := body.get("output_config", {}).get("format"):
        return dict(bound["schema"])
    if tools := body.get("tools"):
        return dict(tools[0]["input_schema"])
    told = re.search(r"JSON Schema:\n(\{.*\})", system, re.DOTALL)
    return dict(json.loads(told[1])) if told else None


def _small(schema: dict[str, Any], text: str) -> dict[str, str]:
    """An answer to another schema than the pages': its sums and numbers, by their names."""
    kinds = {"fee": r"USD [\d,.]*\d", "number": r"[A-Z]+-\d+"}
    found = {kind: re.search(pattern, text) for kind, pattern in kinds.items()}
    named = {name: next((found[kind] for kind in kinds if kind in name), None) for name in schema["properties"]}
    return {name: match[0] if match else "" for name, match in named.items()}


def _loaded(text: str) -> dict[str, Any]:
    """A tool's input is an object, whatever a page ordered."""
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        return {"text": text}


def file_of(id: str, name: str, data: bytes) -> dict[str, Any]:
    about = {"id": id, "type": "file", "filename": name, "mime_type": "image/jpeg", "size_bytes": len(data)}
    return {**about, "created_at": NOW, "downloadable": False}


def with_files(body: dict[str, Any], files: dict[str, tuple[str, bytes]]) -> dict[str, Any]:
    """The request with its images in it."""
    body = json.loads(json.dumps(body))
    for _, block in images(body):
        if block["source"]["type"] == "file":
            data = base64.standard_b64encode(files.get(block["source"]["file_id"], ("", b""))[1]).decode()
            block["source"] = {"type": "base64", "media_type": "image/jpeg", "data": data}
    return body


def prefix_of(body: dict[str, Any]) -> str:
    """What a cached prefix holds: tools, schema and system prompt."""
    return json.dumps([body.get(name, "") for name in ("tools", "output_config", "system")])


def prefix_tokens(body: dict[str, Any]) -> int:
    return math.ceil(len(prefix_of(body)) / 4)


def tokens_of(body: dict[str, Any]) -> int:
    """⌈w/28⌉ × ⌈h/28⌉ for an image, a token for four characters of all else."""
    pictures = 0
    for _, block in images(body):
        with Image.open(io.BytesIO(base64.standard_b64decode(block["source"]["data"]))) as image:
            pictures += math.ceil(image.width / 28) * math.ceil(image.height / 28)
    texts = sum(len(block.get("text", "")) for _, block in blocks(body))
    return pictures + math.ceil(texts / 4) + prefix_tokens(body)
