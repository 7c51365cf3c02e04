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

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["OcrWord", "Orientation", "detect_orientation", "detect_script", "recognise", "tessdata_folder"]

OSD_CERTAIN = 2.0  # Tesseract's orientation confidence: under this it contradicts itself when a page is turned
MAX_OCR_DPI = 300.0


@dataclass(frozen=True, slots=True)
class OcrWord:
    """A word as Tesseract reports it: pixels of the image it was given, confidence 0..1, line from 0."""

    text: str
    left: int
    top: int
    right: int
    bottom: int
    confidence: float
    line: int


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


def recognise(image: Image, dpi: float, language: str, tessdata: Path | None) -> list[OcrWord]:
    """The words on an upright image, in reading order."""
    import tesserocr

    api = _engine(tessdata_folder(tessdata, language), language)
    api.SetImage(image.convert("L"))
    api.SetSourceResolution(max(70, round(dpi)))
    api.Recognize()
    words: list[OcrWord] = []
    line = -1
    iterator = api.GetIterator()
    if iterator is None:
        return words
    level = tesserocr.RIL.WORD
    for item in tesserocr.iterate_level(iterator, level):
        if item.IsAtBeginningOf(tesserocr.RIL.TEXTLINE):
            line += 1
        if item.Empty(level) or not (text := item.GetUTF8Text(level).strip()):
            continue
        box = item.BoundingBox(level)
        words.append(OcrWord(text, *box, confidence=item.Confidence(level) / 100, line=max(line, 0)))
    api.Clear()
    return words


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
