"""An HTTP transport whose answers end: in all of the request's time, not from byte to byte, and below a size.

The timeouts of the HTTP library hold for each read by itself, so a server that sends a byte now and then keeps a
caller for ever, and one that never stops sending fills its memory. Here a request as a whole, from the connection to
the last byte of the answer, takes no longer than its read timeout, and an answer is no larger than `most` bytes. It
must come as it is: what a few compressed bytes unpack to is not bounded.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

__all__ = ["MOST", "BoundedTransport"]

MOST = 256 << 20  # bytes of an answer: the results of a batch of some hundred pages take a few tens of MiB
LONGEST = 600.0  # seconds of a request that names no read timeout
_bound = threading.local()  # `.until`: when the request that this thread works on must have ended


class BoundedTransport(httpx2.BaseTransport):
    """See the module's docstring. Names no proxy, follows nothing; certificates are checked as the machine trusts."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            network_backend=_Backend(),
            max_connections=100,
            keepalive_expiry=5.0,
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it; the errors are httpx2's own, `ReadTimeout` for an answer that takes too long."""
        seconds = request.extensions.get("timeout", {}).get("read") or LONGEST
        until = time.monotonic() + seconds
        request.headers["accept-encoding"] = "identity"
        url = request.url
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        assert isinstance(request.stream, httpx2.SyncByteStream)
        with _within(until):
            answer = self._pool.handle_request(
                httpcore2.Request(
                    request.method,
                    target,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        assert isinstance(answer.stream, Iterable)
        stream = _Stream(answer.stream, until, self._most)
        response = httpx2.Response(answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions)
        if response.headers.get("content-encoding", "identity") != "identity":
            stream.close()
            raise httpx2.RemoteProtocolError("the answer is packed, though it was asked for as it is")
        return response

    def close(self) -> None:
        """Let the connections go."""
        self._pool.close()


class _Stream(httpx2.SyncByteStream):
    def __init__(self, inner: Iterable[bytes], until: float, most: int) -> None:
        self._inner, self._until, self._most = inner, until, most

    def __iter__(self) -> Iterator[bytes]:
        left, parts = self._most, iter(self._inner)
        while True:
            with _within(self._until):
                part = next(parts, None)
            if part is None:
                return
            left -= len(part)
            if left < 0:
                raise httpx2.RemoteProtocolError(f"the answer is larger than {self._most} bytes")
            yield part

    def close(self) -> None:
        if hasattr(self._inner, "close"):
            self._inner.close()


class _Backend(httpcore2.SyncBackend):
    """Connections that know when the request at work on them must have ended."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return _Wire(super().connect_tcp(host, port, left, local_address, socket_options))


class _Wire(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return _Wire(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None, late: type[httpcore2.TimeoutException]) -> float | None:
    """What the library wants to wait, or less where the request has less left."""
    until: float | None = getattr(_bound, "until", None)
    if until is None:  # a connection that is closed or looked at between two requests
        return timeout
    left = until - time.monotonic()
    if left <= 0:
        raise late("the request's time is over")
    return left if timeout is None else min(timeout, left)


@contextmanager
def _within(until: float) -> Iterator[None]:
    """Have the connections of this thread end by then, and the errors of the lower library be those of the upper."""
    _bound.until = until
    try:
        yield
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from error
    finally:
        _bound.until = None
