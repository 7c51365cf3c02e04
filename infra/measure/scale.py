"""The index at scale, each a command: `python -m infra.measure.scale storage|poolings|stages|curve|busy|page|sizing`.

    storage   bytes a page in every form the engine can keep a multivector in, and the loss of each
    poolings  hierarchical and mean pooling at equal vector counts
    stages    two-stage search against exact MaxSim: how deep the first stage must look, and the product's own index
    curve     latency, rates, memory and disk at 1,000, 10,000 and 100,000 pages, text only and with page images
    busy      search latency while PDFs are ingested into the same home at full speed, both on the cores there are
    page      the search page's HTML from `muniment serve`, alone and 8 at once, and CPU of server and index owner
    sizing    what 100,000 pages a day need, from measured inputs and named assumptions

Page-image vectors are a stand-in (see `scale_vectors`), and every table says so. `--cache` is a folder for vectors
that take minutes to make, `--half` says whose questions are asked: settings were chosen on the tuning half.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.measure import scale_busy, scale_curve, scale_page, scale_points, scale_sizing, scale_stages, scale_storage
from infra.measure.corpora import CORPORA
from infra.measure.scale_vectors import Page, RealPages, real_pages
from pipeline.backends.pooling import mean_rows
from pipeline.backends.protocols import TextEmbedder
from pipeline.evaluate import bootstrap

STAND_IN = "stand-in for page images: text late interaction, 128 a row"


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions of one half: their texts and rows, the right pages' numbers, and the document each is about."""

    texts: tuple[str, ...]
    rows: tuple[np.ndarray, ...]
    gold: tuple[frozenset[int], ...]
    documents: tuple[str, ...]

    def mean(self, values: Sequence[float]) -> str:
        """Mean over the questions and its 95 % interval, resampled by document."""
        return str(bootstrap.interval(bootstrap.by_document(self.documents, values), bootstrap.mean))


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=sorted(COMMANDS))
    parser.add_argument("--cache", type=Path, default=Path("/tmp/muniment-scale"))
    parser.add_argument("--half", choices=["tuning", "reporting"], default="tuning")
    parser.add_argument("--questions", type=int, default=40, help="at most this many, spread evenly")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[1000, 10_000], help="of curve, busy and page, in pages"
    )
    parser.add_argument("--pages", type=int, default=0, help="of `stages`: so many, by adding synthetic ones")
    parser.add_argument("--rows", type=int, default=0, help="of `curve`: with page images of at most so many rows")
    parser.add_argument("--inputs", type=Path, default=scale_sizing.INPUTS, help="of the sizing table")
    given = parser.parse_args()
    COMMANDS[given.what](given)


def _storage(given: argparse.Namespace) -> None:
    """CUAD's pages of that half, so that scoring all of them in every form stays affordable."""
    real = real_pages(given.cache)
    asked = _asked(real, given)
    kept = [at for at, page in enumerate(real.pages) if page.half == given.half and _cuad(page)]
    pages = [real.rows[at] for at in kept]
    exact = list(scale_stages.scores_of(pages, asked.rows)[0])
    print(f"{_set(pages, asked, given)}\n")
    _head(
        "kept as",
        "bytes a page",
        "of them a copy in RAM",
        "top-10 overlap",
        "Spearman in the exact best 100",
        "CPU ms to write",
        "CPU µs to score",
    )
    for form in scale_storage.FORMS:
        found = scale_storage.stored(form, pages, asked.rows, given.cache)
        overlap = asked.mean(scale_storage.overlap(found, exact))
        correlation = f"{scale_storage.correlation(found, exact):.4f}"
        times = f"{1e3 * found.write_seconds:.1f}", f"{1e6 * found.score_seconds:.0f}"
        _row(form.name, f"{found.disk:,.0f}", f"{found.pinned:,.0f}", overlap, correlation, *times)


def _poolings(given: argparse.Namespace) -> None:
    """CUAD's pages of both halves: their trees are grown once for all counts."""
    real = real_pages(given.cache)
    asked = _asked(real, given)
    pages = [rows for rows, page in zip(real.rows, real.pages, strict=True) if _cuad(page)]  # they come first
    exact = scale_stages.scores_of(pages, asked.rows)[0]
    print(f"{_set(pages, asked, given)}\n")
    _head("pooling", "rows a page", "exact top 10 in best 20", "in best 50", "nDCG@10 by itself")
    _row("none", _rows_a_page(pages), "1.000", "1.000", asked.mean(scale_stages.ndcg(exact, asked.gold)))
    trees = scale_stages.trees(pages)
    for factor in (3, 8, 16, 32):
        clusters = [scale_stages.hierarchical(rows, tree, factor) for rows, tree in zip(pages, trees, strict=True)]
        means = [mean_rows(rows, factor) for rows in pages]
        for name, pooled in (("hierarchical", clusters), ("mean of neighbours", means)):
            first = scale_stages.scores_of(pooled, asked.rows)[0]
            shares = [asked.mean(scale_stages.reached(first, exact, depth)) for depth in (20, 50)]
            merit = asked.mean(scale_stages.ndcg(first, asked.gold))
            _row(f"{name}, {factor} to 1", _rows_a_page(pooled), *shares, merit)


