"""How a request says whose it is: `Authorization: Bearer` with an API token, or the cookie of a session.

Over TLS the cookie is named `__Host-…`: a browser takes that name only from this host itself over TLS, so nobody who
can only write plain HTTP, or owns a neighbouring name, can put a session of theirs in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response

from pipeline.access.sessions import LONGEST, csrf_of
from pipeline.web.guard import Caller, Callers

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["SESSION", "Cookie", "callers_of"]

LONGEST_SECRET = 200  # characters; ours have 43


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of ours: out of reach of scripts, sent by no form of another site, kept for so many seconds at most."""

    name: str
    seconds: int
    longest: int = 4096  # what browsers keep

    def of(self, request: Request) -> str:
        """What the browser sent; "" when it sent none."""
        value = request.cookies.get(self._name(request), "")
        return value if len(value) <= self.longest else ""

    def put(self, request: Request, response: Response, value: str) -> None:
        """Have the browser keep it."""
        response.set_cookie(self._name(request), value, max_age=self.seconds, **self._kept(request))

    def drop(self, request: Request, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self._name(request), **self._kept(request))

    def _name(self, request: Request) -> str:
        return f"__Host-{self.name}" if request.url.scheme == "https" else self.name

    def _kept(self, request: Request) -> Any:
        return {"path": "/", "secure": request.url.scheme == "https", "httponly": True, "samesite": "lax"}


SESSION = Cookie("muniment", int(LONGEST), LONGEST_SECRET)
"""The secret of a session."""


def callers_of(tools: Tools) -> Callers:
    """The callers that the home's accounts, sessions and tokens know."""

    def caller(request: Request) -> Caller | None:
        if "authorization" in request.headers:
            scheme, _, secret = request.headers["authorization"].partition(" ")
            secret = secret.strip()
            usable = scheme.lower() == "bearer" and 0 < len(secret) <= LONGEST_SECRET
            asking, csrf = (tools.sessions.by_token(secret) if usable else None), ""
        else:
            secret = SESSION.of(request)
            asking, csrf = (tools.sessions.by_cookie(secret) if secret else None), csrf_of(secret)
        return Caller(asking.id, asking.name, asking.admin, asking.matters, csrf) if asking else None

    return caller
