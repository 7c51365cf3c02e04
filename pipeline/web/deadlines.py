"""Deadlines: the next first, each linked to the passage it follows from; and a feed for calendar programs.

A calendar program can't sign in: its feed's address holds a secret that opens the feed and nothing else, shows what its
owner may see at that moment, and is revoked like any token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pipeline import digests
from pipeline.days.calendar_feed import NAMES, calendar
from pipeline.days.deadlines import KINDS, Kind, deadlines_of
from pipeline.digests import Due
from pipeline.errors import NotFound
from pipeline.reliance import effective
from pipeline.rulings import record_of
from pipeline.web.guard import Caller, Office, Posted, Visible, Who, caller_of
from pipeline.web.readings import Passage
from pipeline.web.views import page
from pipeline.wiring import Tools

__all__ = ["room"]

room = APIRouter(tags=["deadlines"])

SHOWN, FED = 200, 2000
FED_SINCE = 60  # days that a calendar keeps showing what has passed
FEED_DAYS = 365  # a year: then the owner makes a new address
LONGEST_SECRET = 200
View = Literal["next", "past", "undated"]


class Asked(BaseModel):
    """Which deadlines: still to come, past, or without a day; of these matters and kinds (none named: all); due in a
    range of days, both included."""

    view: View = "next"
    matter: list[str] = []
    kind: list[Kind] = []
    since: date | None = None
    through: date | None = None


class OtherDay(BaseModel):
    """The day it would be by an amendment, and the page there that says so."""

    by: str
    document: str
    page: int
    due: date
    rule: str


class Deadline(BaseModel):
    """A day to act. `due` is null where it can't be computed: `rule` then says why. `sure`: "person" (a person said
    so), "verified", "unverified", or "conflict" (read in several ways). `amended_by` names what amends the document, or
    may: the day may be another; `moved` are the days that follow from these, where they state one. `passages` are the
    evidence, most telling first.
    """

    document: str
    name: str
    matter: str
    id: str
    kind: Kind
    due: date | None
    rule: str
    sure: str
    confidence: float
    amended_by: list[str] = []
    moved: list[OtherDay] = []
    passages: list[Passage]

    @classmethod
    def of(cls, due: Due) -> Deadline:
        """From what is kept ready."""
        line = due.deadline
        return cls(
            document=due.document,
            name=due.name,
            matter=due.matter,
            id=line.id,
            kind=line.kind,
            due=date.fromisoformat(line.due) if line.due else None,
            rule=line.rule,
            sure=line.sure,
            confidence=line.confidence,
            amended_by=list(due.amended_by),
            moved=[OtherDay.model_validate(each, from_attributes=True) for each in due.moved],
            passages=[Passage.of(each) for each in line.evidence],
        )

    @property
    def page(self) -> int:
        """The page of its first passage; 0 for none."""
        return self.passages[0].page if self.passages else 0


class Listed(BaseModel):
    """The deadlines asked for, next first (past ones: latest first), how many there are by kind, whether there are
    more than are shown, and how many documents have changed and are yet to be looked through."""

    deadlines: list[Deadline]
    counts: dict[str, int]
    more: bool
    unseen: int


class Wanted(BaseModel):
    """The form that asks for a feed's address."""

    csrf: str = ""


class Feed(BaseModel):
    """A feed's address; nobody can show it again."""

    address: str
    days: int = Field(description="after so many days it opens nothing")


@dataclass(frozen=True)
class _Range:
    """A range of ISO dates, both included; "" is open."""

    since: str
    through: str


