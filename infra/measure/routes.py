"""How often triage chooses the route a person chose: the confusion table, and every page it got wrong.

    python -m infra.measure.routes [--half tuning|reporting | --samples] [--cache FOLDER]

The labels lie in `infra/measure/routes/` with the guide they were made by; those of `--samples` in the truth of
sample_docs. The pages go the product's road up to triage, by signals alone (no VLM), in worker processes. Printed
are the confusion table, the share of pages that agree, the share of a person's `frontier` pages that go there, the
share of the other pages sent there for nothing (intervals resampled by document), and the misses with the product's
reasons.

What was read is kept in the cache by content, so that deciding anew costs nothing: a new folder is needed when
reading itself has changed. `FOLDER/inbox` holds the documents as PDFs (a corpus's images as PDFs of one page) and
`FOLDER/NAME.jsonl` the labels under those names: `muniment ingest FOLDER/inbox` and `muniment evaluate triage
FOLDER/NAME.jsonl` measure the same through a home.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import sample_docs
from infra.measure.corpora import CORPORA, Half, names
from infra.measure.pages import Pages, read_pages
from pipeline.errors import MunimentError
from pipeline.settings import load_settings
from pipeline.triage import Policy, policy_of, triage
from pipeline.types import Route, Triage

__all__ = [
    "Document",
    "Judged",
    "agreement",
    "confusion",
    "escalation",
    "inbox",
    "judge",
    "labelled",
    "main",
    "needless",
    "report",
    "samples",
]

LABELS = Path(__file__).with_name("routes")
FOLDERS = ("", "pdf", "images", "img", "photo_en", "wills_fr")  # where a corpus keeps its pages
CACHE = Path(tempfile.gettempdir()) / "muniment-measure-routes"
RESAMPLES, SEED = 2000, 20


@dataclass(frozen=True, slots=True)
class Document:
    """A document with the routes a person chose, by page number, and in a word why."""

    corpus: str
    name: str
    path: Path
    routes: dict[int, Route]
    why: dict[int, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """One page: what the person chose, and what triage did (None where the page was held or its document rejected)."""

    document: Document
    number: int
    wanted: Route
    triage: Triage | None
    error: str = ""

    @property
    def found(self) -> str:
        """The route chosen, or "held"."""
        return str(self.triage.route) if self.triage else "held"


def labelled(half: Half) -> list[Document]:
    """The labelled documents of this half, over all corpora."""
    found = []
    for file in sorted(LABELS.glob("*.jsonl")):
        inside = set(names(file.stem, half))
        entries = map(json.loads, file.read_text("utf-8").splitlines())
        found += [_document(file.stem, entry) for entry in entries if entry["document"] in inside]
    return found


def _document(corpus: str, entry: dict[str, dict[str, str]]) -> Document:
    name = str(entry["document"])
    path = next(p for folder in FOLDERS if (p := CORPORA / corpus / folder / name).is_file() or folder == FOLDERS[-1])
    return Document(corpus, name, path, _routes(entry["routes"]), {int(n): why for n, why in entry["why"].items()})


def _routes(told: dict[str, str]) -> dict[int, Route]:
    return {int(number): Route(route) for number, route in told.items()}


def samples() -> list[Document]:
    """The sample documents with the routes in their truth."""
    found = []
    for pdf in sorted((Path(sample_docs.__file__).parent / "inbox").glob("*/*.pdf")):
        pages = json.loads(pdf.with_suffix(".json").read_text("utf-8"))["pages"]
        routes = {page["page"]: Route(page["route"]) for page in pages}
        found.append(
            Document(pdf.parent.name, pdf.name, pdf, routes, {p["page"]: p["note"] or p["kind"] for p in pages})
        )
    return found


def inbox(documents: Iterable[Document], folder: Path) -> list[tuple[Document, Path]]:
    """Each document as a PDF under `folder/CORPUS/`; an image becomes a PDF of one page, at its own resolution."""
    pdfs = []
    for document in documents:
        is_pdf = document.path.suffix == ".pdf"
        pdf = folder / document.corpus / (document.name if is_pdf else f"{document.name}.pdf")
        if not pdf.is_file():
            pdf.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copy if is_pdf else _wrap)(document.path, pdf)
        pdfs.append((document, pdf))
    return pdfs


def _wrap(image: Path, pdf: Path) -> None:
    import pymupdf

    with pymupdf.open(image) as picture:
        pdf.write_bytes(picture.convert_to_pdf())


def judge(pdfs: Iterable[tuple[Document, Path]], pages: Pages, policy: Policy) -> Iterator[Judged]:
    """Triage each labelled page and put it beside the person's route."""
    for document, pdf in pdfs:
        for number, wanted in document.routes.items():
            page = pages[pdf, number]
            if isinstance(page, MunimentError):
                yield Judged(document, number, wanted, None, str(page))
            else:
                yield Judged(document, number, wanted, triage([page], None, policy)[0])


