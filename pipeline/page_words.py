"""The words of a page as a search needs them: it looks through what all of them say, and shows a few of them.

Of 20 pages found each shows some 28 words of 450. To make a `Word` with its box of every one of them took as long as to
find the pages. What they say alone is read in a third of that, and says all that a quote needs.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from pipeline.types import PageText, Word

__all__ = ["UNREAD", "PageWords"]


class _Said(TypedDict):
    text: str


class _Page(TypedDict):
    words: list[_Said]


_SAID, _WHOLE = TypeAdapter(_Page), TypeAdapter(PageText)


@dataclass(frozen=True, slots=True)
class PageWords:
    """`texts` is what the words say, in reading order; `words` makes them whole, at several times the cost."""

    texts: tuple[str, ...]
    _kept: str

    @classmethod
    def of(cls, payload: str) -> PageWords:
        """From the JSON of a `PageText`, as the stage kept it."""
        return cls(tuple([word["text"] for word in _SAID.validate_json(payload)["words"]]), payload)

    @property
    def words(self) -> tuple[Word, ...]:
        """All of them."""
        return _WHOLE.validate_json(self._kept).words if self.texts else ()


UNREAD = PageWords((), "")
"""Those of a page that has not been read, or not yet anew."""
