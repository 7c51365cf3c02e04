"""The index at scale, each a command: `python -m infra.measure.scale storage|poolings|stages|curve|sizing`.

    storage   bytes a page in every form the engine can keep a multivector in, and the loss of each
    poolings  hierarchical and mean pooling at equal vector counts
    stages    two-stage search against exact MaxSim: how deep the first stage must look, and the product's own index
    curve     latency, rates, memory and disk at 1,000, 10,000 and 100,000 pages, text only and with page images
    sizing    what 100,000 pages a day need, from measured inputs and named assumptions

Page-image vectors are a stand-in (see `scale_vectors`), and every table says so. `--cache` is a folder for vectors
that take minutes to make, `--half` says whose questions are asked: settings were chosen on the tuning half.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infra.measure import scale_curve, scale_points, scale_sizing, scale_stages, scale_storage
from infra.measure.scale_vectors import RealPages, maxsim, real_pages, stacked
from pipeline.backends.pooling import mean_rows

STAND_IN = "stand-in for page images: text late interaction, 128 a row"


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["storage", "poolings", "stages", "curve", "sizing"])
    parser.add_argument("--cache", type=Path, default=Path("/tmp/muniment-scale"))
    parser.add_argument("--half", choices=["tuning", "reporting"], default="tuning")
    parser.add_argument("--questions", type=int, default=40, help="at most this many, spread evenly")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000], help="of the curve, in pages")
    parser.add_argument("--images", action="store_true", help="the curve of an index with page-image vectors")
    parser.add_argument("--inputs", type=Path, default=scale_sizing.INPUTS, help="of the sizing table")
    given = parser.parse_args()
    if given.what == "sizing":
        return _sizing(given.inputs)
    if given.what == "curve":
        return _curve(real_pages(given.cache), given)
    command = {"storage": _storage, "poolings": _poolings, "stages": _stages}[given.what]
    command(real_pages(given.cache), given.half, given.questions, given.cache)


def _storage(real: RealPages, half: str, most: int, folder: Path) -> None:
    """CUAD's pages of that half, so that scoring all of them in every form stays affordable."""
    kept = [at for at, page in enumerate(real.pages) if page.half == half and page.document.startswith("cuad")]
    pages = [real.rows[at] for at in kept]
    questions = [real.asked_rows[at] for at in _spread(real.questions_of(half), most)]
    rows, starts = stacked(pages)
    exact = [maxsim(question, rows, starts) for question in questions]
    print(
        f"{len(pages)} CUAD pages ({half} half), {len(rows) / len(pages):.0f} rows each, {len(questions)} questions of "
        f"{np.mean([len(q) for q in questions]):.0f} rows; {STAND_IN}"
    )
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
        found = scale_storage.stored(form, pages, questions, folder)
        _row(
            form.name,
            f"{found.disk:,.0f}",
            f"{found.pinned:,.0f}",
            f"{scale_storage.overlap(found, exact):.3f}",
            f"{scale_storage.correlation(found, exact):.4f}",
            f"{1e3 * found.write_seconds:.1f}",
            f"{1e6 * found.score_seconds:.0f}",
        )


def _poolings(real: RealPages, half: str, most: int, folder: Path) -> None:
    """CUAD's pages of both halves: clustering takes a quarter of a second a page."""
    kept = [at for at, page in enumerate(real.pages) if page.document.startswith("cuad")]
    pages, place = [real.rows[at] for at in kept], {at: number for number, at in enumerate(kept)}
    asked = _spread(real.questions_of(half), most)
    questions = [real.asked_rows[at] for at in asked]
    gold = [[place[page] for page in real.questions[at].gold] for at in asked]
    exact = scale_stages.scores_of(pages, questions)
    print(f"{len(pages)} CUAD pages, {len(asked)} questions ({half} half); {STAND_IN}")
    _head("pooling", "rows a page", *(f"in best {depth}" for depth in scale_stages.DEPTHS[:-1]), "nDCG@10 by itself")
    _row(
        "none", f"{np.mean([len(rows) for rows in pages]):.0f}", *["1.000"] * 4, f"{scale_stages.ndcg(exact, gold):.3f}"
    )
    trees = scale_stages.trees(pages)
    for factor in (3, 8, 16, 32):
        clusters = [scale_stages.hierarchical(rows, tree, factor) for rows, tree in zip(pages, trees, strict=True)]
        means = [mean_rows(rows, factor) for rows in pages]
        for name, pooled in (("hierarchical", clusters), ("mean of neighbours", means)):
            first = scale_stages.scores_of(pooled, questions)
            shares = [f"{share:.3f}" for share in scale_stages.reached(first, exact)[:-1]]
            count = f"{np.mean([len(rows) for rows in pooled]):.1f}"
            _row(f"{name}, {factor} to 1", count, *shares, f"{scale_stages.ndcg(first, gold):.3f}")


