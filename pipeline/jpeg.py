"""The JPEG of a scanned page: decoded with care, and stripped of what no reader sees.

A camera's or an editor's JPEG carries more than the picture: a thumbnail (perhaps from before a passage
was blacked out), an orientation that browsers obey and PDF viewers don't, names and places. None of it is
on the page, so none of it is kept or sent.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["decode", "without_metadata"]

FIRST_WITH_LENGTH = 0xC0
START_OF_SCAN = 0xDA
COMMENT = 0xFE
APP_FIRST, APP_LAST = 0xE0, 0xEF
APP_KEPT = (0xE0, 0xEE)  # JFIF's density; Adobe's note on the colour transform, without which colours are wrong


def decode(data: bytes, width: int, height: int) -> Image | None:
    """The pixels; None where Pillow can't read it whole, or finds another size or more than grey or RGB."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the caller has checked the size, and the file must agree with it
    try:
        image = Image.open(io.BytesIO(data), formats=["JPEG"])
        if image.mode not in ("L", "RGB") or image.size != (width, height):
            return None
        image.load()
    except MemoryError:
        raise
    except Exception:  # on hostile bytes Pillow raises whatever its parsers stumble over
        return None
    return image


def without_metadata(data: bytes) -> bytes | None:
    """The same picture, bit for bit, without comments and application segments; `data` itself if it has
    none, and None for bytes that are no plain sequence of JPEG segments."""
    kept, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff":
        kind, length = int.from_bytes(data[at + 1 : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == START_OF_SCAN:
            return b"".join([*kept, data[at:]])
        if not FIRST_WITH_LENGTH <= kind < 0xFF or length < 2:
            return None
        if kind in APP_KEPT or not (kind == COMMENT or APP_FIRST <= kind <= APP_LAST):
            kept.append(data[at : at + 2 + length])
        at += 2 + length
    return None
