"""A page's upright image: the scan itself where that is what the page shows, else a rendering.

Runs in a worker. The image goes to the store; what comes back says how it came to be and how its points
map to the PDF page.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial
from math import hypot, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline import jpeg, pixels, upright
from pipeline.backends import ocr
from pipeline.draw import draw
from pipeline.errors import DocumentHeld
from pipeline.inbox import prints
from pipeline.paint import PaintLog, Picture, paint_log
from pipeline.pdf import InspectJob, PdfInfo, drawable, inspect, load_page, open_pdf
from pipeline.store import Store
from pipeline.types import Affine, PageImage

if TYPE_CHECKING:
    from PIL.Image import Image

    from pipeline.draw import Pixels
    from pipeline.pixels import Small

__all__ = ["InspectJob", "PdfInfo", "RenderJob", "inspect", "render_page"]

POINTS_PER_INCH = 72.0
JPEG_QUALITY = 90
SCAN_DPI = (100.0, 300.0)  # a scan is rendered at its own resolution, within these
PAPER_INCHES = 14.0  # legal; a scan on a larger page was put there at the wrong scale, see `_true_dpi`
BLANK = 12  # grey levels: a page whose pixels differ by less shows nothing
DARK = 64  # grey level: darker is no paper
SLACK = 1.5  # points by which a full-page scan may miss the page's edge: producers round


@dataclass(frozen=True, slots=True)
class RenderJob:
    """One page to make an image of. `tessdata` is the folder that holds osd.traineddata, or None; `rotation` the
    clockwise quarter turn that puts the page upright, where it is known already."""

    pdf: Path
    number: int
    store: Path
    dpi: int = 200
    max_pixels: int = 40_000_000
    max_page_points: float = 7200.0
    tessdata: Path | None = None
    rotation: int | None = None


@dataclass(frozen=True, slots=True)
class _Raster:
    """Pixels of the page as displayed, before it is put upright. `jpeg` are the very bytes they came from."""

    image: Image
    dpi: float
    place: Affine
    source: Literal["embedded", "rendered"]
    lossless: bool = False
    damaged: bool = False
    jpeg: bytes | None = None


def render_page(job: RenderJob) -> PageImage:
    """The upright image of a page, kept in the store.

    Raises `DocumentHeld` for a page that is larger than any paper or can't be drawn.
    """
    page = load_page(open_pdf(job.pdf), job.number)
    _check_size(page, job)
    with drawable(job.number):
        log = paint_log(page)
        raster = _embedded(page, log, job.max_pixels) or _rendered(page, log, job)
        raster = replace(raster, dpi=_true_dpi(raster))
        upright_raster, pose, small = _put_upright(page, log, raster, job)
    return _settle(job, upright_raster, pose, small)


def _check_size(page: Any, job: RenderJob) -> None:
    edge = max(page.rect.width, page.rect.height)
    if not edge <= job.max_page_points:
        raise DocumentHeld(
            f"page {job.number} is {edge:,.0f} pt long, more than the {job.max_page_points:,.0f} pt allowed "
            "(MUNIMENT_MAX_PAGE_POINTS)"
        )
    if page.rect.is_empty:
        raise DocumentHeld(f"page {job.number} has no area")


def _embedded(page: Any, log: PaintLog, max_pixels: int) -> _Raster | None:
    """The page's one JPEG, if the page is that and nothing else."""
    if len(log.pictures) != 1 or log.letters or log.drawings or log.tricks:
        return None
    picture = log.pictures[0]
    if picture.jpeg is None or not _fills(picture, page, log) or picture.width * picture.height > max_pixels:
        return None
    image = jpeg.decode(picture.jpeg, picture.width, picture.height)
    if image is None:
        return None
    turned, place = _unflip(image, picture.place)
    data = jpeg.without_metadata(picture.jpeg) if turned is image else None
    return _Raster(turned, turned.width / hypot(place.a, place.b) * POINTS_PER_INCH, place, "embedded", jpeg=data)


def _fills(picture: Picture, page: Any, log: PaintLog) -> bool:
    """Whether the image lies square on the page, covers it, and no part of it is hidden."""
    box = _bounds(picture.place)
    rect = page.rect
    inside = all(
        box[0] >= x0 - SLACK and box[1] >= y0 - SLACK and box[2] <= x1 + SLACK and box[3] <= y1 + SLACK
        for x0, y0, x1, y1 in [*log.clips, tuple(rect)]
    )
    covered = (box[2] - box[0]) * (box[3] - box[1])
    return inside and _square(picture.place) and covered >= 0.9 * rect.width * rect.height


