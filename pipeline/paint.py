"""What paints a PDF page: a log of MuPDF's drawing calls, enough to know a plain scan when we see one."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pipeline.types import Affine

__all__ = ["PaintLog", "Picture", "paint_log"]

WATCHED = (
    "fill_path", "stroke_path", "clip_path", "clip_stroke_path", "fill_text", "stroke_text", "clip_text",
    "clip_stroke_text", "fill_shade", "fill_image", "fill_image_mask", "clip_image_mask", "begin_mask",
    "begin_group", "begin_tile",
)  # fmt: skip
GRAY, RGB = 1, 2  # fz_colorspace_type, which the Python binding does not export


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as the page draws it. `place` maps fractions of the image (origin top left) to page points."""

    width: int
    height: int
    bits: int
    place: Affine
    jpeg: bytes | None
    plain: bool

    @property
    def area(self) -> float:
        """Square points of the page that it covers (before clipping)."""
        return abs(self.place.a * self.place.d - self.place.b * self.place.c)


@dataclass(slots=True)
class PaintLog:
    """The images of a page and how much else it draws. `tricks` counts masks, tiles and transparency
    groups; `clips` holds the rectangles that drawing is confined to."""

    pictures: list[Picture] = field(default_factory=list)
    letters: int = 0
    drawings: int = 0
    tricks: int = 0
    clips: list[tuple[float, float, float, float]] = field(default_factory=list)


def paint_log(page: Any) -> PaintLog:
    """Run the page, its annotations and form fields through a device that only takes notes."""
    from pymupdf import mupdf

    log = PaintLog()
    device = _device_class()(log)
    mupdf.fz_run_page(page.this, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return log


@cache
def _device_class() -> Any:
    # Made on first use: its base class exists only once MuPDF is imported.
    from pymupdf import mupdf

    class Device(mupdf.FzDevice2):  # type: ignore[misc]
        """Method names and arguments are MuPDF's `fz_device` callbacks."""

        def __init__(self, log: PaintLog) -> None:
            super().__init__()
            self.log = log
            for name in [
                "fill_path",
                "stroke_path",
                "clip_path",
                "clip_stroke_path",
                "fill_text",
                "stroke_text",
                "clip_text",
                "clip_stroke_text",
                "fill_shade",
                "fill_image",
                "fill_image_mask",
                "clip_image_mask",
                "begin_mask",
                "begin_group",
                "begin_tile",
            ]:
                getattr(self, f"use_virtual_{name}")()

        def fill_image(self, _ctx: Any, image: Any, ctm: Any, alpha: float, _params: Any) -> None:
            self.log.pictures.append(_picture(mupdf, image, ctm, alpha))

        def fill_image_mask(self, _ctx: Any, image: Any, ctm: Any, _space: Any, *_rest: Any) -> None:
            self.log.pictures.append(_picture(mupdf, image, ctm, 1.0))

        def fill_text(self, _ctx: Any, text: Any, _ctm: Any, _space: Any, _color: Any, alpha: float, *_: Any) -> None:
            self.log.letters += _letters(text) if alpha > 0 else 0

        def stroke_text(self, _ctx: Any, text: Any, *_: Any) -> None:
            self.log.letters += _letters(text)

        def fill_path(self, *_: Any) -> None:
            self.log.drawings += 1

        def stroke_path(self, *_: Any) -> None:
            self.log.drawings += 1

        def fill_shade(self, *_: Any) -> None:
            self.log.drawings += 1

        def clip_path(self, _ctx: Any, path: Any, _even_odd: Any, ctm: Any, _scissor: Any) -> None:
            box = mupdf.ll_fz_bound_path(path, None, ctm)
            self.log.clips.append((box.x0, box.y0, box.x1, box.y1))
            self.log.tricks += not mupdf.ll_fz_path_is_rect(path, ctm)

        def _trick(self, *_: Any) -> None:
            self.log.tricks += 1

        clip_stroke_path = clip_text = clip_stroke_text = clip_image_mask = _trick
        begin_mask = begin_tile = _trick

        def begin_group(self, _ctx: Any, _area: Any, _space: Any, *how: Any) -> None:
            _isolated, _knockout, blend_mode, alpha = how
            self.log.tricks += blend_mode != 0 or alpha < 1

    return Device


def _letters(text: Any) -> int:
    count, span = 0, text.head
    while span:
        count += span.len
        span = span.next
    return count


def _picture(mupdf: Any, image: Any, ctm: Any, alpha: float) -> Picture:
    place = Affine(ctm.a, ctm.b, ctm.c, ctm.d, ctm.e, ctm.f)
    space = image.colorspace
    plain = (
        alpha >= 1
        and not image.mask
        and not image.imagemask
        and not image.use_decode
        and not image.use_colorkey
        and image.bpc == 8
        and bool(space)
        and space.type in (GRAY, RGB)
    )
    return Picture(image.w, image.h, image.bpc, place, _jpeg(mupdf, image) if plain else None, plain)


def _jpeg(mupdf: Any, image: Any) -> bytes | None:
    packed = mupdf.ll_fz_compressed_image_buffer(image)
    if not packed or packed.params.type != mupdf.FZ_IMAGE_JPEG:
        return None
    data = mupdf.FzBuffer(mupdf.ll_fz_keep_buffer(packed.buffer))
    return bytes(mupdf.fz_buffer_extract_copy(data))
