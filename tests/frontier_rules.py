"""What the Messages API refuses, as its types and its public documentation say it: the loopback server's doorman.

Limits as documented in November 2026: images up to 8,000 pixels an edge (2,000 where a request holds over 20),
5 MB each, 100 a request; 32 MB a request, 256 MB a batch, 500 MB a file; four cache breakpoints; structured
outputs take closed objects without bounds. Files and batches need no beta header any more.
"""

import base64
import binascii
import io
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from anthropic.types.base64_image_source_param import Base64ImageSourceParam
from anthropic.types.cache_control_ephemeral_param import CacheControlEphemeralParam
from anthropic.types.file_image_source_param import FileImageSourceParam
from anthropic.types.image_block_param import ImageBlockParam
from anthropic.types.json_output_format_param import JSONOutputFormatParam
from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from anthropic.types.messages.batch_create_params import BatchCreateParams, Request
from anthropic.types.output_config_param import OutputConfigParam
from anthropic.types.text_block_param import TextBlockParam
from anthropic.types.tool_param import ToolParam
from anthropic.types.user_message_param import UserMessageParam
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from PIL import Image
from pydantic import TypeAdapter, ValidationError

__all__ = ["Wrong", "batch_wrong", "blocks", "images", "message_wrong", "too_large"]

MB = 1_000_000
LARGEST_BODY = {"/v1/messages": 32 * MB, "/v1/messages/count_tokens": 32 * MB, "/v1/messages/batches": 256 * MB}
LARGEST_BODY["/v1/files"] = 500 * MB
MOST_IMAGES, MANY_IMAGES = 100, 20
LARGEST_EDGE, LARGEST_EDGE_OF_MANY = 8000, 2000
LARGEST_IMAGE = 5 * 1024 * 1024
MOST_OUTPUT = 128_000
BREAKPOINTS = 4
MOST_REQUESTS = 100_000
CHECKING = threading.Lock()  # pydantic's lazy iterators share what two threads must not
OPTIONAL, UNIONS = 24, 16
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
HEADERS = {"workspace_id", "user_profile_id"}  # parameters that the SDK sends as headers

KEYWORDS = {
    *("$defs", "$ref", "additionalProperties", "allOf", "anyOf", "const", "default", "description", "enum", "format"),
    *("items", "minItems", "pattern", "properties", "required", "title", "type"),
}
"""What a schema that answers are bound to may be written with."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a request is refused."""

    message: str
    status: int = 400
    kind: str = "invalid_request_error"


