"""Who asks, and what they may see. Every room gets its caller and its documents from here.

A document of another matter and one that does not exist are the same answer, in words and in bytes: whoever may not see
a matter must not learn that it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from pipeline.errors import NotFound, UsageError
from pipeline.types import Document
from pipeline.wiring import Tools

__all__ = ["UNKNOWN", "Caller", "Callers", "Office", "SignInNeeded", "Visible", "Who"]

UNKNOWN = "there is no such document here"


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, and the matters they may see (names; empty: none). `csrf` is what their forms must carry; "" for a
    caller with an API token, who has no cookie to be misused."""

    id: int
    name: str
    admin: bool
    matters: tuple[str, ...]
    csrf: str = ""


Callers = Callable[[Request], Caller | None]
"""Finds the caller of a request by its session cookie or API token; None for nobody."""


class SignInNeeded(Exception):
    """The request names no caller, or one who is not known any more."""


def office_of(request: Request) -> Tools:
    """What the pipeline works with."""
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


Office = Annotated[Tools, Depends(office_of)]
Who = Annotated[Caller, Depends(caller_of)]


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
