"""The scans themselves: a page as it was read, and its thumbnail."""

from __future__ import annotations

import io
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse

from pipeline.errors import NotFound
from pipeline.types import PageImage
from pipeline.web.guard import Office, Visible

__all__ = ["room"]

room = APIRouter(prefix="/documents/{document}/pages/{number}", tags=["scans"])

THUMBNAIL = 240  # pixels of its longer edge, drawn at half of it on common screens
KEPT = {"cache-control": "private, max-age=3600"}  # by this browser only; ids hang on the content
Number = Annotated[int, Path(ge=1, le=100_000)]


@room.get("/image", response_class=FileResponse)
def image(document: Visible, number: Number, tools: Office) -> FileResponse:
    """The upright page as it was read."""
    shown = page_image(tools, document.sha256, number)
    return FileResponse(tools.store.path(shown.sha256), media_type=shown.media_type, headers=KEPT)


@room.get("/thumbnail", response_class=Response)
def thumbnail(document: Visible, number: Number, tools: Office, request: Request) -> Response:
    """The page small, as JPEG."""
    shown = page_image(tools, document.sha256, number)
    tag = f'"{shown.sha256[:32]}-{THUMBNAIL}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=KEPT | {"etag": tag})
    return Response(_small(tools.store.path(shown.sha256)), media_type="image/jpeg", headers=KEPT | {"etag": tag})


def page_image(tools: Office, sha256: str, number: int) -> PageImage:
    """The page's image as the catalog remembers it; `NotFound` when the page was never rendered."""
    from pydantic import TypeAdapter

    from pipeline.stages import versions

    payload = tools.catalog.result(sha256, number, "render", versions(tools)["render"])
    if payload is None:
        raise NotFound("there is no image of this page")
    return TypeAdapter(PageImage).validate_json(payload)


def _small(path: object) -> bytes:
    from PIL import Image

    with Image.open(str(path)) as picture:
        picture.draft("L", (THUMBNAIL * 2, THUMBNAIL * 2))  # JPEG decodes at a fraction of its size
        small = picture.convert("L")
        small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=70)
    return out.getvalue()
