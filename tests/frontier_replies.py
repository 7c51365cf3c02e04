"""A loopback server that answers what it is told to, one reply a request, and keeps what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"input_tokens": 1000, "output_tokens": 200}
EMPTY = {
    "document_type": {"kind": "unknown", "title": "", "quote": ""},
    "dates": [],
    "amounts": [],
    "parties": [],
    "key_obligations": [],
    "reference_numbers": [],
}


@dataclass
class Reply:
    """What goes back: a status, headers, and a body as it stands; without a status the connection is reset."""

    body: bytes | dict[str, Any] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Answering = Callable[[str, dict[str, Any]], Reply]


@dataclass
class Replies:
    """The replies are used up one a request; `always` answers the others, by path and body."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    always: Answering = lambda path, body: Reply(message(answer(1)))
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    down: Callable[[], None] = lambda: None  # stop listening

    def bodies(self, path: str = "/v1/messages") -> list[dict[str, Any]]:
        """What the requests to a path said."""
        return [json.loads(body) for where, body in self.asked if where == path]


@contextmanager
def replies() -> Iterator[Replies]:
    """The server on a free port of this machine, until the body ends."""
    state = Replies()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            with state.lock:
                state.asked.append((self.path, data))
                reply = state.replies.pop(0) if state.replies else None
            reply = reply or state.always(self.path, json.loads(data))
            self.close_connection = not reply.status
            if not reply.status:
                return
            out = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def down() -> None:
        server.shutdown()  # first: a listener closed under its own poll still takes connections until the poll ends
        server.server_close()

    state.down = down
    state.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield state
    finally:
        down()


def refusal(status: int, kind: str = "invalid_request_error", text: str = "no", **headers: str) -> Reply:
    """An error as the protocol words it."""
    body = {"type": "error", "error": {"type": kind, "message": text}}
    return Reply(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def message(text: object, stop: str = "end_turn", **changes: object) -> dict[str, Any]:
    """A message whose only block is this text (or JSON of it)."""
    said = text if isinstance(text, str) else json.dumps(text)
    whole = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": said}],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
    }
    return whole | changes


def page(number: int, **record: object) -> dict[str, Any]:
    """A page's answer with these parts of its record filled; `clauses` go beside it."""
    clauses = record.pop("clauses", [])
    return {"page": number, "readable": True, "record": EMPTY | record, "clauses": clauses}


def answer(*numbers: int) -> dict[str, Any]:
    """The answer that says nothing stands on these pages."""
    return {"pages": [page(number) for number in numbers]}


def amount(text: str, quote: str) -> dict[str, Any]:
    """A sum as the schema wants it."""
    return {"text": text, "currency": "USD", "purpose": "", "legible": True, "quote": quote}


def clause(quote: str, **more: str) -> dict[str, Any]:
    """A governing law clause as the schema wants it."""
    return {"category": "Governing Law", "summary": "Which law governs.", "quote": quote} | more
