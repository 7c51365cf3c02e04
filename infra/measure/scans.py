"""Make scanned copies of a corpus's PDFs: what reading and retrieval are measured on.

    python -m infra.measure.scans CORPUS LEVEL OUT [--half tuning|reporting]

Each PDF of `shared/corpora/CORPUS/pdf` goes through `sample_docs.scanify` at this level and is written to OUT
under its own name, with a seed that follows from that name, so that every run makes the same copies. `harsh` is
the issue's harsh scanner: on 60 pages of the tuning half of cuad plain Tesseract (the image as scanned, its own dpi)
recalls 0.60 of the words with a mean confidence of 73 (24 other pages: 0.69 and 79).
Prints a line a document; a copy that is there already is left alone.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import get_args

from infra.measure.corpora import CORPORA, Half, names
from sample_docs.scanify import LEVELS, scanify

__all__ = ["copies", "seed"]

PROCESSES = 2


def seed(name: str) -> int:
    """The seed of a document's faults, from its name alone."""
    return zlib.crc32(name.encode())


def copies(corpus: str, level: str, out: Path, halves: Sequence[Half] = get_args(Half)) -> list[Path]:
    """Write the scanned copies that are missing in `out`; returns all of them, sorted.

    Raises `KeyError` for a corpus that was never split or an unknown level, and whatever `scanify` raises.
    """
    LEVELS[level]
    out.mkdir(parents=True, exist_ok=True)
    wanted = sorted(name for half in halves for name in names(corpus, half) if name.endswith(".pdf"))
    jobs = [(CORPORA / corpus / "pdf" / name, out / name, level) for name in wanted if not (out / name).exists()]
    # PyMuPDF is not thread-safe, and a forked copy of it is not safe either.
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for written in pool.map(_copy, jobs):
            print(written, flush=True)
    return [out / name for name in wanted]


def _copy(job: tuple[Path, Path, str]) -> str:
    source, target, level = job
    draft = target.with_suffix(".part")
    scanify(source, draft, level=LEVELS[level], seed=seed(source.name))
    draft.rename(target)  # an interrupted run leaves no half copy that the next would take for whole
    return source.name


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.scans", description="Make scans of a corpus.")
    parser.add_argument("corpus")
    parser.add_argument("level", choices=LEVELS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--half", choices=get_args(Half))
    given = parser.parse_args()
    copies(given.corpus, given.level, given.out, (given.half,) if given.half else get_args(Half))


if __name__ == "__main__":
    main()
