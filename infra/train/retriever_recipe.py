"""Recipes of the page retriever: its shape, its stages, one preset for each kind of machine.

`cpu` is what one core can do in an hour: PP-OCR's trunk as it is, and what stands behind it trained on a bank of pages;
`accelerator` trains all of it, on pages without end. `tiny` is for tests: the same code in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.backends.tower import Block

__all__ = ["LANES", "PRESETS", "Recipe", "Shape", "Stage"]

LANES = 16  # independent streams of pages; loader processes share them out, so any divisor of it may be their number


@dataclass(frozen=True, slots=True)
class Shape:
    """The model. A sheet has `strips` of `strip` by `wide` pixels and a square number of cells, as
    ModernVBERT's connector wants it. `merges` follow PP-OCR's trunk:
    the first makes its two rows and each two columns one, and letters are read off there; the next gather the word
    around a column, and the last makes 8 columns, 64 pixels, one cell. `trunk`, when given, stands for PP-OCR's."""

    wide: int = 1024
    strip: int = 32
    strips: int = 64
    merges: tuple[Block, ...] = (
        Block(256, kernel=(2, 2), stride=(2, 2), dense=True, normed=True),
        Block(512, kernel=(1, 5), dense=True, normed=True),
        Block(512, kernel=(1, 9), added=True),
        Block(512, kernel=(1, 9), added=True),
        Block(512, kernel=(1, 9), added=True),
        Block(384, kernel=(1, 8), stride=(1, 8), dense=True, normed=True),
    )
    trunk: tuple[Block, ...] = ()
    hidden: int = 256
    layers: int = 4
    heads: int = 4
    vocabulary: int = 16384


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the budget: `share` of the time, cuts of `height` pixels of a sheet, `batch` of them a step.

    `goal` is what is asked of a step: "letters" (the character in each column), "words" (each piece of text finds the
    cell its word stands in) or "phrases" (late interaction: each query finds its strip). A later goal keeps the
    earlier ones as a smaller part of its loss.
    """

    goal: str
    share: float
    height: int
    batch: int
    rate: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """One preset. Every lane takes `pages` pages at a time and makes cuts of them for `reuse` steps; the trunk
    learns at `trunk_rate` times the rate; `dpi` is that of the pages drawn.

    With a `bank` of so many pages the trunk stays as PP-OCR left it, and its maps of those pages are computed once.
    """

    shape: Shape
    stages: tuple[Stage, ...]
    pages: int = 8
    reuse: int = 4
    bank: int = 0
    trunk_rate: float = 0.3
    decay: float = 0.02
    dpi: int = 120


PRESETS = {
    "cpu": Recipe(
        Shape(),
        (
            Stage("words", 0.75, height=256, batch=4, rate=2e-3),
            Stage("phrases", 0.25, height=256, batch=16, rate=5e-4),
        ),
        bank=700,
        dpi=150,
    ),
    "accelerator": Recipe(
        Shape(hidden=384, layers=6, heads=6, vocabulary=24576),
        (
            Stage("letters", 0.15, height=256, batch=64, rate=2e-3),
            Stage("words", 0.35, height=256, batch=64, rate=1e-3),
            Stage("words", 0.20, height=2048, batch=24, rate=8e-4),
            Stage("phrases", 0.30, height=2048, batch=32, rate=5e-4),
        ),
        pages=32,
        dpi=150,
    ),
    "tiny": Recipe(
        Shape(
            wide=512,
            strips=8,
            merges=(
                Block(32, kernel=(2, 2), stride=(2, 2), dense=True, normed=True),
                Block(32, kernel=(1, 8), stride=(1, 8), dense=True, normed=True),
            ),
            trunk=(Block(16, stride=(4, 2)), Block(24, stride=(2, 1), squeeze=True)),
            hidden=64,
            layers=2,
            heads=2,
            vocabulary=400,
        ),
        (
            Stage("letters", 0.3, height=64, batch=4, rate=1e-3),
            Stage("words", 0.4, height=64, batch=4, rate=1e-3),
            Stage("phrases", 0.3, height=256, batch=4, rate=1e-3),
        ),
        pages=4,
        reuse=2,
        dpi=60,
    ),
}