def _bounds(place: Affine) -> tuple[float, float, float, float]:
    corners = [place.apply(x, y) for x in (0, 1) for y in (0, 1)]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _square(place: Affine) -> bool:
    """Quarter turns and flips only: no shear, no skew (a hundredth of a degree is a rounding error)."""
    straight = abs(place.b) + abs(place.c) < 2e-4 * (abs(place.a) + abs(place.d))
    crossed = abs(place.a) + abs(place.d) < 2e-4 * (abs(place.b) + abs(place.c))
    return straight or crossed


def _unflip(image: Image, place: Affine) -> tuple[Image, Affine]:
    """Apply the page's own flips and quarter turns, so that fractions map to points without any."""
    from PIL.Image import Transpose

    if abs(place.b) > abs(place.a):
        image = image.transpose(Transpose.TRANSPOSE)
        place = Affine(place.c, place.d, place.a, place.b, place.e, place.f)
    if place.a < 0:
        image = image.transpose(Transpose.FLIP_LEFT_RIGHT)
        place = Affine(-1, 0, 0, 1, 1, 0).then(place)
    if place.d < 0:
        image = image.transpose(Transpose.FLIP_TOP_BOTTOM)
        place = Affine(1, 0, 0, -1, 0, 1).then(place)
    return image, place


def _rendered(page: Any, log: PaintLog, job: RenderJob) -> _Raster:
    from PIL import Image

    dpi = _resolution(page, log, job)
    scale = dpi / POINTS_PER_INCH
    bilevel = _is_bilevel(log)
    drawing = draw(page, scale, gray=bilevel)
    image = Image.fromarray(drawing.pixels[:, :, 0]) if bilevel else _without_needless_colour(drawing.pixels)
    if drawing.complaints and int(np.ptp(drawing.pixels)) < BLANK:
        raise DocumentHeld(f"page {job.number} can't be drawn: its content is damaged")
    # The image's edge is a whole pixel, the page's need not be.
    place = Affine(a=image.width / scale, d=image.height / scale)
    return _Raster(image, dpi, place, "rendered", bilevel, drawing.damaged)


def _is_bilevel(log: PaintLog) -> bool:
    return bool(log.pictures) and all(p.bits == 1 for p in log.pictures) and not log.letters + log.drawings


def _resolution(page: Any, log: PaintLog, job: RenderJob) -> float:
    width, height = float(page.rect.width), float(page.rect.height)
    dpi = float(job.dpi)
    largest = max(log.pictures, key=lambda picture: picture.area, default=None)
    if largest is not None and largest.area > 0.6 * width * height:
        own = _finer_dpi(largest)
        shrunk = min(1.0, PAPER_INCHES * POINTS_PER_INCH / max(width, height))
        dpi = min(max(own, SCAN_DPI[0] * shrunk), SCAN_DPI[1])
    most = sqrt(job.max_pixels / (width * height)) * POINTS_PER_INCH
    return min(dpi, most)


def _finer_dpi(picture: Picture) -> float:
    """The resolution along the finer side: a standard fax has 204 dots an inch but 98 lines.

    Word recall of Tesseract on 4 faxed pages of contracts drawn at the mean of the two, at the finer, and at the finer
    and blurred by 0.8 pixels: 0.63, 0.65 and (on 3 of them) 0.65, 0.66, 0.75.
    """
    place = picture.place
    across, down = hypot(place.a, place.b), hypot(place.c, place.d)
    return max(picture.width / across, picture.height / down) * POINTS_PER_INCH


def _true_dpi(raster: _Raster) -> float:
    """The resolution of the paper. Some scanners write one point a pixel: pages a metre long at 72 dpi."""
    return max(raster.dpi, max(raster.image.size) / PAPER_INCHES)


def _without_needless_colour(drawn: Pixels) -> Image:
    """Grey, if no pixel has colour: a third of the bytes for everything after."""
    from PIL import Image

    image, sample = Image.fromarray(drawn), drawn[::2, ::2]
    red, green, blue = (np.ascontiguousarray(sample[:, :, channel]) for channel in range(3))
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return image if (spread > 24).mean() > 1e-5 else image.convert("L")


