"""The pages of a document as the stages kept them, under the present settings: images and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from pipeline.backends.protocols import PageInput
from pipeline.errors import NotFound
from pipeline.page_words import PageWords
from pipeline.stages import versions
from pipeline.types import Document, PageImage, PageText

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.wiring import Tools

__all__ = ["pages_of", "words_at", "words_of"]

_IMAGE, _TEXT = TypeAdapter(PageImage), TypeAdapter(PageText)


def pages_of(tools: Tools, document: Document) -> list[PageInput]:
    """The pages of a document as they were rendered and read; those that never were are left out. Who looks at an
    image has the store bring it first."""
    known = versions(tools)
    images, texts = (tools.catalog.results(document.sha256, stage, known[stage]) for stage in ("render", "read"))
    pages = []
    for number in sorted(images.keys() & texts.keys()):
        image = _IMAGE.validate_json(images[number])
        pages.append(PageInput(image, tools.store.place(image.sha256), _TEXT.validate_json(texts[number])))
    return pages


def words_of(tools: Tools, document: str, page: int) -> PageText:
    """The words of a page as they were indexed; `NotFound` while it has not been read."""
    sha256 = tools.catalog.document(document).sha256
    payload = tools.catalog.result(sha256, page, "read", versions(tools)["read"])
    if payload is None:
        raise NotFound(f"page {page} of {document} has not been read")
    return _TEXT.validate_json(payload)


def words_at(tools: Tools, places: Collection[tuple[str, int]]) -> dict[tuple[str, int], PageWords]:
    """The words of many pages, (document id, page), in one question; those that have not been read are left out."""
    found = tools.catalog.results_at(places, "read", versions(tools)["read"])
    return {place: PageWords.of(payload) for place, payload in found.items()}