class _Refused(Exception):
    def __init__(self, message: str, status: int = 400, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.wrong = Wrong(message, status, kind)


def message_wrong(path: str, body: dict[str, Any]) -> Wrong | None:
    """What is wrong with the body of a message or of a token count; None when it would be answered."""
    counting = path.endswith("count_tokens")
    return _first_wrong(body, [lambda b: _shape(b, counting), _turns, _caching, _tools, _output, _pictures])


def batch_wrong(body: dict[str, Any]) -> Wrong | None:
    """What is wrong with a batch itself; its requests are looked at when they are worked off."""
    return _first_wrong(body, [_batch])


def too_large(path: str, size: int) -> Wrong | None:
    """Refused before anything is read."""
    if size > LARGEST_BODY.get(path, 32 * MB):
        return Wrong("Request exceeds the maximum size", 413, "request_too_large")
    return None


def blocks(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The content blocks of all turns, with their places ("messages.0.content.1")."""
    for turn, message in enumerate(body.get("messages", ())):
        if isinstance(message.get("content"), list):
            for index, block in enumerate(message["content"]):
                yield f"messages.{turn}.content.{index}", block


def images(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The image blocks among them."""
    return ((place, block) for place, block in blocks(body) if block.get("type") == "image")


def _first_wrong(body: dict[str, Any], checks: list[Callable[[dict[str, Any]], None]]) -> Wrong | None:
    try:
        for check in checks:
            check(body)
    except _Refused as refused:
        return refused.wrong
    return None


def _closed(value: dict[str, Any], typed: Any, where: str) -> None:
    if unknown := sorted(value.keys() - (typed.__annotations__.keys() - HEADERS)):
        raise _Refused(f"{where}{unknown[0]}: Extra inputs are not permitted")


@cache
def _adapter(typed: Any) -> TypeAdapter[Any]:
    return TypeAdapter(typed)


def _typed(value: object, typed: Any) -> None:
    try:
        with CHECKING:
            _walked(_adapter(typed).validate_python(value))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _Refused(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _walked(value: object) -> None:
    """Pydantic looks into an `Iterable` only as it is walked through."""
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        for inner in value:
            _walked(inner)


def _shape(body: dict[str, Any], counting: bool) -> None:
    """Types and keys, all the way down."""
    typed = MessageCountTokensParams if counting else MessageCreateParamsNonStreaming
    _closed(body, typed, "")
    _typed(body, typed)
    if not counting and not 0 <= body["max_tokens"] <= MOST_OUTPUT:
        raise _Refused(f"max_tokens: {body['max_tokens']} > {MOST_OUTPUT}, which is the maximum allowed number")
    for turn, message in enumerate(body["messages"]):
        _closed(message, UserMessageParam, f"messages.{turn}.")
    for place, block in blocks(body):
        kinds = {"text": TextBlockParam, "image": ImageBlockParam}
        if block.get("type") in kinds:
            _closed(block, kinds[block["type"]], f"{place}.")
    for place, block in images(body):
        sources = {"base64": Base64ImageSourceParam, "file": FileImageSourceParam}
        _closed(block["source"], sources[block["source"]["type"]], f"{place}.source.")
    if isinstance(body.get("system"), list):
        for index, block in enumerate(body["system"]):
            _closed(block, TextBlockParam, f"system.{index}.")


def _turns(body: dict[str, Any]) -> None:
    turns = body["messages"]
    if not turns:
        raise _Refused("messages: at least one message is required")
    if turns[0]["role"] != "user":
        raise _Refused('messages: first message must use the "user" role')
    if turns[-1]["role"] == "assistant":
        raise _Refused("This model does not support assistant message prefill.")
    for index, message in enumerate(turns):
        if not message["content"]:
            raise _Refused(f"messages.{index}: all messages must have non-empty content")
    for place, block in blocks(body):
        if block["type"] == "text" and not block["text"].strip():
            raise _Refused(f"{place}: text content blocks must contain non-whitespace text")


def _caching(body: dict[str, Any]) -> None:
    system = body["system"] if isinstance(body.get("system"), list) else []
    marked = (*system, *body.get("tools", ()), *(block for _, block in blocks(body)))
    controls = [block["cache_control"] for block in marked if block.get("cache_control")]
    for control in controls:
        _closed(control, CacheControlEphemeralParam, "cache_control.")
    if len(controls) > BREAKPOINTS:
        raise _Refused(f"A maximum of {BREAKPOINTS} blocks with cache_control may be provided. Found {len(controls)}.")


def _tools(body: dict[str, Any]) -> None:
    names = []
    for index, tool in enumerate(body.get("tools", ())):
        _closed(tool, ToolParam, f"tools.{index}.custom.")
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool["name"]):
            raise _Refused(f"tools.{index}.custom.name: String should match pattern")
        names.append(tool["name"])
        if tool.get("strict"):
            _schema(tool["input_schema"], f"tools.{index}.custom.input_schema")
    if len(set(names)) < len(names):
        raise _Refused("tools: Tool names must be unique.")
    choice = body.get("tool_choice", {})
    if choice and not names:
        raise _Refused("tool_choice may only be specified while providing tools")
    if choice.get("type") == "tool" and choice["name"] not in names:
        raise _Refused(f"Tool '{choice['name']}' not found in provided tools")


def _output(body: dict[str, Any]) -> None:
    if wanted := body.get("output_config"):
        _closed(wanted, OutputConfigParam, "output_config.")
        if wanted.get("format"):
            _closed(wanted["format"], JSONOutputFormatParam, "output_config.format.")
            _schema(wanted["format"]["schema"], "output_config.format.schema")


def _schema(schema: dict[str, Any], where: str) -> None:
    """The JSON Schema that answers can be bound to: closed objects, no bounds, no recursion, few optional keys."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise _Refused(f"{where}: {error.message}") from None
    optional = unions = 0
    for node in _nodes(schema):
        if unknown := sorted(node.keys() - KEYWORDS):
            raise _Refused(f"{where}: For '{node.get('type')}' type, property '{unknown[0]}' is not supported")
        if node.get("minItems", 0) > 1:
            raise _Refused(f"{where}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
        if node.get("type") == "object":
            if node.get("additionalProperties") is not False:
                raise _Refused(f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
            optional += len(node.get("properties", {}).keys() - set(node.get("required", ())))
        unions += "anyOf" in node or isinstance(node.get("type"), list)
    if optional > OPTIONAL or unions > UNIONS:
        raise _Refused(f"{where}: Schema is too complex ({optional} optional parameters, {unions} union types)")
    _resolved(schema, schema, where, ())


def _nodes(node: object) -> Iterator[dict[str, Any]]:
    """The schemas within a schema."""
    if not isinstance(node, dict):
        return
    yield node
    for name in ("properties", "$defs"):
        for child in node.get(name, {}).values():
            yield from _nodes(child)
    for child in (node.get("items"), *node.get("anyOf", ()), *node.get("allOf", ())):
        yield from _nodes(child)


def _resolved(node: dict[str, Any], root: dict[str, Any], where: str, above: tuple[str, ...]) -> None:
    """Every reference leads somewhere within the schema, and none back to where it came from."""
    for inner in _nodes({name: value for name, value in node.items() if name != "$defs"}):
        if "$ref" not in inner:
            continue
        name = inner["$ref"].removeprefix("#/$defs/")
        if name in above:
            raise _Refused(f"{where}: Recursive definitions are not supported")
        if name not in root.get("$defs", {}):
            raise _Refused(f"{where}: External references are not supported")
        _resolved(root["$defs"][name], root, where, (*above, name))


def _pictures(body: dict[str, Any]) -> None:
    found = list(images(body))
    if len(found) > MOST_IMAGES:
        raise _Refused(f"messages: at most {MOST_IMAGES} images may be provided")
    longest = LARGEST_EDGE_OF_MANY if len(found) > MANY_IMAGES else LARGEST_EDGE
    for place, block in found:
        if block["source"]["type"] == "base64":
            _picture(f"{place}.image.source.base64", block["source"], longest)


def _picture(place: str, source: dict[str, Any], longest: int) -> None:
    try:
        data = base64.b64decode(source["data"], validate=True)
    except binascii.Error:
        raise _Refused(f"{place}.data: invalid base64 data") from None
    if len(source["data"]) > LARGEST_IMAGE:
        raise _Refused(f"{place}: image exceeds 5 MB maximum: {len(source['data'])} bytes > {LARGEST_IMAGE} bytes")
    try:
        with Image.open(io.BytesIO(data)) as image:
            size, kind = image.size, Image.MIME.get(image.format or "", "")
            image.load()
    except OSError:
        raise _Refused("Could not process image") from None
    if kind != source["media_type"]:
        said = source["media_type"]
        raise _Refused(f"{place}: The image was specified using {said}, but the image appears to be {kind}")
    if max(size) > longest:
        raise _Refused(f"{place}: At least one of the image dimensions exceed max allowed size: {longest} pixels")


def _batch(body: dict[str, Any]) -> None:
    _closed(body, BatchCreateParams, "")
    requests = body.get("requests")
    if not isinstance(requests, list) or not 1 <= len(requests) <= MOST_REQUESTS:
        raise _Refused(f"requests: List should have 1 to {MOST_REQUESTS} items")
    for index, request in enumerate(requests):
        _closed(request, Request, f"requests.{index}.")
        if not isinstance(request.get("params"), dict):
            raise _Refused(f"requests.{index}.params: Field required")
        if not NAME.fullmatch(str(request.get("custom_id"))):
            raise _Refused(f"requests.{index}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    if len({request["custom_id"] for request in requests}) < len(requests):
        raise _Refused("requests: custom_id must be unique")
