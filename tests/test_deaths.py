"""A document that takes the process with it, again and again, is held at last."""

from __future__ import annotations

import os

import pdfs
import pytest

from pipeline import deaths, ingest
from pipeline.catalog import Catalog
from pipeline.deaths import marked
from pipeline.run import ingest_paths, work_off
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus
from pipeline.wiring import open_tools


@pytest.fixture
def home(tmp_path):
    """Settings of a home with one document that was never walked to its end."""
    return load_settings(home=tmp_path / "home", workers=1)


def _dies(document: Document, catalog: Catalog) -> None:
    """Another process walks the document, and is killed in the middle."""
    child = os.fork()
    if not child:
        with marked(document, catalog):
            os._exit(9)
    os.waitpid(child, 0)


def test_it_is_held_and_can_be_tried_again(home, tmp_path, monkeypatch):
    """The reason says what happened; other documents are walked, and a retry begins to count anew."""
    monkeypatch.setattr(deaths, "MOST", 3)
    lease = pdfs.born_digital(tmp_path / "lease.pdf", pdfs.LEASE)
    with open_tools(home) as tools:
        id = ingest_paths([lease], "dune", tools).documents[0].document.id
        tools.catalog.set_status(id, DocumentStatus.RECEIVED, "")
        tools.catalog.set_indexed(id, "")
        for _ in range(3):
            _dies(tools.catalog.document(id), tools.catalog)
        held = work_off(tools).documents[0].document
        assert held.status is DocumentStatus.HELD
        assert "ended 3 times in the middle of this document" in held.reason
        assert ingest_paths([lease], "dune", tools).documents[0].document.status is DocumentStatus.HELD
        assert ingest.ingest_document(held, tools, retry=True).status is DocumentStatus.DONE


def test_getting_further_starts_the_count_anew(home, tmp_path, monkeypatch):
    """Killed as often, but each time a page further: that is a slow document on a bad day."""
    monkeypatch.setattr(deaths, "MOST", 3)
    with open_tools(home) as tools:
        lease = pdfs.born_digital(tmp_path / "lease.pdf", pdfs.LEASE)
        document = ingest_paths([lease], "dune", tools).documents[0].document
        for page in range(10, 15):
            _dies(document, tools.catalog)
            tools.catalog.save(document.sha256, page, "read", "some version", "{}", 0.0)
        with marked(document, tools.catalog):
            pass


def test_an_error_is_no_death(home, tmp_path):
    """What ends by an exception leaves no mark."""
    with open_tools(home) as tools:
        lease = pdfs.born_digital(tmp_path / "lease.pdf", pdfs.LEASE)
        document = ingest_paths([lease], "dune", tools).documents[0].document
        with pytest.raises(KeyboardInterrupt), marked(document, tools.catalog):
            raise KeyboardInterrupt
        assert tools.catalog.meta(deaths.key(document.id)) is None
