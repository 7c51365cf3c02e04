"""Fields by Muniment against one regex a field (`baseline.py`), on the same words.

    python -m infra.measure.extraction GOLDEN [--home HOME] [--again]
    python -m infra.measure.extraction --direct CORPUS [--half tuning] [--clauses] [--errors FIELD]

GOLDEN is a file of `infra.measure.golden` (or a firm's own); its documents were taken in by `muniment ingest` into
the home, and both read the words that were stored then. `--again` extracts anew from these words with the rules as
they are now. `--direct` needs no home: it reads the corpus's PDFs (see `words.py`) and extracts in this process.

Printed by field: how many values are expected, precision, recall and F1 of Muniment, F1 of the baseline, the
difference with its paired 95 % interval (documents resampled), the share of the found values that is verified, the
share of these that is right, and the share of right values whose evidence stands on the right page.
`--errors` lists what was missed and what is wrong in one field, of the tuning half only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from infra.measure.baseline import baseline
from infra.measure.corpora import names
from infra.measure.golden import CONVERTERS, golden_lines
from infra.measure.words import read_corpus
from pipeline.backends.protocols import Extractor, PageInput
from pipeline.evaluate.bootstrap import Floats, difference, interval
from pipeline.evaluate.fields import FieldScores, macro_f1, verdicts
from pipeline.evaluate.goldenset import GoldenDocument, golden_documents, look_up
from pipeline.evaluate.judge import FIGURES, Counts, Verdict, judge
from pipeline.extract import extract, merge
from pipeline.report import table
from pipeline.triage import Policy, triage
from pipeline.types import Affine, Document, PageImage, PageText, Triage
from schemas.contract import Contract

if TYPE_CHECKING:
    from pipeline.backends.rules import RuleExtractor

__all__ = ["Reading", "comparison", "errors", "main", "page_of_words"]

F1 = FIGURES["f1"]
TRUST = ("verified", "verified_right", "evidence")
SPLIT = [corpus for corpus in CONVERTERS if corpus != "sample_docs"]


@dataclass(frozen=True)
class Reading:
    """A document as it was read: its words, and the record made of them."""

    texts: tuple[PageText, ...]
    contract: Contract


def main(argv: Sequence[str] | None = None) -> int:
    """Print the comparison."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.direct:
        lines = golden_lines(arguments.direct, arguments.half)
        golden = [_asked_for(each, arguments.clauses) for each in golden_documents(map(json.dumps, lines))]
        readings = dict(_direct(arguments))
    elif arguments.golden:
        golden = golden_documents(arguments.golden.read_text("utf-8").splitlines())
        readings = _stored(golden, arguments.home, again=arguments.again)
    else:
        parser.error("name a golden file, or a corpus with --direct")
    here = [document for document in golden if document.key in readings]
    print(f"{len(here)} documents, {len(golden) - len(here)} of the golden set not here")
    print(comparison(here, readings))
    if arguments.errors:
        print(errors(here, readings, arguments.errors))
    return 0


def comparison(golden: Sequence[GoldenDocument], readings: Mapping[tuple[str, str], Reading]) -> str:
    """The table of Muniment and the baseline by field, all fields together (micro), and their mean F1 (macro)."""
    ours, naive = (FieldScores.of([_counts(d, readings[d.key], plain) for d in golden]) for plain in (False, True))
    head = ("field", "n", "precision", "recall", "F1", "baseline F1", "difference", "verified", "right", "evidence")
    rows = [
        (
            key,
            int(one[:, 0].sum()),
            *_figures(one),
            interval(other, F1),
            difference(one, other, F1),
            *_shares(one, *TRUST),
        )
        for (key, one), other in zip(ours.rows().items(), naive.rows().values(), strict=True)
    ]
    tables = ours.table, naive.table
    means = (*(interval(each, macro_f1) for each in tables), difference(*tables, macro_f1))
    return table([head, *rows, ("macro", "", "", "", *means, "", "", "")], indent="")


