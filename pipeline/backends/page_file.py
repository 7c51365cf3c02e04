"""A page image as a model is given it, out of its file in the store."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from pipeline.errors import DocumentHeld

__all__ = ["open_page"]


def open_page(path: Path, longest_edge: int = 0) -> Image.Image:
    """The page as RGB, with no edge longer than `longest_edge` unless that is 0; a JPEG is already scaled down while it
    is decoded. `DocumentHeld` when there is nothing to decode: the other documents' pages are fine.
    """
    bound = (longest_edge, longest_edge)
    try:
        with Image.open(path) as image:
            if longest_edge:
                image.draft("RGB", bound)
            page = image.convert("RGB")
    except Exception as error:  # on broken bytes Pillow raises whatever its parsers stumble over
        raise DocumentHeld(
            f"a page image is missing from the store or damaged ({type(error).__name__}): run `muniment reconcile "
            "--deep --repair`, then ingest the document again with --retry"
        ) from error
    if longest_edge:
        page.thumbnail(bound, Image.Resampling.LANCZOS)
    return page
