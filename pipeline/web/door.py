"""The door of the served application: what is turned away before any room hears of it.

A page on another site can point a name of its own at this machine and have the reader's browser ask here (DNS
rebinding): a request must therefore name a host we are known by. Bodies are forms and small JSON; and where TLS is
promised, by ourselves or by a proxy, nothing is answered without it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LOCAL_NAMES", "Door"]

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
MOST = 1 << 20  # bytes of a body
HSTS = "max-age=31536000"


class Door:
    """ASGI: `hosts` are the names we answer to, in lower case; with `only_https` plain requests are refused."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] = LOCAL_NAMES, *, only_https: bool = False) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._only_https = only_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif refusal := self._refusal(Headers(scope=scope), scope["scheme"]):
            await _refuse(send, *refusal)
        else:
            await self._app(scope, receive, _secured(send) if scope["scheme"] == "https" else send)

    def _refusal(self, headers: Headers, scheme: str) -> tuple[HTTPStatus, str] | None:
        if _host(headers.get("host", "")) not in self._hosts:
            return HTTPStatus.MISDIRECTED_REQUEST, "this server has another name: see `muniment serve --name`"
        if self._only_https and scheme != "https":
            why = "this server answers over TLS only; a proxy before it must send X-Forwarded-Proto: https"
            return HTTPStatus.FORBIDDEN, why
        if "transfer-encoding" in headers:
            return HTTPStatus.LENGTH_REQUIRED, "a body comes with its length"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > MOST:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {MOST} bytes"
        return None


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _secured(send: Send) -> Send:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["strict-transport-security"] = HSTS
        await send(message)

    return secured


async def _refuse(send: Send, status: HTTPStatus, why: str) -> None:
    problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": why}
    body = json.dumps(problem).encode()
    headers = {
        b"content-type": b"application/problem+json",
        b"content-length": str(len(body)).encode(),
        b"x-content-type-options": b"nosniff",
        b"cache-control": b"no-store",
        b"connection": b"close",  # the body that was refused is not read
    }
    await send({"type": "http.response.start", "status": status.value, "headers": list(headers.items())})
    await send({"type": "http.response.body", "body": body})
