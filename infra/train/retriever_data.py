"""What the retriever is shown: cuts of the sheets of generated pages, and what stands where in them.

A step's batch is a pure function of the seed, the recipe and the step's number, whatever the number of loader
processes: training resumes with the very cuts it would have seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from itertools import count, islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from infra.train.pages import Fact, TrainingPage, Wanted, make_some, questions
from infra.train.retriever_code import key_of
from infra.train.retriever_recipe import LANES, Recipe, Stage
from pipeline.backends.sheet import Sheet, Size, set_sheet

__all__ = ["LETTERS", "NOTHING", "Batch", "Cuts", "Line", "Set", "banked", "loader", "set_page"]

DOCUMENT, PAIR = 4, 2  # so many pages that follow each other are one document; of each, so many go into a bank
READABLE = 20  # words on a page worth banking
SHIFT = 4  # columns that a cut is moved sideways at most: half a cell, so that no word keeps its place
AROUND = 0.25  # of a word's height: so far beyond its line's ends a word may reach and still be taken for seen
TALLEST = 2.6  # heights of a word: on a line that is higher, it is too small to be read
TOLD = 6  # pages of a step whose text is read
ASKED, TRIED = 0.25, 4  # share of queries that are questions; phrases tried until one is on no other cut
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789.,-'/()$%&:;"
NOTHING, OTHER = 0, len(ALPHABET) + 1
LETTERS = OTHER + 1  # classes: nothing, the alphabet, any other character
# Advance widths in print, in ems (means of Helvetica and Times): where in its box a word has each letter.
NARROW, SLIM, WIDE = set("ijlI.,;:'|!"), set('ftr()-[]/" '), set("mwMW%@&")
LINE = 8  # words of a line at most: what a phrase query has


@dataclass(frozen=True, slots=True)
class Placed:
    """A printed word and where it stands on the sheet, in pixels from its left and top."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def key(self) -> str:
        """What makes two printed words the same word."""
        return key_of(self.text)


