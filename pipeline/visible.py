"""The words of a PDF's own text that a reader can see.

Text in a PDF may lie under a black box, be white on white, be drawn in invisible ink, be switched off, cut
off or covered by an image. Rules for each of these miss the next one, so the page itself is asked, three
times at low resolution: as it is, without its text, and its text alone. A letter is visible where its own
pixels changed the page.

One thing pixels can't tell: text whited out and written over. Where that may be, the drawing order decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.draw import draw
from pipeline.errors import DocumentHeld
from pipeline.pdf import drawable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Mask = NDArray[np.bool_]
    Rect = tuple[float, float, float, float]

__all__ = ["Layer", "LayerWord", "visible_layer"]

DPI = 120.0
MAX_PIXELS = 6_000_000
SEEN = 24  # of 255: less difference to what lies behind is paper-coloured to a reader
DRAWN = 16  # of 255: coverage from which a pixel belongs to a letter
SHOWN = 0.5  # a letter of whose pixels fewer are seen is covered
TRACE = 0.2  # a letter of whose pixels fewer are seen isn't, whatever else is drawn in its place
CLEAN = 0.85  # a letter of whose pixels more are seen is certainly not covered and written over
TINY = 2.0  # points: no reader sees smaller text
INKED = 16 | 32  # FZ_STEXT_FILLED, FZ_STEXT_STROKED: other text is in invisible ink, whatever stands in its place
MOST_LETTERS = 200_000  # on a page; 10,000 are fine print, and each costs memory here and everywhere after
BACK = 2.0  # letter heights: a letter that far to the left of the one before it begins another word


@dataclass(frozen=True, slots=True)
class LayerWord:
    """A visible word of the text layer; `rect` in page points (left, top, right, bottom)."""

    text: str
    rect: Rect
    line: int


@dataclass(frozen=True, slots=True)
class Layer:
    """The text layer of a page as a reader sees it. `hidden` counts the words drawn on the page that no
    reader can see; MuPDF doesn't even report words off the page or in switched-off layers."""

    words: tuple[LayerWord, ...]
    hidden: int


@dataclass(slots=True)
class _Letter:
    """A letter and whether it is seen; `drawn` is false where nothing was drawn in its box at all, `painted`
    where the PDF itself says that nobody sees it: in invisible ink, or too small."""

    text: str
    rect: Rect
    line: int
    starts_word: bool
    color: int
    painted: bool
    seen: bool = False
    drawn: bool = False


def visible_layer(page: Any) -> Layer:
    """Sort a page's own words into those a reader can see and those nobody can.

    Raises `DocumentHeld` for a page that can't be drawn, or holds more letters than any page shows.
    """
    with drawable(page.number + 1):
        letters = list(islice(_letters(page), MOST_LETTERS + 1))
        if len(letters) > MOST_LETTERS:
            raise DocumentHeld(f"page {page.number + 1} holds more than {MOST_LETTERS:,} letters")
        if not letters:
            return Layer((), 0)
        _look(page, letters)
    words: list[LayerWord] = []
    hidden = 0
    for word in _by_word(letters):
        shown = _shown(word)
        hidden += not shown
        words.extend(shown)
    return Layer(tuple(words), hidden)


def _letters(page: Any) -> Iterator[_Letter]:
    import pymupdf

    # ActualText says what an author claims the glyphs mean; the glyphs are what a reader sees.
    flags = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_IGNORE_ACTUALTEXT
    turn = page.rotation_matrix if page.rotation else None
    line_number = -1
    for block in page.get_text("rawdict", flags=flags)["blocks"]:
        for line in block["lines"]:
            line_number += 1
            fresh, before = True, None
            for span in line["spans"]:
                painted = span["size"] >= TINY and span["alpha"] > 0 and bool(span["char_flags"] & INKED)
                for char in span["chars"]:
                    if char["c"].isspace():
                        fresh = True
                        continue
                    # MuPDF counts a watermark across a line to that line, and puts no blank before it.
                    fresh = fresh or _jumps_back(before, char["bbox"], line["dir"])
                    before = char["bbox"]
                    # Letters nobody sees stay in the list, without area, so that they are counted as hidden.
                    rect = _turned(char["bbox"], turn) if painted else (0.0, 0.0, 0.0, 0.0)
                    yield _Letter(char["c"], rect, line_number, fresh, span["color"], painted)
                    fresh = False


def _jumps_back(before: Rect | None, box: Rect, direction: tuple[float, float]) -> bool:
    if before is None:
        return False
    (x, y), (last_x, last_y), (cos, sin) = _middle(box), _middle(before), direction
    height = abs(cos) * (before[3] - before[1]) + abs(sin) * (before[2] - before[0])
    return (x - last_x) * cos + (y - last_y) * sin < -BACK * height


def _by_word(letters: list[_Letter]) -> Iterator[list[_Letter]]:
    word: list[_Letter] = []
    for letter in letters:
        if letter.starts_word and word:
            yield word
            word = []
        word.append(letter)
    yield word


def _shown(word: list[_Letter]) -> list[LayerWord]:
    """What is seen of a word: nothing when that is less than half, else what stands between covered letters."""
    if 2 * sum(letter.seen for letter in word) <= len(word):
        return []
    # A letter in whose box nothing was drawn isn't covered: its font gave it the wrong box.
    runs = groupby(word, key=lambda letter: letter.seen or (letter.painted and not letter.drawn))
    return [_joined(list(run)) for shown, run in runs if shown]


