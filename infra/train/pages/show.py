"""Contact sheets of training pages, to be looked at, with their boxes and labels; pages a second by layout.

    python -m infra.train.pages.show --seed 1 --count 24 --out FOLDER [--dpi 60] [--layout NAME] [--plain]

Writes `sheet-N.png` (12 pages each) and `labels.txt`. Prints how many pages of each layout were made, how many a second
of processor time (other work on the machine does not count), how often each label came up, and the set of fonts.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from infra.train.pages import TrainingPage, Wanted, fonts, make

__all__ = ["main"]

ACROSS, DOWN, CELL = 4, 3, (420, 560)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.train.pages.show", description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="the first index")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--dpi", type=int, default=100)
    parser.add_argument("--layout", help="show only pages of this layout")
    parser.add_argument("--plain", action="store_true", help="no faults, no turning")
    parser.add_argument("--boxes", action="store_true", help="draw the words' boxes")
    parser.add_argument("--full", action="store_true", help="also write each page at its own size")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    wanted = Wanted(given.dpi, not given.plain, True, not given.plain)
    pages, seconds = [], defaultdict(list)
    for index in range(given.start, given.start + given.count):
        start = time.process_time()
        page = make(given.seed, index, wanted)
        seconds[page.layout].append(time.process_time() - start)
        if given.layout in {None, page.layout}:
            pages.append((index, page))
    _write(pages, given.out, given.boxes, given.full)
    _tell([page for _, page in pages], seconds)


def _write(pages: list[tuple[int, TrainingPage]], out: Path, boxes: bool, full: bool) -> None:
    lines = [f"{index} {page.layout} {page.title}: {dict(page.labels)}" for index, page in pages]
    (out / "labels.txt").write_text("\n".join(lines) + "\n", "utf-8")
    each = ACROSS * DOWN
    for number in range(0, len(pages), each):
        board = Image.new("RGB", (ACROSS * CELL[0], DOWN * CELL[1]), "lightsteelblue")
        for place, (index, page) in enumerate(pages[number : number + each]):
            tile = _tile(index, page, boxes)
            board.paste(tile, (place % ACROSS * CELL[0], place // ACROSS * CELL[1]))
        board.save(out / f"sheet-{number // each}.png")
    for index, page in pages if full else ():
        page.image.save(out / f"page-{index}.png")


def _tile(index: int, page: TrainingPage, boxes: bool) -> Image.Image:
    tile = Image.new("RGB", CELL, "lightsteelblue")
    image = page.image.convert("RGB")
    if boxes:
        pen = ImageDraw.Draw(image)
        for word in page.words:
            box = (word.x0 * image.width, word.y0 * image.height, word.x1 * image.width, word.y1 * image.height)
            pen.rectangle(box, outline="blue" if word.hand else "red")
    image.thumbnail((CELL[0] - 8, CELL[1] - 34), Image.Resampling.LANCZOS)
    tile.paste(image, (4, 30))
    labels = page.labels
    pen = ImageDraw.Draw(tile)
    pen.text(
        (4, 2),
        f"{index} {page.layout} {labels['kind']} {labels.get('language', '-')} turn {labels['rotation']}",
        "black",
    )
    told = f"hand {labels['handwriting']} stamp {labels['stamp']} table {labels['table']} {labels['legibility']}"
    pen.text((4, 15), told + (" BLANK" if labels["blank"] == "yes" else ""), "black")
    return tile


def _tell(pages: Sequence[TrainingPage], seconds: dict[str, list[float]]) -> None:
    for layout, spent in sorted(seconds.items()):
        print(f"{layout:14} {len(spent):5} pages {len(spent) / sum(spent):7.1f} a second")
    every = [second for spent in seconds.values() for second in spent]
    print(f"{'all':14} {len(every):5} pages {len(every) / sum(every):7.1f} a second; fonts {fonts.digest()}")
    for name in pages[0].labels if pages else ():
        counts = Counter(page.labels.get(name, "-") for page in pages)
        print(name, ", ".join(f"{label} {count / len(pages):.0%}" for label, count in counts.most_common()))


if __name__ == "__main__":
    main()
