"""From a message to page records, or to the reason why there is none.

The stop reason is looked at before anything is parsed: an answer cut at the token limit may still parse, and half
a list of amounts looks like all of them. What the model says is data: it is held against the schema, pages it was
not asked for are refused, and whether its quotes stand on the page is decided later, by grounding.

The SDK builds its objects without validating them, and a server may answer anything: nothing here relies on the
type of a field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError
from pydantic_core import from_json

from schemas.frontier import FrontierAnswer, FrontierPage

__all__ = ["TOOL", "Failed", "Read", "Reading", "Usage", "bare", "judge", "problems", "usage_of"]

TOOL = "report_pages"
Why = Literal["refused", "truncated", "empty", "schema", "pages", "request", "image"]
LISTED = 8  # problems named to the model in its one attempt to mend its answer
LONGEST = 400_000  # characters of an answer: 20,000 tokens of output are 80,000 at most
MOST_TOKENS = 1_000_000_000  # no call has more; a count above it is a mistake and would not fit the ledger
MOST_PAGES = 1_000_000  # a page number above it is none, and may have thousands of digits
REFUSED = ("refusal", "content_filter")
CUT = ("max_tokens", "model_context_window_exceeded", "length", "pause_turn")
"""Stop reasons of the protocol, and the names that servers which translate another protocol let through."""


@dataclass(frozen=True, slots=True)
class Read:
    """The pages that were asked for, by number. `doubts`: why what an answer says of a page can't be verified, though
    pieces of it can be used; `missing`: the pages it said nothing usable of, and why."""

    pages: Mapping[int, FrontierPage]
    doubts: Mapping[int, str] = field(default_factory=dict)
    missing: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable answer. `mendable`: telling the model what was wrong may help; `text` is what it had said."""

    why: Why
    reason: str
    mendable: bool = False
    text: str = ""
    problems: tuple[str, ...] = ()


Reading = Read | Failed


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of one call, as the protocol names them."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0


def usage_of(message: object) -> Usage | None:
    """What the message says it used; None when it doesn't say, or nothing that can be."""
    said = getattr(message, "usage", None)
    counts = {name: getattr(said, name, None) for name in Usage.__dataclass_fields__}
    for name in ("cache_creation_input_tokens", "cache_read_input_tokens"):
        counts[name] = 0 if counts[name] is None else counts[name]
    if not all(type(count) is int and 0 <= count <= MOST_TOKENS for count in counts.values()):
        return None
    return Usage(**counts)  # type: ignore[arg-type]  # checked above


def judge(message: object, asked: Sequence[int]) -> Reading:
    """What a message is worth. Reasons name pages and fields, never what stands on a page."""
    text = _said(message)
    if unfit := _unfit(getattr(message, "stop_reason", None), text):
        return unfit
    try:
        answer = FrontierAnswer.model_validate(from_json(bare(text)))
    except ValidationError as error:
        found = problems(error)
        return Failed("schema", f"the answer breaks the schema in {error.error_count()} places", True, text, found)
    except ValueError:
        return Failed("schema", "the answer is no JSON", True, text, ("the answer is no JSON object",))
    return _for(answer, asked, text)


def _unfit(stopped: object, text: str) -> Failed | None:
    """Why an answer is not even parsed; None when it is."""
    if stopped in REFUSED:
        return Failed("refused", "the model refused to read the page")
    if stopped in CUT:
        return Failed("truncated", f"the answer was cut off ({stopped})")
    if not text.strip():
        return Failed("empty", "the model answered nothing", mendable=True)
    if len(text) > LONGEST:
        return Failed("schema", f"the answer is {len(text)} characters long, far more than was asked for")
    return None


def _for(answer: FrontierAnswer, asked: Sequence[int], text: str) -> Reading:
    numbers = [page.page for page in answer.pages]
    if sorted(numbers) == sorted(asked):
        return Read({page.page: page for page in answer.pages})
    if len(numbers) == len(asked) == 1:  # one page in, one page out: a misread number changes nothing
        return Read({asked[0]: answer.pages[0].model_copy(update={"page": asked[0]})})
    plain = [number for number in sorted(numbers) if 0 < number <= MOST_PAGES][:LISTED]
    said = f"{len(numbers)} pages {plain} were answered where {sorted(asked)} were asked for"
    return Failed("pages", said, True, text, (said,))


def _said(message: object) -> str:
    """The tool's input where one was called, else the text."""
    content = getattr(message, "content", None)
    blocks = content if isinstance(content, list) else []
    for block in blocks:
        if getattr(block, "type", "") == "tool_use" and getattr(block, "name", "") == TOOL:
            return _dumped(getattr(block, "input", None))
    texts = [getattr(block, "text", None) for block in blocks if getattr(block, "type", "") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


def _dumped(value: object) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except (RecursionError, TypeError, ValueError):
        return "[]"  # no server sends such a thing unless it means harm: it breaks the schema and is asked about once


def bare(text: str) -> bytes:
    """The JSON object alone: servers that are merely asked for JSON wrap it in a fence or a sentence."""
    start, end = text.find("{"), text.rfind("}")
    return (text[start : end + 1] if 0 <= start < end else text).encode(errors="replace")


def problems(error: ValidationError) -> tuple[str, ...]:
    """The first problems as "where: what", free of the values themselves."""
    found = error.errors(include_input=False, include_url=False, include_context=False)[:LISTED]
    return tuple(f"{'.'.join(map(str, one['loc']))}: {one['type']}"[:200] for one in found)
