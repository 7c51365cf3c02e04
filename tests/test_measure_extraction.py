"""The comparison with the baseline, on documents made here; on a corpus where the corpora are."""

from __future__ import annotations

import json

import pytest

from infra.measure import extraction
from infra.measure.corpora import CORPORA, names
from infra.measure.extraction import Reading, comparison, errors
from pipeline.evaluate.goldenset import golden_documents
from pipeline.types import Box, PageText, TextSource, Word
from schemas.contract import Contract
from schemas.fields import Entry, Evidence, FieldValue

GOLDEN = {"document": "a.pdf", "fields": {"governing_law": [{"value": "Texas", "page": 1}]}}


def reading(law: str, words: str) -> Reading:
    """A document that was read so, with this law in its record."""
    value = FieldValue(
        raw=law, value=law, evidence=(Evidence(page=1, quote=law),), status="verified", confidence=0.9, extractor="t"
    )
    page = PageText(1, tuple(Word(word, Box(0, 0, 1, 1)) for word in words.split()), TextSource.LAYER, 1.0)
    return Reading((page,), Contract(document="id", pages=1, governing_law=Entry(status="verified", values=(value,))))


def test_both_are_judged_on_the_same_document() -> None:
    """Right against a baseline that finds another law: F1 1 and 0, difference 1."""
    golden = golden_documents([json.dumps(GOLDEN)])
    shown = comparison(golden, {("", "a.pdf"): reading("Texas", "the laws of the State of Ohio")})
    (row,) = [line for line in shown.splitlines() if line.startswith("governing_law")]
    assert "1.000 [1.000, 1.000]  0.000 [0.000, 0.000]  1.000 [1.000, 1.000]" in row


def test_errors_are_listed_but_never_of_the_reporting_half() -> None:
    """What was missed and what is wrong, unless the document is kept back for reporting."""
    kept_back = names("cuad", "reporting")[0]
    golden = golden_documents([json.dumps(GOLDEN), json.dumps(GOLDEN | {"document": kept_back})])
    shown = errors(golden, dict.fromkeys((("", "a.pdf"), ("", kept_back)), reading("Ohio", "")), "governing_law")
    assert [line.split()[:3] for line in shown.splitlines()] == [
        ["a.pdf", "missed", "Texas"],
        ["a.pdf", "wrong", "Ohio"],
    ]
    assert kept_back not in shown


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not here")
def test_direct_reads_a_corpus(tmp_path, monkeypatch, capsys) -> None:
    """The command on one document of a tuning half."""
    monkeypatch.setattr("infra.measure.words.CACHE", tmp_path)
    (one,) = [name for name in names("cuad", "tuning") if name == "cuad-094.pdf"]
    monkeypatch.setattr("infra.measure.words.names", lambda *_: (one,))
    assert extraction.main(["--direct", "cuad", "--errors", "parties"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("1 documents, 15 of the golden set not here")
    assert "governing_law" in out
    assert "clauses" not in out
