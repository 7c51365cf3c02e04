"""A small OpenID Connect issuer on this machine: real HTTP, real RSA keys, real tokens.

It signs everybody in at once as the person in `claims`. A test changes what it says: `claims` override those of the
token (None leaves one out), `forge` makes the token in another way, `document` overrides the discovery document.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "muniment", "s3cret: of %the client"


@dataclass
class Idp:
    """The issuer at `url`; `asked` counts requests by path, `given` the codes that may be redeemed."""

    url: str
    claims: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "Ben Ngozi"})
    document: dict[str, Any] = field(default_factory=dict)
    forge: Callable[[dict[str, Any]], str] | None = None
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    given: dict[str, dict[str, str]] = field(default_factory=dict)
    extra: bytes = b""

    def __post_init__(self) -> None:
        self.rotate("first")

    def rotate(self, kid: str) -> None:
        """Sign with a new key from now on, and show no other."""
        self.keys = {kid: rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def jwks(self) -> list[dict[str, Any]]:
        """The keys as they are shown."""
        algorithm = jwt.algorithms.RSAAlgorithm
        shown = {kid: json.loads(algorithm.to_jwk(key.public_key())) for kid, key in self.keys.items()}
        return [jwk | {"kid": kid, "use": "sig", "alg": "RS256"} for kid, jwk in shown.items()]

    def said(self, nonce: str) -> dict[str, Any]:
        """The claims of a token."""
        now = int(time.time())
        usual = {"iss": self.url, "sub": "u-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        return {name: value for name, value in (usual | self.claims).items() if value is not None}

    def token(self, nonce: str) -> str:
        """A token for this sign-in."""
        claims = self.said(nonce)
        if self.forge:
            return self.forge(claims)
        ((kid, key),) = self.keys.items()
        return jwt.encode(claims, key, "RS256", headers={"kid": kid})

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes once it is signed in here."""
        assert query["response_type"] == "code" and query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256" and "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.given[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.url})}"

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token for a code: once, for its client, with the verifier of its challenge."""
        kind, _, pair = authorization.partition(" ")
        told = base64.b64decode(pair).decode().partition(":") if kind == "Basic" else ("", "", "")
        begun = self.given.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if [unquote_plus(told[0]), unquote_plus(told[2])] != [CLIENT, SECRET]:
            return 401, {"error": "invalid_client"}
        if begun is None or begun["code_challenge"] != challenge or begun["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.token(begun["nonce"])}

    def discovery(self) -> dict[str, Any]:
        """What it says of itself."""
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        said = {name: f"{self.url}/{path}" for name, path in places.items()}
        return {"issuer": self.url, **said, **self.document}


@contextmanager
def issuer() -> Iterator[Idp]:
    """One on a free port, while the body runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.idp = Idp(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.idp  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        idp, parts = self._idp(), urlsplit(self.path)
        if parts.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self.send_response(303)
            self.send_header("location", idp.authorize(query))
            self.send_header("content-length", "0")
            self.end_headers()
            return
        known = {"/.well-known/openid-configuration": idp.discovery, "/keys": lambda: {"keys": idp.jwks()}}
        make = known.get(parts.path)
        self._answer(*((200, make()) if make else (404, {})))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer(*self._idp().redeem(form, self.headers.get("authorization", "")))

    def _idp(self) -> Idp:
        idp: Idp = self.server.idp  # type: ignore[attr-defined]
        path = urlsplit(self.path).path
        idp.asked[path] = idp.asked.get(path, 0) + 1
        return idp

    def _answer(self, status: int, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode() + self._padding()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _padding(self) -> bytes:
        return self.server.idp.extra  # type: ignore[attr-defined]

    def log_message(self, *_arguments: object) -> None:
        """Nothing on stderr."""
