"""To take away: the original, and records as JSON, CSV and XLSX, of one document or of a whole matter."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response, StreamingResponse
from pydantic import BaseModel
from starlette.background import BackgroundTask

from pipeline.errors import NotFound
from pipeline.reliance import effective
from pipeline.spreadsheet import Row, csv_lines, rows, write_xlsx
from pipeline.types import Document
from pipeline.web.documents import record_of
from pipeline.web.guard import UNKNOWN, Caller, Office, Visible, Who, note
from pipeline.wiring import Tools
from schemas.contract import Contract

__all__ = ["attachment", "room"]

room = APIRouter(tags=["exports"])

NO_RECORD = "this document has no record yet"

Form = Literal["json", "csv", "xlsx"]
TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
LONGEST_NAME = 120  # characters: with its ending and a "(1)" every file system takes it

# Letters, digits and a few signs that mean nothing to a shell, a path or a header; no control and no direction marks.
_UNSAFE = re.compile(r"[^\w.,()&+\- ]+")


class Exported(BaseModel):
    """A document's record as the machine read it, with what tells the document apart; `relied_on` is the record with
    people's words laid over, None while nobody said anything."""

    document: str
    file: str
    matter: str
    record: Contract
    relied_on: Contract | None


@room.get("/documents/{document}/original", response_class=FileResponse)
def original(document: Visible, tools: Office, caller: Who) -> FileResponse:
    """The file as it came in, to save: a PDF of somebody else is never opened inside this site."""
    if not document.sha256 or document.sha256 not in tools.store:
        raise NotFound("the original could not be read when it came in, so it is not here")
    note(tools, caller, "download", document)
    headers = attachment(PurePath(document.name).stem, "pdf") | {"content-security-policy": "sandbox"}
    return FileResponse(tools.store.path(document.sha256), media_type="application/pdf", headers=headers)


@room.get("/documents/{document}/record.{form}", response_class=Response)
def document_record(document: Visible, form: Form, tools: Office, caller: Who) -> Response:
    """The document's record, every value with status, confidence, extractor and evidence."""
    if record_of(document.id, tools) is None:
        raise NotFound(NO_RECORD)
    note(tools, caller, "export", document, form=form)
    return _answer([document], PurePath(document.name).stem, form, tools)


@room.get("/matters/{matter}/records.{form}", response_class=Response)
def matter_records(matter: str, form: Form, tools: Office, caller: Who) -> Response:
    """The records of all documents of a matter."""
    found = _documents(matter, tools, caller)
    tools.audit.record(caller.name, "export", "", {"matter": matter, "form": form, "documents": len(found)})
    return _answer(found, matter, form, tools)


@room.get("/api/documents/{document}/record")
def record_json(document: Visible, tools: Office, caller: Who) -> Contract:
    """The document's record as it is kept."""
    record = record_of(document.id, tools)
    if record is None:
        raise NotFound(NO_RECORD)
    note(tools, caller, "export", document, form="json")
    return record


def attachment(name: str, ending: str) -> dict[str, str]:
    """Headers that make a browser save under this name (RFC 6266): plain ASCII for old ones, UTF-8 for the others."""
    safe = _UNSAFE.sub("_", name).strip(" ._")[:LONGEST_NAME] or "document"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    coded = quote(f"{safe}.{ending}", safe="")
    return {"content-disposition": f"attachment; filename=\"{plain}.{ending}\"; filename*=UTF-8''{coded}"}


def _documents(matter: str, tools: Tools, caller: Caller) -> list[Document]:
    """The documents of a matter the caller may see; one that holds none is answered like one that is not there."""
    found = tools.catalog.documents([matter]) if matter in caller.matters else []
    if not found:
        raise NotFound(UNKNOWN)
    return found


def _answer(documents: list[Document], name: str, form: Form, tools: Tools) -> Response:
    headers = attachment(name, form)
    if form == "xlsx":
        return _workbook(_rows(documents, tools), headers, tools.settings.root)
    lines = csv_lines(_rows(documents, tools)) if form == "csv" else _json(documents, tools)
    return StreamingResponse(lines, media_type=TYPES[form], headers=headers)


def _records(documents: list[Document], tools: Tools) -> Iterator[tuple[Document, Contract]]:
    """One record at a time: a matter of 5,000 documents is never in memory as a whole."""
    for document in documents:
        if (record := record_of(document.id, tools)) is not None:
            yield document, record


def _rows(documents: list[Document], tools: Tools) -> Iterator[Row]:
    for document, record in _records(documents, tools):
        yield from rows(document, record, tools.corrections.of(document.id))


def _json(documents: list[Document], tools: Tools) -> Iterator[str]:
    """A list of records, the same shape for one document and for many."""
    before = "[\n"
    for document, record in _records(documents, tools):
        words = tools.corrections.of(document.id)
        one = Exported(
            document=document.id,
            file=document.name,
            matter=document.matter,
            record=record,
            relied_on=effective(record, words) if words else None,
        )
        yield before + one.model_dump_json()
        before = ",\n"
    yield "\n]\n" if before != "[\n" else "[]\n"


def _workbook(table: Iterator[Row], headers: dict[str, str], folder: Path) -> FileResponse:
    # In the home, with mode 0600: what is a client's goes nowhere else, not even for a moment.
    handle, path = tempfile.mkstemp(prefix=".export-", suffix=".xlsx", dir=folder)
    os.close(handle)
    try:
        write_xlsx(Path(path), table)
    except BaseException:
        Path(path).unlink()
        raise
    gone = BackgroundTask(Path(path).unlink, missing_ok=True)
    return FileResponse(path, media_type=TYPES["xlsx"], headers=headers, background=gone)
