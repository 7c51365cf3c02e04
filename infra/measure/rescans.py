"""Two scans of one contract, and other contracts of one template: which are linked as scans of the same paper?

    python -m infra.measure.rescans [--half reporting] [--documents 8] [--contracts 6]

First by looks alone, on born-digital contracts of cuad and kleister_nda (shared/corpora), so many documents of each and
the first pages of each document, scanned by `sample_docs.scanify` as at five scanners (light, twice office, harsh, fax)
and rendered as the pipeline does: how far the looks of two scans of one page lie apart, and those of other pages; and
how many pairs of documents are linked, by the pair of scanners.
`pipeline.inbox.prints.SAME` was chosen on the tuning half.

Then with their records, through the whole pipeline: contracts of one template that differ in parties, dates and sums
only, each scanned twice at the office scanner: links between scans of one contract, and between contracts. Links are
wanted among the first and not among the second; exits with 0 either way.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import get_args

import numpy as np
import pymupdf

from infra.measure.corpora import CORPORA, Half, names
from pipeline.errors import MunimentError
from pipeline.inbox.prints import BYTES, SAME, aligned, unpacked
from pipeline.inbox.rescans import NEARLY_ALL
from pipeline.render import RenderJob, render_page
from pipeline.report import table
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.wiring import open_tools
from sample_docs.scanify import LEVELS, scanify

__all__ = ["Scan", "main", "pages_apart", "scans_of", "templates"]

CORPORA_USED = ("cuad", "kleister_nda")
SCANNERS = ("light", "office", "office again", "harsh", "fax")
FIRST_PAGES = 3
NAMES = ("Alder Freight", "Brook Survey", "Cedar Court", "Dune Analytics", "Elm Harbor", "Fern Valley", "Gorse Mill",
         "Hazel Creek")  # fmt: skip


@dataclass(frozen=True)
class Scan:
    """One scan of one document: how its pages look, as bits."""

    document: str
    scanner: str
    bits: np.ndarray


def scans_of(source: Path, document: str, folder: Path) -> Iterator[Scan]:
    """The document's first pages from each scanner."""
    clean = folder / "clean.pdf"
    with pymupdf.open(source) as whole, pymupdf.open() as first:
        first.insert_pdf(whole, to_page=min(FIRST_PAGES, len(whole)) - 1)
        first.save(clean)
        count = len(first)
    for seed, scanner in enumerate(SCANNERS):
        scan = folder / "scan.pdf"
        scanify(clean, scan, level=LEVELS[scanner.split()[0]], seed=seed)
        looks = [_look(scan, number, folder) for number in range(1, count + 1)]
        packed = b"".join(bytes.fromhex(look) if look else bytes(BYTES) for look in looks)
        yield Scan(document, scanner, unpacked(packed))


def _look(pdf: Path, number: int, folder: Path) -> str:
    try:
        return render_page(RenderJob(pdf, number, folder / "store")).look
    except MunimentError:
        return ""


def pages_apart(scans: Sequence[Scan]) -> tuple[list[int], list[int]]:
    """Bits in which the looks of two scans of one page differ, and those of different pages."""
    pages = [(scan.document, number, row) for scan in scans for number, row in enumerate(scan.bits) if row.any()]
    same, other = [], []
    for (*one, first), (*two, second) in combinations(pages, 2):
        (same if one == two else other).append(int((first != second).sum()))
    return same, other


def _linked(one: Scan, other: Scan) -> bool:
    alike, shown = aligned(one.bits, other.bits)
    return bool(shown) and alike >= NEARLY_ALL * shown


