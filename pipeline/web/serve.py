"""`muniment serve`: one process, on this machine unless it was told how what it says stays secret on the way."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn

from pipeline.errors import MunimentError, UsageError
from pipeline.loopback import is_loopback
from pipeline.settings import Settings
from pipeline.web.app import create_app
from pipeline.web.callers import callers_of
from pipeline.web.door import LOCAL_NAMES, Door
from pipeline.web.entrance import SetupLink
from pipeline.wiring import Tools, open_tools

__all__ = ["Serving", "listening", "serve"]

GRACE_SECONDS = 1  # for answers that are under way when the server ends
SWITCH_SECONDS = 0.0005
"""How long a thread keeps Python's lock while others want it. The one that embeds questions asks for it anew after each
of some hundred steps; at the default of 5 ms it waits as often for a page that is being made, and all wait for it. With
8 searches at once this took a fifth off the median and a third off the 95th percentile (a busy machine, twice)."""

LAST_SECONDS = 1.6  # then it ends whatever is still under way: nothing is lost, every write is one transaction


@dataclass(frozen=True, slots=True)
class Serving:
    """Where to serve: `names` are the hosts it is asked for by, `proxy` the address of the proxy that adds TLS."""

    port: int = 8000
    host: str = "127.0.0.1"
    cert: Path | None = None
    key: Path | None = None
    proxy: str = ""
    names: tuple[str, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether nobody but this machine can reach it."""
        return is_loopback(self.host) and not self.proxy

    @property
    def scheme(self) -> str:
        """How it is asked for."""
        return "https" if self.cert or self.proxy else "http"

    def check(self) -> None:
        """`UsageError` when a password or a scan could cross a network in the clear, or the server has no name."""
        if (self.cert is None) != (self.key is None):
            raise UsageError("TLS needs both --tls-cert and --tls-key")
        if self.proxy:
            _address(self.proxy, "--behind-proxy: the proxy's IP address is wanted")
        if not is_loopback(self.host) and not self.cert and not self.proxy:
            raise UsageError(
                f"{self.host} can be reached from other machines, and passwords and scans would cross the network in "
                "the clear: give --tls-cert and --tls-key, or --behind-proxy ADDRESS of the proxy that adds TLS"
            )
        if not self.alone and not self.names:
            raise UsageError("which name is this server asked for by? Give it: --name contracts.example.com")

    def hosts(self) -> set[str]:
        """The names in a request that mean us."""
        return {*LOCAL_NAMES, self.host.lower(), *(name.lower() for name in self.names)}

    def url(self, port: int) -> str:
        """What to type into a browser; behind a proxy, its port is its own affair."""
        host = self.names[0] if self.names else self.host
        shown = f"[{host}]" if ":" in host else host
        return f"{self.scheme}://{shown}" + ("" if self.proxy else f":{port}")


def serve(settings: Settings, serving: Serving, say: Callable[[str], None] = print) -> NoReturn:
    """Answer until Ctrl-C or SIGTERM, then end the process. `UsageError` when it must not serve like this, or can't."""
    serving.check()
    with listening(serving) as listener, open_tools(settings) as tools:
        setup = _first_account(tools, serving)
        _ = tools.issuer  # what is wrong with its settings is said now, not to the first who comes
        door = Door(create_app(tools, callers_of(tools), setup), serving.hosts(), only_https=serving.scheme == "https")
        url = serving.url(listener.getsockname()[1])
        server = _Server(_config(door, serving), lambda: _announce(url, setup, say), lambda: _end_at_once(tools))
        sys.setswitchinterval(SWITCH_SECONDS)
        warming = threading.Thread(target=_warm, args=(tools,), name="warm", daemon=True)
        warming.start()
        server.run(sockets=[listener])
        _end_at_once(tools)


class _Server(uvicorn.Server):
    """uvicorn's server: `ready` runs when it answers and a signal ends it well; a signal is not raised again
    afterwards; `last` runs when it can't end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], last: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._last = last

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            last = threading.Timer(LAST_SECONDS, self._last)
            last.daemon = True
            last.start()
        super().handle_exit(sig, frame)


def _config(door: Door, serving: Serving) -> uvicorn.Config:
    try:
        config = uvicorn.Config(
            door,
            log_config=None,  # its own would write whole tracebacks; see pipeline/telling/logs.py
            log_level="warning",
            access_log=False,  # addresses hold questions; the audit log says who asked what
            server_header=False,
            ws="none",
            ssl_certfile=serving.cert,
            ssl_keyfile=serving.key,
            proxy_headers=bool(serving.proxy),
            forwarded_allow_ips=serving.proxy or None,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"the TLS certificate or its key can't be used: {error.strerror or error}") from error
    return config


@contextmanager
def listening(serving: Serving) -> Iterator[socket.socket]:
    """The socket that people's browsers connect to; `UsageError` when it can't be had."""
    family = socket.AF_INET6 if ":" in serving.host else socket.AF_INET
    try:
        listener = socket.create_server((serving.host, serving.port), family=family, backlog=2048)
    except OSError as error:
        place = f"{serving.host}, port {serving.port}"
        raise UsageError(f"can't listen on {place} ({error.strerror}); another one is chosen by --port") from error
    with listener:
        # Connections inherit it. asyncio would set it, but only on sockets made with a protocol's number; without it a
        # page waits 40 ms between its headers and its body, for Nagle's algorithm and the client's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _first_account(tools: Tools, serving: Serving) -> SetupLink | None:
    if tools.accounts.any():
        return None
    if not serving.alone:
        raise UsageError("make the first account before others can reach this server: muniment user add NAME --admin")
    return SetupLink()


def _announce(url: str, setup: SetupLink | None, say: Callable[[str], None]) -> None:
    say(f"Muniment is at {url} (Ctrl-C ends it)")
    if setup:
        say("There is no account yet. This link makes the first one; it works once, within an hour:")
        say(f"{url}/setup?key={setup.secret}")
    sys.stdout.flush()  # who reads this through a pipe waits for it


def _warm(tools: Tools) -> None:
    """Load what the first search needs; whoever searches meanwhile waits for no more than the rest of it."""
    try:
        tools.index.count()  # first, and in a process of its own: the page on which one asks needs no model
        tools.text_embedder.embed(["warm"])
        if tools.page_embedder:
            tools.page_embedder.embed_query("warm")
    except MunimentError as error:  # the search itself will say so to who asks
        print(f"muniment: the search is not ready: {error}", file=sys.stderr)
    gc.collect()
    gc.freeze()  # half a million objects of torch's: no collection looks at them again in the middle of an answer


def _end_at_once(tools: Tools) -> NoReturn:
    """Without the interpreter's own farewell: it takes seconds with torch loaded, and hangs with torch half loaded.
    Every write to the catalog and the store is whole or not there, so nothing is lost."""
    tools.release_index()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _address(text: str, wanted: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise UsageError(wanted) from None
