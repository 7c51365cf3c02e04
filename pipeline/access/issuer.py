"""An OpenID Connect issuer that vouches for people: where it is asked, its keys, and who it says has come.

The authorization code flow with PKCE (RFC 7636). The addresses and keys are what the issuer's own discovery document
says, fetched over TLS (plain HTTP only from this machine to itself), in little time and bounded size, through no proxy
of the environment and after no redirect, and kept for an hour. TLS is checked against the machine's own certificates,
where a firm also keeps those of its own authority.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

from pipeline.access.id_token import UnknownKey, Wanted, claims_of
from pipeline.errors import IssuerUnavailable, NotAllowed, UsageError
from pipeline.loopback import is_loopback

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["Client", "Going", "Issuer", "Known", "issuer_of"]

T = TypeVar("T")

SECONDS = 10.0  # for one answer in all
MOST = 1 << 18  # bytes of one answer
KEPT = 3600.0  # seconds: a key that the issuer withdrew is trusted no longer than that
AGAIN = 10.0  # seconds between two fetches of the same thing, whatever tokens name and however often one fails


@dataclass(frozen=True, slots=True)
class Client:
    """What this application is to the issuer. `name` is the claim that names a person; `group`, where given, must be
    among the claim `groups`; `scope` is what is asked for."""

    issuer: str
    id: str
    secret: str = field(default="", repr=False)
    name: str = "preferred_username"
    group: str = ""
    scope: str = "openid profile"


@dataclass(frozen=True, slots=True)
class Going:
    """A sign-in under way: where the browser comes back to, and the secrets that bind the answer to it."""

    back: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Known:
    """Who has come. `subject` is the issuer's own key of the person; `name` is what it calls them, and no proof."""

    issuer: str
    subject: str
    name: str


@dataclass(frozen=True, slots=True)
class _Places:
    authorize: str
    token: str
    keys: str
    basic: bool  # the secret goes in a header, not in the form


class _Kept(Generic[T]):
    """Something fetched: for an hour the same, and asked for no more often than every `AGAIN` seconds."""

    def __init__(self, fetch: Callable[[], T], now: Callable[[], float]) -> None:
        self._fetch, self._now = fetch, now
        self._lock = threading.Lock()
        self._held: T | None = None
        self._tried = -KEPT

    def get(self, *, anew: bool = False) -> T:
        """The value; `anew` fetches it again, unless that was done a moment ago."""
        with self._lock:
            age = self._now() - self._tried
            if age >= KEPT or (age >= AGAIN and (anew or self._held is None)):
                self._tried, self._held = self._now(), None
                self._held = self._fetch()
            if self._held is None:
                raise IssuerUnavailable("the issuer did not answer a moment ago: try again in a few seconds")
            return self._held


