"""Signing in through the firm's OpenID Connect issuer: off to it, and back with a code (settings `MUNIMENT_OIDC_*`).

Who somebody is hangs on the issuer's own key of the person (`iss` and `sub`) alone, never on a name: names are changed,
given to others, and at some issuers chosen freely. Whoever comes for the first time gets an account of their own
without a password that sees no matter until an administrator grants one, so that coming in shows nothing by itself; an
issuer that also signs in others than the firm's people is narrowed by `MUNIMENT_OIDC_GROUP`. A name that an account
here has already is never taken over: such a person is refused until an administrator links the two
(`muniment user link NAME SUBJECT`; the log has the subject). Until the first account is made nobody comes in like this.

A sign-in is bound to the browser that began it by a cookie that lasts ten minutes; from it follow state, nonce and PKCE
verifier, with a key that this process made at its start. A journey ends where it comes back, well or not: each is good
once. Signing out ends the session here; the one with the issuer is the issuer's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from pipeline.access.accounts import User
from pipeline.access.issuer import Going, Issuer, Known
from pipeline.errors import IssuerUnavailable, MunimentError, NotAllowed, NotFound, UsageError
from pipeline.web.callers import Cookie
from pipeline.web.entrance import enter, local, people_of, shown
from pipeline.web.guard import Office, address_of

__all__ = ["Journeys", "room"]

room = APIRouter(tags=["people"], include_in_schema=False)

SECONDS = 600.0
COOKIE = Cookie("muniment-oidc", int(SECONDS))
LONGEST_ADDRESS = 2000  # characters of where one wanted to go; a cookie has at most 4096
STRAY = "This sign-in was begun in another browser, too long ago, or is over already. Try again."
Text = Annotated[str, Query(max_length=4000)]


@dataclass(frozen=True, slots=True)
class Journey:
    """A browser on its way to the issuer; `cookie` is what it keeps meanwhile, `to` where it wanted to go."""

    cookie: str
    to: str
    state: str
    nonce: str
    verifier: str

    def going(self, back: str) -> Going:
        """As the issuer needs it; it sends the browser back to the address `back`."""
        return Going(back, self.state, self.nonce, self.verifier)


class Journeys:
    """Journeys under way: the cookie holds them, and only those that are over are remembered here, while it lasts."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._key, self._now = secrets.token_bytes(32), now
        self._over: dict[str, float] = {}
        self._lock = threading.Lock()

    def begin(self, to: str) -> Journey:
        """A new one."""
        wanted = to if len(to) <= LONGEST_ADDRESS else "/"
        place = base64.urlsafe_b64encode(wanted.encode()).rstrip(b"=").decode()
        body = f"{secrets.token_urlsafe(32)}.{int(self._now())}.{place}"
        return self._journey(body, wanted)

    def end(self, cookie: str, state: str) -> Journey | None:
        """The journey with this cookie, if this is its state and it is not over; now it is."""
        body, _, seal = cookie.rpartition(".")
        if not _same(seal, self._made("seal", body)) or not _same(state, self._made("state", body)):
            return None
        _, at, place = body.split(".")
        with self._lock:
            now = self._now()
            self._over = {state: ends for state, ends in self._over.items() if ends > now}
            if now - int(at) > SECONDS or state in self._over:
                return None
            self._over[state] = now + SECONDS
        return self._journey(body, base64.urlsafe_b64decode(f"{place}===").decode())

    def _journey(self, body: str, to: str) -> Journey:
        made = [self._made(what, body) for what in ("state", "nonce", "verifier")]
        return Journey(f"{body}.{self._made('seal', body)}", to, *made)

    def _made(self, what: str, body: str) -> str:
        digest = hmac.digest(self._key, f"{what} {body}".encode(errors="replace"), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()  # 43 characters, as RFC 7636 wants a verifier


@room.get("/sign-in/oidc")
def begin(request: Request, tools: Office, next: Annotated[str, Query()] = "/") -> Response:
    """Off to the issuer."""
    issuer, journeys = _issuer(tools), _journeys(request)
    if not tools.accounts.any():
        return RedirectResponse("/sign-in", 303)
    journey = journeys.begin(local(next))
    try:
        away = RedirectResponse(issuer.address(journey.going(_back(request))), 303)
    except IssuerUnavailable as error:
        return shown(request, tools, 503, next=journey.to, wrong=f"{error}.")
    COOKIE.put(request, away, journey.cookie)
    return away


@room.get("/sign-in/oidc/back")
def back(
    request: Request, tools: Office, state: Text = "", code: Text = "", error: Text = "", iss: Text = ""
) -> Response:
    """Back from the issuer: a session, or why there is none."""
    issuer = _issuer(tools)
    journey = _journeys(request).end(COOKIE.of(request), state)
    answer: Response
    if journey is None:
        answer = shown(request, tools, 403, wrong=STRAY)
    else:
        answer = _arrived(request, tools, journey, "" if error or iss not in {"", issuer.client.issuer} else code)
    COOKIE.drop(request, answer)
    return answer


def _arrived(request: Request, tools: Office, journey: Journey, code: str) -> Response:
    issuer, address = _issuer(tools), address_of(request)
    wait = tools.throttle.enter(journey.state, address)  # each try makes us ask the issuer
    known: Known | None = None
    try:
        if wait > 0:
            raise NotAllowed("too many tries: wait a minute")
        if not code:
            raise NotAllowed(f"{issuer.host} did not sign you in")
        known = issuer.known(code, journey.going(_back(request)))
        user = _account(tools, issuer, known)
    except MunimentError as error:
        subject = {"issuer": known.issuer, "subject": known.subject} if known else {}
        detail = {"address": address, "by": issuer.host, "why": str(error), **subject}
        tools.audit.record("(nobody)", "sign-in-refused", detail=detail)
        status = 503 if isinstance(error, IssuerUnavailable) else 429 if wait > 0 else 403
        return shown(request, tools, status, next=journey.to, wrong=f"{str(error)[:1].upper()}{str(error)[1:]}.")
    tools.throttle.passed(journey.state, address)
    return enter(request, tools, user, journey.to, by=issuer.host)


def _account(tools: Office, issuer: Issuer, known: Known) -> User:
    user = tools.accounts.by_subject(known.issuer, known.subject)
    if user is None:
        try:
            user = people_of(tools, f"({issuer.host})").add_subject(known.name, known.issuer, known.subject)
        except UsageError as error:
            raise NotAllowed(f"{issuer.host} knows you, and there is no account of yours here: {error}") from error
    if user.disabled:
        raise NotAllowed("your account here is disabled")
    return user


def _issuer(tools: Office) -> Issuer:
    if tools.issuer is None:
        raise NotFound("people sign in with a password here")
    return tools.issuer


def _journeys(request: Request) -> Journeys:
    journeys: Journeys = request.app.state.journeys
    return journeys


def _back(request: Request) -> str:
    """Our own address, by the name we were asked for, which the door has checked."""
    return f"{request.url.scheme}://{request.url.netloc}/sign-in/oidc/back"


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())
