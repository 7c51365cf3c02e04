"""Pictures as PDF: TIFF with any number of pages, JPEG and PNG. Only ever called in a worker process.

No pixel changes on the way: a JPEG's bytes go into the PDF as they are, black and white pages as CCITT group 4, all
else as Flate. The page has the size that the picture's resolution gives it, and stands as its EXIF orientation says.
The same picture gives the same PDF, byte for byte, so that one dropped twice is one document.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline.errors import DocumentHeld, MunimentError
from pipeline.inbox.tiff import is_tiff, reaches_its_end
from pipeline.store import Store

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["PictureJob", "check", "convert", "is_picture"]

MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
END_WITHIN = 1024  # bytes: some programs add a few after the end
FORMATS = ("JPEG", "PNG", "TIFF")
POINTS_PER_INCH = 72.0
USUAL_DPI = (50.0, 2400.0)  # what a scanner may have; anything else in the file is no resolution
SCREEN_DPI = 96.0  # what cameras and editors write when they know none
LEGAL_INCHES = 14.0
A4_INCHES = 11.69
ORIENTATION = 0x0112  # EXIF
ROWS_PER_STRIP, STRIP_OFFSETS, STRIP_BYTES = 278, 273, 279  # TIFF
CREATED = "D:20000101000000Z"  # a date of its own would give each conversion other bytes


@dataclass(frozen=True, slots=True)
class PictureJob:
    """A picture in the store to make a PDF of, and the pixels a page of it may have."""

    picture: Path
    store: Path
    max_pages: int
    max_pixels: int


def is_picture(head: bytes) -> bool:
    """Whether a file that begins so is a TIFF, JPEG or PNG."""
    return head.startswith(MAGIC) or is_tiff(head)


def check(opened: BinaryIO, max_pages: int, max_pixels: int) -> int:
    """Decode all pages of the picture; their number. `DocumentHeld` for one that is cut short, damaged or too large,
    `DocumentRejected` for what only begins like a picture."""
    return sum(1 for _ in _pages(opened, max_pages, max_pixels))


def convert(job: PictureJob) -> str:
    """Make the PDF and keep it; the SHA-256 of its bytes. Raises as `check` does."""
    import pymupdf

    with job.picture.open("rb") as opened, pymupdf.open() as document:
        for image in _pages(opened, job.max_pages, job.max_pixels):
            _add_page(document, image, job.picture)
        document.set_metadata({"creationDate": CREATED, "modDate": CREATED})
        return Store(job.store).put(document.tobytes(garbage=1, deflate=True, no_new_id=True))


def _pages(opened: BinaryIO, max_pages: int, max_pixels: int) -> Iterator[Image]:
    """The pages one after the other, decoded; each is good until the next is asked for."""
    try:
        yield from _decoded(opened, max_pages, max_pixels)
    except (MemoryError, MunimentError):
        raise
    except Exception as error:  # on hostile bytes Pillow raises whatever its parsers stumble over
        raise DocumentHeld("the picture is cut short or damaged") from error


def _decoded(opened: BinaryIO, max_pages: int, max_pixels: int) -> Iterator[Image]:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before a page is decoded
    _check_end(opened)
    try:
        image = Image.open(opened, formats=FORMATS)
    except UnidentifiedImageError:
        raise DocumentHeld("the picture is cut short or damaged: its header can't be read") from None
    number = 1
    while True:
        if number > max_pages:
            raise DocumentHeld(f"has more pages than the {max_pages} allowed (MUNIMENT_MAX_PAGES)")
        if image.width * image.height > max_pixels:
            raise DocumentHeld(
                f"page {number} has {image.width * image.height:,} pixels, more than the {max_pixels:,} allowed "
                "(MUNIMENT_MAX_PICTURE_PIXELS)"
            )
        image.load()
        yield image
        if not _next(image, number):
            return
        number += 1


def _check_end(opened: BinaryIO) -> None:
    """Decoders do without the last bytes of a file; one that has not been written to its end lacks them."""
    opened.seek(0)
    head = opened.read(16)
    if is_tiff(head):
        whole = reaches_its_end(opened)
    else:
        opened.seek(max(opened.seek(0, io.SEEK_END) - END_WITHIN, 0))
        whole = (b"\xff\xd9" if head.startswith(b"\xff\xd8") else b"IEND\xaeB`\x82") in opened.read()
    if not whole:
        raise DocumentHeld("the picture is cut short: its end is missing")
    opened.seek(0)


def _next(image: Image, number: int) -> bool:
    """Go to the next page of a TIFF; False after the last one. Other pictures have one page: what else may be in
    them (a preview, an animation) is no page of a scan."""
    if image.format != "TIFF":
        return False
    try:
        image.seek(number)
    except EOFError:
        return False
    return True


def _add_page(document: Any, image: Image, picture: Path) -> None:
    """Append a page that is nothing but this picture."""
    across, down = _dpi(image)
    width, height = image.width / across * POINTS_PER_INCH, image.height / down * POINTS_PER_INCH
    turn = image.getexif().get(ORIENTATION, 1)
    place = _placed(turn, width, height)
    page = document.new_page(width=width, height=height) if turn < 5 else document.new_page(width=height, height=width)
    xref = _embedded(document, page, image, picture)
    content = document.get_new_xref()
    document.update_object(content, "<<>>")
    document.update_stream(content, f"q {place} cm /Im0 Do Q\n".encode(), compress=False)
    document.xref_set_key(page.xref, "Resources", f"<</XObject<</Im0 {xref} 0 R>>>>")
    document.xref_set_key(page.xref, "Contents", f"{content} 0 R")


def _placed(turn: int, w: float, h: float) -> str:
    """The matrix that puts a picture of this EXIF orientation upright on its page (PDF: origin bottom left)."""
    matrices = {
        2: (-w, 0, 0, h, w, 0),
        3: (-w, 0, 0, -h, w, h),
        4: (w, 0, 0, -h, 0, h),
        5: (0, -w, -h, 0, h, w),
        6: (0, -w, h, 0, 0, w),
        7: (0, w, h, 0, 0, 0),
        8: (0, w, -h, 0, h, 0),
    }
    return " ".join(f"{number:.4f}" for number in matrices.get(turn, (w, 0, 0, h, 0, 0)))


def _dpi(image: Image) -> tuple[float, float]:
    """Pixels an inch across and down. Where the file gives none that paper can have, the page becomes an A4's height:
    a camera's 72 dpi makes pages of a metre and more."""
    given = image.info.get("dpi")
    if given and all(USUAL_DPI[0] <= float(each) <= USUAL_DPI[1] for each in given):
        across, down = round(float(given[0]), 2), round(float(given[1]), 2)  # PNG counts by the metre
        longest = max(image.width / across, image.height / down)
        if longest <= LEGAL_INCHES or min(across, down) > SCREEN_DPI:
            return across, down
    usual = max(max(image.size) / A4_INCHES, POINTS_PER_INCH)
    return usual, usual


