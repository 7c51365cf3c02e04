"""For administrators: the accounts, and which matters each may see.

An administrator decides who sees what, so this room names the matters there are. It shows nothing that is in them, and
an administrator sees a matter itself only when it was granted to them, which the log then says.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from pipeline.access.accounts import User
from pipeline.access.grants import EVERY
from pipeline.errors import MunimentError, NotFound, UsageError
from pipeline.web.entrance import people_of
from pipeline.web.guard import Admin, Caller, Managing, Office, RowId
from pipeline.web.views import page

__all__ = ["room"]

room = APIRouter(tags=["people"])

Choice = Literal["allow", "deny", "withdraw"]


class Granted(BaseModel):
    """A matter ("*": every matter) that an account is allowed or denied."""

    matter: str
    allowed: bool


class Person(BaseModel):
    """An account and its grants; `created` in seconds since 1970."""

    id: int
    name: str
    admin: bool
    disabled: bool
    created: float
    grants: list[Granted]


class NewPerson(BaseModel):
    """An account that is asked for."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=5000)
    admin: bool = False


class Decision(BaseModel):
    """What an account may see of a matter ("*": every matter) from now on."""

    matter: str = Field(max_length=400)
    choice: Choice


class Disabling(BaseModel):
    """Whether the account is disabled from now on."""

    disabled: bool


class NewPassword(BaseModel):
    """The account's password from now on."""

    password: str = Field(max_length=5000)


@room.get("/people", response_class=HTMLResponse, include_in_schema=False)
def people_page(request: Request, tools: Office, _admin: Admin) -> HTMLResponse:
    """All accounts."""
    return _all_shown(request, tools)


@room.post("/people", response_class=HTMLResponse, include_in_schema=False)
def add_person(
    request: Request,
    tools: Office,
    caller: Managing,
    name: Annotated[str, Form()],
    password: Annotated[str, Form()],
    admin: Annotated[bool, Form()] = False,
) -> Response:
    """A new account, which sees nothing yet."""
    try:
        user = people_of(tools, caller.name).add(name, password, admin=admin)
    except UsageError as error:
        return _all_shown(request, tools, 400, wrong=str(error), name=name)
    return _to(user.id)


@room.get("/people/{id}", response_class=HTMLResponse, include_in_schema=False)
def person_page(request: Request, id: RowId, tools: Office, _admin: Admin) -> HTMLResponse:
    """One account and what it may see."""
    return _one_shown(request, tools, id)


@room.post("/people/{id}/grants", response_class=HTMLResponse, include_in_schema=False)
def decide(
    request: Request,
    id: RowId,
    tools: Office,
    caller: Managing,
    matter: Annotated[str, Form()],
    choice: Annotated[Choice, Form()],
) -> Response:
    """Allow, deny or withdraw a matter."""
    try:
        _decide(tools, caller, id, Decision.model_construct(matter=matter, choice=choice))
    except MunimentError as error:
        return _one_shown(request, tools, id, 400, wrong=str(error))
    return _to(id)


@room.post("/people/{id}/disabled", response_class=HTMLResponse, include_in_schema=False)
def disable(
    request: Request, id: RowId, tools: Office, caller: Managing, disabled: Annotated[bool, Form()]
) -> Response:
    """Close the account, or open it again."""
    try:
        people_of(tools, caller.name).set_disabled(tools.accounts.by_id(id), disabled=disabled)
    except UsageError as error:
        return _one_shown(request, tools, id, 400, wrong=str(error))
    return _to(id)


@room.post("/people/{id}/password", response_class=HTMLResponse, include_in_schema=False)
def new_password(
    request: Request, id: RowId, tools: Office, caller: Managing, password: Annotated[str, Form()]
) -> Response:
    """Give the account another password; its sessions end."""
    try:
        people_of(tools, caller.name).set_password(tools.accounts.by_id(id), password)
    except UsageError as error:
        return _one_shown(request, tools, id, 400, wrong=str(error))
    return _to(id)


@room.get("/api/people")
def list_people(tools: Office, _admin: Admin) -> list[Person]:
    """All accounts and what each may see."""
    return _people(tools)


@room.post("/api/people", status_code=201)
def make_person(asked: NewPerson, tools: Office, caller: Managing) -> Person:
    """A new account, which sees nothing yet."""
    return _person(tools, people_of(tools, caller.name).add(asked.name, asked.password, admin=asked.admin))


@room.get("/api/people/{id}")
def show_person(id: RowId, tools: Office, _admin: Admin) -> Person:
    """One account and what it may see."""
    return _person(tools, tools.accounts.by_id(id))


@room.post("/api/people/{id}/grants")
def set_grant(id: RowId, asked: Decision, tools: Office, caller: Managing) -> Person:
    """Allow, deny or withdraw a matter."""
    _decide(tools, caller, id, asked)
    return _person(tools, tools.accounts.by_id(id))


@room.post("/api/people/{id}/disabled")
def set_disabled(id: RowId, asked: Disabling, tools: Office, caller: Managing) -> Person:
    """Close the account, or open it again."""
    people_of(tools, caller.name).set_disabled(tools.accounts.by_id(id), disabled=asked.disabled)
    return _person(tools, tools.accounts.by_id(id))


@room.post("/api/people/{id}/password", status_code=204)
def set_password(id: RowId, asked: NewPassword, tools: Office, caller: Managing) -> None:
    """Give the account another password; its sessions end."""
    people_of(tools, caller.name).set_password(tools.accounts.by_id(id), asked.password)


def _decide(tools: Office, caller: Caller, id: int, asked: Decision) -> None:
    people, user = people_of(tools, caller.name), tools.accounts.by_id(id)
    if asked.choice == "withdraw":
        people.withdraw(user, asked.matter)
    else:
        people.grant(user, asked.matter, allowed=asked.choice == "allow")


def _person(tools: Office, user: User) -> Person:
    return _with_grants(user, [Granted(matter=g.matter, allowed=g.allowed) for g in tools.grants.of(user.id)])


def _people(tools: Office) -> list[Person]:
    grants: dict[int, list[Granted]] = {}
    for grant in tools.grants.of():
        grants.setdefault(grant.user, []).append(Granted(matter=grant.matter, allowed=grant.allowed))
    return [_with_grants(user, grants.get(user.id, [])) for user in tools.accounts.all()]


def _with_grants(user: User, grants: list[Granted]) -> Person:
    return Person(
        id=user.id, name=user.name, admin=user.admin, disabled=user.disabled, created=user.created, grants=grants
    )


def _all_shown(request: Request, tools: Office, status: int = 200, *, wrong: str = "", name: str = "") -> HTMLResponse:
    return page(request, "people.html", status, people=_people(tools), every=EVERY, wrong=wrong, name=name)


def _one_shown(request: Request, tools: Office, id: int, status: int = 200, *, wrong: str = "") -> HTMLResponse:
    try:
        person = _person(tools, tools.accounts.by_id(id))
    except NotFound:
        raise NotFound("there is no such account") from None
    decided = {grant.matter for grant in person.grants}
    open_matters = [matter for matter in tools.grants.known_matters() if matter not in decided]
    shown = {"person": person, "matters": open_matters, "subjects": tools.accounts.subjects(id)}
    return page(request, "person.html", status, **shown, every=EVERY, wrong=wrong)


def _to(id: int) -> Response:
    return RedirectResponse(f"/people/{id}", 303)