def _by_looks(scans: Sequence[Scan]) -> None:
    same, other = pages_apart(scans)
    rows = [("pairs of pages", "count", "bits apart: 50 %", "90 %", f"within {SAME} bits")]
    for name, apart in (("two scans of one page", same), ("other pages", other)):
        middle, most = np.percentile(apart, [50, 90])
        within = sum(bits <= SAME for bits in apart) / len(apart)
        rows.append((name, str(len(apart)), f"{middle:.0f}", f"{most:.0f}", f"{within:.2%}"))
    print(table(rows))
    rows = [("scans of one document, by scanners", "pairs", "linked")]
    for kinds in combinations(SCANNERS, 2):
        pairs = [
            (a, b) for a, b in combinations(scans, 2) if a.document == b.document and (a.scanner, b.scanner) == kinds
        ]
        rows.append((" and ".join(kinds), str(len(pairs)), str(sum(_linked(a, b) for a, b in pairs))))
    others = [(a, b) for a, b in combinations(scans, 2) if a.document != b.document]
    rows.append(("scans of other documents", str(len(others)), str(sum(_linked(a, b) for a, b in others))))
    print(table(rows))


def templates(contracts: int, folder: Path) -> tuple[int, int, int, int]:
    """Pairs of scans of one contract and how many of them are linked, pairs of scans of different contracts of one
    template and how many of those are."""
    for number in range(contracts):
        clean = folder / "clean.pdf"
        _contract(number, clean)
        for seed in (1, 2):
            scan = folder / "inbox" / "acme" / f"{number}-{seed}.pdf"
            scan.parent.mkdir(parents=True, exist_ok=True)
            scanify(clean, scan, level=LEVELS["office"], seed=100 * seed + number)
    clean.unlink()
    with open_tools(load_settings(home=folder / "home")) as tools:
        ingest_paths([folder / "inbox"], None, tools)
        names_ = {document.id: document.name for document in tools.catalog.documents()}
        linked = {frozenset((id, found.document)) for id in names_ for found in tools.rescans.of(id)}
    same = [pair for pair in combinations(names_, 2) if len({names_[id].split("-")[0] for id in pair}) == 1]
    other = [pair for pair in combinations(names_, 2) if pair not in set(same)]
    return (len(same), sum(frozenset(pair) in linked for pair in same), len(other),
            sum(frozenset(pair) in linked for pair in other))  # fmt: skip


def _contract(number: int, path: Path) -> None:
    """A services agreement of which only what a firm fills in is another."""
    client, provider = NAMES[number % len(NAMES)], NAMES[(number + 3) % len(NAMES)]
    text = f"""SERVICES AGREEMENT

This Services Agreement (the "Agreement") is made on March {number + 2}, 2021 by and between {client} Company, a
Delaware corporation ("Client"), and {provider} Limited, an English company ("Provider").

1. Services. Provider shall survey the warehouses of Client every calendar quarter and shall deliver a written report
within ten (10) days after each survey. The report states the condition of each building and what is to be repaired.

2. Fees. Client shall pay Provider a fee of USD {12 + number},500.00 for each survey within thirty (30) days of the
invoice. Travel is paid at cost. No fee is due for a survey that Client did not ask for.

3. Term. This Agreement begins on April 1, 2021 and expires on March 31, 2024. It does not renew by itself.

4. Termination. Either party may terminate this Agreement for convenience upon sixty (60) days' written notice.

5. Confidentiality. Each party keeps what it learns of the other secret during the term and for three years after it.

6. Governing Law. This Agreement shall be governed by and construed in accordance with the laws of the State of New
York, without regard to its conflict of laws principles.
"""
    with pymupdf.open() as document:
        document.new_page().insert_textbox((72, 72, 540, 720), text, fontsize=11, fontname="tiro")
        document.save(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Which scans are linked as scans of the same paper?")
    parser.add_argument("--half", choices=get_args(Half), default="reporting")
    parser.add_argument("--documents", type=int, default=8, help="of each corpus (default 8; 0: none)")
    parser.add_argument("--contracts", type=int, default=6, help="of one template (default 6; 0: none)")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="rescans-") as name:
        scans: list[Scan] = []
        for corpus in CORPORA_USED if chosen.documents else ():
            for file in [each for each in names(corpus, chosen.half) if each.endswith(".pdf")][: chosen.documents]:
                scans += scans_of(CORPORA / corpus / "pdf" / file, file, Path(name))
        if scans:
            _by_looks(scans)
        if chosen.contracts:
            figures = templates(chosen.contracts, Path(name))
            print("one template, with records: {1} of {0} pairs of scans of one contract linked, {3} of {2} pairs of "
                  "different contracts".format(*figures))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
