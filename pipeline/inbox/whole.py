"""Whether a file opens whole, and what it is. `look` is only ever called in a worker process: the bytes are hostile."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pipeline import pdf
from pipeline.errors import DocumentHeld, DocumentRejected, MunimentError
from pipeline.inbox import pictures
from pipeline.inbox.settle import Fault, Stamp
from pipeline.intake import PDF_MAGIC_WITHIN, refused_status
from pipeline.types import DocumentStatus

__all__ = ["Kind", "Look", "LookJob", "look"]

Kind = Literal["pdf", "picture", ""]


@dataclass(frozen=True, slots=True)
class LookJob:
    """A file to look into, in a folder that nobody else writes to; the pages it may have, and the pixels of one of a
    picture's."""

    path: Path
    max_pages: int
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Look:
    """What was found: the file's stamp when it had been read (None: it could not be opened), what it is, its pages,
    and the fault that keeps it from being taken."""

    stamp: Stamp | None
    kind: Kind = ""
    pages: int = 0
    fault: Fault | None = None


def look(job: LookJob) -> Look:
    """Open the file and touch all of it."""
    try:
        handle = os.open(job.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return Look(None, fault=Fault(DocumentStatus.HELD, f"can't be read: {error.strerror}"))
    with os.fdopen(handle, "rb") as opened:
        kind, pages, fault = _inside(opened, job)
        return Look(Stamp.of(os.fstat(opened.fileno())), kind, pages, fault)


def _inside(opened: BinaryIO, job: LookJob) -> tuple[Kind, int, Fault | None]:
    kind: Kind = ""
    try:
        kind = _kind(opened)
        return kind, _pages(kind, opened, job), None
    except MunimentError as error:
        return kind, 0, Fault(refused_status(error), str(error))
    except OSError as error:
        return kind, 0, Fault(DocumentStatus.HELD, f"can't be read: {error.strerror or type(error).__name__}")


def _kind(opened: BinaryIO) -> Kind:
    state = os.fstat(opened.fileno())
    if not stat.S_ISREG(state.st_mode):
        raise DocumentRejected("not a file (a folder, device, pipe or socket)")
    if not state.st_size:
        raise DocumentRejected("empty file")
    head = opened.read(PDF_MAGIC_WITHIN)
    if b"%PDF-" in head:
        return "pdf"
    if pictures.is_picture(head):
        return "picture"
    raise DocumentRejected("neither a PDF nor a picture (TIFF, JPEG, PNG)")


def _pages(kind: Kind, opened: BinaryIO, job: LookJob) -> int:
    if kind == "picture":
        return pictures.check(opened, job.max_pages, job.max_pixels)
    _check_end(opened)
    return pdf.inspect(pdf.InspectJob(job.path, job.max_pages)).page_count


def _check_end(opened: BinaryIO) -> None:
    """MuPDF does without the end mark of a PDF; readers look for it in the last 1,024 bytes (PDF 1.7, note 18 to
    3.4.4)."""
    opened.seek(max(opened.seek(0, os.SEEK_END) - PDF_MAGIC_WITHIN, 0))
    if b"%%EOF" not in opened.read():
        raise DocumentHeld("the PDF is cut short, or has something behind its end: no %%EOF in its last 1,024 bytes")