def _stages(given: argparse.Namespace) -> None:
    """All real pages, and synthetic ones if asked for: the first stage's depth, and the product's own index."""
    real = real_pages(given.cache)
    asked, factors = _asked(real, given), (8, 16, 32)
    pages = scale_points.synthetic_rows(real.rows, given.pages) if given.pages > len(real.rows) else real.rows
    exact, *firsts = scale_stages.scores_of(pages, asked.rows, (1, *factors))
    print(f"{_set(real.rows, asked, given)}; {exact.shape[1]} pages, what is not real is synthetic\n")
    depths = (10, 50, 100, 200, 400)
    _head("search", *(f"exact top 10 in best {depth}" for depth in depths), "nDCG@10")
    _row("exact MaxSim", *["1.000"] * len(depths), asked.mean(scale_stages.ndcg(exact, asked.gold)))
    for factor, first in zip(factors, firsts, strict=True):
        shares = [asked.mean(scale_stages.reached(first, exact, depth)) for depth in depths]
        _row(f"pooled {factor} to 1 alone", *shares, asked.mean(scale_stages.ndcg(first, asked.gold)))
    if pages is real.rows:
        found = scale_stages.as_searched(real.rows, asked.rows, given.cache)
        shares = [asked.mean(scale_stages.reached(found, exact, 10)), *["–"] * (len(depths) - 1)]
        _row("the product's index, both stages", *shares, asked.mean(scale_stages.ndcg(found, asked.gold)))


def _curve(given: argparse.Namespace) -> None:
    """CUAD's pages and synthetic ones made from them, in a home that is removed after."""
    real = real_pages(given.cache)
    asked = _asked(real, given)
    points = scale_points.real_points([page for page in real.pages if _cuad(page)], given.cache)
    images = [rows[: given.rows] for rows in real.rows[: len(points)]] if given.rows else []
    lookup = scale_curve.Lookup(dict(zip(asked.texts, asked.rows, strict=True))) if images else None
    print(
        f"{len(points)} real pages, the rest synthetic; {len(asked.texts)} questions; "
        + (f"page images of {_rows_a_page(images)} rows ({STAND_IN})" if images else "text only")
        + "\n"
    )
    _head(
        "pages",
        "written/s",
        "longest call s",
        "CPU ms",
        "graphs s",
        "CPU ms a page",
        "disk KiB a page",
        "own MiB",
        "mapped MiB",
        "open s",
        "embed p50 ms",
        "CPU",
        *(f"{n} at once: {x}" for n in scale_curve.AT_ONCE for x in ("p50", "p95", "CPU")),
    )
    stream, before = scale_points.synthetic(points, images, max(given.sizes)), 0
    with tempfile.TemporaryDirectory(dir=given.cache) as home:
        grown = scale_curve.Grown(Path(home) / "index", _embedder(), lookup)
        with contextlib.closing(grown):
            for size in given.sizes:
                _level(grown.to(size, stream, size - before, asked.texts))
                before = size


def _busy(given: argparse.Namespace) -> None:
    """CUAD's PDFs come in, half of them beside one search at a time, half beside eight."""
    from pipeline.search import Searcher
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    real = real_pages(given.cache)
    asked = _asked(real, given)
    points = scale_points.real_points([page for page in real.pages if _cuad(page)], given.cache)
    pdfs = sorted((CORPORA / "cuad" / "pdf").glob("*.pdf"))
    _head("pages there", "searches at once", "searches", "p50 ms", "p95 ms", "longest ms", "pages came in", "in s")
    for size in given.sizes:
        with tempfile.TemporaryDirectory(dir=given.cache) as home, open_tools(load_settings(home=Path(home))) as tools:
            there = scale_busy.fill(tools, scale_points.synthetic(points, [], size))
            searcher = Searcher(tools.index, _embedder(), None, scale_curve.no_words)
            for turn, at_once in enumerate(scale_curve.AT_ONCE):
                files = pdfs[turn :: len(scale_curve.AT_ONCE)]
                found = scale_busy.searched_beside(Path(home), searcher, files, asked.texts, at_once)
                times = (f"{value:.0f}" for value in (found.p50, found.p95, found.longest))
                _row(
                    f"{there:,}", str(at_once), f"{found.searches:,}", *times, f"{found.pages}", f"{found.seconds:.0f}"
                )
                there += found.pages


