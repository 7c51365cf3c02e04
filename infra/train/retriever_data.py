"""What the retriever is shown: strips cut from generated pages, and what stands where in them.

A step's batch is a pure function of the seed, the recipe and the step's number, whatever the number of loader
processes: training resumes with the very strips it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import count, islice

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from infra.train.pages import TrainingPage, Wanted, make_some, questions
from infra.train.retriever_recipe import LANES, Recipe, Stage

__all__ = ["LETTERS", "Batch", "Line", "Strips", "banked", "loader", "page_pixels", "stretched"]

DOCUMENT, PAIR = 4, 2  # so many pages that follow each other are one document; of each, so many go into a bank
READABLE = 20  # words on a page worth banking
SHIFT = 8  # columns of the trunk that a strip is moved sideways at most: half a cell, so that no word keeps its place
ASKED, TRIED = 0.25, 4  # share of queries that are questions; phrases tried until one is on no other strip
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,-'/()$%&:;"
NOTHING, OTHER, IGNORED = 0, len(ALPHABET) + 1, -100
LETTERS = OTHER + 1  # classes: nothing, the alphabet, any other character
# Advance widths in print, in ems (means of Helvetica and Times): where in its box a word has each letter.
NARROW, SLIM, WIDE = set("ijlI.,;:'|!"), set('ftr()-[]/" '), set("mwMW%@&")
LINE = 8  # words of a line at most: what a phrase query has
NEAR = 0.25  # of a cell: so near its border, a word's middle may be seen from the cell beyond as well
PUNCTUATION = ".,;:()[]'\"!?-–—…“”‘’$%&/§"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A word and its box in pixels of a strip."""

    text: str
    box: tuple[float, float, float, float]

    @property
    def key(self) -> str:
        """What makes two printed words the same word."""
        return self.text.lower().strip(PUNCTUATION)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A strip of a page, from its pixel `top` down and moved to the right by `right` pixels (what leaves it on one side
    comes in on the other, margins as a rule); and the words that stand on it wholly or in part."""

    number: int
    top: int
    right: int
    page: TrainingPage
    pixels: NDArray[np.uint8]
    words: list[_Placed]


@dataclass(frozen=True, slots=True)
class Line:
    """Words that follow each other in print. `cells[i]`: cells of its strip where word i may be found, row by row."""

    strip: int
    words: tuple[str, ...]
    keys: tuple[str, ...]
    cells: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """A step's strips. `pixels`: (strips, height, side) uint8; `letters`: (strips, rows, columns of the trunk) int64, a
    class each or -100; `places`: page, topmost pixel and shift to the right of each; `queries[i]` asks for strip i, ""
    where nothing can be asked."""

    pixels: torch.Tensor
    letters: torch.Tensor
    places: tuple[tuple[int, int, int], ...]
    lines: tuple[Line, ...]
    queries: tuple[str, ...]


def stretched(image: Image.Image, side: int) -> Image.Image:
    """The page as the processor shows it to the tower: a grey square of `side`, both axes stretched."""
    return image.convert("L").resize((side, side), Image.Resampling.BICUBIC)


@lru_cache(maxsize=4 * LANES * 8)
def page_pixels(seed: int, index: int, dpi: int, side: int) -> tuple[TrainingPage, NDArray[np.uint8]]:
    """A generated page and its pixels, (side, side) uint8. Pages lie upright: the product turns them before."""
    page = make_some(seed, index, Wanted(dpi=dpi, rotate=False))
    return page, np.asarray(stretched(page.image, side))


class Strips(Dataset):  # type: ignore[type-arg]
    """`strips[step]` is the batch of that step under the recipe's `stage`; `grid` is the tower's stride to a cell and
    `column` the trunk's stride across."""

    def __init__(self, recipe: Recipe, stage: Stage, seed: int, grid: tuple[int, int], column: int) -> None:
        self.recipe, self.stage, self.seed, self.grid, self.column = recipe, stage, seed, grid, column

    def __getitem__(self, step: int) -> Batch:
        chance = np.random.default_rng((self.seed, step, 7))
        indexes = self._indexes(step, chance)
        cuts = [self._cut(indexes[at % len(indexes)], chance) for at in range(self.stage.batch)]
        shape = (self.stage.height // self.grid[0], self.recipe.shape.side // self.grid[1])
        return Batch(
            torch.from_numpy(np.stack([cut.pixels for cut in cuts])),
            torch.from_numpy(np.stack([self._letters(cut) for cut in cuts])),
            tuple((cut.number, cut.top, cut.right) for cut in cuts),
            tuple(line for at, cut in enumerate(cuts) for line in _lines(at, cut.words, self.grid, shape)),
            _queries(cuts, chance) if self.stage.goal == "phrases" else (),
        )

    def _indexes(self, step: int, chance: np.random.Generator) -> list[int]:
        """The pages of a step. For phrases, pages that follow each other: a document's others are the hard negatives.
        For reading, pages of different documents: more fonts, more words."""
        together = self.stage.goal == "phrases"
        if self.recipe.bank:
            pages = banked(self.recipe, self.seed)
            first = int(chance.integers(len(pages))) // PAIR * PAIR
            near = [pages[at % len(pages)] for at in range(first, first + PAIR)]
            far = [int(page) for page in chance.permutation(pages) if page not in near]
            return near + far if together else far
        lane, block = step % LANES, step // (LANES * self.recipe.reuse)
        first = (block * LANES + lane) * self.recipe.pages
        pages = list(range(first, first + self.recipe.pages))
        return pages if together else [page * DOCUMENT + block % DOCUMENT for page in pages]

    def _cut(self, index: int, chance: np.random.Generator) -> _Cut:
        """A strip of the page around one of its words."""
        side, high = self.recipe.shape.side, self.stage.height
        page, pixels = page_pixels(self.seed, index, self.recipe.dpi, side)
        middle = page.words[chance.integers(len(page.words))].y0 * side if page.words else chance.integers(side)
        top = int(np.clip(middle - chance.integers(high), 0, side - high))
        top -= top % self.grid[0] if self.recipe.bank else 0  # maps can only be cut between their rows
        right = self.column * int(chance.integers(-SHIFT, SHIFT + 1))
        placed = [
            _Placed(word.text, (x0 * side + right, y0 * side - top, x1 * side + right, y1 * side - top))
            for word in page.words
            for x0, y0, x1, y1 in [(word.x0, word.y0, word.x1, word.y1)]
            if not word.hand
        ]
        seen = [word for word in placed if _within(word, side, high)]
        return _Cut(index, top, right, page, np.roll(pixels[top : top + high], right, axis=1), seen)

    def _letters(self, cut: _Cut) -> NDArray[np.int64]:
        """The character in each column of the row that a word's middle stands in; the rows beside it that its ink
        reaches are left out, as are words cut by the strip's edge."""
        high = len(cut.pixels)
        found = np.zeros((high // self.grid[0], cut.pixels.shape[1] // self.column), np.int64)
        for word in cut.words:
            x0, y0, x1, y1 = word.box
            reach = slice(max(int(x0 // self.column), 0), int(x1 // self.column) + 1)
            found[max(int(y0 // self.grid[0]), 0) : int(y1 // self.grid[0]) + 1, reach] = IGNORED
        for word in cut.words:
            if _whole(word, high):
                _spell(found[int((word.box[1] + word.box[3]) / 2 // self.grid[0])], word, self.column)
        return found


@cache
def banked(recipe: Recipe, seed: int) -> list[int]:
    """The first pages of the generator that have something to read, two of each document."""
    pages = (document * DOCUMENT + page for document in count() for page in range(PAIR))
    read = (at for at in pages if len(page_pixels(seed, at, recipe.dpi, recipe.shape.side)[0].words) >= READABLE)
    return list(islice(read, recipe.bank))


def loader(strips: Strips, first: int, workers: int) -> Iterator[Batch]:
    """Batches of steps `first`, `first` + 1, … without end, made ahead by `workers` processes (0: in this one)."""
    steps: Iterator[int] = iter(range(first, 2**31))
    loading = DataLoader(
        strips,
        batch_size=None,
        sampler=_Sampler(steps),
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        multiprocessing_context="spawn" if workers else None,
    )
    return iter(loading)


class _Sampler:
    def __init__(self, steps: Iterator[int]) -> None:
        self._steps = steps

    def __iter__(self) -> Iterator[int]:
        return self._steps


def _within(word: _Placed, side: int, high: int) -> bool:
    """Whether the word is seen at all; what went over the page's side is as good as gone."""
    x0, y0, x1, y1 = word.box
    return y1 > 0 and y0 < high and x0 >= 0 and x1 <= side


def _whole(word: _Placed, high: int) -> bool:
    return word.box[1] >= 0 and word.box[3] <= high


def _spell(row: NDArray[np.int64], word: _Placed, column: int) -> None:
    """Each column under the word gets the character whose share of the box covers the column's middle."""
    widths = np.cumsum([_width(letter) for letter in word.text])
    x0, _, x1, _ = word.box
    for at in range(max(int(x0 // column), 0), min(int(x1 // column) + 1, len(row))):
        place = ((at + 0.5) * column - x0) / max(x1 - x0, 1e-6)
        if 0 <= place < 1:
            letter = word.text[int(np.searchsorted(widths, place * widths[-1], side="right"))].lower()
            row[at] = ALPHABET.find(letter) + 1 or OTHER


def _width(letter: str) -> float:
    if letter in NARROW:
        return 0.26
    if letter in SLIM:
        return 0.34
    if letter in WIDE:
        return 0.82
    return 0.68 if letter.isupper() else 0.52


def _lines(strip: int, words: Sequence[_Placed], grid: tuple[int, int], shape: tuple[int, int]) -> Iterator[Line]:
    """The strip's whole words as lines of print."""
    line: list[_Placed] = []
    for word in words:
        if not _whole(word, shape[0] * grid[0]):
            continue
        if line and (len(line) == LINE or not _follows(line[-1], word)):
            yield _line(strip, line, grid, shape)
            line = []
        line.append(word)
    if line:
        yield _line(strip, line, grid, shape)


def _follows(word: _Placed, after: _Placed) -> bool:
    middles = [(box[1] + box[3]) / 2 for box in (word.box, after.box)]
    return after.box[0] > word.box[0] and abs(middles[0] - middles[1]) < 0.5 * (word.box[3] - word.box[1])


def _line(strip: int, words: list[_Placed], grid: tuple[int, int], shape: tuple[int, int]) -> Line:
    texts, keys = tuple(word.text for word in words), tuple(word.key for word in words)
    return Line(strip, texts, keys, tuple(_cells(word, grid, shape) for word in words))


def _cells(word: _Placed, grid: tuple[int, int], shape: tuple[int, int]) -> tuple[int, ...]:
    x0, y0, x1, y1 = word.box
    middle = (y0 + y1) / 2 / grid[0]
    rows = {int(middle + shift) for shift in (-NEAR, 0, NEAR)} & set(range(shape[0]))
    columns = range(max(int(x0 // grid[1]), 0), min(int((x1 - 1) // grid[1]), shape[1] - 1) + 1)
    return tuple(row * shape[1] + column for row in sorted(rows) for column in columns)


def _queries(cuts: Sequence[_Cut], chance: np.random.Generator) -> tuple[str, ...]:
    """For each strip a phrase on it, or a question that a fact on it answers, which no other strip answers too."""
    texts = [" ".join(word.text for word in cut.words) for cut in cuts]
    found = []
    for at, cut in enumerate(cuts):
        others = "\n".join(texts[:at] + texts[at + 1 :]).lower()
        asked = _asked(cut, texts[at], chance)
        found.append(next((query for query, evidence in asked if evidence.lower() not in others), ""))
    return tuple(found)


def _asked(cut: _Cut, text: str, chance: np.random.Generator) -> Iterator[tuple[str, str]]:
    """(query, the words that answer it); a question comes first in one case of four."""
    if cut.page.facts and chance.random() < ASKED:
        pairs = zip(questions(cut.page, int(chance.integers(2**31))), cut.page.facts, strict=True)
        yield from ((query, fact.value) for query, fact in pairs if fact.value in text)
    words = text.split()
    for _ in range(TRIED if len(words) > 1 else 0):
        length = min(int(chance.integers(2, LINE + 1)), len(words))
        start = int(chance.integers(len(words) - length + 1))
        phrase = " ".join(words[start : start + length])
        yield phrase, phrase
