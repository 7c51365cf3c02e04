"""Where a page answers a question, as a translucent picture to lie over its scan; made only when somebody asks."""

from __future__ import annotations

import io
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from pipeline.errors import NotFound
from pipeline.phrases import parse
from pipeline.web.guard import Office, Visible, Who, note
from pipeline.web.scans import Number, fresh, kept, page_image

if TYPE_CHECKING:
    from pipeline.backends.protocols import Matrix

__all__ = ["room"]

room = APIRouter(tags=["viewer"])

COLOUR = (214, 69, 24)
STRONGEST = 170  # of 255: the words below stay readable


@room.get("/documents/{document}/pages/{number}/heat", response_class=Response)
def heat(
    document: Visible,
    number: Number,
    q: Annotated[str, Query(min_length=1)],
    tools: Office,
    caller: Who,
    request: Request,
) -> Response:
    """The heat map of the question on the page, a PNG of one pixel a patch; 404 while no page-image model is set."""
    shown = page_image(tools, document.sha256, number)
    embedder = tools.page_embedder
    asked = parse(q).plain
    if embedder is None or not asked:
        raise NotFound("there is no heat map: no page-image model is configured, or nothing was asked")
    note(tools, caller, "view", document, page=number, part="heat map", query=asked)
    tag = sha256("\0".join((shown.sha256, embedder.name, asked)).encode()).hexdigest()[:32]
    if fresh(request, tag):
        return Response(status_code=304, headers=kept(tag))
    drawn = _picture(embedder.heat(tools.store.path(shown.sha256), asked))
    return Response(drawn, media_type="image/png", headers=kept(tag))


def _picture(shares: Matrix) -> bytes:
    """One colour, the more opaque the hotter; the browser smooths it to the page's size."""
    import numpy as np
    from PIL import Image

    pixels = np.empty((*shares.shape, 4), dtype=np.uint8)
    pixels[..., :3] = COLOUR
    pixels[..., 3] = np.round(shares**1.5 * STRONGEST)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
