"""One page of a document: the scan with what was read and found on it, and the way to the next hit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pipeline.errors import IndexUnavailable, NotFound
from pipeline.kept import words_of
from pipeline.types import Box, Document, PageImage, PageText, SearchHit
from pipeline.web.documents import record_of
from pipeline.web.fields import FieldOut, ValueOut, fields_of, on_page
from pipeline.web.guard import Caller, Office, Visible, Who, note
from pipeline.web.scans import Number, page_image
from pipeline.web.search import LIMIT, Asked
from pipeline.web.views import page
from pipeline.wiring import Tools
from schemas.fields import BoxTuple

__all__ = ["room"]

room = APIRouter(tags=["viewer"])

T = TypeVar("T")

UNREACHABLE = "The search can't be reached just now, so the passage is not marked."


class Scan(BaseModel):
    """The upright image of a page: pixels, and how it became upright (degrees clockwise; skew taken out)."""

    width: int
    height: int
    dpi: float
    rotation: int
    skew: float


class Reading(BaseModel):
    """How the page's words were read; `confidence` is their mean, 0 to 1, `hidden` counts words no reader can see."""

    source: Literal["text layer", "ocr", "none"]
    confidence: float
    language: str
    words: int
    hidden: int
    notes: list[str]


class Place(BaseModel):
    """A page to go to."""

    document: str
    name: str
    page: int


class Passage(BaseModel):
    """What answers the search on this page, word for word, and its boxes (fractions of the upright page)."""

    quote: str
    boxes: list[BoxTuple]


class Hits(BaseModel):
    """Where this page stands among the hits of the search (`at` from 1; None: it is none of them), and its neighbours
    there."""

    at: int | None
    of: int
    previous: Place | None
    next: Place | None


class PageOut(BaseModel):
    """All that is known of a page. No `scan`: it was never drawn; no `reading`: never read; `reasons` say why."""

    document: str
    name: str
    matter: str
    page: int
    pages: int
    status: str | None = Field(description="None until the document is worked off")
    route: str | None
    reasons: list[str]
    scan: Scan | None
    reading: Reading | None
    fields: list[FieldOut]
    passage: Passage | None
    hits: Hits | None = Field(description="None when nothing was asked")
    notice: str


class Words(BaseModel):
    """The words of a page in reading order: text, left, top, right, bottom (fractions), number of the line."""

    words: list[tuple[str, float, float, float, float, int]]


Search = Annotated[Asked, Query()]


@room.get("/documents/{document}/pages/{number}", response_class=HTMLResponse)
def page_view(
    request: Request, document: Visible, number: Number, asked: Search, tools: Office, caller: Who
) -> HTMLResponse:
    """The page for people."""
    text = _text(document, number, tools)
    view = _view(document, number, text, _Opened(asked, tools, caller))
    return page(
        request,
        "viewer.html",
        view=view,
        placed=_down_the_page(view.fields),
        words=_words(text).words if text else [],
        asked=asked,
        search=f"?{asked.address}" if asked.q.strip() else "",
        heat=bool(tools.settings.page_model),
    )


@room.get("/api/documents/{document}/pages/{number}")
def page_json(document: Visible, number: Number, asked: Search, tools: Office, caller: Who) -> PageOut:
    """The page's scan, reading, fields and reasons; with a search, its passage there and the hits before and after."""
    return _view(document, number, _text(document, number, tools), _Opened(asked, tools, caller))


@room.get("/api/documents/{document}/pages/{number}/words")
def words(document: Visible, number: Number, tools: Office, caller: Who) -> Words:
    """The words of the page, each with its place on the scan."""
    text = words_of(tools, document.id, number)
    note(tools, caller, "view", document, page=number, part="words")
    return _words(text)


@dataclass(frozen=True)
class _Opened:
    """A page opened by somebody, perhaps out of a search."""

    asked: Asked
    tools: Tools
    caller: Caller

    def hits(self, document: str, number: int) -> list[SearchHit]:
        where = self.asked.where(self.caller)
        return self.tools.searcher.around(self.asked.q, where, (document, number), LIMIT)


def _view(document: Document, number: int, text: PageText | None, opened: _Opened) -> PageOut:
    tools = opened.tools
    outcome = next((each for each in tools.catalog.pages(document.id) if each.number == number), None)
    image = _or_none(lambda: page_image(tools, document.sha256, number))
    if image is None and number > document.page_count:
        raise NotFound("the document has no such page")
    record = record_of(document.id, tools)
    passage, hits, notice = _search(document.id, number, opened)
    note(tools, opened.caller, "view", document, page=number, **({"query": opened.asked.q} if hits else {}))
    return PageOut(
        document=document.id,
        name=document.name,
        matter=document.matter,
        page=number,
        pages=max(document.page_count, number),
        status=outcome.status if outcome else None,
        route=outcome.route if outcome else None,
        reasons=list(outcome.reasons) if outcome else [],
        scan=_scan(image),
        reading=_reading(text),
        fields=on_page(fields_of(record, tools.corrections.history(document.id)), number) if record else [],
        passage=passage,
        hits=hits,
        notice=notice,
    )


def _down_the_page(fields: Sequence[FieldOut]) -> list[tuple[FieldOut, ValueOut]]:
    """The values as the eye meets them; those without a place first."""

    def place(found: tuple[FieldOut, ValueOut]) -> float:
        return min((box[1] for proof in found[1].evidence for box in proof.boxes), default=-1.0)

    return sorted(((field, value) for field in fields for value in field.values), key=place)


def _search(document: str, number: int, opened: _Opened) -> tuple[Passage | None, Hits | None, str]:
    """Passage, neighbours and what to say when the search failed; nothing of it when nothing was asked."""
    if not opened.asked.q.strip():
        return None, None, ""
    try:
        found = opened.hits(document, number)
    except IndexUnavailable:
        return None, None, UNREACHABLE
    at = next((i for i, hit in enumerate(found) if (hit.document, hit.page) == (document, number)), None)
    if at is None:  # the reader leafed on from a hit
        return None, Hits(at=None, of=len(found), previous=None, next=_place(found[:1])), ""
    hits = Hits(at=at + 1, of=len(found), previous=_place(found[max(at - 1, 0) : at]), next=_place(found[at + 1 :]))
    here = found[at]
    passage = Passage(quote=here.quote, boxes=[_corners(box) for box in here.boxes]) if here.boxes else None
    return passage, hits, ""


def _place(hits: list[SearchHit]) -> Place | None:
    return Place(document=hits[0].document, name=hits[0].name, page=hits[0].page) if hits else None


def _scan(image: PageImage | None) -> Scan | None:
    if image is None:
        return None
    return Scan(width=image.width, height=image.height, dpi=image.dpi, rotation=image.rotation, skew=image.skew)


def _reading(text: PageText | None) -> Reading | None:
    if text is None:
        return None
    return Reading(
        source=text.source.value,
        confidence=text.confidence,
        language=text.language,
        words=len(text.words),
        hidden=text.hidden,
        notes=list(text.notes),
    )


def _text(document: Document, number: int, tools: Tools) -> PageText | None:
    return _or_none(lambda: words_of(tools, document.id, number))


def _words(text: PageText) -> Words:
    return Words(words=[(word.text, *_corners(word.box), word.line) for word in text.words])


def _corners(box: Box) -> BoxTuple:
    return box.left, box.top, box.right, box.bottom


def _or_none(ask: Callable[[], T]) -> T | None:
    """What is asked for, or None where the page never came so far."""
    try:
        return ask()
    except NotFound:
        return None
