"""The scans themselves: a page as it was read, and its thumbnail.

A browser may keep them but must ask each time (`no-cache` with an ETag): whoever uses it next, or has lost the matter
since, is asked for anew, and for the others the answer is a 304 of a few milliseconds.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse

from pipeline.errors import NotFound
from pipeline.thumbnails import EDGE, thumbnail
from pipeline.types import PageImage
from pipeline.web.guard import Office, Visible, Who, note

__all__ = ["Number", "fresh", "kept", "page_image", "room"]

room = APIRouter(prefix="/documents/{document}/pages/{number}", tags=["scans"])

Number = Annotated[int, Path(ge=1, le=100_000)]


@room.get("/image", response_class=FileResponse)
def image(document: Visible, number: Number, tools: Office, caller: Who, request: Request) -> Response:
    """The upright page as it was read, JPEG or PNG."""
    shown = page_image(tools, document.sha256, number)
    note(tools, caller, "image", document, page=number)  # a 304 shows it as well
    tag = shown.sha256[:32]
    if fresh(request, tag):
        return Response(status_code=304, headers=kept(tag))
    if shown.sha256 not in tools.store:
        raise NotFound("the image of this page is not in the store any more")
    return FileResponse(tools.store.path(shown.sha256), media_type=shown.media_type, headers=kept(tag))


@room.get("/thumbnail", response_class=Response)
def small(document: Visible, number: Number, tools: Office, request: Request) -> Response:
    """The page small, as JPEG: 240 pixels at its longer edge."""
    shown = page_image(tools, document.sha256, number)
    tag = f"{shown.sha256[:32]}-{EDGE}"
    if fresh(request, tag):
        return Response(status_code=304, headers=kept(tag))
    if shown.sha256 not in tools.store:
        raise NotFound("the image of this page is not in the store any more")
    drawn = thumbnail(tools.store.path(shown.sha256), shown.sha256, tools.settings.root / "thumbnails")
    return Response(drawn, media_type="image/jpeg", headers=kept(tag))


def page_image(tools: Office, sha256: str, number: int) -> PageImage:
    """The page's image as the catalog remembers it; `NotFound` when the page was never rendered."""
    from pydantic import TypeAdapter

    from pipeline.stages import versions

    payload = tools.catalog.result(sha256, number, "render", versions(tools)["render"])
    if payload is None:
        raise NotFound("there is no image of this page")
    return TypeAdapter(PageImage).validate_json(payload)


def kept(tag: str) -> dict[str, str]:
    """Headers of a picture that a browser may keep for its own user, and must ask about each time."""
    return {"cache-control": "private, no-cache", "etag": f'"{tag}"', "vary": "cookie, authorization"}


def fresh(request: Request, tag: str) -> bool:
    """Whether the browser has this very picture."""
    return f'"{tag}"' in request.headers.get("if-none-match", "")
