"""One box; the answers are pages.

Each search is recorded with its question, the filter that was set, and the pages whose passages were shown: that is
what the person has seen of a document before they opened it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from pipeline.types import SearchFilter, SearchHit
from pipeline.web.guard import Caller, Office, Who
from pipeline.web.views import page

__all__ = ["LIMIT", "Asked", "address", "confined", "room"]

room = APIRouter(tags=["search"])

LIMIT = 20


class Asked(BaseModel):
    """A search as the address bar holds it."""

    q: str = ""
    matter: list[str] = []


class Hit(BaseModel):
    """A page that answers: where it is, and the passage with its boxes (fractions of the upright page)."""

    document: str
    name: str
    matter: str
    page: int
    score: float
    quote: str
    boxes: list[tuple[float, float, float, float]]


@dataclass(frozen=True)
class Results:
    """The hits of a search, best first."""

    asked: Asked
    hits: list[Hit]


@room.get("/", response_class=HTMLResponse)
def search_page(request: Request, asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> HTMLResponse:
    """The search page, with its answers when something was asked."""
    return page(request, "search.html", asked=asked, results=_found(asked, tools, caller) if asked.q.strip() else None)


@room.get("/api/search")
def search(asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> list[Hit]:
    """Pages that answer a question, an "exact phrase" or a reference number, best first."""
    return _found(asked, tools, caller).hits


def _record(asked: Asked, hits: list[SearchHit], tools: Office, caller: Caller) -> None:
    shown = [f"{hit.document}:{hit.page}" for hit in hits]
    detail = {"query": asked.q, "matters": sorted({hit.matter for hit in hits}), "pages": shown}
    if asked.matter:
        detail["only"] = asked.matter[:LIMIT]
    tools.audit.record(caller.name, "search", detail=detail)


def confined(asked: Asked, caller: Caller) -> SearchFilter:
    """The filter that goes into every prefetch: never wider than what the caller may see."""
    wanted = [matter for matter in caller.matters if not asked.matter or matter in asked.matter]
    return SearchFilter(matters=tuple(wanted))


def address(asked: Asked) -> str:
    """The search as an address holds it: "" when nothing was asked, else from the question mark on."""
    said = asked.model_dump(exclude_defaults=True) if asked.q.strip() else {}
    return f"?{urlencode(said, doseq=True)}" if said else ""


def _found(asked: Asked, tools: Office, caller: Caller) -> Results:
    hits = tools.searcher.find(asked.q, confined(asked, caller), LIMIT)
    _record(asked, hits, tools, caller)
    return Results(asked, [_hit(hit) for hit in hits])


def _hit(hit: SearchHit) -> Hit:
    boxes = [(box.left, box.top, box.right, box.bottom) for box in hit.boxes]
    return Hit(
        document=hit.document,
        name=hit.name,
        matter=hit.matter,
        page=hit.page,
        score=hit.score,
        quote=hit.quote,
        boxes=boxes,
    )
