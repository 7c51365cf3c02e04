"""Open a PDF safely and say what is wrong with it. Only ever called in a worker process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.errors import DocumentHeld, DocumentRejected
from pipeline.page_tree import check_tree

__all__ = ["InspectJob", "PdfInfo", "drawable", "inspect", "load_page", "open_pdf"]

HEADER_REACH = 1024  # bytes: where Acrobat, too, stops looking for %PDF-


@dataclass(frozen=True, slots=True)
class InspectJob:
    """A file to look at before any of its pages is."""

    pdf: Path
    max_pages: int
    max_depth: int = 100
    max_attachments: int = 100


@dataclass(frozen=True, slots=True)
class PdfInfo:
    """A PDF whose pages can be read. `notes` says what a reader of the pages alone would miss."""

    page_count: int
    notes: tuple[str, ...] = ()


def inspect(job: InspectJob) -> PdfInfo:
    """Open the file and touch every page.

    Raises `DocumentRejected` for what can never be read and `DocumentHeld` for what opens but must not be
    relied on before a person has looked.
    """
    document = open_pdf(job.pdf)
    count = _page_count(document)
    if count > job.max_pages:
        raise DocumentHeld(f"has {count} pages, more than the {job.max_pages} allowed (MUNIMENT_MAX_PAGES)")
    _refuse_repaired(document)
    check_tree(document, count, job.max_depth)
    _check_attachments(document, job.max_attachments)
    for number in range(1, count + 1):
        load_page(document, number)
    _refuse_repaired(document)  # once more: MuPDF also repairs when it meets damage later
    return PdfInfo(count, tuple(_notes(document)))


def open_pdf(path: Path) -> Any:
    """The `pymupdf.Document`; the last one opened stays open in its worker."""
    state = path.stat()
    return _open(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)
def _open(path: Path, _mtime_ns: int, size: int) -> Any:
    import pymupdf

    # MuPDF's complaints quote the file; none of them may reach a terminal or a log.
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    _check_header(path, size)
    try:
        document = pymupdf.open(path, filetype="pdf")
    except RuntimeError as error:
        if "crypt" in str(error.__cause__):
            raise DocumentRejected("encrypted in a way that can't be read") from error
        raise DocumentRejected("not a readable PDF: its structure is damaged beyond repair") from error
    if document.needs_pass and not document.authenticate(""):
        raise DocumentRejected("encrypted: it can't be opened without its password")
    return document


def _check_header(path: Path, size: int) -> None:
    if size == 0:
        raise DocumentRejected("the file is empty")
    with path.open("rb") as handle:
        if b"%PDF-" not in handle.read(HEADER_REACH):
            raise DocumentRejected("not a PDF")


def _page_count(document: Any) -> int:
    import pymupdf

    try:
        count = int(document.page_count)
    except (pymupdf.mupdf.FzErrorBase, RuntimeError) as error:
        raise DocumentRejected("not a readable PDF: its page tree is damaged") from error
    if count <= 0:
        lost = document.is_repaired
        raise DocumentRejected("damaged: none of its pages can be reached" if lost else "the PDF has no pages")
    return count


def load_page(document: Any, number: int) -> Any:
    """The `pymupdf.Page` with this number, from 1; `DocumentHeld` when it can't be reached."""
    import pymupdf

    try:
        return document[number - 1]
    except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError, IndexError) as error:
        # IndexError: on reaching for it MuPDF repaired the file, and found fewer pages than it had claimed
        raise DocumentHeld(f"page {number} can't be reached: the page tree is damaged or loops") from error


@contextmanager
def drawable(number: int) -> Iterator[None]:
    """Around all that runs the content of the page with this number: where MuPDF gives up, `DocumentHeld`."""
    import pymupdf

    try:
        yield
    except (pymupdf.mupdf.FzErrorBase, RuntimeError) as error:
        raise DocumentHeld(f"page {number} can't be drawn: its content is damaged or nested too deeply") from error


def _refuse_repaired(document: Any) -> None:
    """A truncated PDF opens with all its pages, some blank, and no error; only this flag tells."""
    if document.is_repaired:
        raise DocumentHeld(
            "the PDF is damaged (cut short, or written carelessly) and was repaired on opening: "
            "pages or words may be missing"
        )


def _check_attachments(document: Any, most: int) -> None:
    if (found := _attachments(document)) > most:
        raise DocumentHeld(f"carries {found} attached files, more than the {most} allowed (MUNIMENT_MAX_ATTACHMENTS)")


def _attachments(document: Any) -> int:
    import pymupdf

    try:
        return int(document.embfile_count())
    except (pymupdf.mupdf.FzErrorBase, RuntimeError) as error:
        raise DocumentHeld("its list of attached files is damaged or nested too deeply") from error


def _notes(document: Any) -> list[str]:
    notes = []
    if document.metadata and document.metadata.get("encryption"):
        notes.append("encrypted with an owner password only; read as any viewer would")
    if attachments := _attachments(document):
        notes.append(f"{attachments} attached file(s) inside the PDF were not read")
    return notes
