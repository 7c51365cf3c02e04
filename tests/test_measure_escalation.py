"""The inbox to set thresholds on."""

from __future__ import annotations

import json

import pymupdf
import pytest

from infra.measure import escalation
from infra.measure.corpora import CORPORA, names
from pipeline.evaluate.goldenset import golden_documents


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not here")
def test_each_document_comes_as_it_is_and_scanned(tmp_path, monkeypatch, capsys) -> None:
    """One short document of a tuning half in four copies of equal length, each with its golden line."""
    monkeypatch.setattr(escalation, "FROM", ("vrdu_adbuy",))
    assert escalation.main([str(tmp_path), "--documents", "1"]) == 0
    golden = golden_documents((tmp_path / "golden.jsonl").read_text("utf-8").splitlines(), "fields")
    assert [document.matter for document in golden] == ["pdf", "office", "harsh", "fax"]
    assert {document.document for document in golden} <= set(names("vrdu_adbuy", "tuning"))
    copies = [tmp_path / "inbox" / document.matter / document.document for document in golden]
    assert {len(pymupdf.open(copy)) for copy in copies} == {1}
    assert len({copy.read_bytes() for copy in copies}) == 4
    assert capsys.readouterr().out.startswith("4 documents, 4 pages in ")
    assert next(json.loads(line)["fields"] for line in (tmp_path / "golden.jsonl").read_text().splitlines())
