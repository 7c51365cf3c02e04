"""Tesseract, through tesserocr: words with boxes and confidences, and which way up a page is.

Engines are kept for the life of the worker, one a language: starting one costs more than a short page.
"""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.types import Box, Word

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Orientation", "detect_orientation", "detect_script", "read_words", "script", "tessdata_folder"]

OSD_CERTAIN = 2.0  # Tesseract's orientation confidence: under this it contradicts itself when a page is turned
OCR_DPI = (150.0, 300.0)
SCRIPT_CERTAIN = 2.0


@dataclass(frozen=True, slots=True)
class Orientation:
    """What Tesseract's orientation and script detection says."""

    turn: int
    confidence: float
    script: str
    script_confidence: float


def tessdata_folder(configured: Path | None, language: str) -> Path:
    """The folder that holds the traineddata of every language in `language` ("eng+deu").

    Raises `UsageError`, naming the setting, when one is missing.
    """
    folders = [configured] if configured else _installed_folders()
    wanted = language.split("+")
    for folder in folders:
        if all((folder / f"{name}.traineddata").is_file() for name in wanted):
            return folder
    where = ", ".join(str(folder) for folder in folders)
    raise UsageError(
        f"MUNIMENT_LANGUAGE={language}: Tesseract's data for it is not in {where}; install the tessdata package of "
        "that language or point MUNIMENT_TESSDATA at a folder that has it"
    )


def _installed_folders() -> list[Path]:
    """Where the tessdata packages put their files: under the environment's prefix."""
    prefixes = dict.fromkeys([sysconfig.get_path("data"), sys.prefix])
    return [Path(prefix) / "share" / "tessdata" for prefix in prefixes]


@lru_cache(maxsize=4)
def _engine(folder: Path, language: str) -> Any:
    import tesserocr

    mode = tesserocr.PSM.OSD_ONLY if language == "osd" else tesserocr.PSM.AUTO
    return tesserocr.PyTessBaseAPI(path=f"{folder}/", lang=language, psm=mode)


def read_words(image: Image, dpi: float, language: str, tessdata: Path | None) -> tuple[Word, ...]:
    """The words on an upright image in reading order, boxes as fractions of it, lines counted from 0."""
    import tesserocr

    gray, dpi = _legible(image.convert("L"), dpi)
    api = _engine(tessdata_folder(tessdata, language), language)
    api.SetImage(gray)
    api.SetSourceResolution(max(70, round(dpi)))
    words: list[Word] = []
    line = -1
    if api.Recognize() and (iterator := api.GetIterator()) is not None:
        level = tesserocr.RIL.WORD
        for item in tesserocr.iterate_level(iterator, level):
            line += item.IsAtBeginningOf(tesserocr.RIL.TEXTLINE)
            if item.Empty(level) or not (text := item.GetUTF8Text(level).strip()):
                continue
            words.append(Word(text, _box(item.BoundingBox(level), gray), item.Confidence(level) / 100, max(line, 0)))
    api.Clear()
    return tuple(words)


def _legible(gray: Image, dpi: float) -> tuple[Image, float]:
    """Brought to a resolution Tesseract was trained on: it wants capitals 20 to 40 pixels high."""
    from PIL.Image import Resampling

    target = min(max(dpi, OCR_DPI[0]), OCR_DPI[1])
    if target == dpi:
        return gray, dpi
    scale = target / dpi
    size = (max(1, round(gray.width * scale)), max(1, round(gray.height * scale)))
    return gray.resize(size, Resampling.LANCZOS), target


def _box(pixels: tuple[int, int, int, int], image: Image) -> Box:
    left, top, right, bottom = pixels
    return Box(left / image.width, top / image.height, right / image.width, bottom / image.height)


def detect_script(image: Image, dpi: float, tessdata: Path | None) -> Orientation | None:
    """Orientation and script by Tesseract; None on a page with too few letters."""
    api = _engine(tessdata_folder(tessdata, "osd"), "osd")
    api.SetImage(image.convert("L"))
    api.SetSourceResolution(max(70, round(dpi)))
    found = api.DetectOrientationScript()
    api.Clear()
    if found is None:
        return None
    turn = (360 - found["orient_deg"]) % 360
    return Orientation(turn, found["orient_conf"], found["script_name"], found["script_conf"])


def detect_orientation(image: Image, dpi: float, tessdata: Path | None) -> int | None:
    """The clockwise quarter turn the page needs; None when Tesseract isn't sure."""
    found = detect_script(image, dpi, tessdata)
    return None if found is None or found.confidence < OSD_CERTAIN else found.turn


def script(image: Image, dpi: float, tessdata: Path | None) -> str:
    """Tesseract's name of the page's script, or "" when it isn't sure."""
    found = detect_script(image, dpi, tessdata)
    return found.script if found and found.script_confidence >= SCRIPT_CERTAIN else ""