def _stages(real: RealPages, half: str, most: int, folder: Path) -> None:
    """All real pages: the first stage's depth, and the product's own index."""
    asked = _spread(real.questions_of(half), most)
    questions, gold = [real.asked_rows[at] for at in asked], [real.questions[at].gold for at in asked]
    exact = scale_stages.scores_of(real.rows, questions)
    print(f"{len(real.rows)} real pages, {len(asked)} CUAD questions ({half} half); {STAND_IN}")
    _head("search", *(f"exact top 10 in best {depth}" for depth in scale_stages.DEPTHS), "nDCG@10")
    _row("exact MaxSim", *["1.000"] * 5, f"{scale_stages.ndcg(exact, gold):.3f}")
    for factor in (8, 16, 32):
        first = scale_stages.scores_of((mean_rows(rows, factor) for rows in real.rows), questions)
        shares = [f"{share:.3f}" for share in scale_stages.reached(first, exact)]
        _row(f"first stage alone, mean of {factor}", *shares, f"{scale_stages.ndcg(first, gold):.3f}")
    found = scale_stages.as_searched(real.rows, questions, folder)
    _row(
        "EdgeIndex, both stages",
        f"{scale_stages.reached(found, exact)[0]:.3f}",
        *["-"] * 4,
        f"{scale_stages.ndcg(found, gold):.3f}",
    )


def _curve(real: RealPages, given: argparse.Namespace) -> None:
    """CUAD's pages and synthetic ones made from them; the questions of one half, in a home that is removed after."""
    from pipeline.backends.minilm import MiniLM
    from pipeline.models import minilm_path

    pages = [page for page in real.pages if page.document.startswith("cuad")]
    rows = [rows for rows, page in zip(real.rows, real.pages, strict=True) if page.document.startswith("cuad")]
    asked = _spread(real.questions_of(given.half), given.questions)
    questions = [real.questions[at].text for at in asked]
    known = {real.questions[at].text: real.asked_rows[at] for at in asked}
    real_ones = scale_points.real_points(pages, given.cache)
    points = scale_points.synthetic(real_ones, rows if given.images else [], max(given.sizes))
    with tempfile.TemporaryDirectory(dir=given.cache) as home:
        lookup = scale_curve.Lookup(known) if given.images else None
        grown = scale_curve.Grown(Path(home) / "index", MiniLM(minilm_path()), lookup)
        print(
            f"{len(pages)} real pages, the rest synthetic; {len(questions)} questions; "
            + (f"with page images ({STAND_IN})" if given.images else "text only")
        )
        _head(
            "pages",
            "pages/s written",
            "CPU ms to write",
            "graphs, s",
            "CPU ms",
            "disk, KiB a page",
            "own MiB",
            "mapped MiB",
            "open, s",
            "embed p50",
            "embed CPU ms",
            *(f"{n} at once: {x}" for n in scale_curve.AT_ONCE for x in ("p50", "p95", "CPU ms")),
        )
        before = 0
        for size in given.sizes:
            level = grown.to(size, points, size - before, questions)
            before = size
            written = level.written
            _row(
                f"{size:,}",
                f"{written.rate:.0f}",
                f"{written.cpu_ms:.1f}",
                f"{written.graph_seconds:.0f}",
                f"{written.graph_cpu_ms:.1f}",
                f"{level.disk_kib:.1f}",
                f"{level.own_mib:.0f}",
                f"{level.mapped_mib:.0f}",
                f"{level.open_seconds:.1f}",
                f"{level.embed.p50:.0f}",
                f"{level.embed.cpu:.0f}",
                *(f"{value:.0f}" for found in level.searches.values() for value in (found.p50, found.p95, found.cpu)),
            )


def _sizing(path: Path) -> None:
    known = scale_sizing.inputs(path)
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


def _spread(items: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly over the whole list."""
    return [items[at * len(items) // most] for at in range(most)] if len(items) > most else list(items)


if __name__ == "__main__":
    main()
