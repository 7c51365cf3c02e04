"""Separator sheets in scans: how many are seen, how many pages of contracts are taken for one, what looking costs.

    python -m infra.measure.sheets [--half reporting] [--documents 8] [--seeds 8]

Prints a sheet (with and without a matter), scans it by `sample_docs.scanify` as at each scanner, so many times, and
looks for it upright and upside down. Then the first three pages of so many documents of cuad and kleister_nda
(shared/corpora), scanned as at the office and at the harsh scanner: pages taken for a sheet, or for an uncertain one,
which would hold their batch. CPU milliseconds a page, of drawing it small and of looking for codes, on this machine;
pages with a text layer of their own are not drawn at all.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pymupdf

from infra.measure.corpora import CORPORA, Half, names
from pipeline.inbox.separators import Mark, print_sheets
from pipeline.inbox.sheets import SheetsJob, marks
from pipeline.report import table
from sample_docs.scanify import LEVELS, scanify

__all__ = ["looked_at", "main", "pages_of_contracts", "sheets_seen"]

CORPORA_USED = ("cuad", "kleister_nda")
FIRST_PAGES = 3


def sheets_seen(level: str, seeds: int, folder: Path) -> tuple[int, int]:
    """Scans of sheets that were made at this scanner, and how many of them were seen for what they are."""
    made = seen = 0
    for matter in ("", "acme"):
        print_sheets(folder / "sheet.pdf", matter)
        for seed in range(seeds):
            scan = folder / "scan.pdf"
            scanify(folder / "sheet.pdf", scan, level=LEVELS[level], seed=seed)
            for turn in (0, 180):
                with pymupdf.open(scan) as document:
                    document[0].set_rotation(turn)
                    document.save(folder / "turned.pdf")
                (mark,) = marks(SheetsJob(folder / "turned.pdf", (1,)))
                made += 1
                seen += mark == Mark(1, sheet=True, matter=matter)
    return made, seen


def pages_of_contracts(files: Sequence[Path], level: str, folder: Path) -> tuple[Counter[str], float]:
    """What the scanned pages were taken for, and CPU seconds of looking at all of them."""
    found: Counter[str] = Counter()
    seconds = 0.0
    for number, file in enumerate(files):
        with pymupdf.open(file) as whole, pymupdf.open() as first:
            first.insert_pdf(whole, to_page=min(FIRST_PAGES, len(whole)) - 1)
            first.save(folder / "clean.pdf")
            pages = tuple(range(1, len(first) + 1))
        scanify(folder / "clean.pdf", folder / "scan.pdf", level=LEVELS[level], seed=number)
        taken, spent = looked_at(folder / "scan.pdf", pages)
        found.update(taken)
        seconds += spent
    return found, seconds


def looked_at(pdf: Path, pages: tuple[int, ...]) -> tuple[list[str], float]:
    """What each page was taken for, and the CPU seconds it took."""
    began = time.process_time()
    seen = marks(SheetsJob(pdf, pages))
    seconds = time.process_time() - began
    return ["uncertain" if mark.doubt else "sheet" if mark.sheet else "page" for mark in seen], seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Are separator sheets seen, and pages not taken for them?")
    parser.add_argument("--half", choices=get_args(Half), default="reporting")
    parser.add_argument("--documents", type=int, default=8, help="of each corpus (default 8; 0: none)")
    parser.add_argument("--seeds", type=int, default=8, help="scans of a sheet at each scanner (default 8)")
    chosen = parser.parse_args(arguments)
    files = [
        CORPORA / corpus / "pdf" / name
        for corpus in CORPORA_USED
        if chosen.documents
        for name in [each for each in names(corpus, chosen.half) if each.endswith(".pdf")][: chosen.documents]
    ]
    with tempfile.TemporaryDirectory(prefix="sheets-") as folder:
        rows = [("scanner", "sheets", "seen")]
        rows += [(level, *map(str, sheets_seen(level, chosen.seeds, Path(folder)))) for level in LEVELS]
        print(table(rows), flush=True)
        for level in ("office", "harsh") if files else ():
            found, seconds = pages_of_contracts(files, level, Path(folder))
            taken = ", ".join(f"{count} {what}" for what, count in found.items())
            print(
                f"{found.total()} pages of contracts, {level}: {taken}; {seconds / found.total() * 1000:.0f} ms a page"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
