"""A document that takes the process with it, again and again, is held at last."""

from __future__ import annotations

import os
import resource

import pdfs
import pytest

from pipeline import deaths, ingest
from pipeline.deaths import mark_of, marked
from pipeline.errors import CatalogError, StoreError
from pipeline.run import ingest_paths, work_off
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus
from pipeline.wiring import Tools, open_tools


@pytest.fixture
def home(tmp_path):
    """Settings of a home with one document that was never walked to its end."""
    return load_settings(home=tmp_path / "home", workers=1)


def _dies(document: Document, tools: Tools) -> None:
    """Another process walks the document, and is killed in the middle."""
    child = os.fork()
    if not child:
        with marked(document, tools.catalog, tools.locks):
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
            _dies(tools.catalog.document(id), tools)
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
            _dies(document, tools)
            tools.catalog.save(document.sha256, page, "read", "some version", "{}", 0.0)
        with marked(document, tools.catalog, tools.locks):
            pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, CatalogError("database or disk is full")])
def test_an_error_is_no_death(home, tmp_path, error):
    """What ends by an exception leaves no mark, even when the catalog can't be written."""
    with open_tools(home) as tools:
        lease = pdfs.born_digital(tmp_path / "lease.pdf", pdfs.LEASE)
        document = ingest_paths([lease], "dune", tools).documents[0].document
        with pytest.raises((KeyboardInterrupt, CatalogError)), marked(document, tools.catalog, tools.locks):
            assert mark_of(document.id, tools.locks).exists()
            tools.catalog.database.write = None  # nothing can be kept any more
            raise error
        assert not mark_of(document.id, tools.locks).exists()


def test_a_disk_without_room_for_the_mark_is_no_death(home, tmp_path):
    """The walk does not begin, the error says why, and nothing is left that counts."""
    with open_tools(home) as tools:
        lease = pdfs.born_digital(tmp_path / "lease.pdf", pdfs.LEASE)
        document = ingest_paths([lease], "dune", tools).documents[0].document
        child = os.fork()
        if not child:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            try:
                with marked(document, tools.catalog, tools.locks):
                    os._exit(1)
            except StoreError:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert not mark_of(document.id, tools.locks).exists()


def test_a_mark_cut_short_counts_once(home, tmp_path):
    """Killed while it wrote the mark: the document is walked."""
    with open_tools(home) as tools:
        lease = pdfs.born_digital(tmp_path / "lease.pdf", pdfs.LEASE)
        document = ingest_paths([lease], "dune", tools).documents[0].document
        mark_of(document.id, tools.locks).write_text("[")
        with marked(document, tools.catalog, tools.locks):
            assert mark_of(document.id, tools.locks).read_text().startswith("[1,")
