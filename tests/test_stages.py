"""The stages' own bounds: what a document may cost, whatever its pages do."""

from __future__ import annotations

from pathlib import Path

from pdfs import born_digital

from pipeline import stages
from pipeline.errors import DocumentHeld
from pipeline.intake import discover, take
from pipeline.settings import load_settings
from pipeline.types import PageImage
from pipeline.wiring import open_tools


def test_a_document_takes_no_more_than_its_time(home: Path, tmp_path: Path) -> None:
    """When its time is over its other pages are held with the setting's name; a later walk goes on from there."""
    pdf = born_digital(tmp_path / "acme" / "long.pdf", *["a page of words " * 20] * 6)
    patient = load_settings(workers=1)
    hurried = patient.model_copy(update={"document_seconds": 1e-9})
    with open_tools(hurried) as tools:
        [incoming] = discover([pdf.parent], None, "default")
        document, _ = take(incoming, tools.store, tools.catalog, max_file_mb=10)
        info = stages.inspect(stages.Work(document, tools))
        pages = stages.render(stages.Work(document, tools), info)
        rendered = [page for page in pages.values() if isinstance(page, PageImage)]
        held = [page for page in pages.values() if isinstance(page, DocumentHeld)]
        assert (len(rendered), len(held)) == (1, 5)
        assert "MUNIMENT_DOCUMENT_SECONDS" in str(held[0])
    with open_tools(patient) as tools:
        pages = stages.render(stages.Work(document, tools), info)
        assert [type(page) for page in pages.values()] == [PageImage] * 6
