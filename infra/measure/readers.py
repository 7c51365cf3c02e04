"""What two local readers found in a corpus, grounded, and which of the merged values are right.

The findings are remembered between runs under the content of the document and of the code that reads.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from infra.measure.corpora import Half
from infra.measure.extraction import page_of_words
from infra.measure.golden import golden_lines
from infra.measure.meaning import MEANING, MeaningReader
from infra.measure.words import CACHE, read_corpus
from pipeline.backends.protocols import Extractor, PageInput, TextEmbedder
from pipeline.evaluate.goldenset import Asked, GoldenDocument, golden_documents
from pipeline.evaluate.judge import Answer, judge
from pipeline.ground import ground
from pipeline.merge import merge
from pipeline.rules.view import EXTRACTOR
from pipeline.trust import TRUST, Trust
from pipeline.types import Document, Finding
from schemas.contract import Contract
from schemas.fields import FieldValue

__all__ = ["RULES", "ByPage", "Judged", "ReadTwice", "judged", "read_twice", "record"]

RULES = EXTRACTOR
ByPage = Mapping[int, Sequence[Finding]]
_FINDINGS = TypeAdapter(dict[str, dict[int, list[Finding]]])
ROOT = Path(__file__).resolve().parents[2]
CODE = ("pipeline/rules/*.py", "pipeline/backends/rules.py", "pipeline/normalise.py", "pipeline/ground.py",
        "infra/measure/meaning.py")  # fmt: skip
"""What the findings hang on, beside the words."""


@dataclass(frozen=True)
class ReadTwice:
    """A document with its truth, and its grounded findings by reader and page; `scanned`: not of its own PDF but of
    the copy that a home has read."""

    corpus: str
    golden: GoldenDocument
    found: Mapping[str, ByPage]
    scanned: bool = False

    def by(self, *readers: str) -> dict[int, list[Finding]]:
        """The findings of these readers together."""
        pages = sorted({page for reader in readers for page in self.found[reader]})
        return {page: [each for reader in readers for each in self.found[reader].get(page, ())] for page in pages}


@dataclass(frozen=True, slots=True)
class Judged:
    """A value of a record, held against the truth; `document` tells apart whose values hang together."""

    document: str
    field: str
    confidence: float
    verified: bool
    right: bool
    value: FieldValue


def read_twice(corpus: str, half: Half, home: Path | None = None) -> Iterator[ReadTwice]:
    """Each document of this half, as the rules and the reader by meaning read it: its PDF, or the words that a home
    holds of it (of a scanned copy, say). What the home has not read is left out."""
    golden = {each.document: each for each in golden_documents(map(json.dumps, golden_lines(corpus, half)))}
    read = _stored(golden.values(), home) if home else read_corpus(corpus, half)
    for name, pages in read:
        yield ReadTwice(corpus, golden[name], found_in(pages, clauses=_has_clauses(golden[name])), bool(home))


def _stored(golden: Iterable[GoldenDocument], home: Path) -> Iterator[tuple[str, list[PageInput]]]:
    from pipeline.evaluate.home import Home
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    with open_tools(load_settings(home=home)) as tools:
        held = Home(tools)
        for each in golden:
            document = held.document(each)
            if document and (texts := held.texts(document)):
                yield each.document, [page_of_words(text) for text in texts]


def _has_clauses(golden: GoldenDocument) -> bool:
    return any("clauses" in asked.fields for asked in golden.fields)


def found_in(pages: Sequence[PageInput], *, clauses: bool) -> dict[str, dict[int, list[Finding]]]:
    """The grounded findings by reader and page, computed or remembered."""
    words = hashlib.sha256(b"".join(repr(page.text).encode() for page in pages)).hexdigest()
    kept = CACHE / f"twice-{_code()}-{words}-{clauses:d}.json"
    if kept.is_file():
        return _FINDINGS.validate_json(kept.read_bytes())
    found = {}
    for name, reader in _readers(clauses).items():
        results = zip(pages, reader.extract(pages), strict=True)
        found[name] = {page.text.number: ground(findings, page.text) for page, findings in results}
    kept.parent.mkdir(parents=True, exist_ok=True)
    whole = kept.with_suffix(f".{os.getpid()}")
    whole.write_bytes(_FINDINGS.dump_json(found))
    whole.replace(kept)
    return found


def record(each: ReadTwice, readers: Sequence[str] = (RULES, MEANING), trust: Trust = TRUST) -> Contract:
    """The record that these readers' findings give."""
    found = each.by(*readers)
    return merge(
        Document(each.golden.document, "measure", each.golden.document, "", page_count=len(found)), found, (), trust
    )


def judged(each: ReadTwice, contract: Contract) -> Iterator[Judged]:
    """The values of the record that `muniment evaluate` would judge: of a field with one value the best, else all."""
    for asked, expected in each.golden.fields.items():
        if not asked.complete:
            continue
        name, shown = _shown(contract, asked)
        met = {answer for _, answer in judge(asked, expected, shown).met if answer is not None}
        for answer, value in shown.items():
            yield Judged(each.golden.document, name, value.confidence, answer.verified, answer in met, value)


def _shown(contract: Contract, asked: Asked) -> tuple[str, dict[Answer, FieldValue]]:
    """The first of the fields asked for that has a value, and its answers: a clause on each page it stands on."""
    for name in asked.fields:
        shown: dict[tuple[str, int], tuple[Answer, FieldValue]] = {}
        for value in getattr(contract, name).values[: 1 if asked.single else None]:
            for answer in _answers(name, value):
                shown.setdefault((answer.value, answer.page), (answer, value))
        if shown:
            return name, dict(shown.values())
    return asked.fields[0], {}


def _answers(name: str, value: FieldValue) -> list[Answer]:
    told, sure = value.value or value.raw, value.status == "verified"
    places = value.evidence if name == "clauses" else value.evidence[:1]
    return [Answer(told, place.page, place.quote, sure) for place in places] or [Answer(told, verified=sure)]


@cache
def _embedder() -> TextEmbedder:
    from pipeline.backends.minilm import MiniLM
    from pipeline.models import minilm_path

    return MiniLM(minilm_path())


@cache
def _readers(clauses: bool) -> dict[str, Extractor]:
    from pipeline.backends.rules import RuleExtractor

    return {
        RULES: RuleExtractor(_embedder() if clauses else None),
        MEANING: MeaningReader(_embedder(), clauses=clauses),
    }


@cache
def _code() -> str:
    files = sorted(file for pattern in CODE for file in ROOT.glob(pattern))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
