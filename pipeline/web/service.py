"""What is not for people: whether the server is up, and the description of its API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from pipeline.web.guard import Who

__all__ = ["room"]

room = APIRouter(include_in_schema=False)


@room.get("/health")
def health() -> dict[str, str]:
    """For a watchdog: the server answers. It says nothing about what is in here."""
    return {"status": "ok"}


@room.get("/favicon.ico")
def favicon() -> Response:
    """Where browsers look that read no page first."""
    return RedirectResponse("/static/favicon.svg", 301)


@room.get("/openapi.json")
def openapi(request: Request, _caller: Who) -> JSONResponse:
    """The API, for who may use it."""
    described: dict[str, Any] = request.app.openapi()
    return JSONResponse(described)
