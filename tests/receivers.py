"""Small servers on this machine that receive notices: one takes posts, one takes mail; both can be told to fail."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Mailbox", "Posts", "listening", "mail_server", "post_server"]


@dataclass
class Posts:
    """What was posted; `statuses` are the next answers, then 200."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    location: str = ""


@contextmanager
def post_server() -> Iterator[Posts]:
    """An HTTP server that takes posts."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            posts.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(posts.statuses.pop(0) if posts.statuses else 200)
            if posts.location:
                self.send_header("location", posts.location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        posts.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        yield posts
        server.shutdown()


@dataclass
class Mailbox:
    """What was delivered, to whom, and what was said before; `tls` is the certificate STARTTLS is offered with."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None
    implicit: bool = False


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on this machine that answers one connection after the other; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, *, implicit: bool = False) -> Iterator[Mailbox]:
    """An SMTP server (RFC 5321, as little as smtplib needs)."""
    box = Mailbox(tls=tls, implicit=implicit)
    with listening(lambda connection: _Dialogue(connection, box).run()) as box.port:
        yield box


class _Dialogue:
    def __init__(self, connection: socket.socket, box: Mailbox) -> None:
        self._box = box
        self._secure = box.implicit
        if box.implicit and box.tls:
            connection = box.tls.wrap_socket(connection, server_side=True)
        self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")

    def run(self) -> None:
        self._say("220 ready")
        while line := self._lines.readline():
            text = line.decode().strip()
            self._box.said.append(("tls " if self._secure else "plain ") + text)
            if not self._answer(text):
                return

    def _answer(self, text: str) -> bool:
        verb = text.split(" ", maxsplit=1)[0].upper()
        if verb == "EHLO":
            offers = [] if self._secure or not self._box.tls else ["STARTTLS"]
            offers += ["AUTH PLAIN"] if self._secure else []
            self._say(*(f"250-{one}" for one in ("here", *offers)), "250 8BITMIME")
        elif verb == "STARTTLS" and self._box.tls:
            self._say("220 go")
            self._take(self._box.tls.wrap_socket(self._connection, server_side=True))
            self._secure = True
        elif verb == "AUTH":
            user = base64.b64decode(text.split(" ")[2]).split(b"\0")[1:]
            self._say("235 in" if user == [b"muniment", b"secret"] else "535 no")
        elif verb == "RCPT":
            address = text.split("<")[1].split(">", maxsplit=1)[0]
            self._box.recipients.append(address)
            self._say("550 nobody" if address in self._box.refused else "250 ok")
        elif verb == "DATA":
            self._say("354 go on")
            self._box.mails.append(_mail(b"".join(iter(self._lines.readline, b".\r\n"))))
            self._say("250 taken")
        else:
            self._say("221 bye" if verb == "QUIT" else "250 ok")
        return verb != "QUIT"

    def _say(self, *lines: str) -> None:
        self._connection.sendall("".join(f"{line}\r\n" for line in lines).encode())


def _mail(data: bytes) -> EmailMessage:
    mail = message_from_bytes(data, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail
