"""Requests to servers that drip, flood, pack or break: each ends in time and in bounds, with an error that is known."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest
from receivers import listening

from pipeline.bounded import BoundedTransport

OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"


@contextmanager
def server(answer: Callable[[socket.socket], None], *, first: bool = True) -> Iterator[str]:
    """A server on this machine that treats each connection as told, after the client spoke `first`; its address."""

    def spoken_to(connection: socket.socket) -> None:
        if first:
            connection.recv(65536)
        answer(connection)

    with listening(spoken_to) as port:
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def client(most: int = 1000, seconds: float = 0.6) -> Iterator[httpx2.Client]:
    with httpx2.Client(transport=BoundedTransport(most), trust_env=False, timeout=seconds) as made:
        yield made


def drip(data: bytes, pause: float) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return answer


@pytest.mark.parametrize("data", [OK * 20, OK + b"content-length: 500\r\n\r\n" + b"x" * 500], ids=["headers", "body"])
def test_a_server_that_drips_is_left_in_time(data: bytes) -> None:
    """A byte each 20 ms never makes the library wait long for one; the call as a whole ends all the same."""
    whole = data.index(b"\r\n\r\n") + 4 if b"\r\n\r\n" in data else 0

    def answer(connection: socket.socket) -> None:
        connection.sendall(data[:whole])
        drip(data[whole:], 0.02)(connection)

    with server(answer) as url, client() as asking:
        began = time.monotonic()
        with pytest.raises(httpx2.ReadTimeout):
            asking.get(url)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("head", [b"content-length: 100000\r\n\r\n", b"\r\n"], ids=["said", "unsaid"])
def test_a_flood_is_cut(head: bytes) -> None:
    """No more than the bound is ever held, whether the server says how much comes or not."""
    flood = server(lambda connection: connection.sendall(OK + head + b"x" * 100_000))
    larger = pytest.raises(httpx2.RemoteProtocolError, match="larger than 1000 bytes")
    with flood as url, client() as asking, larger:
        asking.get(url)


def test_a_packed_answer_is_refused() -> None:
    """Nobody asked for it, and what it unpacks to is not bounded."""
    bomb = gzip.compress(bytes(10_000_000))
    head = b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    packing = server(lambda connection: connection.sendall(OK + head + bomb))
    with packing as url, client(1 << 20) as asking, pytest.raises(httpx2.RemoteProtocolError, match="packed"):
        asking.get(url)


def test_an_answer_in_time_and_bounds_comes_whole() -> None:
    """Slowly, but within its time; and a second one over the same client."""
    answer = drip(OK + b"content-length: 5\r\nconnection: close\r\n\r\nhello", 0.001)
    with server(answer) as url, client(seconds=5) as asking:
        assert asking.get(url).text == "hello"
        assert asking.get(url).text == "hello"


def test_errors_are_those_the_caller_knows() -> None:
    """Nobody there is a `ConnectError`, a line that is no HTTP a `RemoteProtocolError`."""
    with client() as asking, pytest.raises(httpx2.ConnectError):
        asking.get("http://127.0.0.1:9/")
    other = server(lambda connection: connection.sendall(b"SSH-2.0\r\n\r\n"))
    with other as url, client() as asking, pytest.raises(httpx2.RemoteProtocolError):
        asking.get(url)
