"""A mixed inbox to set the escalation thresholds on: documents of tuning halves, as they are and scanned three ways.

    python -m infra.measure.escalation OUT [--documents 4]
    MUNIMENT_HOME=OUT/home muniment ingest OUT/inbox
    MUNIMENT_HOME=OUT/home muniment evaluate routing OUT/golden.jsonl

Takes the shortest documents of the tuning halves of cuad, kleister_nda and vrdu_adbuy and writes each to
`OUT/inbox/LEVEL/`: as it is (`pdf`) and as scanned copies (`office`, `harsh`, `fax`, see `sample_docs.scanify`); the
level is the matter. `OUT/golden.jsonl` holds a line for each copy. Prints how many documents and pages were written.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.measure.corpora import CORPORA, names
from infra.measure.golden import golden_lines
from infra.measure.scans import seed
from sample_docs.scanify import LEVELS, scanify

__all__ = ["main"]

FROM = ("cuad", "kleister_nda", "vrdu_adbuy")
AS_IT_IS = "pdf"
COPIES = (AS_IT_IS, "office", "harsh", "fax")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the inbox and its golden file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--documents", type=int, default=4, help="documents of each corpus (default 4)")
    arguments = parser.parse_args(argv)
    lines, pages = [], 0
    for corpus in FROM:
        truth = {line["document"]: line for line in golden_lines(corpus, "tuning")}
        for name, count in _shortest(corpus, arguments.documents):
            for level in COPIES:
                _copy(CORPORA / corpus / "pdf" / name, arguments.out / "inbox" / level / name, level)
                lines.append(truth[name] | {"matter": level})
                pages += count
    (arguments.out / "golden.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    print(f"{len(lines)} documents, {pages} pages in {arguments.out / 'inbox'}")
    return 0


def _shortest(corpus: str, count: int) -> Iterator[tuple[str, int]]:
    """Names and page counts."""
    import pymupdf

    pages = {}
    for name in names(corpus, "tuning"):
        with pymupdf.open(CORPORA / corpus / "pdf" / name) as document:
            pages[name] = len(document)
    yield from sorted(pages.items(), key=lambda item: (item[1], item[0]))[:count]


def _copy(source: Path, target: Path, level: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if level == AS_IT_IS:
        shutil.copyfile(source, target)
    elif not target.exists():
        scanify(source, target, level=LEVELS[level], seed=seed(source.name))


if __name__ == "__main__":
    raise SystemExit(main())
