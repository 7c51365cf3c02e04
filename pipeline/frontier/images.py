"""A page's image as it is sent: upright, in grey or colour, at the model's best size, as a JPEG under the byte limit.

What the store holds was made here, but a disk can lose it and a page can be anything: whatever is wrong with an
image is told as a reason, and the page is dealt with without it.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.frontier.models import Model, best_size, image_tokens

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOST_BYTES", "Unusable", "encoded"]

QUALITIES = (80, 60, 40, 20)
"""JPEG; the difference of 90 to 80 is not seen at reading size. Less only where the bytes would be too many."""

MOST_BYTES = 5 * 1024 * 1024 * 3 // 4
"""Of one JPEG. Above it the provider answers "image exceeds 5 MB maximum: … bytes > 5242880 bytes", where it counts
the image in base64; three of them in a request stay far under its 32 MB."""

MOST_PIXELS = 200_000_000
"""Of a stored page: five times what a render may have by default. Checked here, because Pillow's own guard is a global
of the process, which what decodes bounded pictures turns off."""

WHITE = 255


class Unusable(Exception):
    """Why the image can't be sent, in words."""


def encoded(path: Path, model: Model) -> tuple[str, int]:
    """The image as base64 of a JPEG, and the tokens it costs; `Unusable` when there is none to be had."""
    try:
        shown = _shown(path, model)
        return base64.standard_b64encode(_jpeg(shown)).decode(), image_tokens(*shown.size)
    except Unusable:
        raise
    except FileNotFoundError:
        raise Unusable("it is not in the store") from None
    except Exception as error:  # on broken bytes Pillow raises whatever its parsers stumble over
        empty = path.stat().st_size == 0
        raise Unusable("it is empty" if empty else f"it can't be decoded ({type(error).__name__})") from None


def _shown(path: Path, model: Model) -> Image:
    from PIL import Image

    with Image.open(path) as image:
        if image.width * image.height > MOST_PIXELS:
            raise Unusable(f"it has {image.width:,} by {image.height:,} pixels")
        size = best_size(image.width, image.height, model)
        image.draft(None, size)  # a large JPEG is not decoded larger than it is needed
        flat = _flat(image)
    return flat if flat.size == size else flat.resize(size, Image.Resampling.LANCZOS)


def _flat(image: Image) -> Image:
    """In grey or RGB, on white paper where it is transparent."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":  # 16 bits, which a plain conversion would clip to white
        return image.point(lambda value: value * (1 / 257) + 0).convert("L")
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        paper = Image.new("RGBA", shown.size, (WHITE, WHITE, WHITE, WHITE))
        return Image.alpha_composite(paper, shown).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _jpeg(image: Image) -> bytes:
    for quality in QUALITIES:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        if out.tell() <= MOST_BYTES:
            return out.getvalue()
    raise Unusable(f"it takes more than {MOST_BYTES} bytes even as a coarse JPEG")
