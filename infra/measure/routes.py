"""How often triage chooses the route a person chose: the confusion table, and every page it got wrong.

    python -m infra.measure.routes [--half tuning|reporting | --samples] [--model NAME] [--cache FOLDER]

The labels lie in `infra/measure/routes/` with the guide they were made by; those of `--samples` in the truth of
sample_docs. The pages go the product's road up to triage in worker processes; they are decided by signals alone, or
with a triage VLM beside them where `--model` names one (a bundled or pulled name, or a folder). Printed are the
confusion table; the share of pages that agree, beside the same without what is being measured, which is the VLM, or
else the shapes of ink and words (pen strokes, holes, solid pieces, cells, skew); the share of a person's `frontier`
pages that go there, and of the other pages sent there for nothing; then the misses with the product's reasons.
Intervals are resampled by document.

What was read is kept in the cache by content, so that deciding anew costs nothing: a new folder is needed when
reading itself has changed. `FOLDER/inbox` holds the corpora's documents as PDFs (an image as a PDF of one page) and
`FOLDER/HALF.jsonl` the labels under those names: `muniment ingest FOLDER/inbox` and `muniment evaluate triage
FOLDER/HALF.jsonl` measure the same through a home.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infra.measure.labels import Labelled, golden_line, labelled, samples
from infra.measure.pages import Pages, read_pages
from pipeline.backends.protocols import PageClassifier, PageInput
from pipeline.errors import MunimentError
from pipeline.evaluate.bootstrap import difference, interval, mean
from pipeline.settings import load_settings
from pipeline.triage import Policy, policy_of, triage
from pipeline.types import Route
from pipeline.wiring import open_tools

__all__ = ["Judged", "confusion", "judge", "main", "report"]

CACHE = Path(tempfile.gettempdir()) / "muniment-measure-routes"
HELD = "held"


@dataclass(frozen=True, slots=True)
class Judged:
    """One page: what the person chose and in a word why, what triage chose (or `HELD`) and why, and what it would
    have chosen without the VLM, or without the shapes where no VLM was asked."""

    document: str
    number: int
    wanted: Route
    why: str
    found: str
    reasons: str
    plain: str


def judge(
    documents: Iterable[Labelled], pages: Pages, policy: Policy, classifier: PageClassifier | None = None
) -> Iterator[Judged]:
    """Triage each labelled page and put it beside the person's route."""
    for document in documents:
        name = f"{document.corpus}/{document.name}"
        for number, wanted in document.routes.items():
            page, why = pages[document.pdf, number], document.why[number]
            if isinstance(page, MunimentError):
                yield Judged(name, number, wanted, why, HELD, str(page), HELD)
            else:
                chosen = triage([page], classifier, policy)[0]
                reasons = "; ".join(chosen.reasons)
                plain = triage([page], None, policy)[0].route if classifier else _without_shapes(page, policy)
                yield Judged(name, number, wanted, why, chosen.route, reasons, plain)


def _without_shapes(page: PageInput, policy: Policy) -> str:
    """The route by what was measured before shapes were looked at, with the thresholds of that time."""
    bare = replace(page, text=replace(page.text, pen=0.0, holes=0.0, solid=0.0, dust=0.0))
    never = sys.maxsize
    plain = replace(policy, cells=never, dense_cells=never, crooked=math.inf, ruled=8, stray_words=2)
    return triage([bare], None, plain)[0].route


def confusion(judged: Iterable[Judged]) -> Counter[tuple[str, str]]:
    """How many pages of each (person's route, triage's route)."""
    return Counter((str(one.wanted), str(one.found)) for one in judged)


def report(judged: Sequence[Judged], without: str = "shapes") -> Iterator[str]:
    """What is printed, line by line."""
    counts = confusion(judged)
    columns = [*Route, *([HELD] if any(one.found == HELD for one in judged) else [])]
    yield "person \\ triage  " + "".join(f"{column:>10}" for column in columns)
    for wanted in Route:
        yield f"{wanted:<16}" + "".join(f"{counts[wanted, column]:>10}" for column in columns)
    right = _rows(judged, lambda one: one.found == one.wanted)
    plain = _rows(judged, lambda one: one.plain == one.wanted)
    hard = [one for one in judged if one.wanted is Route.FRONTIER]
    others = [one for one in judged if one.wanted is not Route.FRONTIER]
    yield f"agreement             {interval(right, mean)} of {len(judged)} pages"
    yield f"{f'without {without}':<22}{interval(plain, mean)}; gained {difference(right, plain, mean)}"
    yield f"frontier found        {_escalated(hard)}"
    yield f"frontier for nothing  {_escalated(others)}"
    for one in judged:
        if one.found != one.wanted:
            yield f"{one.document} page {one.number}: {one.wanted} ({one.why}), triage {one.found}: {one.reasons}"


def _escalated(judged: Sequence[Judged]) -> str:
    return f"{interval(_rows(judged, lambda one: one.found == Route.FRONTIER), mean)} of {len(judged)} pages"


def _rows(judged: Iterable[Judged], hit: Callable[[Judged], bool]) -> list[list[float]]:
    """(hits, pages) of each document."""
    rows: dict[str, list[float]] = {}
    for one in judged:
        row = rows.setdefault(one.document, [0.0, 0.0])
        row[0] += hit(one)
        row[1] += 1
    return list(rows.values())


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=["tuning", "reporting"], default="tuning")
    parser.add_argument("--samples", action="store_true", help="the 62 sample pages instead")
    parser.add_argument("--model", default="", help="the triage VLM that is asked, too")
    parser.add_argument("--cache", type=Path, default=CACHE)
    asked = parser.parse_args(argv)
    asked.cache.mkdir(parents=True, exist_ok=True)
    documents = samples() if asked.samples else labelled(asked.half, asked.cache / "inbox")
    golden = asked.cache / f"{'samples' if asked.samples else asked.half}.jsonl"
    golden.write_text("".join(f"{golden_line(document)}\n" for document in documents), "utf-8")
    pages = read_pages([(document.pdf, number) for document in documents for number in document.routes], asked.cache)
    settings = load_settings(triage_model=asked.model or "none")
    with open_tools(settings) as tools:
        judged = list(judge(documents, pages, policy_of(settings), tools.classifier))
    sys.stdout.write("\n".join(report(judged, "VLM" if asked.model else "shapes")) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