def _joined(letters: list[_Letter]) -> LayerWord:
    left, top, right, bottom = zip(*(letter.rect for letter in letters), strict=True)
    rect = min(left), min(top), max(right), max(bottom)
    return LayerWord("".join(letter.text for letter in letters), rect, letters[0].line)


def _look(page: Any, letters: list[_Letter]) -> None:
    """Set `seen` and `drawn` of every letter."""
    area = max(page.rect.width * page.rect.height, 1.0)
    scale = min(DPI / 72, (MAX_PIXELS / area) ** 0.5)
    drawn = draw(page, scale, "text alone").pixels[:, :, -1] >= DRAWN
    behind = draw(page, scale, "no text").pixels
    changed = _difference(draw(page, scale).pixels, behind) >= SEEN
    boxes = np.array([letter.rect for letter in letters]) * scale
    total, seen = _count(drawn, boxes), _count(drawn & changed, boxes)
    unsure = []
    for letter, pixels, visible in zip(letters, total, seen, strict=True):
        letter.drawn = bool(pixels)
        letter.seen = bool(pixels) and visible >= SHOWN * pixels
        if TRACE * pixels <= visible < CLEAN * pixels:
            unsure.append(letter)
    if unsure:
        _check_order(page, unsure)
    _hide_paper_coloured(letters, behind, boxes)


def _hide_paper_coloured(letters: list[_Letter], behind: Pixels, boxes: NDArray[np.float64]) -> None:
    """Hide letters of the colour that lies behind them where other letters stand in the same place: those,
    and not they, changed the page."""
    height, width, _ = behind.shape
    across = np.clip((boxes[:, 0] + boxes[:, 2]) / 2, 0, width - 1).astype(int)
    down = np.clip((boxes[:, 1] + boxes[:, 3]) / 2, 0, height - 1).astype(int)
    colors = np.array([[letter.color >> shift & 255 for shift in (16, 8, 0)] for letter in letters])
    alike = np.abs(behind[down, across].astype(int) - colors).max(axis=1) < SEEN
    hidden = [letter for letter, same in zip(letters, alike, strict=True) if same and letter.seen]
    others = [letter for letter, same in zip(letters, alike, strict=True) if not same and letter.seen]
    for letter in hidden:
        letter.seen = not any(_meets(letter.rect, other.rect) for other in others)


def _difference(one: Pixels, other: Pixels) -> Pixels:
    """Per pixel, the largest difference in any channel."""
    apart = np.maximum(one, other) - np.minimum(one, other)
    # numpy's own maximum over an axis of three takes ten times as long
    largest: Pixels = np.maximum(np.maximum(apart[:, :, 0], apart[:, :, 1]), apart[:, :, 2])
    return largest


def _count(mask: Mask, boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many pixels of the mask lie in each box (left, top, right, bottom)."""
    height, width = mask.shape
    sums = np.zeros((height + 1, width + 1), dtype=np.int32)
    np.cumsum(mask, axis=1, dtype=np.int32, out=sums[1:, 1:])
    for row in range(1, height + 1):  # a third of the time of a cumsum down the columns
        sums[row] += sums[row - 1]
    left, top = np.floor(boxes[:, 0]), np.floor(boxes[:, 1])
    right, bottom = np.ceil(boxes[:, 2]), np.ceil(boxes[:, 3])
    x0, x1 = (np.clip(x, 0, width).astype(int) for x in (left, right))
    y0, y1 = (np.clip(y, 0, height).astype(int) for y in (top, bottom))
    inside: NDArray[np.int64] = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    return inside


def _check_order(page: Any, letters: list[_Letter]) -> None:
    """Hide the letters over which something was painted later, though other text now stands there; and show
    those written over such a cover: most pixels in their place may be what lies under it."""
    turn = page.rotation_matrix if page.rotation else None
    painted = ("fill-path", "fill-image", "fill-shade")
    covers = [(number, _turned(box, turn)) for number, (kind, box) in enumerate(page.get_bboxlog()) if kind in painted]
    letters = [letter for letter in letters if any(_holds(box, *_middle(letter.rect)) for _, box in covers)]
    if not letters:
        return
    glyphs: dict[str, list[tuple[int, Rect]]] = {}
    for span in page.get_texttrace():
        for code, _glyph, _origin, box in span["chars"]:
            glyphs.setdefault(chr(code), []).append((span["seqno"], _turned(box, turn)))
    written = [glyph for same in glyphs.values() for glyph in same]
    for letter in letters:
        x, y = _middle(letter.rect)
        # The same letter may stand there twice, below and above what covers it: the upper one counts.
        drawn = max((n for n, box in glyphs.get(letter.text, ()) if _holds(box, x, y)), default=None)
        if drawn is None:
            continue
        over = [n for n, box in covers if _holds(box, x, y)]
        if any(n > drawn for n in over):
            letter.seen = False
        elif not letter.seen and over:
            letter.seen = any(n < over[-1] and _meets(box, letter.rect) for n, box in written)


def _turned(box: Rect, turn: Any) -> Rect:
    """PyMuPDF reports text and logs as of the page before /Rotate; everything here is after it."""
    import pymupdf

    if turn is None:
        return box
    rect = (pymupdf.Rect(box) * turn).normalize()
    return rect.x0, rect.y0, rect.x1, rect.y1


def _middle(rect: Rect) -> tuple[float, float]:
    return (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2


def _meets(one: Rect, other: Rect) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _holds(rect: Rect, x: float, y: float) -> bool:
    return rect[0] <= x <= rect[2] and rect[1] <= y <= rect[3]
