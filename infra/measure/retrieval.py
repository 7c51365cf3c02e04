"""How well pages are found: the product against BM25, MiniLM and their fusion, on PDFs and on scans of them.

    python -m infra.measure.retrieval {cuad,legalbench} [--scans LEVEL] [--half tuning|reporting] [--cache FOLDER]

Data: CUAD's 434 unambiguous page queries over 40 contracts, or LegalBench-RAG's 592 questions over 45 texts (set as
PDFs by `infra.measure.legalbench`). All documents of the corpus are in the index; only the half's questions are asked,
within their document and across the corpus. The product is the whole road: ingest into a home of its own (embedded
index), then search. The baselines (`infra.measure.rankers`) have the PDF's text layer, or with `--scans` plain
Tesseract's words, each also with the document's first words on every page.

Prints nDCG@10, recall@5 and recall@10, the product's difference to the best baseline, and with `--scans` the share
of a baseline's loss against the text layer that the product wins back; intervals are 95 %, of documents drawn anew.
What costs time (scans, homes, plain reads, vectors) is kept in the cache folder.
"""

from __future__ import annotations

import argparse
import json
import pickle
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from infra.measure import legalbench, plain, scans
from infra.measure.corpora import CORPORA, Half, names
from infra.measure.legalbench import Question
from infra.measure.ranked import MEASURES, difference, measures, won_back
from infra.measure.rankers import METHODS, Page, PageKey, Rankers
from sample_docs.scanify import LEVELS, scanify

if TYPE_CHECKING:
    from infra.measure.rankers import Embed
    from pipeline.evaluate.bootstrap import Floats

__all__ = ["Corpus", "load", "main"]

NAMES = ("cuad", "legalbench")
FIRST = 80
FIRST_WORDS = " with first words"
PRODUCT = "Muniment"
REFERENCES = ("RRF", "RRF" + FIRST_WORDS)  # whose loss on scans is to be won back
# A measured question is plain words: its quotation marks are not the search language's exact phrases.
_PLAIN = str.maketrans(dict.fromkeys('"“”„«»', " "))

Words = Mapping[str, Sequence[Sequence[str]]]
"""The words of each page of each document."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """All its PDFs, and the questions that are asked."""

    pdfs: tuple[Path, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A row of `MEASURES` a question, within the document and across the corpus."""

    confined: Floats
    across: Floats


def load(name: str, half: Half, cache: Path) -> Corpus:
    """A corpus with the questions of one half."""
    if name == "cuad":
        pdfs = sorted((CORPORA / "cuad" / "pdf").glob("*.pdf"))
        kept, questions = set(names("cuad", half)), _cuad()
    else:
        pdfs = legalbench.typeset_all(cache / "pdf" / name)
        kept = {legalbench.pdf_name(n) for group in legalbench.SETS for n in names(f"legalbench_rag/{group}", half)}
        questions = legalbench.read()
    return Corpus(tuple(pdfs), tuple(question for question in questions if question.document in kept))


