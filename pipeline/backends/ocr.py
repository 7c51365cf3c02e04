"""Tesseract, through tesserocr: words with boxes and confidences, and which way up a page is.

Engines are kept for the life of the worker, one a language: starting one costs more than a short page.
"""

from __future__ import annotations

import sys
import sysconfig
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.types import Box, Word

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["orientation", "read_words", "recognised", "script", "tessdata_folder"]

OCR_DPI = (200.0, 300.0)  # forms at 90 dpi: word recall 0.82 at 150, 0.85 at 200, 0.84 at 300
# Tesseract's script confidence says little (0.3 on clean Korean, 3.9 for "Cyrillic" on poor English scans).
# Well-formed letters, by the orientation's confidence, say more; look-alikes of Latin need both.
LETTERS_CERTAIN = 5.0
LOOKALIKES = ("Cyrillic", "Greek")
LOOKALIKE_CERTAIN = 5.0


def tessdata_folder(configured: Path | None, language: str) -> Path:
    """The folder that holds the traineddata of every language in `language` ("eng+deu").

    Raises `UsageError`, naming the setting, when one is missing.
    """
    folders = [configured] if configured and language != "osd" else _installed_folders()
    if configured and language == "osd":
        folders.insert(0, configured)  # a folder of languages alone borrows the installed detector
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
    return recognised(*_legible(image.convert("L"), dpi), language, tessdata)


def recognised(gray: Image, dpi: float, language: str, tessdata: Path | None) -> tuple[Word, ...]:
    """What Tesseract makes of a grey image at the resolution it has; as `read_words` otherwise."""
    import tesserocr

    api = _engine(tessdata_folder(tessdata, language), language)
    api.SetImage(gray)
    api.SetSourceResolution(round(dpi))
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


def orientation(image: Image, dpi: float, tessdata: Path | None) -> tuple[int, float] | None:
    """The clockwise quarter turn that Tesseract says the page needs, and its confidence (about 1 to 30);
    None on a page with too few letters."""
    found = _detect(image, dpi, tessdata)
    return ((360 - found["orient_deg"]) % 360, float(found["orient_conf"])) if found else None


def script(image: Image, dpi: float, tessdata: Path | None) -> str:
    """Tesseract's name of the page's script ("Latin", "Cyrillic"), or "" when it isn't sure."""
    found = _detect(image, dpi, tessdata)
    if found is None or found["orient_conf"] < LETTERS_CERTAIN:
        return ""
    name = str(found["script_name"])
    return "" if name in LOOKALIKES and found["script_conf"] < LOOKALIKE_CERTAIN else name


def _detect(image: Image, dpi: float, tessdata: Path | None) -> dict[str, Any] | None:
    """Tesseract's orientation and script detection; None on a page with too few letters."""
    gray, dpi = _legible(image.convert("L"), dpi)
    api = _engine(tessdata_folder(tessdata, "osd"), "osd")
    api.SetImage(gray)
    api.SetSourceResolution(round(dpi))
    found: dict[str, Any] | None = api.DetectOrientationScript()
    api.Clear()
    return found
