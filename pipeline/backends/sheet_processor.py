"""The bundled retriever's image processor: what it shows the model of a page is the sheet its lines are set on.

Importing this module registers it with transformers, so that a checkpoint whose processor_config.json names it loads
as any other, with no remote code.
"""

# mypy: disable-error-code="misc, call-arg"

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from PIL import Image
from transformers import AutoImageProcessor, Idefics3ImageProcessor
from transformers.models.idefics3.image_processing_idefics3 import Idefics3ImageProcessorKwargs

from pipeline.backends.sheet import Sheet, Size, set_sheet
from pipeline.backends.tower import PAPER, PageTowerConfig

__all__ = ["SheetImageProcessor"]

log = logging.getLogger(__name__)


class SheetImageProcessorKwargs(Idefics3ImageProcessorKwargs, total=False):
    """A sheet has `strips` strips of `strip` by `wide` pixels."""

    strips: int
    strip: int
    wide: int


class SheetImageProcessor(Idefics3ImageProcessor):
    """Idefics 3's, given sheets instead of pages; they come as large as they have to be."""

    valid_kwargs = SheetImageProcessorKwargs
    strips, strip, wide = 64, 32, 1024
    image_mean = (0.5, 0.5, 0.5)
    image_std = (0.5, 0.5, 0.5)
    do_resize = False
    do_image_splitting = False

    def preprocess(self, images: Any, **kwargs: Any) -> Any:
        """As Idefics 3's, of PIL images or lists of them."""
        return super().preprocess(self._set(images), **kwargs)

    def resize(self, image: Any, *_: Any, **__: Any) -> Any:
        """The sheet as it is, where Idefics 3 stretches an image that isn't split to a square."""
        return image

    def sheet(self, image: Image.Image) -> Sheet:
        """The page's lines, set as the model sees them."""
        return set_sheet(image, Size(self.strips, self.strip, self.wide))

    def inked(self, pixel_values: Any) -> Any:
        """(pages, strips): on which strips of the sheets, as `preprocess` gives them, anything stands."""
        return pixel_values.unflatten(-2, (self.strips, self.strip)).amin(dim=(1, 2, 4, 5)) < PAPER

    def _set(self, images: Any) -> Any:
        if isinstance(images, (list, tuple)):
            return [self._set(image) for image in images]
        sheet = self.sheet(images)
        if sheet.left_out:
            said = "a page has more print than its sheet holds: %d lines of it can't be found by its image"
            log.warning(said, sheet.left_out)
        return Image.fromarray(np.reshape(sheet.pixels, (-1, self.wide))).convert("RGB")


AutoImageProcessor.register(
    PageTowerConfig, image_processor_classes={"torchvision": SheetImageProcessor}, exist_ok=True
)
