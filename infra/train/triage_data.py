"""Training pages on disk and the order in which they are trained on; both are functions of the seed alone.

The generator is slower than the trainer, so a page is drawn once, by worker processes, kept as grey pixels beside
its labels, and trained on several times. Chunks are files of their own: a run that starts again, or another recipe
of the same edge, finds them. torch is not imported: a worker needs the generator only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infra.train.pages import TrainingPage, Wanted, make_some
from pipeline.questions import QUESTIONS, Question

__all__ = ["GRID", "Batch", "Copy", "Drawn", "Order", "Pages", "Spec", "cells_of", "square", "target"]

AHEAD = 2  # chunks a worker draws before they are asked for; more would take the processor from the trainer
GRID = 16  # cells a side on which print and handwriting are told
UPRIGHT = Wanted(rotate=False)  # the trainer turns pages itself
SHIFT = 1 / 96  # of the edge: how far a page is moved at most, each way
SHADE = 0.4  # the logarithm of a page's gamma is within this of none
UNKNOWN = -1  # a label that is not told; no loss is taken of it

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Spec:
    """Which pages: seed, square edge in pixels, what is asked of the generator, and how many share a file."""

    seed: int
    edge: int
    wanted: Wanted = UPRIGHT
    chunk: int = 64


class Batch(NamedTuple):
    """Grey pages (n, edge, edge), the index of the right option of each question (n, questions), and the share of each
    cell that is print and handwriting (n, 2, GRID, GRID; 255 is all of it)."""

    pages: Bytes
    answers: NDArray[np.int8]
    cells: Bytes


class Copy(NamedTuple):
    """How a page is shown this time: quarter turns counter-clockwise, then moved by so many pixels, then its greys
    raised to the power of `gamma` (above 1 is darker; white and black stay)."""

    page: int
    turn: int = 0
    down: int = 0
    across: int = 0
    gamma: float = 1.0


class Drawn(NamedTuple):
    """What a step trains on. The first `fresh` pages were never trained on before."""

    copies: Sequence[Copy]
    fresh: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """Which pages a step trains on, and how they are shown: a function of the step, so that a run resumes exactly.

    A share `fresh` of a batch are pages never seen, until there are `limit`; the others are drawn from those before.
    Half of the pages are turned by quarters: the generator need not draw a page four times to teach rotation. Each is
    moved a little: the white beside a page in its square is a pixel wider on one side, and from that alone a model
    learned how a page had been turned (0.97 right on pages turned here, 0.72 on pages that lay turned when scanned).
    """

    seed: int
    batch: int
    fresh: float
    limit: int
    edge: int

    def __call__(self, step: int) -> Drawn:
        """What this step trains on; the first one has nothing to draw from and takes a whole batch of new pages."""
        first, upto = self._seen(step), self._seen(step + 1)
        rng = np.random.default_rng((self.seed, step))
        old = rng.integers(0, max(first, 1), self.batch - (upto - first))
        turns = rng.choice(4, self.batch, p=(1 / 2, 1 / 6, 1 / 6, 1 / 6))
        furthest = max(1, round(self.edge * SHIFT))
        down, across = rng.integers(-furthest, furthest + 1, (2, self.batch))
        gammas = np.exp(rng.uniform(-SHADE, SHADE, self.batch))
        pages = [*range(first, upto), *old.tolist()]
        shown = zip(pages, turns.tolist(), down.tolist(), across.tolist(), gammas.tolist(), strict=True)
        return Drawn([Copy(*each) for each in shown], upto - first)

    def _seen(self, steps: int) -> int:
        """How many pages have been trained on after so many steps."""
        new = self.batch + int((steps - 1) * self.batch * self.fresh) if steps else 0
        return min(new, self.limit)


class Pages:
    """Pages by index, drawn by `workers` processes when first asked for and kept in `folder`. Close it after use."""

    def __init__(self, folder: Path, spec: Spec, workers: int) -> None:
        turned = "turned" if spec.wanted.rotate else "upright"
        self._folder = folder / f"{spec.seed}-{spec.edge}-{spec.wanted.dpi}-{turned}-{spec.chunk}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._spec, self._ahead = spec, AHEAD * workers
        self._pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
        self._asked: dict[int, Future[None]] = {}
        self._open: dict[int, Any] = {}

    def batch(self, drawn: Drawn) -> Batch:
        """These pages, each as its copy says."""
        shown = [_shown(self._page(copy.page), copy) for copy in drawn.copies]
        pages, answers, cells = (np.stack(part) for part in zip(*shown, strict=True))
        return Batch(pages, answers, cells)

    def batches(self, count: int, size: int) -> Iterator[Batch]:
        """The first `count` pages in order, as the generator drew them."""
        for start in range(0, count, size):
            yield self.batch(Drawn([Copy(index) for index in range(start, min(start + size, count))]))

    def close(self) -> None:
        """End the worker processes; what they have drawn stays."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _page(self, index: int) -> Any:
        chunk, at = divmod(index, self._spec.chunk)
        if chunk not in self._open:
            for number in range(chunk, chunk + self._ahead + 1):
                self._ask(number)
            self._asked[chunk].result()
            self._open[chunk] = np.load(self._path(chunk), mmap_mode="r")
        return self._open[chunk][at]

    def _ask(self, chunk: int) -> None:
        if chunk not in self._asked:
            self._asked[chunk] = self._pool.submit(_draw, self._path(chunk), self._spec, chunk)

    def _path(self, chunk: int) -> Path:
        return self._folder / f"{chunk:05}.npy"


