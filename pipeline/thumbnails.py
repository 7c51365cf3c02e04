"""Pages small, for lists: drawn once and kept in the home, because drawing a page of a bitonal scan takes 25 ms.

They can be drawn anew at any time, so the folder may be emptied whenever one likes. A thumbnail is named after its
page image's SHA-256 and shows nothing that the image does not.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pipeline.store import private_folder

__all__ = ["EDGE", "forget", "thumbnail", "thumbnails"]

EDGE = 240  # pixels of the longer edge: twice what lists show, for screens of double density


def thumbnail(image: Path, sha256: str, folder: Path) -> bytes:
    """The page image as a small JPEG, from `folder` when it was drawn before; `OSError` when the image is not there."""
    kept = _place(folder, sha256)
    with suppress(FileNotFoundError):
        return kept.read_bytes()
    drawn = _draw(image)
    with suppress(OSError):  # a full disk takes away the speed, not the picture
        _keep(kept, drawn)
    return drawn


def forget(folder: Path, images: Iterable[str]) -> None:
    """Delete what was drawn of these images."""
    for sha256 in images:
        _place(folder, sha256).unlink(missing_ok=True)


def thumbnails(folder: Path) -> Iterator[str]:
    """The images of which there is one, by their SHA-256."""
    for kept in folder.glob(f"??/*-{EDGE}.jpg"):
        yield kept.parent.name + kept.name.removesuffix(f"-{EDGE}.jpg")


def _place(folder: Path, sha256: str) -> Path:
    return folder / sha256[:2] / f"{sha256[2:]}-{EDGE}.jpg"


def _draw(path: Path) -> bytes:
    from PIL import Image

    with Image.open(path) as picture:
        mode = "RGB" if picture.mode in {"RGB", "P", "RGBA", "CMYK"} else "L"
        picture.draft(mode, (EDGE * 2, EDGE * 2))  # JPEG decodes at a fraction of its size
        small = picture.convert(mode)
        small.thumbnail((EDGE, EDGE), Image.Resampling.BOX)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=72)
    return out.getvalue()


def _keep(path: Path, data: bytes) -> None:
    """Renamed into place, so that nobody reads half of it."""
    private_folder(path.parent)
    handle, part = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(part).replace(path)
