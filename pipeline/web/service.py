"""What is not for people: whether the server is up, and the description of its API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from pipeline.errors import NotAllowed
from pipeline.telling.metrics import CONTENT_TYPE, Cached
from pipeline.web.guard import Office, Who, caller_of

__all__ = ["room"]

room = APIRouter(include_in_schema=False)


@room.get("/health")
def health() -> dict[str, str]:
    """For a watchdog: the server answers. It says nothing about what is in here."""
    return {"status": "ok"}


@room.get("/metrics")
def metrics(request: Request, tools: Office) -> Response:
    """For Prometheus: sums of the whole machine, without the name of a matter or document. It asks with a token that
    opens nothing else (`muniment user token NAME --metrics`); an administrator at a browser sees them too. Nobody does
    because of where a request comes from: behind a proxy everybody comes from this machine."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    scraper = scheme.lower() == "bearer" and tools.sessions.by_token(secret.strip(), "metrics")
    if not scraper and not caller_of(request).admin:
        raise NotAllowed("this is for administrators, and for tokens made for it")
    made: Cached = request.app.state.metrics
    return Response(made(), media_type=CONTENT_TYPE)


@room.get("/favicon.ico")
def favicon() -> Response:
    """Where browsers look that read no page first."""
    return RedirectResponse("/static/favicon.svg", 301)


@room.get("/openapi.json")
def openapi(request: Request, _caller: Who) -> JSONResponse:
    """The API, for who may use it."""
    described: dict[str, Any] = request.app.openapi()
    return JSONResponse(described)