def _page(given: argparse.Namespace) -> None:
    """A home for each size, the real pages first; each server is asked the questions with other words at their ends."""
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    real = real_pages(given.cache)
    points = scale_points.real_points([page for page in real.pages if _cuad(page)], given.cache)
    texts = _asked(real, given).texts
    vocabulary = [page.text for page in real.pages]
    _head("pages", "at once", "answers", "p50 ms", "p95 ms", "CPU ms server", "owner", "hits", "load before, after")
    for size in given.sizes:
        with tempfile.TemporaryDirectory(dir=given.cache) as home, open_tools(load_settings(home=Path(home))) as tools:
            there = scale_page.fill(tools, scale_points.synthetic(points, [], size))
            for at_once in scale_curve.AT_ONCE:
                load = os.getloadavg()[0]
                with scale_page.served(tools) as server:
                    found = scale_page.answered(server, scale_page.unlike(texts, vocabulary, at_once), at_once)
                figures = (f"{value:.1f}" for value in (found.p50, found.p95, found.server, found.owner, found.hits))
                loads = f"{load:.1f}, {os.getloadavg()[0]:.1f}"
                _row(f"{there:,}", str(at_once), str(found.answers), *figures, loads)
            tools.release_index()


def _embedder() -> TextEmbedder:
    """The product's, as for a question that nobody asked before."""
    from pipeline.backends.device import one_core
    from pipeline.backends.gather import Gathered
    from pipeline.backends.minilm import MiniLM
    from pipeline.models import minilm_path

    return Gathered(MiniLM(minilm_path()), one_core)


def _level(level: scale_curve.Level) -> None:
    written = level.written
    times = [value for found in level.searches.values() for value in (found.p50, found.p95, found.cpu)]
    numbers = (written.longest, written.cpu_ms, written.graph_seconds, written.graph_cpu_ms, level.disk_kib)
    _row(
        f"{level.pages:,}",
        f"{written.rate:.0f}",
        *(f"{number:.1f}" for number in numbers),
        f"{level.own_mib:.0f}",
        f"{level.mapped_mib:.0f}",
        f"{level.open_seconds:.1f}",
        f"{level.embed.p50:.0f}",
        f"{level.embed.cpu:.0f}",
        *(f"{value:.0f}" for value in times),
    )


def _sizing(given: argparse.Namespace) -> None:
    known = scale_sizing.inputs(given.inputs)
    _head("input", "value", "where it is from")
    for name, (value, source) in known.items():
        _row(name, f"{value:g}", source)
    print()
    _head("need", "amount", "unit", "arithmetic")
    for need in scale_sizing.needs({name: value for name, (value, _) in known.items()}):
        _row(need.what, f"{need.amount:,.2f}", need.unit, need.arithmetic)


def _head(*cells: str) -> None:
    _row(*cells)
    _row(*["---"] * len(cells))


def _row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def _asked(real: RealPages, given: argparse.Namespace) -> Asked:
    numbers = real.questions_of(given.half)
    if len(numbers) > given.questions:
        numbers = [numbers[at * len(numbers) // given.questions] for at in range(given.questions)]
    questions = [real.questions[number] for number in numbers]
    return Asked(
        texts=tuple(question.text for question in questions),
        rows=tuple(real.asked_rows[number] for number in numbers),
        gold=tuple(question.gold for question in questions),
        documents=tuple(real.pages[min(question.gold)].document for question in questions),
    )


def _cuad(page: Page) -> bool:
    return page.document.startswith("cuad")


def _set(pages: Sequence[np.ndarray], asked: Asked, given: argparse.Namespace) -> str:
    return (
        f"{len(pages)} real pages of {_rows_a_page(pages)} rows; {len(asked.texts)} CUAD questions of "
        f"{_rows_a_page(asked.rows)} rows, {given.half} half; {STAND_IN}"
    )


def _rows_a_page(pages: Sequence[np.ndarray]) -> str:
    return f"{np.mean([len(rows) for rows in pages]):.1f}"


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "storage": _storage,
    "poolings": _poolings,
    "stages": _stages,
    "curve": _curve,
    "busy": _busy,
    "page": _page,
    "sizing": _sizing,
}


if __name__ == "__main__":
    main()