def errors(golden: Sequence[GoldenDocument], readings: Mapping[tuple[str, str], Reading], key: str) -> str:
    """What was missed of a key of the golden set, and what was found that is wrong."""
    rows = []
    kept_back = {
        Path(name).stem for corpus in CONVERTERS if corpus != "sample_docs" for name in names(corpus, "reporting")
    }
    for document in (each for each in golden if Path(each.document).stem not in kept_back):
        verdict, complete = verdicts(document, readings[document.key].contract).get(key, (Verdict(), True))
        rows += [(document.document, "missed", met.values[0], "") for met, hit in verdict.met if hit is None]
        for answer in verdict.wrong if complete else ():
            how = f"page {answer.page}, {'verified' if answer.verified else 'unverified'}"
            rows.append((document.document, "wrong", answer.value[:80], how))
    return table(rows)


def _counts(document: GoldenDocument, reading: Reading, naive: bool) -> dict[str, Counts]:
    found = verdicts(document, None if naive else reading.contract)
    if not naive:
        return {key: verdict.counts(complete) for key, (verdict, complete) in found.items()}
    return {
        asked.key: judge(asked, expected, baseline(reading.texts, asked)).counts(asked.complete)
        for asked, expected in document.fields.items()
    }


def _figures(counts: Floats) -> tuple[str, ...]:
    return (*_shares(counts, "precision", "recall"), str(interval(counts, F1)))


def _shares(counts: Floats, *names: str) -> tuple[str, ...]:
    """The figures without their intervals."""
    return tuple(str(interval(counts, FIGURES[name])).partition(" ")[0] for name in names)


def _asked_for(document: GoldenDocument, clauses: bool) -> GoldenDocument:
    """The document without its clauses, where nothing looks for them."""
    kept = {asked: expected for asked, expected in document.fields.items() if clauses or asked.key != "clauses"}
    return replace(document, fields=kept)


def _direct(arguments: argparse.Namespace) -> Iterator[tuple[tuple[str, str], Reading]]:
    rules = _rules(arguments.clauses)
    for half in ("tuning", "reporting") if arguments.half == "all" else (arguments.half,):
        for name, pages in read_corpus(arguments.direct, half):
            document, routed = Document(name, "measure", name, ""), triage(pages, None, Policy())
            yield ("", name), _extracted(document, pages, routed, [rules])


def _rules(clauses: bool) -> RuleExtractor:
    from pipeline.backends.minilm import MiniLM
    from pipeline.backends.rules import RuleExtractor
    from pipeline.models import minilm_path

    return RuleExtractor(MiniLM(minilm_path()) if clauses else None)


def _extracted(
    document: Document, pages: Sequence[PageInput], routed: Sequence[Triage], extractors: Sequence[Extractor]
) -> Reading:
    found = extract(pages, routed, extractors)
    return Reading(tuple(page.text for page in pages), merge(replace(document, page_count=len(pages)), found, routed))


def _stored(golden: Sequence[GoldenDocument], home: Path | None, *, again: bool) -> dict[tuple[str, str], Reading]:
    """What the home holds of each golden document; those not here or without a record are left out."""
    from pipeline.evaluate.home import Home
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    with open_tools(load_settings(**({"home": home} if home else {}))) as tools:
        held = Home(tools)
        readings = {}
        for each, contract in look_up(golden, held.record).documents:
            if contract is None:
                continue
            document = held.document(each)
            texts = held.texts(document)
            readings[each.key] = (
                _extracted(
                    document, [page_of_words(text) for text in texts], held.triages(document), tools.extractors[:1]
                )
                if again
                else Reading(tuple(texts), contract)
            )
        return readings


def page_of_words(text: PageText) -> PageInput:
    """A page for extractors that look at words only."""
    return PageInput(PageImage(text.number, "", "image/png", 1, 1, 200.0, Affine(), contrast=1.0), Path(), text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", nargs="?", type=Path, help="golden file; its documents are in the home")
    parser.add_argument("--home", type=Path, help="home to read (default: MUNIMENT_HOME)")
    parser.add_argument("--again", action="store_true", help="extract anew from the stored words, by rules")
    parser.add_argument(
        "--direct",
        choices=[name for name in CONVERTERS if name != "sample_docs"],
        help="read this corpus's PDFs instead of a home",
    )
    parser.add_argument("--half", choices=["tuning", "reporting", "all"], default="tuning")
    parser.add_argument("--clauses", action="store_true", help="with --direct: find clauses too (loads the text model)")
    parser.add_argument("--errors", metavar="FIELD", help="list what is missed and wrong in this key (tuning half)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
