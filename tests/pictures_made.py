"""Pictures of a page as scanners and cameras make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

SIZE = (425, 550)  # letter at 50 dpi
DPI = (50, 50)


def drawn(mode: str = "L", text: str = "page", size: tuple[int, int] = SIZE) -> Image.Image:
    """A white page with some lines and, so that it can't be turned unnoticed, a black corner."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for line in range(10):
        draw.text((40, 60 + 30 * line), f"{text}: line {line} of a contract", fill=0)
    draw.rectangle((0, 0, 60, 40), fill=0)
    return image.convert(mode)


def saved(path: Path, mode: str = "L", pages: int = 1, **options: Any) -> Path:
    """A picture file; `options` go to Pillow."""
    images = [drawn(mode, f"page {number}") for number in range(1, pages + 1)]
    if pages > 1:
        options |= {"save_all": True, "append_images": images[1:]}
    path.parent.mkdir(parents=True, exist_ok=True)
    images[0].save(path, **{"dpi": DPI} | options)
    return path