@dataclass(frozen=True, slots=True)
class Set:
    """A generated page set as a sheet: `pixels` (height, width) uint8, `words` the printed ones that stand on it,
    `facts` and `document` of the page."""

    pixels: NDArray[np.uint8]
    words: tuple[Placed, ...]
    facts: tuple[Fact, ...]
    document: int

    @property
    def high(self) -> int:
        """Pixels from the top to the last word's foot."""
        return int(max((word.y1 for word in self.words), default=0))


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part of a sheet, from its pixel `top` down and moved to the right by `right` pixels (what leaves it on one side
    comes in on the other); and the words that stand on it."""

    number: int
    top: int
    right: int
    page: Set
    pixels: NDArray[np.uint8]
    words: list[Placed]


@dataclass(frozen=True, slots=True)
class Line:
    """Words that follow each other in print on a `cut` of the batch. `cells[i]`: the cells word i stands in, and
    `columns[i]` the columns in which its letters are read, both counted row by row over the cut."""

    cut: int
    words: tuple[str, ...]
    keys: tuple[str, ...]
    cells: tuple[tuple[int, ...], ...]
    columns: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """A step's cuts. `pixels`: (cuts, height, width) uint8; `letters`: (cuts, strips, columns) int64, a class each;
    `places`: page, topmost pixel and shift to the right of each; `queries[i]` asks for cut i, "" where nothing can be
    asked; `texts` are lines of whole pages, for the text model to read: reading them costs less than seeing them."""

    pixels: torch.Tensor
    letters: torch.Tensor
    places: tuple[tuple[int, int, int], ...]
    lines: tuple[Line, ...]
    queries: tuple[str, ...]
    texts: tuple[Line, ...]


@lru_cache(maxsize=4 * LANES * 8)
def set_page(seed: int, index: int, recipe: Recipe, folder: Path | None = None) -> Set:
    """A generated page on its sheet, out of `folder` where it was kept. Pages lie upright: the product turns them."""
    shape = recipe.shape
    kept = folder / f"{seed}-{index}-{recipe.dpi}-{shape.strips}-{shape.strip}-{shape.wide}.npz" if folder else None
    if kept and kept.exists():
        with np.load(kept) as held:
            said = json.loads(str(held["said"]))
            words, facts = (Placed(*word) for word in said["words"]), (Fact(**fact) for fact in said["facts"])
            return Set(held["pixels"], tuple(words), tuple(facts), said["document"])
    page = make_some(seed, index, Wanted(dpi=recipe.dpi, rotate=False))
    sheet = set_sheet(page.image, Size(shape.strips, shape.strip, shape.wide))
    made = Set(sheet.pixels.reshape(-1, shape.wide), tuple(_placed(page, sheet)), page.facts, page.document)
    if kept:
        _keep(made, kept)
    return made


def _keep(made: Set, path: Path) -> None:
    """Put in place by a rename: a file that is there is whole."""
    words = [(word.text, word.x0, word.y0, word.x1, word.y1) for word in made.words]
    said = json.dumps({"words": words, "facts": [asdict(fact) for fact in made.facts], "document": made.document})
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, pixels=made.pixels, said=said)
    unfinished.rename(path)


def _placed(page: TrainingPage, sheet: Sheet) -> Iterator[Placed]:
    """Where on the sheet each printed word stands that stands on it whole."""
    high = sheet.pixels.shape[1]
    for word in page.words:
        middle = (word.y0 + word.y1) / 2
        (x0, y), (x1, _) = (sheet.straight(x, middle) for x in (word.x0, word.x1))
        tall = word.y1 - word.y0
        around = AROUND * tall * page.image.height / page.image.width
        for line in () if word.hand else sheet.lines:
            left, top, right, bottom = line.box
            if top <= y <= bottom <= top + TALLEST * tall and left - around <= x0 and x1 <= right + around:
                scale = (line.right - line.left) / (right - left)
                begin, end = (line.left + max(x - left, 0) * scale for x in (x0, x1))
                yield Placed(word.text, begin, line.strip * high, min(end, line.right), (line.strip + 1) * high)
                break


class Cuts(Dataset):  # type: ignore[type-arg]
    """`cuts[step]` is the batch of that step under the recipe's `stage`; `grid` is the tower's stride to a cell,
    `column` the stride across to where letters are read, `folder` where sheets are kept."""

    def __init__(
        self, recipe: Recipe, stage: Stage, seed: int, grid: tuple[int, int], column: int, folder: Path | None = None
    ) -> None:
        self.recipe, self.stage, self.seed, self.grid, self.column = recipe, stage, seed, grid, column
        self.folder = folder

    def __getitem__(self, step: int) -> Batch:
        chance = np.random.default_rng((self.seed, step, 7))
        indexes = self._indexes(step, chance)
        cuts = [self._cut(indexes[at % len(indexes)], chance) for at in range(self.stage.batch)]
        grids = self.grid, (self.grid[0], self.column)
        return Batch(
            torch.from_numpy(np.stack([cut.pixels for cut in cuts])),
            torch.from_numpy(np.stack([self._letters(cut) for cut in cuts])),
            tuple((cut.number, cut.top, cut.right) for cut in cuts),
            tuple(
                line for at, cut in enumerate(cuts) for line in _lines(at, cut.words, self.recipe.shape.wide, *grids)
            ),
            _queries(cuts, chance) if self.stage.goal == "phrases" else (),
            tuple(self._texts(indexes[-TOLD:], grids)),
        )

    def _texts(self, indexes: Sequence[int], grids: tuple[tuple[int, int], ...]) -> Iterator[Line]:
        for index in indexes:
            page = set_page(self.seed, index, self.recipe, self.folder)
            yield from _lines(0, page.words, self.recipe.shape.wide, *grids)

    def _indexes(self, step: int, chance: np.random.Generator) -> list[int]:
        """The pages of a step. For phrases, pages that follow each other: a document's others are the hard negatives.
        For reading, pages of different documents: more fonts, more words."""
        together = self.stage.goal == "phrases"
        if self.recipe.bank:
            pages = banked(self.recipe, self.seed, self.folder)
            first = int(chance.integers(len(pages))) // PAIR * PAIR
            near = [pages[at % len(pages)] for at in range(first, first + PAIR)]
            far = [int(page) for page in chance.permutation(pages) if page not in near]
            return near + far if together else far
        lane, block = step % LANES, step // (LANES * self.recipe.reuse)
        first = (block * LANES + lane) * self.recipe.pages
        pages = list(range(first, first + self.recipe.pages))
        return pages if together else [page * DOCUMENT + block % DOCUMENT for page in pages]

    def _cut(self, index: int, chance: np.random.Generator) -> _Cut:
        """A part of the sheet around one of its words; where there is room, of strips that have some."""
        high = self.stage.height
        page = set_page(self.seed, index, self.recipe, self.folder)
        middle = page.words[chance.integers(len(page.words))].y0 if page.words else 0
        top = int(np.clip(middle - chance.integers(high), 0, max(page.high - high, 0)))
        top -= top % self.grid[0]  # between two lines
        right = self.column * int(chance.integers(-SHIFT, SHIFT + 1))
        seen = [
            Placed(word.text, word.x0 + right, word.y0 - top, word.x1 + right, word.y1 - top)
            for word in page.words
            if top <= word.y0 and word.y1 <= top + high
        ]
        seen = [word for word in seen if word.x0 >= 0 and word.x1 <= page.pixels.shape[1]]
        return _Cut(index, top, right, page, np.roll(page.pixels[top : top + high], right, axis=1), seen)

    def _letters(self, cut: _Cut) -> NDArray[np.int64]:
        """The character in each column of each strip."""
        found = np.zeros((len(cut.pixels) // self.grid[0], cut.pixels.shape[1] // self.column), np.int64)
        for word in cut.words:
            _spell(found[int(word.y0 // self.grid[0])], word, self.column)
        return found


@cache
def banked(recipe: Recipe, seed: int, folder: Path | None = None) -> list[int]:
    """The first pages of the generator that have something to read, two of each document."""
    pages = (document * DOCUMENT + page for document in count() for page in range(PAIR))
    read = (at for at in pages if len(set_page(seed, at, recipe, folder).words) >= READABLE)
    return list(islice(read, recipe.bank))


def loader(cuts: Cuts, first: int, workers: int) -> Iterator[Batch]:
    """Batches of steps `first`, `first` + 1, … without end, made ahead by `workers` processes (0: in this one)."""
    steps: Iterator[int] = iter(range(first, 2**31))
    loading = DataLoader(
        cuts,
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


def _spell(row: NDArray[np.int64], word: Placed, column: int) -> None:
    """Each column under the word gets the character whose share of the box covers the column's middle."""
    widths = np.cumsum([_width(letter) for letter in word.text])
    x0, x1 = word.x0, word.x1
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


