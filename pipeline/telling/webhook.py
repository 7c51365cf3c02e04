"""Notices as JSON, posted to one address and signed, so that who receives them knows who sent them and when.

    Muniment-Signature: t=1764000000,v1=HEX     HMAC-SHA256 with MUNIMENT_WEBHOOK_SECRET over "1764000000." and body
    Muniment-Delivery: ID                       the same for each try of a notice

The body is {"id", "kind", "title", "lines", "link", "at", "host", "text"}; `text` is all of it in one, which chat
systems show. No redirect is followed, no proxy of the environment used, and no more than a little of the answer read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING

from pipeline.errors import NotSent, UsageError

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.telling.notices import Message

__all__ = ["check", "host_of", "send", "signature"]

MOST = 64 << 10  # bytes of an answer nobody reads
WANTED = "MUNIMENT_WEBHOOK_URL: an address like https://host/path is wanted, without a name or password in it"


def send(settings: Settings, message: Message) -> None:
    """Post it; `NotSent` unless the server says that it has it (2xx)."""
    import httpx2

    from pipeline.bounded import BoundedTransport

    try:
        check(settings.webhook_url)
    except UsageError as error:
        raise NotSent(str(error)) from None
    body = payload(message)
    headers = {"content-type": "application/json", "user-agent": "Muniment", "muniment-delivery": message.id}
    if secret := settings.webhook_secret.get_secret_value():
        headers["muniment-signature"] = signature(secret, int(time.time()), body)
    try:
        with httpx2.Client(
            transport=BoundedTransport(MOST), trust_env=False, follow_redirects=False, timeout=settings.webhook_seconds
        ) as client:
            status = client.post(settings.webhook_url, content=body, headers=headers).status_code
    except httpx2.TransportError as error:  # its message may name the address, which may hold a key
        raise NotSent(f"the webhook's server did not answer ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise NotSent(f"the webhook's server answered {status}")


def payload(message: Message) -> bytes:
    """The body of the post."""
    text = "\n".join(filter(None, (f"Muniment: {message.title}", *message.lines, message.link)))
    told: dict[str, object] = {"id": message.id, "kind": message.kind, "title": message.title, "lines": message.lines}
    told |= {"link": message.link, "at": int(message.at), "host": message.host, "text": text}
    return json.dumps(told).encode()


def signature(secret: str, at: int, body: bytes) -> str:
    """The header's value: the moment is signed too, so that an old post can't be played again unseen."""
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


def check(url: str) -> None:
    """`UsageError` for what is no plain http(s) address."""
    import httpx2

    try:
        parsed = httpx2.URL(url)
        port = parsed.port
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise UsageError(WANTED) from error
    usable = parsed.scheme in ("http", "https") and parsed.host and not parsed.userinfo and not parsed.fragment
    if not usable or (port is not None and not 0 < port < 65536) or any(ord(c) < 33 for c in url):
        raise UsageError(WANTED)


def host_of(url: str) -> str:
    """Where it goes, for `doctor`: the path may be a secret."""
    import httpx2

    parsed = httpx2.URL(url)
    return f"{parsed.scheme}://{parsed.host}"
