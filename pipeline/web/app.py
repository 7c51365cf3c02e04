"""The application: rooms, headers of every answer, and errors as a page for people or as problem+json (RFC 9457)."""

from __future__ import annotations

import logging
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline import __version__
from pipeline.errors import (
    CatalogBusy,
    IndexMismatch,
    IndexUnavailable,
    MunimentError,
    NotAllowed,
    NotFound,
    Superseded,
    UsageError,
)
from pipeline.telling.metrics import Cached, exposition
from pipeline.web import (
    account,
    corrections,
    deadlines,
    documents,
    entrance,
    exports,
    heat,
    log,
    oidc,
    operations,
    people,
    review,
    scans,
    search,
    service,
    viewer,
)
from pipeline.web.entrance import SetupLink
from pipeline.web.guard import Callers, SignInNeeded
from pipeline.web.views import page
from pipeline.wiring import Tools

__all__ = ["create_app"]

logger = logging.getLogger(__name__)

ROOMS = (
    search.room,
    scans.room,
    viewer.room,
    heat.room,
    documents.room,
    exports.room,
    entrance.room,
    oidc.room,
    account.room,
    people.room,
    log.room,
    service.room,
    review.room,
    corrections.room,
    deadlines.room,
    operations.room,
)

HEADERS = {
    # Everything comes from here, nothing inline runs, nobody frames the page.
    "content-security-policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # addresses hold questions; with no-referrer a form of ours has no Origin
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

STATUS: dict[type[MunimentError], int] = {
    UsageError: 400,
    NotAllowed: 403,
    NotFound: 404,
    Superseded: 409,
    CatalogBusy: 503,
    IndexMismatch: 503,
    IndexUnavailable: 503,
}
"""What an error of the house is in HTTP; any other is 500."""


def create_app(tools: Tools, callers: Callers, setup: SetupLink | None = None) -> FastAPI:
    """The application over an open home; `callers` finds who asks, `setup` lets the first account be made."""
    app = FastAPI(title="Muniment", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.tools, app.state.callers, app.state.setup = tools, callers, setup
    app.state.journeys = oidc.Journeys()
    app.state.metrics = Cached(partial(exposition, tools))
    for room in ROOMS:
        app.include_router(room)
    app.mount("/static", StaticFiles(directory=str(files("pipeline.web") / "static")), name="static")
    app.add_middleware(_Headed)
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(MunimentError, _ours)
    app.add_exception_handler(RequestValidationError, _misasked)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    return app


class _Headed:
    """ASGI: every answer with the headers of all. Starlette's own kind of middleware would run the application in a
    task of its own and hand its answer on piece by piece."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(scope["path"], MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, headed)


def _add_headers(path: str, headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if not path.startswith("/static/"):
        headers.setdefault("cache-control", "no-store")  # pages of one user on a shared machine


def _sign_in(request: Request, _error: Exception) -> Response:
    if request.url.path.startswith("/api/") or request.url.path == "/metrics":
        return _problem(request, 401, "sign in, or send an API token")
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?{urlencode({'next': wanted})}", 303)


def _ours(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    if status == 500:
        logger.error("%s: %s", type(error).__name__, error)
    return _problem(request, status, str(error))


def _misasked(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()[:5])
    return _problem(request, 422, wrong)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(request, error.status_code, str(error.detail))


def _unexpected(request: Request, error: Exception) -> Response:
    # The message may hold text of a document, so the log names the kind and the place only.
    logger.error("unexpected %s while answering %s", type(error).__name__, request.scope["path"].split("?")[0])
    problem = _problem(request, 500, "something went wrong here; the log of the server says where")
    _add_headers(request.url.path, problem.headers)  # this answer is made outside of `_Headed`
    return problem


def _problem(request: Request, status: int, detail: str) -> Response:
    title = HTTPStatus(status).phrase
    if request.url.path.startswith("/api/"):
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        return JSONResponse(body, status, media_type="application/problem+json")
    return page(request, "error.html", status, title=title, detail=detail)