def _lines(cut: int, words: Sequence[Placed], wide: int, *grids: tuple[int, int]) -> Iterator[Line]:
    """The cut's words as lines of print; `grids` are the strides to a cell and to a column."""
    line: list[Placed] = []
    for word in words:
        if line and (len(line) == LINE or word.y0 != line[-1].y0 or word.x0 < line[-1].x0):
            yield _line(cut, line, wide, *grids)
            line = []
        line.append(word)
    if line:
        yield _line(cut, line, wide, *grids)


def _line(cut: int, words: list[Placed], wide: int, *grids: tuple[int, int]) -> Line:
    texts, keys = tuple(word.text for word in words), tuple(word.key for word in words)
    cells, columns = (tuple(_under(word, grid, wide // grid[1]) for word in words) for grid in grids)
    return Line(cut, texts, keys, cells, columns)


def _under(word: Placed, grid: tuple[int, int], columns: int) -> tuple[int, ...]:
    """The places of the grid, counted row by row, that the word stands in."""
    row = int(word.y0 // grid[0])
    first, last = max(int(word.x0 // grid[1]), 0), min(int((word.x1 - 1) // grid[1]), columns - 1)
    return tuple(row * columns + column for column in range(first, max(first, last) + 1))


def _queries(cuts: Sequence[_Cut], chance: np.random.Generator) -> tuple[str, ...]:
    """For each cut a phrase on it, or a question that a fact on it answers, which no other cut answers too."""
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
        page = TrainingPage(Image.new("L", (1, 1)), (), {}, cut.page.document, "", facts=cut.page.facts)
        pairs = zip(questions(page, int(chance.integers(2**31))), page.facts, strict=True)
        yield from ((query, fact.value) for query, fact in pairs if fact.value in text)
    words = text.split()
    for _ in range(TRIED if len(words) > 1 else 0):
        length = min(int(chance.integers(2, LINE + 1)), len(words))
        start = int(chance.integers(len(words) - length + 1))
        phrase = " ".join(words[start : start + length])
        yield phrase, phrase
