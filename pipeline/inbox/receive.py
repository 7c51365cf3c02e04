"""A dropped file becomes documents: a PDF as it is, a picture as a PDF, a batch as the documents between its sheets.

The bytes are in the store by then. Whatever is made of them is made by workers, and the same from the same bytes: a
drop that is received twice, because the watcher was killed in between, gives the same documents.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pipeline.errors import DocumentHeld, DocumentRejected, MunimentError
from pipeline.inbox.pictures import PictureJob, convert
from pipeline.inbox.separators import Cuts, Mark, cut
from pipeline.inbox.settle import Fault
from pipeline.inbox.sheets import PartJob, SheetsJob, marks, write_part
from pipeline.intake import Incoming, refused_status, take
from pipeline.names import document_id
from pipeline.types import Document, DocumentStatus, Origin

if TYPE_CHECKING:
    from pipeline.inbox.whole import Look
    from pipeline.wiring import Tools

__all__ = ["Drop", "Received", "receive", "take_in"]

J = TypeVar("J")

Made = tuple[str, str, str, Origin | None]  # name, source, SHA-256 and origin of a document

AS_A_WHOLE = (
    "Nothing was cut. Scan the batch again, or its documents one by one; or, if it is one document, take it in whole:\n"
    "  muniment ingest --retry --matter {} FILE\n"
)
PAGES_AT_ONCE = 20  # that one worker looks at for sheets
REFUSED = (DocumentStatus.HELD, DocumentStatus.REJECTED)


@dataclass(frozen=True, slots=True)
class Drop:
    """A dropped file whose bytes are in the store: whose it is, the path it was dropped under, what it was found to
    be, and whether it was found to be whole."""

    matter: str
    name: str
    source: str
    sha256: str
    look: Look


@dataclass(frozen=True, slots=True)
class Received:
    """The documents of a drop and how many of them were not here before; the fault for which it was refused, and what
    a person can do about it beside trying again."""

    documents: tuple[Document, ...]
    new: int
    fault: Fault | None = None
    advice: str = ""


def receive(drop: Drop, tools: Tools) -> Received:
    """Register what the drop is. What was refused before and is dropped again stands as `received` again."""
    try:
        if drop.look.fault:
            return _refused(drop, drop.look.fault, tools)
        pdf, origin = drop.sha256, None
        if drop.look.kind == "picture":
            pdf, origin = picture_as_pdf(tools, drop.sha256, drop.look.pages), Origin(drop.sha256)
        cuts = _cuts(drop, pdf, tools)
        if cuts.doubt:
            fault = Fault(DocumentStatus.HELD, f"uncertain where to cut the batch: {cuts.doubt}")
            return replace(_refused(drop, fault, tools), advice=AS_A_WHOLE.format(shlex.quote(drop.matter)))
        return _registered(drop, _parts(drop, pdf, cuts, tools) or [(drop.name, drop.source, pdf, origin)], tools)
    except (DocumentHeld, DocumentRejected) as refusal:
        return _refused(drop, Fault(refused_status(refusal), str(refusal)), tools)


def take_in(incoming: Incoming, tools: Tools) -> tuple[Document, bool]:
    """The document of a file given to `ingest`, and whether it is new; a picture becomes a PDF here, too."""
    limit = tools.settings.max_file_mb
    return take(incoming, tools.store, tools.catalog, max_file_mb=limit, as_pdf=partial(picture_as_pdf, tools))


def picture_as_pdf(tools: Tools, sha256: str, pages: int = 1) -> str:
    """The SHA-256 of the PDF made of this picture; raises what it is refused for."""
    settings, store = tools.settings, tools.store
    job = PictureJob(store.path(sha256), store.root, settings.max_pages, settings.max_picture_pixels)
    return _made(tools, convert, job, settings.page_seconds + pages)


def _made(tools: Tools, function: Callable[[J], str], job: J, seconds: float) -> str:
    """The SHA-256 of what a worker made and put into the store; raises the error of our tree that took its place."""
    for _, result in tools.pool.run(function, [job], seconds=seconds):
        if isinstance(result, MunimentError):
            raise result
        tools.store.publish(result)
        return result
    raise AssertionError("a pool answers every item")


def _cuts(drop: Drop, pdf: str, tools: Tools) -> Cuts:
    """Where separator sheets cut the drop; its pages are looked at side by side."""
    numbers = range(1, drop.look.pages + 1)
    if len(numbers) < 2:
        return Cuts()
    path, found = tools.store.path(pdf), list[Mark]()
    jobs = [SheetsJob(path, tuple(numbers[at : at + PAGES_AT_ONCE])) for at in range(0, len(numbers), PAGES_AT_ONCE)]
    for _, result in tools.pool.run(marks, jobs, seconds=tools.settings.page_seconds):
        if isinstance(result, MunimentError):
            raise result
        found += result
    return cut(sorted(found, key=lambda mark: mark.page), drop.matter)


def _parts(drop: Drop, pdf: str, cuts: Cuts, tools: Tools) -> list[Made]:
    """The documents of a batch, each kept under the pages it has there."""
    made: list[Made] = []
    for first, last in cuts.parts:
        pages = f"{first}-{last}"
        job = PartJob(tools.store.path(pdf), tools.store.root, first, last)
        sha256 = _made(tools, write_part, job, tools.settings.page_seconds + last - first)
        made.append((f"{drop.name}#{pages}", f"{drop.source}#{pages}", sha256, Origin(drop.sha256, pages)))
    return made


def _registered(drop: Drop, made: Sequence[Made], tools: Tools) -> Received:
    documents, new = [], 0
    for name, source, sha256, origin in made:
        document = Document(document_id(drop.matter, sha256), drop.matter, name, sha256)
        stored, created = tools.catalog.add(document, source, origin)
        if stored.status in REFUSED and not created:
            tools.catalog.set_status(stored.id, DocumentStatus.RECEIVED)
        documents.append(tools.catalog.document(stored.id))
        new += created
    return Received(tuple(documents), new)


def _refused(drop: Drop, fault: Fault, tools: Tools) -> Received:
    """A document that was worked off before stays as it is: somebody had it taken in as a whole."""
    id = document_id(drop.matter, drop.sha256)
    document = Document(id, drop.matter, drop.name, drop.sha256, fault.status, fault.reason)
    stored, created = tools.catalog.add(document, drop.source)
    if stored.status not in REFUSED:
        return Received((stored,), 0)
    if not created:
        tools.catalog.set_status(stored.id, fault.status, fault.reason)
    return Received((tools.catalog.document(stored.id),), int(created), fault)
