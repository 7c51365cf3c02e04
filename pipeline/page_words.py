"""The words of a page as they are kept, and as a search needs them.

**Kept** they stand in columns, the texts first: a word for each name of a field in every one of 450 words was most of
the JSON. With what `Word.rounded` takes away a page came from 11.1 kB of the catalog to 4.8 (62 pages of the samples).
Rows, as they were kept before, are still read.

**Searched**, all of what they say is looked through and a few words are shown: of 20 pages found each shows some 28
words of 450. To make a `Word` with its box of every one of them took as long as to find the pages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic_core import core_schema
from typing_extensions import TypedDict

from pipeline.types import Box, PageText, Word

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

__all__ = ["UNREAD", "PageWords", "in_columns"]

_EDGES = ("left", "top", "right", "bottom")
_COLUMNS = '"words":{"text":'


def in_columns(schema: CoreSchema) -> CoreSchema:
    """Pydantic's schema of `PageText`, writing its words as columns and reading them as columns or rows."""
    written = core_schema.plain_serializer_function_ser_schema(_written, when_used="json")
    return core_schema.no_info_before_validator_function(_read, schema, serialization=written)


def _written(page: PageText) -> dict[str, Any]:
    words = page.words
    columns: dict[str, Any] = {"text": [word.text for word in words]}
    columns |= {edge: [getattr(word.box, edge) for word in words] for edge in _EDGES}
    columns |= {name: [getattr(word, name) for word in words] for name in ("confidence", "line")}
    return {field.name: getattr(page, field.name) for field in fields(page)} | {"words": columns}


def _read(page: Any) -> Any:
    if not isinstance(page, Mapping) or not isinstance(columns := page.get("words"), Mapping):
        return page
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError("the columns of a page's words differ in length")
    boxes = map(Box, *(columns[edge] for edge in _EDGES))
    words = tuple(map(Word, columns["text"], boxes, columns["confidence"], columns["line"]))
    return {**page, "words": words}


_WHOLE = TypeAdapter(PageText)


class _Said(TypedDict):
    text: str


class _Rows(TypedDict):
    words: list[_Said]


_ROWS = TypeAdapter(_Rows)


@dataclass(frozen=True, slots=True)
class PageWords:
    """`texts` is what the words say, in reading order; `words` makes them whole, at several times the cost."""

    texts: tuple[str, ...]
    _kept: str

    @classmethod
    def of(cls, payload: str) -> PageWords:
        """From the JSON of a `PageText`, as the stage kept it."""
        return cls(tuple(_texts(payload)), payload)

    @property
    def words(self) -> tuple[Word, ...]:
        """All of them."""
        return _WHOLE.validate_json(self._kept).words if self.texts else ()


def _texts(payload: str) -> list[str]:
    # A quotation mark inside a word is escaped, so these characters are nowhere else.
    start = payload.find(_COLUMNS)
    if start < 0:
        return [word["text"] for word in _ROWS.validate_json(payload)["words"]]
    texts: list[str] = json.JSONDecoder().raw_decode(payload, start + len(_COLUMNS))[0]
    return texts


UNREAD = PageWords((), "")
"""Those of a page that has not been read, or not yet anew."""
