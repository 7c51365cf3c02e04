"""The typefaces pages are printed in and hands are written with, and a cache of drawn words.

A face comes from the first place that has it: `build/fonts` (filled by `infra.train.pages.collect`), a PyPI package
of fonts, or PyMuPDF's built-in ones, which are always there. A family that is not found is left out, so the pages of
a seed are the same only where the same fonts are.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pymupdf
from numpy.typing import NDArray
from PIL import ImageFont

__all__ = [
    "FOLDER",
    "Drawn",
    "Face",
    "Role",
    "collected",
    "covering",
    "digest",
    "draw",
    "faces",
    "files",
    "font",
    "space",
]

FOLDER = Path(__file__).parents[3] / "build" / "fonts"
PACKAGES = ("font_amatic_sc", "font_intuitive", "font_caladea", "font_lato", "font_source_serif_pro")
Role = Literal["serif", "sans", "mono", "hand", "chinese", "arabic"]

# Family: role, how often it is used, and its regular, bold and italic file (or PyMuPDF's name of it).
FAMILIES: dict[str, tuple[Role, float, tuple[str, ...]]] = {
    "Times": ("serif", 6, ("tiro", "tibo", "tiit")),
    "Helvetica": ("sans", 5, ("helv", "hebo", "heit")),
    "Courier": ("mono", 3, ("cour", "cobo", "coit")),
    "Liberation Serif": ("serif", 6, ("LiberationSerif-Regular", "LiberationSerif-Bold", "LiberationSerif-Italic")),
    "Liberation Sans": ("sans", 5, ("LiberationSans-Regular", "LiberationSans-Bold", "LiberationSans-Italic")),
    "Liberation Sans Narrow": (
        "sans",
        1,
        ("LiberationSansNarrow-Regular", "LiberationSansNarrow-Bold", "LiberationSansNarrow-Italic"),
    ),
    "Liberation Mono": ("mono", 2, ("LiberationMono-Regular", "LiberationMono-Bold", "LiberationMono-Italic")),
    "Carlito": ("sans", 3, ("Carlito-Regular", "Carlito-Bold", "Carlito-Italic")),
    "Caladea": ("serif", 2, ("Caladea-Regular", "Caladea-Bold", "Caladea-Italic")),
    "DejaVu Sans": ("sans", 1, ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans")),
    "DejaVu Serif": ("serif", 1, ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif")),
    "DejaVu Mono": ("mono", 1, ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono")),
    "Gentium": ("serif", 1, ("GenBasR", "GenBasB", "GenBasI")),
    "Libertine": ("serif", 2, ("LinLibertine_R", "LinLibertine_RB", "LinLibertine_RI")),
    "Garamond": ("serif", 1, ("EBGaramond12-Regular", "EBGaramond12-Bold", "EBGaramond12-Italic")),
    "Open Sans": ("sans", 2, ("OpenSans-Regular", "OpenSans-Bold", "OpenSans-Italic")),
    "Lato": ("sans", 1, ("Lato-Regular", "Lato-Bold", "Lato-Italic")),
    "Source Serif": ("serif", 1, ("SourceSerifPro-Regular", "SourceSerifPro-Bold", "SourceSerifPro-It")),
    "Old Standard": ("serif", 1, ("OldStandard-Regular", "OldStandard-Bold", "OldStandard-Italic")),
    "Caslon": ("serif", 1, ("CaslonRoman", "CaslonBold", "CaslonItalic")),
    "Didot": ("serif", 0.5, ("GFSDidot", "GFSDidotBold", "GFSDidotItalic")),
    "Century": ("serif", 1, ("Century-Catalogue",)),
    "Free Sans": ("sans", 1, ("FreeSans", "FreeSansBold", "FreeSansOblique")),
    "Free Mono": ("mono", 1, ("FreeMono", "FreeMonoBold", "FreeMonoOblique")),
    "Courier Prime": ("mono", 3, ("Courier Prime", "Courier Prime Bold", "Courier Prime Italic")),
    "TypoScript": ("mono", 1, ("TypoScript",)),
    "OCR-A": ("mono", 0.3, ("OCRA", "OCRABold", "OCRAItalic")),
    "OCR-B": ("mono", 0.5, ("OCRB",)),
    "GW Mono": ("mono", 1, ("GWMonospace", "GWMonospaceBold", "GWMonospaceOblique")),
    "Kristi": ("hand", 1, ("Kristi",)),
    "Delphine": ("hand", 2, ("Delphine",)),
    "Steve": ("hand", 2, ("SteveHand",)),
    "Breip": ("hand", 2, ("Breip",)),
    "Femke": ("hand", 2, ("femkeklaver",)),
    "Rufscript": ("hand", 1.5, ("Rufscript010",)),
    "Gillmor": ("hand", 2, ("dkg",)),
    "Ecolier": ("hand", 1.5, ("Ecolier-court",)),
    "Humor": ("hand", 1, ("Humor-Sans",)),
    "Kaushan": ("hand", 0.7, ("KaushanScript-Regular",)),
    "Dancing": ("hand", 1.5, ("DancingScript-Regular",)),
    "Purisa": ("hand", 1, ("Purisa",)),
    "Amatic": ("hand", 0.5, ("AmaticSC-Regular",)),
    "Intuitive": ("hand", 1, ("Intuitive",)),
    "Isabella": ("hand", 0.3, ("Isabella",)),
    "Droid Fallback": ("chinese", 1, ("china-s",)),
    "Amiri": ("arabic", 2, ("Amiri-Regular", "Amiri-Bold", "Amiri-Slanted")),
    "Kacst Book": ("arabic", 1, ("KacstBook",)),
    "DejaVu Arabic": ("arabic", 1, ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans")),
}
BUILT_IN = {"tiro", "tibo", "tiit", "helv", "hebo", "heit", "cour", "cobo", "coit", "china-s"}
EDGE = 24  # grey levels under which a drawn pixel is no ink


@dataclass(frozen=True, slots=True)
class Face:
    """A family of fonts: regular, bold and italic file names; what is missing is drawn regular."""

    family: str
    role: Role
    share: float
    styles: tuple[str, ...]

    def style(self, bold: bool, italic: bool) -> str:
        """The file for this style."""
        wanted = 1 if bold else 2 if italic else 0
        return self.styles[wanted] if wanted < len(self.styles) else self.styles[0]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawn word: its ink (0..255, 255 the deepest) cut to its box, where that box lies from the pen's place on
    the baseline (pixels), and how far the pen moves."""

    ink: NDArray[np.uint8]
    left: int
    top: int
    advance: float


