"""The documents: a list to leaf through, and one with everything that was read from it, each value with its proof."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pipeline.amendments import Link, links_of
from pipeline.listing import Cut, Listed, listed, shelf
from pipeline.reliance import effective
from pipeline.typed import choices, hint
from pipeline.types import Document, DocumentStatus, PageOutcome
from pipeline.web.changes import Change, changes
from pipeline.web.fields import FieldOut, fields_of
from pipeline.web.guard import Caller, Office, Visible, Who, note
from pipeline.web.views import page
from pipeline.wiring import Tools
from schemas.contract import Contract

__all__ = ["record_of", "room"]

room = APIRouter(tags=["documents"])

SHOWN = 50  # documents on one page of the list


class Wanted(BaseModel):
    """Which documents, as the address bar holds it."""

    matter: str | None = None
    status: DocumentStatus | None = None
    page: int = Field(1, ge=1, le=1_000_000)


class DocumentLine(BaseModel):
    """A document as the list shows it; title and kind are "" while they are not known."""

    id: str
    name: str
    matter: str
    status: DocumentStatus
    reason: str
    pages: int
    received: datetime
    title: str
    kind: str


class DocumentList(BaseModel):
    """A page of the list, newest first. `matters` counts the documents of the wanted status, `statuses` those of the
    wanted matter."""

    documents: list[DocumentLine]
    total: int
    page: int
    pages: int
    matters: dict[str, int]
    statuses: dict[DocumentStatus, int]


class PageLine(BaseModel):
    """How one page ended, and why."""

    page: int
    status: str
    route: str | None
    reasons: list[str]


class LinkOut(BaseModel):
    """A document that this one amends or is amended by, why it is taken for that, and what the amendment changes."""

    document: str
    name: str
    certain: bool
    reasons: list[str]
    changes: list[Change]


class RescanOut(BaseModel):
    """Another scan of the same paper, and how many of the pages that show something look alike."""

    document: str
    name: str
    alike: int
    shown: int


class DocumentOut(DocumentLine):
    """A document with its pages and every field; `record` says whether it was worked off at all."""

    page_list: list[PageLine]
    record: bool
    unread_pages: list[int]
    fields: list[FieldOut]
    amends: list[LinkOut]
    amended_by: list[LinkOut]
    rescans: list[RescanOut]


@room.get("/documents", response_class=HTMLResponse)
def list_view(request: Request, wanted: Annotated[Wanted, Query()], tools: Office, caller: Who) -> HTMLResponse:
    """The list for people."""
    return page(request, "documents.html", wanted=wanted, found=_list(wanted, tools, caller), every=DocumentStatus)


@room.get("/api/documents")
def list_json(wanted: Annotated[Wanted, Query()], tools: Office, caller: Who) -> DocumentList:
    """The documents of the caller's matters, newest first, 50 a page."""
    return _list(wanted, tools, caller)


@room.get("/documents/{document}", response_class=HTMLResponse)
def document_view(request: Request, document: Visible, tools: Office, caller: Who) -> HTMLResponse:
    """The document for people."""
    return page(request, "document.html", shown=_document(document, tools, caller), hint=hint, choices=choices)


@room.get("/api/documents/{document}")
def document_json(document: Visible, tools: Office, caller: Who) -> DocumentOut:
    """The document: its pages, its fields with evidence and status, and what it amends or is amended by."""
    return _document(document, tools, caller)


def record_of(document: str, tools: Tools) -> Contract | None:
    """The document's record; None while it has none."""
    kept = tools.catalog.record(document)
    return Contract.model_validate_json(kept) if kept else None


def _relied(document: str, tools: Tools) -> Contract | None:
    record = record_of(document, tools)
    return effective(record, tools.corrections.of(document)) if record else None


def _list(wanted: Wanted, tools: Tools, caller: Caller) -> DocumentList:
    cut = Cut(wanted.matter, wanted.status, SHOWN, (wanted.page - 1) * SHOWN)
    found = shelf(tools.catalog.database, caller.matters, cut)
    tools.audit.record(caller.name, "view", "documents", wanted.model_dump(mode="json", exclude_defaults=True))
    return DocumentList(
        documents=[_line(each) for each in found.documents],
        total=found.total,
        page=wanted.page,
        pages=max(-(-found.total // SHOWN), 1),
        matters=found.by_matter,
        statuses=found.by_status,
    )


def _line(each: Listed) -> DocumentLine:
    document = each.document
    return DocumentLine(
        id=document.id,
        name=document.name,
        matter=document.matter,
        status=document.status,
        reason=document.reason,
        pages=document.page_count,
        received=datetime.fromtimestamp(each.received, UTC),
        title=each.title,
        kind=each.kind,
    )


def _document(document: Document, tools: Tools, caller: Caller) -> DocumentOut:
    note(tools, caller, "view", document)
    record, history = record_of(document.id, tools), tools.corrections.history(document.id)
    links = links_of(document, tools.catalog)
    return DocumentOut(
        **_line(listed(tools.catalog.database, document.id)).model_dump(),
        page_list=[_page(outcome) for outcome in tools.catalog.pages(document.id)],
        record=record is not None,
        unread_pages=list(record.unread_pages) if record else [],
        fields=fields_of(record, history) if record else [],
        amends=[_link(link, link.document, document.id, tools) for link in links.amends],
        amended_by=[_link(link, document.id, link.document, tools) for link in links.amended_by],
        rescans=[RescanOut(**asdict(found)) for found in tools.rescans.of(document.id)],
    )


def _page(outcome: PageOutcome) -> PageLine:
    return PageLine(page=outcome.number, status=outcome.status, route=outcome.route, reasons=list(outcome.reasons))


def _link(link: Link, base: str, amendment: str, tools: Tools) -> LinkOut:
    before, after = _relied(base, tools), _relied(amendment, tools)
    return LinkOut(
        document=link.document,
        name=link.name,
        certain=link.certain,
        reasons=list(link.reasons),
        changes=changes(before, after) if before and after else [],
    )
