"""One box; the answers are pages. The address bar holds the whole search, so it can be kept, sent and gone back to.

Each search is recorded with its question, the choices that were made, and the pages whose passages were shown: that is
what the person has seen of a document before they opened it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pipeline.types import SearchFilter, SearchHit
from pipeline.web.guard import Caller, Office, Visible, Who
from pipeline.web.scans import Number
from pipeline.web.views import page

__all__ = ["LIMIT", "Asked", "room"]

room = APIRouter(tags=["search"])

LIMIT = 20  # pages on one page of answers
CHOICES = 8  # values of a facet that are offered; the rest are reached by asking
LONGEST = 2000  # characters of a question

FACETS = {"matter": "Matter", "kind": "Kind", "party": "Party", "law": "Governing law"}


class Asked(BaseModel):
    """A search as the address bar holds it; empty strings choose nothing, as an empty field of a form does."""

    q: str = Field("", max_length=LONGEST, description='plain words, an "exact phrase", or a reference number')
    matter: str = ""
    kind: str = ""
    party: str = ""
    law: str = Field("", description="governing law, as records name it")
    dated_from: str = Field("", description="YYYY-MM-DD")
    dated_to: str = Field("", description="YYYY-MM-DD")
    amount_from: float | str = Field("", description="least amount, in whatever currency")
    amount_to: float | str = Field("", description="largest amount")

    def where(self, caller: Caller) -> SearchFilter:
        """The filter that stands inside every leg: the caller's matters are its wall, all else only narrows it."""
        return SearchFilter(
            matters=caller.matters,
            matter=self.matter or None,
            kind=self.kind or None,
            party=self.party or None,
            law=self.law or None,
            dated_from=self.dated_from or None,
            dated_to=self.dated_to or None,
            amount_from=_number(self.amount_from),
            amount_to=_number(self.amount_to),
        )

    @property
    def choices(self) -> dict[str, str]:
        """What the search is narrowed by."""
        return {name: str(value) for name, value in self.model_dump(exclude={"q"}).items() if value != ""}

    @property
    def address(self) -> str:
        """This search as a query string, without what chooses nothing."""
        return urlencode({"q": self.q, **self.choices})

    def changed(self, **choices: str) -> str:
        """The query string of this search with other choices."""
        return self.model_copy(update=choices).address


class Hit(BaseModel):
    """A page that answers: where it is, and the passage with its boxes (fractions of the upright page)."""

    document: str
    name: str
    matter: str
    page: int
    score: float
    kind: str = ""
    date: str = ""
    quote: str
    boxes: list[tuple[float, float, float, float]]


class Choice(BaseModel):
    """A value to narrow the search by, and the pages it has under all other choices."""

    value: str
    pages: int


class Answers(BaseModel):
    """The hits of a search, best first, and by what it can be narrowed."""

    hits: list[Hit]
    facets: dict[str, list[Choice]]


@dataclass(frozen=True)
class Chosen:
    """A choice that is in force, and the address of the search without it."""

    label: str
    value: str
    without: str


@room.get("/", response_class=HTMLResponse)
def search_page(request: Request, asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> HTMLResponse:
    """The search page, with its answers when something was asked."""
    answers = _answers(asked, tools, caller, placed=False)
    return page(request, "search.html", asked=asked, answers=answers, titles=FACETS, chosen=_chosen(asked))


@room.get("/api/search")
def search(asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> Answers:
    """Pages that answer a question, an "exact phrase" or a reference number, best first."""
    return _answers(asked, tools, caller, placed=True)


@room.get("/documents/{document}/pages/{number}/like", response_class=HTMLResponse)
def like_page(request: Request, document: Visible, number: Number, tools: Office, caller: Who) -> HTMLResponse:
    """Pages that say what this page says."""
    hits = _like(document.id, number, tools, caller)
    return page(request, "like.html", document=document, number=number, hits=hits)


@room.get("/api/documents/{document}/pages/{number}/like")
def like(document: Visible, number: Number, tools: Office, caller: Who) -> list[Hit]:
    """Pages that say what this page says, best first, in all matters the caller may see."""
    return _like(document.id, number, tools, caller)


def _answers(asked: Asked, tools: Office, caller: Caller, *, placed: bool) -> Answers:
    where = asked.where(caller)
    hits = tools.searcher.find(asked.q, where, LIMIT, placed=placed) if asked.q.strip() else []
    if asked.q.strip():
        _record(tools, caller, hits, query=asked.q, chosen=asked.choices)
    facets = tools.index.facets(where, CHOICES)
    return Answers(hits=[_hit(hit) for hit in hits], facets={key: _choices(facets, key) for key in FACETS})


def _like(document: str, number: int, tools: Office, caller: Caller) -> list[Hit]:
    hits = tools.searcher.like(document, number, SearchFilter(matters=caller.matters), LIMIT)
    _record(tools, caller, hits, like=f"{document}:{number}")
    return [_hit(hit) for hit in hits]


def _record(tools: Office, caller: Caller, hits: Sequence[SearchHit], **asked: object) -> None:
    shown = {"matters": sorted({hit.matter for hit in hits}), "pages": [f"{hit.document}:{hit.page}" for hit in hits]}
    tools.audit.record(caller.name, "search", detail={**asked, **shown})


def _choices(facets: Mapping[str, list[tuple[str, int]]], key: str) -> list[Choice]:
    return [Choice(value=value, pages=pages) for value, pages in facets[key]]


def _chosen(asked: Asked) -> list[Chosen]:
    labels = FACETS | {
        "dated_from": "From",
        "dated_to": "Until",
        "amount_from": "Amount from",
        "amount_to": "Amount up to",
    }
    values = {name: str(getattr(asked, name)) for name in labels}
    return [Chosen(label, values[name], asked.changed(**{name: ""})) for name, label in labels.items() if values[name]]


def _number(value: float | str) -> float | None:
    return value if isinstance(value, float) else None


def _hit(hit: SearchHit) -> Hit:
    return Hit(
        document=hit.document,
        name=hit.name,
        matter=hit.matter,
        page=hit.page,
        score=hit.score,
        kind=hit.kind,
        date=hit.date,
        quote=hit.quote,
        boxes=[(box.left, box.top, box.right, box.bottom) for box in hit.boxes],
    )