def _cuad() -> Iterable[Question]:
    for line in (CORPORA / "cuad" / "page_queries.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        if not row["span_repeats_in_doc"]:
            named = f"{row['question']} {row['doc_name']} {row['parties']}"
            yield Question("cuad", named, row["question"], f"{row['doc']}.pdf", frozenset(row["gold_pages"]))


def _scanned(pdfs: Sequence[Path], level: str, out: Path) -> list[Path]:
    """Copies as `infra.measure.scans` makes them; those that are there are left alone."""
    out.mkdir(parents=True, exist_ok=True)
    for pdf in pdfs:
        if not (copy := out / pdf.name).exists():
            draft = copy.with_suffix(".part")
            scanify(pdf, draft, level=LEVELS[level], seed=scans.seed(pdf.name))
            draft.rename(copy)
    return [out / pdf.name for pdf in pdfs]


def _layer(pdfs: Sequence[Path]) -> Words:
    import pymupdf

    words = {}
    for pdf in pdfs:
        with pymupdf.open(pdf) as document:
            words[pdf.name] = [[word[4] for word in page.get_text("words")] for page in document]
    return words


def _plain(pdfs: Sequence[Path], cache: Path) -> Words:
    plain.read_folder(pdfs[0].parent, cache)
    kept = {pdf.name: pickle.loads((cache / f"{pdf.stem}.pkl").read_bytes()) for pdf in pdfs}
    return {name: [[word.text for word in words] for words, _ in pages] for name, pages in kept.items()}


def _asked(questions: Sequence[Question], rank: Callable[[str, str | None], Sequence[PageKey]]) -> Found:
    """`rank(query, document or None)` put to the test."""
    confined, across = [], []
    for question in questions:
        gold = frozenset((question.document, page) for page in question.pages)
        confined.append(measures(rank(question.query.translate(_PLAIN), question.document), gold))
        across.append(measures(rank(question.corpus_query.translate(_PLAIN), None), gold))
    return Found(np.array(confined), np.array(across))


def _baselines(words: Words, questions: Sequence[Question], embed: Embed) -> dict[str, Found]:
    found = {}
    for told in ("", FIRST_WORDS):
        pages = [page for name, read in words.items() for page in _pages(name, read, bool(told))]
        rankers = Rankers(pages, embed)
        for method in METHODS:
            found[method + told] = _asked(questions, lambda q, name, m=method, r=rankers: r.rank(q, name)[m])
    return found


def _pages(name: str, read: Sequence[Sequence[str]], told: bool) -> list[Page]:
    first = tuple(word for page in read for word in page)[:FIRST] if told else ()
    return [Page((name, number), tuple(words), first) for number, words in enumerate(read, 1)]


def _product(pdfs: Sequence[Path], questions: Sequence[Question], home: Path) -> Found:
    """Ingest what is not there yet, then search as `muniment search` does."""
    from pipeline.errors import IndexMismatch
    from pipeline.evaluate.home import Home
    from pipeline.run import ingest_paths, rebuild
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    with open_tools(load_settings(home=home, matter="measure")) as tools:
        try:
            ingest_paths(pdfs, "measure", tools)
        except IndexMismatch:  # made by an older layout
            rebuild(tools)
        return _asked(questions, lambda q, name: [(hit.name, hit.page) for hit in Home(tools).find(q, name, 10)])


def _vectors(kept: Path) -> Embed:
    """MiniLM, its vectors kept in a file."""
    from pipeline.backends.minilm import MiniLM
    from pipeline.models import minilm_path

    known: dict[str, Any] = pickle.loads(kept.read_bytes()) if kept.exists() else {}
    model = MiniLM(minilm_path())

    def embed(texts: Sequence[str]) -> Any:
        if missing := sorted({text for text in texts if text not in known}):
            known.update(zip(missing, model.embed(missing), strict=True))
            kept.write_bytes(pickle.dumps(known))
        return np.stack([known[text] for text in texts])

    return embed


def _print(found: Mapping[str, Found], layer: Mapping[str, Found] | None, questions: Sequence[Question]) -> None:
    documents = [question.document for question in questions]
    print(f"{len(questions)} questions, {len(set(documents))} documents")
    for title, of in (("in the document", lambda f: f.confined), ("across the corpus", lambda f: f.across)):
        print(f"\n{title:30}" + "".join(f"{measure:>11}" for measure in MEASURES))
        for name, rows in found.items():
            print(f"{name:30}" + "".join(f"{mean:11.3f}" for mean in of(rows).mean(axis=0)))
        ndcg = {name: of(rows)[:, 0] for name, rows in found.items()}
        best = max((name for name in ndcg if name != PRODUCT), key=lambda name: ndcg[name].mean())
        print(f"nDCG@10 over {best}: {difference(ndcg[PRODUCT], ndcg[best], documents)}")
        for name in REFERENCES if layer else ():
            share = won_back(ndcg[PRODUCT], ndcg[name], of(layer[name])[:, 0], documents)
            print(f"won back of what {name} loses on these scans: {share}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.retrieval", description="Page retrieval.")
    parser.add_argument("corpus", choices=NAMES)
    parser.add_argument("--scans", choices=LEVELS)
    parser.add_argument("--half", choices=get_args(Half), default="tuning")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "muniment-measure")
    given = parser.parse_args()
    cache: Path = given.cache
    cache.mkdir(parents=True, exist_ok=True)
    corpus = load(given.corpus, given.half, cache)
    embed = _vectors(cache / f"minilm-{given.corpus}.pkl")
    found = layer = _baselines(_layer(corpus.pdfs), corpus.questions, embed)
    pdfs: Sequence[Path] = corpus.pdfs
    kept = f"{given.corpus}-{given.scans or 'layer'}"
    if given.scans:
        pdfs = _scanned(pdfs, given.scans, cache / "scans" / kept)
        found = _baselines(_plain(pdfs, cache / "plain" / kept), corpus.questions, embed)
    found[PRODUCT] = _product(pdfs, corpus.questions, cache / "homes" / kept)
    _print(found, layer if given.scans else None, corpus.questions)


if __name__ == "__main__":
    main()
