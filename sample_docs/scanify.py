"""Turn a clean PDF into a degraded, image-only one: the same file a firm's copier would have mailed.

    python -m sample_docs.scanify IN.pdf OUT.pdf --level harsh --seed 7

Every page is rasterised, put through the faults of `degrade` and embedded as one full-page image, encoded as a
JPEG (grey or colour) or as a real CCITT G4 strip. The result is a pure function of the source's bytes, the
level and the seed (for one version of PyMuPDF, Pillow and numpy), and has no text layer.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pymupdf
from PIL import Image

from sample_docs import degrade

__all__ = ["LEVELS", "Encoding", "Level", "Scan", "place", "save", "scan_page", "scanify"]

Encoding = Literal["jpeg-grey", "jpeg-colour", "g4"]
Span = tuple[float, float]
CREATED = "D:20240603091500Z"
ROWS_PER_STRIP, STRIP_OFFSETS, STRIP_BYTES = 278, 273, 279


@dataclass(frozen=True, slots=True)
class Level:
    """How badly a page was scanned. A `Span` is drawn from uniformly, once a page.

    `dpi` horizontally, times `aspect` vertically (a standard fax has half as many lines as columns);
    `quality` of the JPEG; `skew` sigma and limit in degrees; `ink` and `paper` the grey levels black and white
    fade to; `blur` sigma in pixels at 200 dpi; `noise` sigma in grey levels; `speckle` specks a megapixel;
    `shading`, `shadow` and `bleed` shares (0..1) of light lost to uneven lighting, to the edge shadow and to
    the reverse side; `holes` the chance of binder holes; `threshold` the grey level that splits bilevel pages;
    `rotations` the quarter turns (clockwise) in which a page may lie; `platen` the grey behind the sheet.
    """

    name: str
    dpi: Span
    encodings: tuple[Encoding, ...]
    quality: tuple[int, int] = (60, 75)
    aspect: float = 1.0
    skew: Span = (0.0, 0.0)
    ink: Span = (15.0, 40.0)
    paper: Span = (246.0, 254.0)
    blur: Span = (0.3, 0.5)
    noise: Span = (1.0, 2.0)
    speckle: Span = (0.0, 2.0)
    shading: Span = (0.0, 0.02)
    shadow: Span = (0.0, 0.0)
    bleed: Span = (0.0, 0.0)
    holes: float = 0.0
    threshold: float = 168.0
    rotations: tuple[int, ...] = (0,)
    platen: int = 236


LEVELS = {
    level.name: level
    for level in (
        Level("light", (200, 200), ("jpeg-grey",), skew=(0.12, 0.3)),
        Level(
            "office",
            (150, 200),
            ("jpeg-grey", "g4", "jpeg-colour"),
            quality=(42, 60),
            skew=(0.35, 0.9),
            ink=(25, 60),
            paper=(236, 250),
            blur=(0.4, 0.8),
            noise=(2, 4),
            speckle=(4, 16),
            shading=(0.02, 0.07),
            shadow=(0.05, 0.3),
            bleed=(0.0, 0.03),
            holes=0.35,
        ),
        Level(
            "harsh",
            (120, 200),
            ("jpeg-grey",),
            quality=(28, 60),
            skew=(0.9, 1.8),
            ink=(60, 125),
            paper=(205, 240),
            blur=(0.6, 1.1),
            noise=(6, 12),
            speckle=(20, 80),
            shading=(0.08, 0.25),
            shadow=(0.2, 0.6),
            bleed=(0.03, 0.12),
            holes=0.4,
            platen=150,
        ),
        Level(
            "fax",
            (200, 204),
            ("g4",),
            aspect=0.5,
            skew=(0.3, 0.8),
            ink=(10, 60),
            paper=(238, 252),
            blur=(0.7, 1.0),
            noise=(10, 16),
            speckle=(60, 160),
            threshold=150,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Scan:
    """One encoded page image: the bytes as they stand in the PDF, its size in pixels and on paper in points."""

    data: bytes
    encoding: Encoding
    pixels: tuple[int, int]
    points: tuple[float, float]


def scan_page(page: pymupdf.Page, level: Level, rng: np.random.Generator, reverse: pymupdf.Page | None = None) -> Scan:
    """Scan one page at this level; `reverse` is what shows through it from behind."""
    dpi = rng.uniform(*level.dpi)
    encoding = level.encodings[int(rng.integers(len(level.encodings)))]
    colour = encoding == "jpeg-colour"
    sheet = _rasterise(page, dpi, colour)
    back = None if reverse is None or not level.bleed[1] else _rasterise(reverse, dpi, colour)
    image = degrade.to_image(_spoil(sheet, back, level, dpi, rng))
    turn = level.rotations[int(rng.integers(len(level.rotations)))]
    width, height = page.rect.width, page.rect.height
    if turn:
        image = image.rotate(-turn, expand=True)
    if turn % 180:
        width, height = height, width
    if level.aspect != 1.0:
        image = image.resize((image.width, round(image.height * level.aspect)), Image.Resampling.BOX)
    quality = int(rng.integers(level.quality[0], level.quality[1] + 1))
    return Scan(*_encode(image, encoding, quality, level.threshold), (width, height))


def _rasterise(page: pymupdf.Page, dpi: float, colour: bool) -> degrade.Pixels:
    space = pymupdf.csRGB if colour else pymupdf.csGRAY
    pixmap = page.get_pixmap(matrix=pymupdf.Matrix(dpi / 72, dpi / 72), colorspace=space, alpha=False)
    shape = (pixmap.height, pixmap.width, 3) if colour else (pixmap.height, pixmap.width)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(shape).astype(np.float32)


def _spoil(
    pixels: degrade.Pixels, back: degrade.Pixels | None, level: Level, dpi: float, rng: np.random.Generator
) -> degrade.Pixels:
    pixels = degrade.fade(pixels, rng.uniform(*level.ink), rng.uniform(*level.paper))
    if back is not None:
        pixels = degrade.bleed(pixels, back, rng.uniform(*level.bleed))
    if rng.random() < level.holes:
        pixels = degrade.punch_holes(pixels, dpi, rng)
    angle = float(np.clip(rng.standard_normal() * level.skew[0], -level.skew[1], level.skew[1]))
    slip = (rng.uniform(-0.02, 0.02) * dpi, rng.uniform(-0.02, 0.02) * dpi)
    pixels = degrade.skew(pixels, angle, slip, level.platen)
    pixels = degrade.shade(pixels, rng.uniform(*level.shading), rng)
    pixels = degrade.edge_shadow(pixels, rng.uniform(*level.shadow), rng)
    pixels = degrade.speckle(pixels, rng.uniform(*level.speckle), rng)
    pixels = degrade.blur(pixels, rng.uniform(*level.blur) * dpi / 200)
    return degrade.grain(pixels, rng.uniform(*level.noise), rng)


def _encode(
    image: Image.Image, encoding: Encoding, quality: int, threshold: float
) -> tuple[bytes, Encoding, tuple[int, int]]:
    if encoding == "g4":
        # Ink is stored as 1: CCITT codes 1 as black, so the strip needs no BlackIs1 in the PDF.
        ink = image.convert("L").point(lambda level: 255 if level < threshold else 0).convert("1")
        return _g4_strip(ink), encoding, image.size
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue(), encoding, image.size


def _g4_strip(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "TIFF", compression="group4", tiffinfo={ROWS_PER_STRIP: image.height})
    tags = Image.open(out).tag_v2  # type: ignore[attr-defined]
    (offset,), (size,) = tags[STRIP_OFFSETS], tags[STRIP_BYTES]
    return out.getvalue()[offset : offset + size]


def place(document: pymupdf.Document, scan: Scan) -> pymupdf.Page:
    """Append a page that is nothing but this scan; the encoded bytes go into the PDF untouched."""
    width, height = scan.points
    page = document.new_page(width=width, height=height)
    image, content = document.get_new_xref(), document.get_new_xref()
    document.update_object(image, _image_dictionary(scan, with_filter=False))
    document.update_stream(image, scan.data, compress=False)
    document.update_object(image, _image_dictionary(scan, with_filter=True))  # update_stream drops the filter
    document.update_object(content, "<<>>")
    document.update_stream(content, f"q {width:g} 0 0 {height:g} 0 0 cm /Im0 Do Q\n".encode(), compress=False)
    document.xref_set_key(page.xref, "Resources", f"<</XObject<</Im0 {image} 0 R>>>>")
    document.xref_set_key(page.xref, "Contents", f"{content} 0 R")
    return document.reload_page(page)


def _image_dictionary(scan: Scan, *, with_filter: bool) -> str:
    width, height = scan.pixels
    space = "DeviceRGB" if scan.encoding == "jpeg-colour" else "DeviceGray"
    bits = 1 if scan.encoding == "g4" else 8
    coding = ""
    if with_filter and scan.encoding == "g4":
        coding = f"/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns {width}/Rows {height}>>"
    elif with_filter:
        coding = "/Filter/DCTDecode"
    return (
        f"<</Type/XObject/Subtype/Image/Width {width}/Height {height}"
        f"/ColorSpace/{space}/BitsPerComponent {bits}{coding}>>"
    )


def save(document: pymupdf.Document, target: Path, *, producer: str = "ScanCenter MX-4070") -> None:
    """Write the PDF without anything that differs from run to run (no id, fixed dates)."""
    document.set_metadata({"producer": producer, "creationDate": CREATED, "modDate": CREATED})
    target.parent.mkdir(parents=True, exist_ok=True)
    document.save(target, garbage=3, deflate=True, no_new_id=True)


def scanify(source: Path, target: Path, *, level: Level, seed: int) -> None:
    """Write `source` to `target` as a scan; each page's faults depend on seed and page number only."""
    with pymupdf.open(source) as clean, pymupdf.open() as scanned:
        for number, page in enumerate(clean):
            rng = np.random.default_rng([seed, number])
            reverse = clean[number + 1] if number + 1 < len(clean) else None
            place(scanned, scan_page(page, level, rng, reverse))
        save(scanned, target)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sample_docs.scanify", description="Turn a clean PDF into a degraded scan."
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--level", choices=LEVELS, default="office")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--encoding", choices=["jpeg-grey", "jpeg-colour", "g4"], help="instead of the level's own")
    given = parser.parse_args(arguments)
    level = LEVELS[given.level]
    if given.encoding:
        level = replace(level, encodings=(given.encoding,))
    scanify(given.source, given.target, level=level, seed=given.seed)


if __name__ == "__main__":
    main()
