"""A loopback server that speaks the Messages protocol: it refuses what the real API refuses (`frontier_rules.py`),
reads the page it is sent by OCR (`frontier_reader.py`), answers from what it read, and obeys whatever is written
on the page (`frontier_led.py`). It can play Claude or a self-hosted server, and can be told to go wrong.

What it says is no measure of any model's quality; it shows the mechanics, and what a misled model could do.
"""

import hashlib
import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from frontier_led import answered
from frontier_reader import pages_of
from frontier_rules import Wrong, batch_wrong, images, message_wrong, too_large
from frontier_shapes import content_of, file_of, prefix_of, prefix_tokens, tokens_of, with_files

from pipeline.frontier.profiles import PROFILES, Profile

__all__ = ["KEY", "SPENT", "Fault", "FrontierServer", "frontier_server"]

KEY = "key-of-the-tests"
NOW = datetime.now(UTC).isoformat()
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()
BATCHES = "/v1/messages/batches"
NO_SUCH_PATH = {
    "claude": {"type": "error", "error": {"type": "not_found_error", "message": "Not found"}},
    "llamacpp": {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}},
}
"""What a server answers on a path it doesn't have; those built on FastAPI say `{"detail": "Not Found"}`."""


@dataclass
class Fault:
    """How the next request goes wrong: a status with headers, or one of reset, reset after, truncated, refused, empty,
    schema, slow (after `seconds`)."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "api_error"
    message: str = ""
    how: str = ""
    seconds: float = 0.0


SPENT = Fault(400, {}, "invalid_request_error", "You have reached your specified workspace API usage limits.")
"""The answer of an account whose spend limit is reached."""


@dataclass
class FrontierServer:
    """What the server was asked and how it shall answer; `faults` are used up one a request. Batches are under way
    while `working`, and end as `expired` or errored where that is set. `told` says, by a page's digest, what a model
    with better eyes than our OCR reads there."""

    url: str = ""
    profile: Profile = PROFILES["claude"]
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    batches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    expired: bool = False
    working: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    _prefixes: set[str] = field(default_factory=set)
    _numbers: int = 0

    def asked(self, path: str = "/v1/messages") -> list[dict[str, Any]]:
        """The bodies of the requests to a path."""
        with self.lock:
            return [body for where, body in self.requests if where == path]

    def next_fault(self) -> Fault | None:
        with self.lock:
            return self.faults.pop(0) if self.faults else self.always

    def number(self) -> int:
        """A number never used before."""
        with self.lock:
            self._numbers += 1
            return self._numbers

    def usage(self, body: dict[str, Any], said: str, batch: bool) -> dict[str, int]:
        """Tokens in and out; a marked prefix is written to the cache once and read from it after that."""
        prefix = prefix_tokens(body) if self.profile.caching and "cache_control" in json.dumps(body) else 0
        name = hashlib.sha256(f"{batch}{prefix_of(body)}".encode()).hexdigest()
        with self.lock:
            known = name in self._prefixes
            self._prefixes |= {name} if prefix else set()
        out = min(body["max_tokens"], math.ceil(len(said) / 3))
        counts = {"input_tokens": tokens_of(body) - prefix, "output_tokens": out}
        if self.profile.caching:
            counts["cache_read_input_tokens" if known else "cache_creation_input_tokens"] = prefix
        return counts


@contextmanager
def frontier_server(profile: str = "claude") -> Iterator[FrontierServer]:
    """The server on a free port of this machine, until the body ends, playing the kind of server `profile` names."""
    state = FrontierServer(profile=PROFILES[profile])

    class Handler(_Handler):
        server_state = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_state: FrontierServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing: the pages are in the requests."""

    @property
    def _where(self) -> str:
        return urlsplit(self.path).path

    def _has(self, path: str) -> bool:
        """Whether the server that is played has this path at all."""
        profile = self.server_state.profile
        if path.endswith("count_tokens"):
            return profile.counting
        if path.startswith(BATCHES):
            return profile.batches
        return profile.files if path.startswith("/v1/files") else path == "/v1/messages"

    def _let_in(self, path: str) -> bool:
        """Whether path, key and version are right; the answer is sent where they aren't."""
        if not self._has(path):
            self._send(404, NO_SUCH_PATH.get(self.server_state.profile.name, {"detail": "Not Found"}))
        elif self.server_state.profile.name != "ollama" and not self._known():
            self._error(Wrong("invalid x-api-key", 401, "authentication_error"))
        elif self.server_state.profile.name == "claude" and not self.headers.get("anthropic-version"):
            self._error(Wrong("anthropic-version: header is required"))
        else:
            return True
        return False

    def _known(self) -> bool:
        return KEY in (self.headers.get("x-api-key"), (self.headers.get("authorization") or "").removeprefix("Bearer "))

    def do_GET(self) -> None:
        state, path = self.server_state, self._where
        self._noted({})
        id = path.removesuffix("/results").rpartition("/")[2]
        if not self._let_in(path):
            return
        if path == "/v1/files":
            self._page([file_of(id, name, data) for id, (name, data) in state.files.items()])
        elif path == BATCHES:
            self._page([self._batch(id) for id in reversed(state.batches)])
        elif id not in (state.files if path.startswith("/v1/files") else state.batches):
            self._error(Wrong(f"{id} was not found", 404, "not_found_error"))
        elif path.startswith("/v1/files"):
            self._send(200, file_of(id, *state.files[id]))
        elif path.endswith("/results"):
            self._results(id)
        else:
            self._send(200, self._batch(id))

    def do_DELETE(self) -> None:
        self._noted({})
        if not self._let_in(self._where):
            return
        id = self._where.rpartition("/")[2]
        kept = self.server_state.files if self._where.startswith("/v1/files") else self.server_state.batches
        if kept.pop(id, None) is None:
            self._error(Wrong(f"{id} was not found", 404, "not_found_error"))
        else:
            self._send(200, {"id": id, "type": "file_deleted" if "file" in id else "message_batch_deleted"})

    def do_POST(self) -> None:
        path, state = self._where, self.server_state
        size = int(self.headers["content-length"])
        data = self.rfile.read(size)
        if not self._let_in(path):
            return
        if path == "/v1/files":
            self._upload(data)
            return
        body = json.loads(data)
        self._noted(body)
        fault = None if path.endswith("count_tokens") else state.next_fault()
        if fault and fault.how == "reset":
            self.close_connection = True
        elif fault and fault.status:
            self._error(Wrong(fault.message, fault.status, fault.kind), fault.headers)
        elif wrong := too_large(path, size) or self._wrong(path, body):
            self._error(wrong)
        elif path.endswith("count_tokens"):
            self._send(200, {"input_tokens": tokens_of(body)})
        elif path == BATCHES:
            self._new_batch(body, fault)
        else:
            time.sleep(fault.seconds if fault else 0)
            self._send(200, self._message(body, fault.how if fault else ""), state.headers)

    def _noted(self, body: dict[str, Any]) -> None:
        where = self._where if self.command == "POST" else f"{self.command} {self._where}"
        with self.server_state.lock:
            self.server_state.requests.append((where, body))

    def _wrong(self, path: str, body: dict[str, Any]) -> Wrong | None:
        """Claude looks at everything; self-hosted servers take unknown keys and count only the images."""
        profile = self.server_state.profile
        if path == BATCHES:
            return batch_wrong(body)
        if profile.name == "claude":
            return message_wrong(path, body)
        if len(list(images(body))) > profile.images:
            return Wrong(f"At most {profile.images} image(s) may be provided in one prompt.")
        known = {name: value for name, value in body.items() if name not in ("output_config", "tools", "tool_choice")}
        return message_wrong(path, known)

    def _upload(self, data: bytes) -> None:
        self._noted({})
        kind = b"Content-Type: " + self.headers["content-type"].encode() + b"\r\n\r\n"
        parts = {part.get_param("name", header="content-disposition"): part
                 for part in BytesParser(policy=HTTP).parsebytes(kind + data).iter_parts()}  # fmt: skip
        name, content = str(parts["file"].get_filename()), parts["file"].get_payload(decode=True)
        if wrong := too_large("/v1/files", len(content)):
            self._error(wrong)
        elif not content or not 1 <= len(name) <= 255 or set(name) & set('<>:"|?*\\/'):
            self._error(Wrong("file: an empty file, or a filename that is not allowed"))
        else:
            id = f"file_{self.server_state.number()}"
            with self.server_state.lock:
                self.server_state.files[id] = (name, content)
            self._send(200, file_of(id, name, content))

    def _new_batch(self, body: dict[str, Any], fault: Fault | None) -> None:
        state = self.server_state
        id = f"msgbatch_{state.number()}"
        state.created[id] = datetime.now(UTC).isoformat()
        state.batches[id] = body["requests"]
        if fault and fault.how == "reset after":
            self.close_connection = True
            return
        self._send(200, self._batch(id))

    def _batch(self, id: str) -> dict[str, Any]:
        state = self.server_state
        kinds = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        kinds["processing" if state.working else "expired" if state.expired else "succeeded"] = len(state.batches[id])
        return {
            "id": id,
            "type": "message_batch",
            "processing_status": "in_progress" if state.working else "ended",
            "request_counts": kinds,
            "created_at": state.created[id],
            "expires_at": LATER,
            "ended_at": None if state.working else NOW,
            "results_url": None if state.working else f"{state.url}{BATCHES}/{id}/results",
        }

    def _results(self, id: str) -> None:
        """A line each, in another order than they were asked in."""
        if self.server_state.working:
            self._error(Wrong(f"{id} has not ended yet"))
            return
        lines = [
            json.dumps({"custom_id": request["custom_id"], "result": self._result(request["params"])})
            for request in reversed(self.server_state.batches[id])
        ]
        data = "\n".join(lines).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-jsonl")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _result(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.server_state.expired:
            return {"type": "expired"}
        if wrong := message_wrong("/v1/messages", with_files(body, self.server_state.files)):
            return {"type": "errored", "error": self._error_body(wrong)}
        return {"type": "succeeded", "message": self._message(body, "", batch=True)}

    def _message(self, body: dict[str, Any], how: str, *, batch: bool = False) -> dict[str, Any]:
        state = self.server_state
        body = with_files(body, state.files)
        system = body.get("system") or ""
        said = system if isinstance(system, str) else " ".join(block["text"] for block in system)
        answer = answered(pages_of(body, state.told), said)
        if how == "truncated":
            answer.raw, answer.stop = answer.text[: len(answer.text) // 2], "max_tokens"
        elif how:
            answer.raw = {"schema": '{"pages": "all of them"}'}.get(how, answer.raw if how == "slow" else "")
            answer.stop = "refusal" if how == "refused" else answer.stop
        content, stop = content_of(answer, body, state.profile, said)
        return {
            "id": f"msg_{state.number()}",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": state.usage(body, answer.text, batch),
        }

    def _page(self, listed: list[dict[str, Any]]) -> None:
        """A list as it is paged: `limit` items after `after_id`."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        ids = [item["id"] for item in listed]
        start = ids.index(query["after_id"]) + 1 if query.get("after_id") in ids else 0
        shown = listed[start : start + int(query.get("limit", 20))]
        more = start + len(shown) < len(listed)
        ends = (
            {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
        )
        self._send(200, {"data": shown, "has_more": more, **ends})

    def _error_body(self, wrong: Wrong) -> dict[str, Any]:
        error = {"type": wrong.kind, "message": wrong.message}
        return {"type": "error", "error": error, "request_id": f"req_{self.server_state.number()}"}

    def _error(self, wrong: Wrong, headers: dict[str, str] | None = None) -> None:
        self._send(wrong.status, self._error_body(wrong), headers)

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        request = str(body.get("request_id") or f"req_{self.server_state.number()}")
        try:
            self.send_response(status)
            for name, value in {"content-type": "application/json", "request-id": request, **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # who asked was killed, or gave up waiting