class Issuer:
    """See the module's docstring; safe to share between threads. Nothing is fetched before it is needed.

    Raises `IssuerUnavailable` when the issuer does not answer or answers nonsense, `NotAllowed` when it does not vouch.
    """

    def __init__(self, client: Client, now: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self._places = _Kept(self._discover, now)
        self._keys = _Kept(self._fetch_keys, now)

    @property
    def host(self) -> str:
        """What people know it by."""
        return urlsplit(self.client.issuer).netloc

    def check(self) -> None:
        """Have it say where it is asked."""
        self._places.get()

    def address(self, going: Going) -> str:
        """Where to send the browser."""
        asked = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": going.back,
            "scope": self.client.scope,
            "state": going.state,
            "nonce": going.nonce,
            "code_challenge": _challenge(going.verifier),
            "code_challenge_method": "S256",
        }
        place = self._places.get().authorize
        return f"{place}{'&' if urlsplit(place).query else '?'}{urlencode(asked)}"

    def known(self, code: str, going: Going) -> Known:
        """Who came back with this code."""
        claims = self._claims(self._redeemed(code, going), going.nonce)
        name = claims.get(self.client.name)
        if not isinstance(name, str):
            raise NotAllowed(f"{self.host} does not say what to call you (no claim {self.client.name})")
        groups = claims.get("groups")
        if self.client.group and self.client.group not in (groups if isinstance(groups, list) else [groups]):
            raise NotAllowed("you are not in the group whose members may come in")
        return Known(self.client.issuer, claims["sub"], name)

    def _redeemed(self, code: str, going: Going) -> str:
        """The ID token for the code, which is good once."""
        places, client = self._places.get(), self.client
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": going.back}
        form |= {"client_id": client.id, "code_verifier": going.verifier}
        headers = {}
        if client.secret and places.basic:
            pair = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"  # RFC 6749, section 2.3.1
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif client.secret:
            form["client_secret"] = client.secret
        status, answer = _ask(places.token, form, headers)
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            raise NotAllowed(f"{self.host} did not take its own code back")
        return token

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        wanted = Wanted(self.client.issuer, self.client.id, nonce)
        try:
            return claims_of(token, self._keys.get(), wanted)
        except UnknownKey:
            pass
        try:
            return claims_of(token, self._keys.get(anew=True), wanted)
        except UnknownKey:
            raise NotAllowed("what the issuer sent is signed with none of its keys") from None

    def _discover(self) -> _Places:
        issuer = self.client.issuer
        status, said = _ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if status != 200 or said.get("issuer") != issuer:
            raise IssuerUnavailable(f"{self.host} does not call itself by the configured issuer's address")
        here = is_loopback(urlsplit(issuer).hostname or "")
        places = [str(said.get(f"{name}")) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if not all(_is_safe(place, here=here) for place in places):
            raise IssuerUnavailable(f"{self.host} names an address that is not https")
        ways = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return _Places(
            places[0], places[1], places[2], basic=not isinstance(ways, list) or "client_secret_basic" in ways
        )

    def _fetch_keys(self) -> list[Mapping[str, Any]]:
        status, said = _ask(self._places.get().keys)
        keys = said.get("keys")
        if status != 200 or not isinstance(keys, list):
            raise IssuerUnavailable(f"{self.host} shows no keys")
        return [key for key in keys if isinstance(key, dict)]


def issuer_of(settings: Settings) -> Issuer | None:
    """The configured issuer, None without one; `UsageError` for settings that can't be used."""
    if not settings.oidc_issuer:
        return None
    if not _is_safe(settings.oidc_issuer, here=True) or urlsplit(settings.oidc_issuer).query:
        raise UsageError("MUNIMENT_OIDC_ISSUER: an https:// address is wanted (http:// on this machine only)")
    if not settings.oidc_client_id:
        raise UsageError("MUNIMENT_OIDC_CLIENT_ID: what is Muniment called at the issuer?")
    if find_spec("jwt") is None or find_spec("cryptography") is None:
        raise UsageError("MUNIMENT_OIDC_ISSUER needs another package: pip install 'muniment[oidc]'")
    secret = settings.oidc_client_secret.get_secret_value()
    named = (settings.oidc_name, settings.oidc_group, settings.oidc_scope)
    return Issuer(Client(settings.oidc_issuer, settings.oidc_client_id, secret, *named))


def _ask(url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Any:
    """(status, JSON object) of a GET, or of a POST of the form."""
    import httpx2

    sent = {"accept": "application/json", "accept-encoding": "identity", **(headers or {})}
    host, ends = urlsplit(url).netloc, time.monotonic() + SECONDS
    try:
        with (
            httpx2.Client(timeout=SECONDS, trust_env=False, verify=ssl.create_default_context()) as client,
            client.stream("POST" if form else "GET", url, data=form, headers=sent) as answer,
        ):
            body = bytearray()
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > MOST or time.monotonic() > ends:
                    raise IssuerUnavailable(f"{host} says too much, or too slowly")
        said = json.loads(body)
    except (httpx2.HTTPError, OSError) as error:
        raise IssuerUnavailable(f"{host} can't be reached ({type(error).__name__})") from error
    except (ValueError, RecursionError) as error:
        raise IssuerUnavailable(f"{host} answered something else than JSON") from error
    if not isinstance(said, dict) or answer.status_code >= 500 or answer.is_redirect:
        raise IssuerUnavailable(f"{host} answered with {answer.status_code}")
    return answer.status_code, said


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _is_safe(url: str, *, here: bool) -> bool:
    """Whether nobody on the way can read or change what is said there; `here`: this machine may be asked in plain."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0 and parts.username is None and not parts.fragment
    except ValueError:
        return False
    return named and (
        parts.scheme == "https" or (parts.scheme == "http" and here and is_loopback(parts.hostname or ""))
    )
