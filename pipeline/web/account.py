"""One's own account: the password, the browsers that are signed in, the API tokens.

It shows the matters one may see, not one's grants: a denial would tell its matter's name.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from pipeline.access.sessions import TOKEN_DAYS
from pipeline.errors import UsageError
from pipeline.web.callers import SESSION
from pipeline.web.entrance import people_of
from pipeline.web.guard import Acting, Caller, Office, Person, RowId, Who, address_of
from pipeline.web.views import page

__all__ = ["room"]

room = APIRouter(tags=["people"])


class Me(BaseModel):
    """The caller: name, whether an administrator, and the matters they may see."""

    name: str
    admin: bool
    matters: list[str]


class Made(BaseModel):
    """A token that was asked for; `days` is how long it opens anything."""

    label: str = Field(max_length=100)
    days: int = Field(TOKEN_DAYS, ge=1, le=3650)


class Listed(BaseModel):
    """A token; times in seconds since 1970, `seen` null when it was never used."""

    id: int
    label: str
    created: float
    expires: float
    seen: float | None


class Secret(BaseModel):
    """A new token, shown this once."""

    token: str


@room.get("/account", response_class=HTMLResponse, include_in_schema=False)
def account_page(request: Request, tools: Office, caller: Person) -> HTMLResponse:
    """Everything about one's own account."""
    return _shown(request, tools, caller)


@room.post("/account/password", response_class=HTMLResponse, include_in_schema=False)
def change_password(
    request: Request,
    tools: Office,
    caller: Acting,
    current: Annotated[str, Form()],
    password: Annotated[str, Form()],
    again: Annotated[str, Form()],
) -> Response:
    """A new password; every other browser is signed out."""
    address = address_of(request)
    try:
        if password != again:
            raise UsageError("the two new passwords differ")
        if tools.throttle.enter(caller.name, address) > 0:
            raise UsageError("too many tries: wait a minute")
        if tools.accounts.check(caller.name, current) is None:
            raise UsageError("the current password is not that")
        tools.throttle.passed(caller.name, address)
        people_of(tools, caller.name).set_password(tools.accounts.by_id(caller.id), password)
    except UsageError as error:
        return _shown(request, tools, caller, 400, wrong=str(error))
    back = RedirectResponse("/account", 303)
    SESSION.put(request, back, tools.sessions.open(caller.id, address, request.headers.get("user-agent", "")))
    return back


@room.post("/account/sessions/{session}/end", include_in_schema=False)
def end_session(session: RowId, tools: Office, caller: Acting) -> Response:
    """Sign another browser out."""
    tools.sessions.end(caller.id, session)
    return RedirectResponse("/account", 303)


@room.post("/account/tokens", response_class=HTMLResponse, include_in_schema=False)
def make_token(
    request: Request,
    tools: Office,
    caller: Acting,
    label: Annotated[str, Form()],
    days: Annotated[int, Form()] = TOKEN_DAYS,
) -> HTMLResponse:
    """A new token, shown on the page that answers and nowhere else."""
    try:
        secret = _given(tools, caller, label, days)
    except UsageError as error:
        return _shown(request, tools, caller, 400, wrong=str(error))
    return _shown(request, tools, caller, token=secret)


@room.post("/account/tokens/{token}/revoke", include_in_schema=False)
def revoke_token(token: RowId, tools: Office, caller: Acting) -> Response:
    """The token opens nothing any more."""
    people_of(tools, caller.name).revoke(tools.accounts.by_id(caller.id), token)
    return RedirectResponse("/account", 303)


@room.get("/api/account")
def account(caller: Who) -> Me:
    """Who asks, and what they may see."""
    return Me(name=caller.name, admin=caller.admin, matters=list(caller.matters))


@room.get("/api/account/tokens")
def list_tokens(tools: Office, caller: Person) -> list[Listed]:
    """One's own API tokens, the latest first."""
    return [Listed.model_validate(token, from_attributes=True) for token in tools.sessions.tokens(caller.id)]


@room.post("/api/account/tokens", status_code=201)
def give_token(made: Made, tools: Office, caller: Acting) -> Secret:
    """A new API token."""
    return Secret(token=_given(tools, caller, made.label, made.days))


@room.delete("/api/account/tokens/{token}", status_code=204)
def drop_token(token: RowId, tools: Office, caller: Acting) -> None:
    """The token opens nothing any more."""
    people_of(tools, caller.name).revoke(tools.accounts.by_id(caller.id), token)


def _given(tools: Office, caller: Caller, label: str, days: int) -> str:
    return people_of(tools, caller.name).give_token(tools.accounts.by_id(caller.id), label, days)


def _shown(
    request: Request, tools: Office, caller: Caller, status: int = 200, *, wrong: str = "", token: str = ""
) -> HTMLResponse:
    return page(
        request,
        "account.html",
        status,
        sessions=tools.sessions.of(caller.id),
        this=tools.sessions.number(SESSION.of(request)),
        tokens=tools.sessions.tokens(caller.id),
        days=TOKEN_DAYS,
        password=tools.accounts.has_password(caller.id),
        wrong=wrong,
        token=token,
    )