def confusion(judged: Iterable[Judged]) -> Counter[tuple[str, str]]:
    """How many pages of each (person's route, triage's route)."""
    return Counter((str(one.wanted), one.found) for one in judged)


def agreement(judged: Iterable[Judged]) -> list[list[float]]:
    """(pages routed as the person did, pages) of each document."""
    return _by_document((one, one.found == one.wanted) for one in judged)


def escalation(judged: Iterable[Judged]) -> list[list[float]]:
    """(pages that triage sends to the frontier, too, pages that the person sends there) of each document."""
    return _by_document((one, one.found == Route.FRONTIER) for one in judged if one.wanted is Route.FRONTIER)


def needless(judged: Iterable[Judged]) -> list[list[float]]:
    """(pages sent to the frontier for nothing, pages that the person keeps) of each document."""
    return _by_document((one, one.found == Route.FRONTIER) for one in judged if one.wanted is not Route.FRONTIER)


def _by_document(hits: Iterable[tuple[Judged, bool]]) -> list[list[float]]:
    rows: dict[tuple[str, str], list[float]] = {}
    for one, hit in hits:
        row = rows.setdefault((one.document.corpus, one.document.name), [0.0, 0.0])
        row[0] += hit
        row[1] += 1
    return list(rows.values())


def _interval(rows: list[list[float]]) -> str:
    """The share and its 95 % interval, resampled by document."""
    table = np.asarray(rows)
    drawn = np.random.default_rng(SEED).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=RESAMPLES)
    sums = drawn @ table
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    right, pages = table.sum(axis=0)
    return f"{right / pages:.3f} [{low:.3f}, {high:.3f}] ({right:.0f} of {pages:.0f} pages)"


def golden_lines(pdfs: Iterable[tuple[Document, Path]]) -> list[str]:
    """The labels for `muniment evaluate triage`, under the names of the PDFs in the inbox."""
    return [
        json.dumps({"document": pdf.name, "matter": document.corpus, "routes": document.routes})
        for document, pdf in pdfs
    ]


def report(judged: Sequence[Judged]) -> Iterator[str]:
    """What is printed, line by line."""
    counts = confusion(judged)
    columns = [*Route, *(["held"] if any(one.triage is None for one in judged) else [])]
    yield "person \\ triage  " + "".join(f"{column:>10}" for column in columns)
    for wanted in Route:
        yield f"{wanted:<16}" + "".join(f"{counts[wanted, column]:>10}" for column in columns)
    yield f"agreement           {_interval(agreement(judged))}"
    yield f"frontier found      {_interval(escalation(judged))}"
    yield f"frontier for nothing {_interval(needless(judged))}"
    for one in judged:
        if one.found != one.wanted:
            place = f"{one.document.corpus}/{one.document.name} page {one.number}"
            why = "; ".join(one.triage.reasons) if one.triage else one.error
            yield f"{place}: {one.wanted} ({one.document.why[one.number]}), triage {one.found}: {why}"


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["tuning", "reporting"], default="tuning")
    parser.add_argument("--samples", action="store_true", help="the 62 sample pages instead")
    parser.add_argument("--cache", type=Path, default=CACHE)
    asked = parser.parse_args(argv)
    documents = samples() if asked.samples else labelled(asked.half)
    pdfs = inbox(documents, asked.cache / "inbox")
    golden = asked.cache / f"{'samples' if asked.samples else asked.half}.jsonl"
    golden.write_text("\n".join(golden_lines(pdfs)) + "\n", "utf-8")
    pages = read_pages([(pdf, number) for document, pdf in pdfs for number in document.routes], asked.cache)
    judged = list(judge(pdfs, pages, policy_of(load_settings())))
    sys.stdout.write("\n".join(report(judged)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
