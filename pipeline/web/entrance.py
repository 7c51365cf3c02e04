"""The way in and out: signing in, signing out, and the first account of a fresh home."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pipeline.access.accounts import User
from pipeline.access.people import People
from pipeline.errors import NotFound, UsageError
from pipeline.web.callers import SESSION
from pipeline.web.guard import Callers, FromHere, Office, Posted, address_of
from pipeline.web.views import page

__all__ = ["SetupLink", "enter", "local", "people_of", "room", "shown"]

room = APIRouter(tags=["people"], include_in_schema=False)

NO_MATCH = "That name and password do not match."
SETUP_SECONDS = 3600.0


@dataclass(frozen=True)
class SetupLink:
    """The right to make the first account: for an hour, and only while there is none."""

    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    expires: float = field(default_factory=lambda: time.monotonic() + SETUP_SECONDS)

    def opens(self, key: str) -> bool:
        """Whether this key is the right one, and in time."""
        given, wanted = (hashlib.sha256(text.encode(errors="replace")).digest() for text in (key, self.secret))
        return hmac.compare_digest(given, wanted) and time.monotonic() < self.expires


@room.get("/sign-in", response_class=HTMLResponse)
def sign_in_page(request: Request, tools: Office, next: str = "/") -> Response:
    """The form; who is signed in already goes on to where they wanted."""
    callers: Callers = request.app.state.callers
    if callers(request) is not None:
        return RedirectResponse(local(next), 303)
    return shown(request, tools, 200, next=local(next))


@room.post("/sign-in", response_class=HTMLResponse, dependencies=[FromHere])
def sign_in(
    request: Request,
    tools: Office,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",
) -> Response:
    """A new session for the right name and password."""
    address = address_of(request)
    wait = tools.throttle.enter(name, address)
    if wait > 0:
        wrong = f"Too many tries. Wait {_spoken(wait)}, then try again."
        later = shown(request, tools, 429, next=local(next), name=name, wrong=wrong)
        later.headers["retry-after"] = str(int(wait) + 1)
        return later
    user = tools.accounts.check(name, password)
    if user is None:
        # What was typed as the name may be a password, so it is not written down.
        tools.audit.record("(nobody)", "sign-in-refused", detail={"address": address})
        return shown(request, tools, 401, next=local(next), name=name, wrong=NO_MATCH)
    tools.throttle.passed(name, address)
    return enter(request, tools, user, local(next))


@room.post("/sign-out")
def sign_out(request: Request, tools: Office, caller: Posted) -> Response:
    """The session ends, here and in the database."""
    tools.sessions.close(SESSION.of(request))
    tools.audit.record(caller.name, "sign-out")
    away = RedirectResponse("/sign-in", 303)
    SESSION.drop(request, away)
    return away


@room.get("/setup", response_class=HTMLResponse)
def setup_page(request: Request, tools: Office, key: Annotated[str, Query()] = "") -> HTMLResponse:
    """The form for the first account, for who has the link."""
    _admit(request, tools, key)
    return page(request, "setup.html", key=key, name="", wrong="")


@room.post("/setup", response_class=HTMLResponse, dependencies=[FromHere])
def setup(
    request: Request,
    tools: Office,
    key: Annotated[str, Form()],
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
    again: Annotated[str, Form()],
) -> Response:
    """Make the first account, an administrator who sees every matter, and sign them in."""
    _admit(request, tools, key)
    try:
        if password != again:
            raise UsageError("the two passwords differ")
        user = people_of(tools, "(setup link)").add_first(name, password)
    except UsageError as error:
        return page(request, "setup.html", 400, key=key, name=name, wrong=str(error))
    return enter(request, tools, user, "/")


def shown(
    request: Request, tools: Office, status: int, *, next: str = "/", name: str = "", wrong: str = ""
) -> HTMLResponse:
    """The sign-in form, with what was wrong."""
    issuer, empty = tools.issuer.host if tools.issuer else "", not tools.accounts.any()
    return page(request, "sign_in.html", status, next=next, name=name, wrong=wrong, empty=empty, issuer=issuer)


def enter(request: Request, tools: Office, user: User, to: str, **how: str) -> Response:
    """A new session of the user, whose browser goes on to `to`; `how` they proved who they are joins the log."""
    if old := SESSION.of(request):
        tools.sessions.close(old)
    address = address_of(request)
    secret = tools.sessions.open(user.id, address, request.headers.get("user-agent", ""))
    tools.audit.record(user.name, "sign-in", detail={"address": address, **how})
    inside = RedirectResponse(to, 303)
    SESSION.put(request, inside, secret)
    return inside


def people_of(tools: Office, who: str) -> People:
    """What `who` does about people."""
    return People(who, tools.accounts, tools.grants, tools.sessions, tools.audit)


def local(path: str) -> str:
    """The path, if it is one of this application; "/" for anything that a browser could take for another host."""
    odd = any(c <= " " or c in "\\\x7f" for c in path)  # browsers drop tabs and line feeds, and turn \ into /
    return path if path.startswith("/") and not path.startswith("//") and not odd else "/"


def _admit(request: Request, tools: Office, key: str) -> None:
    link: SetupLink | None = request.app.state.setup
    if link is None or not link.opens(key) or tools.accounts.any():
        raise NotFound("this link opens nothing (any more): `muniment serve` prints a new one when it is started anew")


def _spoken(seconds: float) -> str:
    whole = int(seconds) + 1
    return f"{whole} s" if whole < 120 else f"{whole // 60} minutes"
