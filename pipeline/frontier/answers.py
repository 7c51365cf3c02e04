"""From a message to page records, or to the reason why there is none.

The stop reason is looked at before anything is parsed: an answer cut at the token limit may still parse, and half
a list of amounts looks like all of them. What the model says is data: it is held against the schema, pages it was
not asked for are refused, and whether its quotes stand on the page is decided later, by grounding.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from schemas.frontier import FrontierAnswer, FrontierPage

if TYPE_CHECKING:
    from anthropic.types import Message

__all__ = ["TOOL", "Failed", "Read", "Reading", "judge", "problems"]

TOOL = "report_pages"
Why = Literal["refused", "truncated", "empty", "schema", "pages"]
LISTED = 8  # problems named to the model in its one attempt to mend its answer


@dataclass(frozen=True, slots=True)
class Read:
    """Every page that was asked for, by number."""

    pages: Mapping[int, FrontierPage]


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable answer. `mendable`: telling the model what was wrong may help; `text` is what it had said."""

    why: Why
    reason: str
    mendable: bool = False
    text: str = ""
    problems: tuple[str, ...] = ()


Reading = Read | Failed


def judge(message: Message, asked: Sequence[int]) -> Reading:
    """What a message is worth. Reasons name pages and fields, never what stands on a page."""
    stopped = message.stop_reason
    if stopped == "refusal":
        return Failed("refused", "the model refused to read the page")
    if stopped in ("max_tokens", "model_context_window_exceeded"):
        return Failed("truncated", f"the answer was cut off ({stopped})")
    text = _said(message)
    if not text.strip():
        return Failed("empty", f"the model answered nothing ({stopped})", mendable=True)
    try:
        answer = FrontierAnswer.model_validate_json(_bare(text))
    except ValidationError as error:
        found = problems(error)
        return Failed("schema", f"the answer breaks the schema in {error.error_count()} places", True, text, found)
    return _for(answer, asked, text)


def _for(answer: FrontierAnswer, asked: Sequence[int], text: str) -> Reading:
    numbers = [page.page for page in answer.pages]
    if sorted(numbers) == sorted(asked):
        return Read({page.page: page for page in answer.pages})
    if len(numbers) == len(asked) == 1:  # one page in, one page out: a misread number changes nothing
        return Read({asked[0]: answer.pages[0]})
    said = f"pages {sorted(numbers)} were answered where {sorted(asked)} were asked for"
    return Failed("pages", said, True, text, (said,))


def _said(message: Message) -> str:
    """The tool's input where one was called, else the text."""
    for block in message.content:
        if block.type == "tool_use" and block.name == TOOL:
            return json.dumps(block.input)
    return "".join(block.text for block in message.content if block.type == "text")


def _bare(text: str) -> str:
    """The JSON object alone: servers that are merely asked for JSON wrap it in a fence or a sentence."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def problems(error: ValidationError) -> tuple[str, ...]:
    """The first problems as "where: what", free of the values themselves."""
    found = error.errors(include_input=False, include_url=False, include_context=False)[:LISTED]
    return tuple(f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in found)
