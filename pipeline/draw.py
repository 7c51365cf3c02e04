"""Draw a PDF page to pixels with MuPDF: whole, without its text, or its text alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

__all__ = ["Drawing", "draw"]

Part = Literal["all", "no text", "text alone"]
# MuPDF's warnings that mean something was lost; it also warns of what it only had to guess, such as a font.
DAMAGE = ("premature end", "page may not be correct")
# A null callback is MuPDF's own way to say that a device does not do this.
LEFT_OUT: dict[Part, tuple[str, ...]] = {
    "all": (),
    "no text": ("fill_text", "stroke_text"),
    "text alone": ("fill_path", "stroke_path", "fill_shade", "fill_image", "fill_image_mask"),
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """Pixels (H, W, channels): grey, RGB on white, or RGBA for "text alone", whose alpha is the letters'
    coverage. `complaints` is whether MuPDF met something it could not draw, and stepped over it;
    `damaged` whether that certainly lost a part of the page, as where data was cut short."""

    pixels: Pixels
    complaints: bool
    damaged: bool


def draw(page: Any, scale: float, part: Part = "all", *, gray: bool = False) -> Drawing:
    """The page at `scale` pixels a point, annotations and form fields included."""
    import pymupdf
    from pymupdf import mupdf

    alone = part == "text alone"
    box = (page.rect * pymupdf.Matrix(scale, scale)).irect
    space = mupdf.fz_device_gray() if gray else mupdf.fz_device_rgb()
    canvas = mupdf.fz_new_pixmap_with_bbox(space, mupdf.FzIrect(*box), mupdf.FzSeparations(), int(alone))
    if alone:
        mupdf.fz_clear_pixmap(canvas)  # transparent; clearing it with a value would make it opaque
    else:
        mupdf.fz_clear_pixmap_with_value(canvas, 255)
    device = mupdf.fz_new_draw_device(mupdf.FzMatrix(scale, 0, 0, scale, 0, 0), canvas)
    for call in LEFT_OUT[part]:
        setattr(device.m_internal, call, None)
    pymupdf.TOOLS.mupdf_warnings()  # not only reset: a "repeated 2 times" of the page before may be pending
    cookie = mupdf.FzCookie()
    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    mupdf.fz_run_display_list(page.get_displaylist().this, device, mupdf.FzMatrix(), everywhere, cookie)
    mupdf.fz_close_device(device)
    warnings = pymupdf.TOOLS.mupdf_warnings()
    damaged = bool(cookie.m_internal.errors) or any(sign in warnings for sign in DAMAGE)
    pixmap = pymupdf.Pixmap("raw", canvas)
    pixels = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, pixmap.n)
    return Drawing(pixels, damaged or bool(warnings), damaged)
