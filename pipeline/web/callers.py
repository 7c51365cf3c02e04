"""How a request says whose it is: `Authorization: Bearer` with an API token, or the cookie of a session.

Over TLS the cookie is named `__Host-…`: a browser takes that name only from this host itself over TLS, so nobody who
can only write plain HTTP, or owns a neighbouring name, can put a session of theirs in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request, Response

from pipeline.sessions import LONGEST, csrf_of
from pipeline.web.guard import Caller, Callers

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["callers_of", "cookie_of", "drop_cookie", "set_cookie"]

LONGEST_SECRET = 200  # characters; ours have 43


def callers_of(tools: Tools) -> Callers:
    """The callers that the home's accounts, sessions and tokens know."""

    def caller(request: Request) -> Caller | None:
        if "authorization" in request.headers:
            scheme, _, secret = request.headers["authorization"].partition(" ")
            secret = secret.strip()
            usable = scheme.lower() == "bearer" and 0 < len(secret) <= LONGEST_SECRET
            asking, csrf = (tools.sessions.by_token(secret) if usable else None), ""
        else:
            secret = cookie_of(request)
            asking, csrf = (tools.sessions.by_cookie(secret) if secret else None), csrf_of(secret)
        return Caller(asking.id, asking.name, asking.admin, asking.matters, csrf) if asking else None

    return caller


def cookie_of(request: Request) -> str:
    """The session's secret that the browser sent; "" when there is none."""
    secret = request.cookies.get(_name(request), "")
    return secret if len(secret) <= LONGEST_SECRET else ""


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Have the browser keep the session: out of reach of scripts, sent by no form of another site."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        _name(request), secret, max_age=int(LONGEST), path="/", secure=secure, httponly=True, samesite="lax"
    )


def drop_cookie(request: Request, response: Response) -> None:
    """Have the browser forget it."""
    secure = request.url.scheme == "https"
    response.delete_cookie(_name(request), path="/", secure=secure, httponly=True, samesite="lax")


def _name(request: Request) -> str:
    return "__Host-muniment" if request.url.scheme == "https" else "muniment"