@room.get("/deadlines", response_class=HTMLResponse)
def deadlines_page(request: Request, asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> HTMLResponse:
    """The list."""
    return _shown(request, asked, tools, caller)


@room.get("/api/deadlines")
def deadlines(asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> Listed:
    """The list, as JSON."""
    return _listed(tools, caller, asked)


@room.get("/api/documents/{document}/deadlines")
def of_document(document: Visible, tools: Office) -> list[Deadline]:
    """The deadlines of one document, dated ones first, computed now."""
    relied = effective(record_of(tools, document), tools.corrections.of(document.id))
    found = deadlines_of(relied, date.today())
    return [Deadline.of(Due(document.id, document.name, document.matter, each)) for each in found]


@room.post("/deadlines/feed", response_class=HTMLResponse)
def feed_page(request: Request, _form: Annotated[Wanted, Form()], tools: Office, caller: Posted) -> HTMLResponse:
    """A new feed, its address shown once."""
    return _shown(request, Asked(), tools, caller, _feed(request, tools, caller))


@room.post("/api/deadlines/feed")
def new_feed(request: Request, tools: Office, caller: Posted) -> Feed:
    """A new feed's address. It opens the feed alone, and is revoked with the caller's tokens."""
    return _feed(request, tools, caller)


def fed(request: Request, tools: Office, token: Annotated[str, Query(max_length=LONGEST_SECRET)] = "") -> Caller:
    """Whose feed it is, by the address's secret or, without one, by who asks."""
    if not token:
        return caller_of(request)
    asking = tools.sessions.by_token(token, "feed")
    if asking is None:
        raise NotFound("there is no such feed, or it has ended: make a new one under Deadlines")
    return Caller(asking.id, asking.name, asking.admin, asking.matters)


@room.get("/deadlines.ics", response_class=Response)
def feed(
    request: Request,
    tools: Office,
    caller: Annotated[Caller, Depends(fed)],
    kind: Annotated[list[Kind], Query()] = [],  # noqa: B006  FastAPI copies it
    alarm: Annotated[int, Query(ge=0, le=366)] = 0,
) -> Response:
    """The feed (RFC 5545): all days to come and the last 60; with `alarm`, each rings so many days before."""
    tools.digests.catch_up()
    since = (date.today() - timedelta(days=FED_SINCE)).isoformat()
    found = tools.digests.deadlines(digests.Asked(caller.matters, kind or KINDS, since), FED)
    tools.audit.record(caller.name, "export", "deadlines feed", {"matters": list(caller.matters)})
    written = calendar(found, str(request.base_url), alarm_days=alarm)
    return Response(written, media_type="text/calendar; charset=utf-8")


def _feed(request: Request, tools: Tools, caller: Caller) -> Feed:
    secret = tools.sessions.give(caller.id, "calendar feed of deadlines", FEED_DAYS, "feed")
    tools.audit.record(caller.name, "token", "", {"label": "calendar feed of deadlines"})
    return Feed(address=f"{request.base_url}deadlines.ics?token={quote(secret, safe='')}", days=FEED_DAYS)


def _shown(request: Request, asked: Asked, tools: Tools, caller: Caller, made: Feed | None = None) -> HTMLResponse:
    listed = _listed(tools, caller, asked)
    return page(
        request,
        "deadlines.html",
        asked=asked,
        listed=listed,
        made=made,
        kinds=NAMES,
        matters=caller.matters,
        today=date.today(),
        views={view: _address(asked.model_copy(update={"view": view})) for view in ("next", "past", "undated")},
        later=_later(asked, listed),
    )


def _listed(tools: Tools, caller: Caller, asked: Asked) -> Listed:
    unseen = tools.digests.catch_up()
    wanted = _wanted(caller.matters, asked)
    found = tools.digests.deadlines(wanted, SHOWN + 1, latest_first=asked.view == "past")
    counts = {str(kind): count for kind, count in tools.digests.deadline_counts(wanted).items()}
    lines = [Deadline.of(due) for due in found[:SHOWN]]
    return Listed(deadlines=lines, counts=counts, more=len(found) > SHOWN, unseen=unseen)


def _wanted(matters: Sequence[str], asked: Asked) -> digests.Asked:
    """The question inside the caller's wall; an empty name, as forms send it, asks for all."""
    named, days = set(filter(None, asked.matter)), _range(asked)
    inside = [matter for matter in matters if not named or matter in named]
    return digests.Asked(inside, asked.kind or KINDS, days.since, days.through, dated=asked.view != "undated")


def _range(asked: Asked) -> _Range:
    if asked.view == "undated":
        return _Range("", "")
    since, through = (day.isoformat() if day else "" for day in (asked.since, asked.through))
    today = date.today()
    if asked.view == "next":
        return _Range(max(since, today.isoformat()), through)
    yesterday = (today - timedelta(days=1)).isoformat()
    return _Range(since, min(through or yesterday, yesterday))


def _later(asked: Asked, listed: Listed) -> str:
    """Where the list goes on; "" at its end."""
    if not listed.more or asked.view == "undated":
        return ""
    bound = "since" if asked.view == "next" else "through"
    return _address(asked.model_copy(update={bound: listed.deadlines[-1].due}))


def _address(asked: Asked) -> str:
    given = [
        ("view", asked.view),
        *(("matter", each) for each in asked.matter),
        *(("kind", each) for each in asked.kind),
    ]
    given += [(name, day.isoformat()) for name, day in (("since", asked.since), ("through", asked.through)) if day]
    return f"/deadlines?{urlencode(given)}"
