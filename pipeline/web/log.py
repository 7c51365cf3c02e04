"""For administrators: who did what.

What a person asked in a search, and the choices it was narrowed by, can itself be a secret of a matter. It is shown to
administrators who may see every matter; the others see that there was a search, by whom and when, and which pages it
showed, by the ids of their documents. The command line (`muniment audit list`) shows all:
who may read the home's files may read the log.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pipeline.access.audit import KINDS, Entry, Wanted
from pipeline.web.guard import Admin, Caller, Office
from pipeline.web.views import page

__all__ = ["room"]

room = APIRouter(tags=["audit"])

SHOWN = 200
TYPED = {"query", "chosen"}
WITHHELD = "withheld: shown to who may see every matter"


class Asked(BaseModel):
    """Which rows of the log; what is left out asks for nothing. `since` is a day or a moment, in UTC."""

    since: str = Field("", max_length=40)
    user: str = Field("", max_length=200)
    what: str = Field("", max_length=40)
    matter: str = Field("", max_length=400)
    limit: int = Field(SHOWN, ge=1, le=5000)


class Row(BaseModel):
    """A row of the log, with the hash that chains it to the one before."""

    id: int
    at: str
    who: str
    what: str
    subject: str
    detail: dict[str, object]
    hash: str


class Checked(BaseModel):
    """What reading the whole chain found: its good rows, the hash of the last of them, and what is wrong after it."""

    rows: int
    head: str
    wrong: str


@room.get("/audit", response_class=HTMLResponse, include_in_schema=False)
def log_page(request: Request, asked: Annotated[Asked, Query()], tools: Office, caller: Admin) -> HTMLResponse:
    """The latest rows, newest first."""
    return page(request, "audit.html", asked=asked, rows=_rows(asked, tools, caller), kinds=KINDS)


@room.get("/api/audit")
def log(asked: Annotated[Asked, Query()], tools: Office, caller: Admin) -> list[Row]:
    """The latest rows, newest first."""
    return _rows(asked, tools, caller)


@room.get("/api/audit/chain")
def chain(tools: Office, _admin: Admin) -> Checked:
    """Whether every row follows from the one before."""
    return Checked.model_validate(tools.audit.verify(), from_attributes=True)


def _rows(asked: Asked, tools: Office, caller: Caller) -> list[Row]:
    wanted = Wanted(asked.since.strip(), asked.user.strip(), asked.what, asked.matter.strip())
    whole = tools.grants.every_matter(caller.id)
    return [_row(entry, whole or entry.who == caller.name) for entry in tools.audit.latest(wanted, asked.limit)]


def _row(entry: Entry, whole: bool) -> Row:
    detail = entry.details
    if not whole:
        detail |= dict.fromkeys(TYPED & detail.keys(), WITHHELD)
    return Row(
        id=entry.id, at=entry.at, who=entry.who, what=entry.what, subject=entry.subject, detail=detail, hash=entry.hash
    )
