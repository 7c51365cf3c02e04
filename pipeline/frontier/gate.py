"""The wall around the machine: every request to a frontier model passes here, below the SDK, or is not sent.

The gate is the HTTP transport itself. It asks the matter's policy anew for each request, so a policy that is withdrawn
in the middle of a run stops the next call; it lets through nothing but the configured destination, so no
redirect and no setting of the SDK leads elsewhere; and proxies named in the environment are not used, because
they would be a way around it. What passed is logged: where to, for which matter, how many bytes; which document and
pages a call was about stands in its row of the ledger.

A matter whose leave was withdrawn sends nothing more. What it sent before may be fetched, cancelled and deleted: these
requests have no body, so no page can be in them.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import httpx2
from sqlalchemy import delete, insert, select

from pipeline.access.audit import Audit
from pipeline.bounded import BoundedTransport
from pipeline.database import Database
from pipeline.errors import NotAllowed, UsageError
from pipeline.frontier.ledger import matter_key
from pipeline.loopback import is_loopback
from pipeline.names import clean_matter
from pipeline.tables import matters

__all__ = ["Destination", "Egress", "Gate", "Policies", "destination_of", "http_client", "is_provider"]

log = logging.getLogger(__name__)

Egress = Literal["never", "self-hosted", "cloud"]
WANTED = "MUNIMENT_FRONTIER_URL: an address like https://host:port is wanted"
REACH: dict[str, int] = {"never": 0, "self-hosted": 1, "cloud": 2}
PROVIDERS = ("anthropic.com", "claude.com", "claude.ai")
PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:.]*:[0-9a-f:.]*")  # a name, or an IPv6 address
_RETURNING = re.compile(
    r"(GET|DELETE) (/.*)?/v1/(files|messages/batches)(/.*)?|POST (/.*)?/v1/messages/batches/[^/]+/cancel"
)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where pages go: base address, whether that is the firm's own server, and where its data stays, in words."""

    url: str
    kind: Literal["self-hosted", "cloud"]
    residency: str = ""

    @property
    def host(self) -> str:
        """Host and port, as a log names it."""
        return httpx2.URL(self.url).netloc.decode()


def destination_of(url: str, kind: str, residency: str) -> Destination:
    """The destination of the settings. An address of a known provider is cloud, whatever the settings say.

    The host is taken as it will be connected to: lower case, international names in their ASCII form, without the dot
    of a fully qualified name. `UsageError` for anything but a plain http(s) address, and for one that would carry pages
    to the cloud unencrypted.
    """
    try:
        parsed = httpx2.URL(url)
        host = parsed.raw_host.decode().removesuffix(".")
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise UsageError(WANTED) from error
    plain = parsed.scheme in PORTS and _HOST.fullmatch(host) and 0 < _port(parsed) < 65536
    if not plain or parsed.userinfo or parsed.query or parsed.fragment:
        raise UsageError(WANTED)
    if parsed.scheme == "http" and kind != "self-hosted" and not is_loopback(host):
        raise UsageError("MUNIMENT_FRONTIER_URL: pages leave for the cloud over https only")
    provider = _is_provider(host)
    port = None if _port(parsed) == PORTS[parsed.scheme] else parsed.port
    plain_url = str(parsed.copy_with(host=host, port=port)).rstrip("/")
    return Destination(plain_url, "self-hosted" if kind == "self-hosted" and not provider else "cloud", residency)


def is_provider(destination: Destination) -> bool:
    """Whether the address is one of the model provider's own."""
    return _is_provider(httpx2.URL(destination.url).host)


def _is_provider(host: str) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in PROVIDERS)


def _port(url: httpx2.URL) -> int:
    return PORTS.get(url.scheme, 0) if url.port is None else url.port


class Policies:
    """What may leave the machine, matter by matter; a matter nobody decided on never does."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, matter: str) -> Egress:
        """The policy of this matter as it stands now."""
        query = select(matters.c.egress).where(matters.c.key == matter_key(matter))
        with self._database.read() as connection:
            found = connection.execute(query).scalar()
        return found if found in REACH else "never"

    def set(self, matter: str, egress: Egress) -> None:
        """From now on."""
        name = clean_matter(matter)
        row = {"key": matter_key(name), "name": name, "egress": egress, "changed": time.time()}
        with self._database.write() as connection:
            connection.execute(delete(matters).where(matters.c.key == row["key"]))
            connection.execute(insert(matters).values(row))

    def all(self) -> dict[str, Egress]:
        """The matters somebody decided on, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(matters.c.name, matters.c.egress).order_by(matters.c.name)).all()
        return {row.name: row.egress for row in rows}

    def allows(self, matter: str, destination: Destination) -> bool:
        """Whether pages of this matter may go there."""
        return REACH[self.of(matter)] >= REACH[destination.kind]

    def record(self, matter: str, destination: Destination, path: str, size: int) -> None:
        """Write into the audit log that pages of this matter are about to go there; what can't be logged isn't sent."""
        detail = {"matter": matter, "to": destination.kind, "path": path, "bytes": size}
        Audit(self._database).record("muniment", "frontier-call", destination.host, detail)

    def check(self, matter: str, destination: Destination) -> None:
        """Raise `NotAllowed` unless pages of this matter may go there."""
        if not self.allows(matter, destination):
            policy = self.of(matter)
            raise NotAllowed(f"the matter's policy is “{policy}”: its pages may not go to a {destination.kind} model")


class Gate(httpx2.BaseTransport):
    """The transport of one matter's requests to one destination."""

    def __init__(self, matter: str, destination: Destination, policies: Policies, inner: httpx2.BaseTransport) -> None:
        self._matter = matter
        self._destination = destination
        self._policies = policies
        self._inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request if the matter lets it; `NotAllowed` otherwise, and for any other host."""
        if not _returning(request):
            self._policies.check(self._matter, self._destination)
        here, wanted = httpx2.URL(self._destination.url), request.url
        same = (wanted.scheme, wanted.raw_host, _port(wanted)) == (here.scheme, here.raw_host, _port(here))
        if not same or request.headers.get("host", "").casefold() != here.netloc.decode():
            raise NotAllowed("a request to another host than the configured destination was stopped")
        size = int(request.headers.get("content-length", 0))
        if request.method == "POST":  # what carries pages; asking after a batch or a file carries none
            self._policies.record(self._matter, self._destination, wanted.path, size)
        log.info(
            "to %s (%s%s): %s %s, %d bytes, matter %s",
            self._destination.host,
            self._destination.kind,
            f", {self._destination.residency}" if self._destination.residency else "",
            request.method,
            wanted.path,
            size,
            matter_key(self._matter)[:12],
        )
        return self._inner.handle_request(request)

    def close(self) -> None:
        """Let the connections go."""
        self._inner.close()


def http_client(
    matter: str,
    destination: Destination,
    policies: Policies,
    seconds: float,
    inner: Callable[[], httpx2.BaseTransport] = BoundedTransport,
) -> httpx2.Client:
    """A client all of whose requests pass the gate; it follows no redirects and reads no environment. A call takes no
    longer than `seconds`, and an answer has an end (`pipeline/bounded.py`)."""
    gate = Gate(matter, destination, policies, inner())
    return httpx2.Client(
        transport=gate, trust_env=False, follow_redirects=False, timeout=httpx2.Timeout(seconds, connect=10.0)
    )


def _returning(request: httpx2.Request) -> bool:
    """Whether this can only bring back or delete what was sent before: no body, and an address that takes none."""
    bare = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    return bare and bool(_RETURNING.fullmatch(f"{request.method} {request.url.path}"))