def _embedded(document: Any, page: Any, image: Image, picture: Path) -> int:
    """The number of the image object in the PDF."""
    if image.mode == "1":
        return _group4(document, image)
    if image.format in ("JPEG", "MPO"):  # a phone's JPEG holds a second picture and is called MPO
        return int(page.insert_image(page.rect, filename=str(picture), keep_proportion=False))
    stream = io.BytesIO()
    _plain(image).save(stream, "PNG", compress_level=1)  # MuPDF packs the pixels anew
    return int(page.insert_image(page.rect, stream=stream.getvalue(), keep_proportion=False))


def _plain(image: Image) -> Image:
    """What PNG can hold, without the transparency: paper is white behind it."""
    import numpy as np
    from PIL import Image as Pillow

    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Pillow.new("RGBA", image.size, "white")
        return Pillow.alpha_composite(white, image).convert("RGB")
    if image.mode.startswith("I;16"):
        return Pillow.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DocumentHeld("the picture has more than 16 bits a colour: no scan has")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _group4(document: Any, image: Image) -> int:
    """A black and white page as its fax code: a third of what Flate makes of it."""
    out = io.BytesIO()
    image.point(lambda level: 255 - level).save(
        out, "TIFF", compression="group4", tiffinfo={ROWS_PER_STRIP: image.height}
    )
    from PIL import Image as Pillow

    tags: Any = Pillow.open(out, formats=["TIFF"]).tag_v2  # type: ignore[attr-defined]
    (offset,), (size,) = tags[STRIP_OFFSETS], tags[STRIP_BYTES]
    xref = int(document.get_new_xref())
    shape = f"/Type/XObject/Subtype/Image/Width {image.width}/Height {image.height}"
    shape += "/ColorSpace/DeviceGray/BitsPerComponent 1"
    coding = f"/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns {image.width}/Rows {image.height}>>"
    document.update_object(xref, f"<<{shape}>>")
    document.update_stream(xref, out.getvalue()[offset : offset + size], compress=False)
    document.update_object(xref, f"<<{shape}{coding}>>")  # update_stream drops the filter
    return xref