@cache
def collected() -> dict[str, Path]:
    """Font files by their name without ending, of `build/fonts` and of the PyPI packages that are installed."""
    found: dict[str, Path] = {}
    for package in reversed(PACKAGES):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            found |= _inside(Path(spec.origin).parent / "files")
    return found | _inside(FOLDER)


def _inside(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in {".ttf", ".otf", ".cff"}}


@cache
def faces(role: Role) -> tuple[Face, ...]:
    """The families for this use that are there; never none for print, which PyMuPDF always has."""
    found = []
    for name, (kind, share, styles) in FAMILIES.items():
        there = tuple(style for style in styles if style in BUILT_IN or style in collected())
        if kind == role and there[:1] == styles[:1]:
            found.append(Face(name, kind, share, there if len(there) == len(styles) else there[:1]))
    return tuple(found)


@cache
def covering(role: Role, sample: str) -> tuple[Face, ...]:
    """The families for this use that have every letter of the sample."""
    return tuple(face for face in faces(role) if all(_has(style, sample) for style in face.styles))


@cache
def _has(style: str, sample: str) -> bool:
    font = pymupdf.Font(style) if style in BUILT_IN else pymupdf.Font(fontbuffer=_bytes(style))
    return all(font.has_glyph(ord(letter)) for letter in sample)


def files() -> list[str]:
    """The names of all font files that are used and not built in."""
    return sorted({style for _, _, styles in FAMILIES.values() for style in styles} - BUILT_IN)


@cache
def digest() -> str:
    """Eight hexadecimal digits that tell one set of fonts from another."""
    data = hashlib.sha256()
    for name in sorted(collected()):
        data.update(name.encode() + str(collected()[name].stat().st_size).encode())
    return data.hexdigest()[:8]


@cache
def _bytes(style: str) -> bytes:
    return bytes(pymupdf.Font(style).buffer) if style in BUILT_IN else collected()[style].read_bytes()


@lru_cache(maxsize=256)
def font(style: str, size: float) -> ImageFont.FreeTypeFont:
    """The font file at this size in pixels."""
    # Basic layout: the same on every machine, where Raqm depends on a system library.
    return ImageFont.truetype(io.BytesIO(_bytes(style)), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def space(style: str, size: float) -> float:
    """How wide a blank is, in pixels."""
    return max(float(font(style, size).getlength(" ")), 0.22 * size)  # some old faces have hardly any


@lru_cache(maxsize=30000)
def draw(style: str, size: float, text: str) -> Drawn:
    """Draw one word, `size` pixels to the em."""
    face = font(style, size)
    mask, (left, top) = face.getmask2(text, mode="L", anchor="ls")
    ink = np.asarray(mask, np.uint8).reshape(mask.size[::-1]) if 0 not in mask.size else np.zeros((0, 0), np.uint8)
    rows, columns = np.flatnonzero((ink > EDGE).any(axis=1)), np.flatnonzero((ink > EDGE).any(axis=0))
    advance = float(face.getlength(text))
    if not len(rows):
        return Drawn(np.zeros((0, 0), np.uint8), 0, 0, advance)
    cut = np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return Drawn(cut, int(left) + int(columns[0]), int(top) + int(rows[0]), advance)