def _put_upright(page: Any, log: PaintLog, raster: _Raster, job: RenderJob) -> tuple[_Raster, upright.Pose, Small]:
    """The raster put upright, what that took, and its small copy."""
    small = pixels.shrink(raster.image, raster.dpi)
    written = _text_direction(page, log)
    if written is not None:
        pose = upright.Pose(written, 0.0)
    else:
        ask = partial(_orientation, raster, small, job.tessdata)
        pose = upright.pose(small, ask, known=job.rotation)
    if pose == upright.Pose(0, 0.0):
        return raster, pose, small
    turned = _turned(raster, pose, int(np.median(small.paper)))
    return turned, pose, pixels.shrink(turned.image, turned.dpi)


def _orientation(raster: _Raster, small: Small, tessdata: Path | None) -> tuple[int, float] | None:
    """Tesseract's opinion, by a clear image: it took grain for letters and called faint pages upside down."""
    clear = pixels.even_out(raster.image, raster.dpi, softer=True) if pixels.uneven(small) else raster.image
    return ocr.orientation(clear, raster.dpi, tessdata)


def _turned(raster: _Raster, pose: upright.Pose, paper: int) -> _Raster:
    image, place = upright.quarter_turn(raster.image, pose.rotation), raster.place
    place = upright.turned_back(pose.rotation).then(place)
    if pose.skew:
        image, back = upright.deskew(image, pose.skew, paper)
        place = back.then(place)
    return replace(raster, image=image, place=place, jpeg=None)


def _text_direction(page: Any, log: PaintLog) -> int | None:
    """The turn a born-digital page needs by its text's direction; None where a scan must be looked at."""
    covered = sum(picture.area for picture in log.pictures)
    if not log.letters or covered > 0.5 * page.rect.width * page.rect.height:
        return None
    votes = dict.fromkeys((0, 90, 180, 270), 0)
    for block in page.get_text("dict", flags=0)["blocks"]:
        for line in block["lines"]:
            cos, sin = _turned_direction(line["dir"], page.rotation)
            turn = (0 if cos > 0 else 180) if abs(cos) >= abs(sin) else (270 if sin > 0 else 90)
            votes[turn] += sum(len(span["text"]) for span in line["spans"])
    best = max(votes, key=lambda turn: votes[turn])
    return best if votes[best] > 0.6 * sum(votes.values()) else None


def _turned_direction(direction: tuple[float, float], rotation: int) -> tuple[float, float]:
    """PyMuPDF reports directions as of the page before its /Rotate, which turns clockwise."""
    cos, sin = direction
    for _ in range(rotation // 90 % 4):
        cos, sin = -sin, cos
    return cos, sin


def _settle(job: RenderJob, raster: _Raster, pose: upright.Pose, small: Small) -> PageImage:
    return PageImage(
        number=job.number,
        sha256=Store(job.store).put(raster.jpeg or _encode(raster)),
        media_type="image/png" if raster.lossless else "image/jpeg",
        width=raster.image.width,
        height=raster.image.height,
        dpi=round(raster.dpi, 1),
        to_pdf=raster.place,
        rotation=pose.rotation,
        skew=round(pose.skew, 2),
        ink=round(_ink_share(small), 5),
        contrast=round(pixels.contrast(small), 3),
        rules=pixels.rulings(small).count,
        source=raster.source,
        damaged=raster.damaged,
        look=prints.look_of(small.ink),
    )


def _ink_share(small: Small) -> float:
    """On a page that is dark all over nothing stands out from its paper: its darkness is the ink."""
    mostly_dark = 2 * np.count_nonzero(small.paper < DARK) > small.paper.size
    return float((small.gray < DARK).mean()) if mostly_dark else small.share


def _encode(raster: _Raster) -> bytes:
    from PIL.Image import Dither

    buffer = io.BytesIO()
    if not raster.lossless:
        raster.image.save(buffer, "JPEG", quality=JPEG_QUALITY)
    else:
        image = raster.image.convert("1", dither=Dither.NONE) if _two_levels(raster.image) else raster.image
        image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _two_levels(image: Image) -> bool:
    """Whether next to nothing lies between black and white."""
    counts = image.convert("L").histogram()
    return sum(counts[32:224]) < 0.002 * sum(counts)
