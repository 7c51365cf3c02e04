"""Who asks, and what they may see. Every room gets its caller and its documents from here.

A document of another matter and one that does not exist are the same answer, in words and in bytes: whoever may not see
a matter must not learn that it is there.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request

from pipeline.errors import NotAllowed, NotFound, UsageError
from pipeline.types import Document
from pipeline.wiring import Tools

__all__ = [
    "UNKNOWN",
    "Admin",
    "Caller",
    "Callers",
    "FromHere",
    "Office",
    "Person",
    "Posted",
    "RowId",
    "SignInNeeded",
    "Visible",
    "Who",
    "address_of",
    "note",
]

UNKNOWN = "there is no such document here"
STALE = "this form is not from here, or too old: go back, load the page again and send it once more"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, and the matters they may see (names; empty: none). `csrf` is what their forms must carry; "" for a
    caller with an API token, who has no cookie to be misused."""

    id: int
    name: str
    admin: bool
    matters: tuple[str, ...]
    csrf: str = ""


RowId = Annotated[int, Path(ge=1, le=2**31 - 1)]
"""The number of a row in a path: what the databases take."""

Callers = Callable[[Request], Caller | None]
"""Finds the caller of a request by its session cookie or API token; None for nobody."""


class SignInNeeded(Exception):
    """The request names no caller, or one who is not known any more."""


async def office_of(request: Request) -> Tools:
    """What the pipeline works with. A coroutine, because FastAPI calls a function in another thread."""
    tools: Tools = request.app.state.tools
    return tools


def caller_of(request: Request) -> Caller:
    """Who asks; `SignInNeeded` when nobody known does."""
    callers: Callers = request.app.state.callers
    caller = callers(request)
    if caller is None:
        raise SignInNeeded
    request.state.caller = caller  # templates show who is signed in
    return caller


def address_of(request: Request) -> str:
    """Where the request comes from; what a stated proxy says of it, where there is one."""
    return request.client.host if request.client else ""


Office = Annotated[Tools, Depends(office_of)]
Who = Annotated[Caller, Depends(caller_of)]


def from_here(request: Request) -> None:
    """Refuse what a page of another site sent. Browsers say where a form stands (Origin, Sec-Fetch-Site), and no
    script can make them lie; programs that say nothing carry no cookie by accident."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    here = f"{request.url.scheme}://{request.url.netloc}"
    if (origin is not None and origin != here) or site not in ("same-origin", "none"):
        raise NotAllowed(STALE)


async def posted_by(request: Request, caller: Who) -> Caller:
    """Who sent a form of ours: the session's token stands in it (`csrf`) or in the header X-CSRF-Token. A caller with
    an API token needs none: no browser sends that by itself."""
    if not caller.csrf:
        return caller
    from_here(request)
    given = request.headers.get("x-csrf-token", "")
    if not given and request.headers.get("content-type", "").partition(";")[0].strip().lower() in FORMS:
        given = str((await request.form()).get("csrf", ""))
    if not hmac.compare_digest(given.encode(errors="replace"), caller.csrf.encode()):
        raise NotAllowed(STALE)
    return caller


def person(caller: Who) -> Caller:
    """A person at a browser: what concerns accounts is not for API tokens."""
    if not caller.csrf:
        raise NotAllowed("this is for people who are signed in, not for API tokens")
    return caller


def admin(caller: Annotated[Caller, Depends(person)]) -> Caller:
    """A person who looks after accounts."""
    if not caller.admin:
        raise NotAllowed("this is for administrators")
    return caller


FromHere = Depends(from_here)
"""For routes without a caller yet, in `dependencies=[…]`."""
Posted = Annotated[Caller, Depends(posted_by)]
"""As `Who`, for every route that changes something."""
Person = Annotated[Caller, Depends(person)]
Admin = Annotated[Caller, Depends(admin)]


def acting(caller: Person, _checked: Posted) -> Caller:
    """A person at a browser whose form is ours."""
    return caller


def managing(caller: Admin, _checked: Posted) -> Caller:
    """An administrator at a browser whose form is ours."""
    return caller


Acting = Annotated[Caller, Depends(acting)]
Managing = Annotated[Caller, Depends(managing)]


def visible_document(document: str, tools: Office, caller: Who) -> Document:
    """The document of the path, if the caller may see its matter; `NotFound` otherwise."""
    try:
        found = tools.catalog.document(document, caller.matters)
    except (NotFound, UsageError):
        raise NotFound(UNKNOWN) from None
    if found.id != document:  # the catalog also finds by name; an address holds the id
        raise NotFound(UNKNOWN)
    return found


Visible = Annotated[Document, Depends(visible_document)]


def note(tools: Tools, caller: Caller, what: str, document: Document, **detail: object) -> None:
    """Write down in the audit log what somebody did with a document; ask for it before the answer is given."""
    tools.audit.record(caller.name, what, document.id, {"matter": document.matter, **detail})