def square(image: Image.Image, edge: int) -> Bytes:
    """The page in the middle of a white square of `edge` pixels, as Llava's processor makes it."""
    scale = edge / max(image.size)
    small = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC)
    padded = Image.new("L", (edge, edge), 255)
    padded.paste(small, ((edge - small.width) // 2, (edge - small.height) // 2))
    return np.asarray(padded)


def cells_of(page: TrainingPage) -> Bytes:
    """The share of each cell of the square that lies under words: of print, and of handwriting."""
    fine = 8
    side, longest = GRID * fine, max(page.image.size)
    left, top = ((longest - length) / 2 / longest for length in page.image.size)
    wide, high = (length / longest for length in page.image.size)
    covered = np.zeros((2, side, side), np.float32)
    for word in page.words:
        x0, x1 = (round((left + x * wide) * side) for x in (word.x0, word.x1))
        y0, y1 = (round((top + y * high) * side) for y in (word.y0, word.y1))
        covered[int(word.hand), y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = 1
    return np.asarray(covered.reshape(2, GRID, fine, GRID, fine).mean((2, 4)) * 255, np.uint8)


def target(page: TrainingPage) -> list[int]:
    """The index of the right option for each question; -1 for one that the page does not answer.

    `ValueError` for an answer that is no option: counted as unknown, it would be missing from training in silence.
    """
    return [_option(question, page) for question in QUESTIONS]


def _option(question: Question, page: TrainingPage) -> int:
    label = page.labels.get(question.name)
    if label is None or (question.name == "rotation" and page.labels.get("blank") == "yes"):
        return UNKNOWN  # nobody can tell how an empty page lies
    for at, option in enumerate(question.options):
        if label in option:
            return at
    raise ValueError(f"{label!r} is no answer to {question.name!r}")


def _draw(path: Path, spec: Spec, chunk: int) -> None:
    """Draw a chunk and put it in place by a rename, so that a file that is there is whole."""
    if path.exists():
        return
    rows = np.zeros(spec.chunk, _layout(spec.edge))
    for at in range(spec.chunk):
        page = make_some(spec.seed, chunk * spec.chunk + at, spec.wanted)
        rows[at] = square(page.image, spec.edge), target(page), cells_of(page), page.document
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as handle:
        np.save(handle, rows)
    unfinished.rename(path)


def _layout(edge: int) -> np.dtype[Any]:
    return np.dtype(
        [
            ("page", "u1", (edge, edge)),
            ("answers", "i1", (len(QUESTIONS),)),
            ("cells", "u1", (2, GRID, GRID)),
            ("document", "i8"),
        ]
    )


def _shown(row: Any, copy: Copy) -> tuple[Bytes, NDArray[np.int8], Bytes]:
    """The page as the copy says: where the top of its text points turns with it. Its cells turn, too, but are too
    coarse to be moved."""
    answers = row["answers"].copy()
    if answers[_ROTATION] != UNKNOWN:
        answers[_ROTATION] = (answers[_ROTATION] - copy.turn) % 4
    page = _moved(np.rot90(row["page"], copy.turn), copy.down, copy.across)
    greys = np.round(255 * (np.arange(256) / 255) ** copy.gamma).astype(np.uint8)
    return greys[page], answers, np.rot90(row["cells"], copy.turn, (1, 2))


def _moved(page: Bytes, down: int, across: int) -> Bytes:
    """The page moved within its square; white comes in behind it."""
    moved = np.full_like(page, 255)
    (to_y, from_y), (to_x, from_x) = (_overlap(by, len(page)) for by in (down, across))
    moved[to_y, to_x] = page[from_y, from_x]
    return moved


def _overlap(by: int, length: int) -> tuple[slice, slice]:
    """Where what stays in sight goes to and comes from."""
    to, origin = max(by, 0), max(-by, 0)
    return slice(to, length - origin), slice(origin, length - to)


_ROTATION = [question.name for question in QUESTIONS].index("rotation")
