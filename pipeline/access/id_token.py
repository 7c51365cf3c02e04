"""Whether an OpenID Connect ID token is this issuer's, for this application, for this sign-in, and still good.

Signatures are by keys of the issuer that only it has: a token that is unsigned, or signed with a secret that both sides
know (HS256 with a public key as the secret is the classic forgery), is refused by its algorithm before any key is
looked at, and a key is used with the kind of algorithm it was made for and no other.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.errors import NotAllowed

if TYPE_CHECKING:
    from jwt import PyJWK

__all__ = ["ALGORITHMS", "LEEWAY", "UnknownKey", "Wanted", "claims_of"]

KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY = 60.0  # seconds by which two clocks may differ
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]
LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2


class UnknownKey(Exception):
    """None of the given keys is the one that the token names; the issuer may have a new one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose token it must be, for which client, and the nonce of the sign-in it answers."""

    issuer: str
    client: str
    nonce: str


def claims_of(token: str, keys: Sequence[Mapping[str, Any]], wanted: Wanted) -> dict[str, Any]:
    """What the token says, once everything about it holds; `keys` are JSON Web Keys (RFC 7517).

    `NotAllowed` says in a word what does not hold, without anything of the token; `UnknownKey`.
    """
    import jwt

    try:
        key = _key(jwt.get_unverified_header(token), keys)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=wanted.client,
            issuer=wanted.issuer,
            leeway=LEEWAY,
            options={"require": REQUIRED, "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise _refused(type(error).__name__) from error
    _check(claims, wanted)
    return claims


def _key(header: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]) -> PyJWK:
    from jwt import PyJWK

    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise _refused("its algorithm")
    fitting = [key for key in keys if _fits(key, algorithm) and kid in (None, key.get("kid"))]
    if len(fitting) != 1:  # without a name it must be clear which one is meant
        raise UnknownKey
    return PyJWK(dict(fitting[0]), algorithm=algorithm)


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    right = key.get("kty") == KINDS[algorithm[:2]] and key.get("alg", algorithm) == algorithm
    return right and key.get("use", "sig") == "sig"


def _check(claims: Mapping[str, Any], wanted: Wanted) -> None:
    """What PyJWT leaves to us: OpenID Connect Core 1.0, section 3.1.3.7, points 3 to 5 and 11."""
    audience, party, nonce, subject = (claims.get(name) for name in ("aud", "azp", "nonce", "sub"))
    several = isinstance(audience, list) and len(audience) > 1
    if party != wanted.client and (several or party is not None):
        raise _refused("azp")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(errors="replace"), wanted.nonce.encode()):
        raise _refused("nonce")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise _refused("sub")


def _refused(why: str) -> NotAllowed:
    return NotAllowed(f"what the issuer sent does not hold ({why})")
