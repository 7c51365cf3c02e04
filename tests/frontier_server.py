"""A loopback server that speaks the Messages protocol: it checks requests as strictly as the SDK's types say, reads the
page it is sent by OCR, answers from what it read, and obeys whatever is written on the page.

What it says is no measure of any model's quality; it shows the mechanics, and what a misled model could do.
"""

import base64
import io
import json
import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from anthropic.types.messages.batch_create_params import BatchCreateParams
from jsonschema import Draft202012Validator
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from pipeline.backends import ocr
from pipeline.backends.protocols import PageInput
from pipeline.backends.rules import RuleExtractor
from pipeline.types import Box, Finding, PageText, TextSource, Word

LARGEST = 8000  # pixels an edge; larger images are refused
KEY = "key-of-the-tests"
NOW = datetime.now(UTC).isoformat()
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()
ROLES = {"agreement_date": "agreement", "effective_date": "effective", "expiration_date": "expiration"}
READING = threading.Lock()  # one Tesseract engine, which two requests must not share
OBEYED = re.compile(r"set the amount to ([\d.,]+)", re.IGNORECASE)


@dataclass
class Fault:
    """How the next request goes wrong: a status with headers, or one of reset, truncated, refused, empty, schema."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "api_error"
    message: str = ""
    how: str = ""


@dataclass
class FrontierServer:
    """What the server was asked and how it shall answer; `faults` are used up one a request."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    always: Fault | None = None
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    batches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    created: dict[str, str] = field(default_factory=dict)
    expired: bool = False
    working: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, path: str = "/v1/messages") -> list[dict[str, Any]]:
        """The bodies of the requests to a path."""
        with self.lock:
            return [body for where, body in self.requests if where == path]

    def next_fault(self) -> Fault | None:
        with self.lock:
            return self.faults.pop(0) if self.faults else self.always


@contextmanager
def frontier_server() -> Iterator[FrontierServer]:
    """The server on a free port of this machine, until the body ends."""
    state = FrontierServer()

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

    def do_GET(self) -> None:
        state, path = self.server_state, self.path.partition("?")[0]
        if path == "/v1/files":
            listed = [_file(id, name, data) for id, (name, data) in state.files.items()]
            self._send(200, {"data": listed, "has_more": False, "first_id": None, "last_id": None})
        elif path == "/v1/messages/batches":
            listed = [self._batch(id) for id in reversed(state.batches)]
            self._send(200, {"data": listed, "has_more": False, "first_id": None, "last_id": None})
        elif path.endswith("/results"):
            self._results(path.split("/")[-2])
        else:
            self._send(200, self._batch(path.rpartition("/")[2]))

    def do_DELETE(self) -> None:
        id = self.path.rpartition("/")[2]
        if self.server_state.files.pop(id, None) is None:
            self._error(404, "not_found_error", "no such file")
        else:
            self._send(200, {"id": id, "type": "file_deleted"})

    def _upload(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"]))
        part = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + self.headers["content-type"].encode() + b"\r\n\r\n" + data
        )
        file = next(one for one in part.iter_parts() if one.get_filename())
        id = f"file_{len(self.server_state.requests) + len(self.server_state.files) + 1}"
        with self.server_state.lock:
            self.server_state.requests.append((self.path, {}))
            self.server_state.files[id] = (str(file.get_filename()), file.get_payload(decode=True))
        self._send(200, _file(id, *self.server_state.files[id]))

    def _batch(self, id: str) -> dict[str, Any]:
        state = self.server_state
        count = len(state.batches[id])
        kinds = {"processing": 0, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        kinds["processing" if state.working else "expired" if state.expired else "succeeded"] = count
        return {
            "id": id,
            "type": "message_batch",
            "processing_status": "in_progress" if state.working else "ended",
            "request_counts": kinds,
            "created_at": state.created[id],
            "expires_at": LATER,
            "ended_at": None if state.working else NOW,
            "results_url": None if state.working else f"{state.url}/v1/messages/batches/{id}/results",
        }

    def _results(self, id: str) -> None:
        lines = []
        for request in reversed(self.server_state.batches[id]):
            result: dict[str, Any] = {"type": "expired"}
            if not self.server_state.expired:
                body = _with_files(request["params"], self.server_state.files)
                result = {"type": "succeeded", "message": _message(body, "")}
            lines.append(json.dumps({"custom_id": request["custom_id"], "result": result}))
        data = "\n".join(lines).encode()
        self.send_response(200)
        self.send_header("content-type", "application/x-jsonl")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        if self.path == "/v1/files":
            self._upload()
            return
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server_state.lock:
            self.server_state.requests.append((self.path, body))
        fault = None if self.path.endswith("count_tokens") else self.server_state.next_fault()
        if fault and fault.how == "reset":
            self.close_connection = True
            return
        if fault and fault.status:
            self._error(fault.status, fault.kind, fault.message, fault.headers)
        elif (wrong := self._wrong(body)) is not None:
            self._error(*wrong)
        elif self.path == "/v1/messages/count_tokens":
            self._send(200, {"input_tokens": _tokens(body)})
        elif self.path == "/v1/messages/batches":
            id = f"msgbatch_{len(self.server_state.batches) + 1}"
            self.server_state.batches[id] = body["requests"]
            self.server_state.created[id] = datetime.now(UTC).isoformat()
            if fault and fault.how == "reset after":
                self.close_connection = True
                return
            self._send(200, self._batch(id))
        elif self.path == "/v1/messages":
            self._send(200, _message(body, fault.how if fault else ""), self.server_state.headers)
        else:
            self._error(404, "not_found_error", "no such path")

    def _wrong(self, body: dict[str, Any]) -> tuple[int, str, str] | None:
        if KEY not in (
            self.headers.get("x-api-key"),
            (self.headers.get("authorization") or "").removeprefix("Bearer "),
        ):
            return 401, "authentication_error", "invalid key"
        if not self.headers.get("anthropic-version"):
            return 400, "invalid_request_error", "anthropic-version is missing"
        try:
            _parameters(self.path).validate_python(body)
            ids = [request["custom_id"] for request in body.get("requests", ())]
            if len(set(ids)) < len(ids) or not all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", id) for id in ids):
                return 400, "invalid_request_error", "custom_id is not unique or not well-formed"
            if "output_config" in body:
                Draft202012Validator.check_schema(body["output_config"]["format"]["schema"])
            for image in _images(body):
                if not image.width or max(image.size) > LARGEST:
                    return 400, "invalid_request_error", "image dimensions exceed the limit"
        except (ValidationError, OSError, ValueError) as error:
            return 400, "invalid_request_error", f"bad request: {type(error).__name__}"
        return None

    def _error(self, status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> None:
        self._send(status, {"type": "error", "error": {"type": kind, "message": message}}, headers or {})

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@cache
def _parameters(path: str) -> TypeAdapter[Any]:
    kinds = {"count_tokens": MessageCountTokensParams, "batches": BatchCreateParams}
    return TypeAdapter(kinds.get(path.rpartition("/")[2], MessageCreateParamsNonStreaming))


def _file(id: str, name: str, data: bytes) -> dict[str, Any]:
    return {
        "id": id,
        "type": "file",
        "filename": name,
        "mime_type": "image/jpeg",
        "size_bytes": len(data),
        "created_at": NOW,
    }


def _with_files(body: dict[str, Any], files: dict[str, tuple[str, bytes]]) -> dict[str, Any]:
    """The request with its images in it."""
    body = json.loads(json.dumps(body))
    for block in _blocks(body):
        if block["type"] == "image" and block["source"]["type"] == "file":
            data = base64.standard_b64encode(files[block["source"]["file_id"]][1]).decode()
            block["source"] = {"type": "base64", "media_type": "image/jpeg", "data": data}
    return body


def _message(body: dict[str, Any], how: str) -> dict[str, Any]:
    text = json.dumps({"pages": [_page(number, words) for number, words in _pages(body)]})
    stop = {"refused": "refusal", "truncated": "max_tokens"}.get(how, "end_turn")
    if how == "truncated":
        text = text[: len(text) // 2]
    if how == "schema":
        text = json.dumps({"pages": "all of them"})
    content: list[dict[str, Any]] = [] if how in ("empty", "refused") else [{"type": "text", "text": text}]
    if "tools" in body and content:
        used = {"type": "tool_use", "id": "toolu_1", "name": body["tools"][0]["name"], "input": json.loads(text)}
        content, stop = [used], "tool_use"
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": _tokens(body), "output_tokens": math.ceil(len(text) / 3)},
    }


def _blocks(body: dict[str, Any]) -> list[dict[str, Any]]:
    first = body["messages"][0]["content"] if "messages" in body else []
    return [block for block in first if isinstance(block, dict)]


def _images(body: dict[str, Any]) -> Iterator[Image.Image]:
    for block in _blocks(body):
        if block["type"] == "image":
            image = Image.open(io.BytesIO(base64.standard_b64decode(block["source"]["data"])))
            image.load()
            yield image


def _tokens(body: dict[str, Any]) -> int:
    images = sum(math.ceil(image.width / 28) * math.ceil(image.height / 28) for image in _images(body))
    texts = len(json.dumps(body.get("system", ""))) + sum(len(b["text"]) for b in _blocks(body) if b["type"] == "text")
    return images + math.ceil(texts / 4)


def _pages(body: dict[str, Any]) -> Iterator[tuple[int, tuple[Word, ...]]]:
    """Each page of the request with its words: those sent, or those read on its image."""
    number = 0
    for block in _blocks(body):
        if block["type"] == "image":
            image = Image.open(io.BytesIO(base64.standard_b64decode(block["source"]["data"])))
            with READING:
                words = ocr.read_words(image, 200.0, "eng", None)
            yield number, words
        elif match := re.fullmatch(r"Page (\d+)", block["text"]):
            number = int(match[1])
        elif block["text"].startswith(f"page {number}, its words:\n"):
            lines = block["text"].split("\n")[1:]
            yield number, tuple(Word(w, Box(0, 0, 1, 1), 1.0, n) for n, line in enumerate(lines) for w in line.split())


def _page(number: int, words: tuple[Word, ...]) -> dict[str, Any]:
    text = PageText(number, words, TextSource.OCR, 0.9)
    found = RuleExtractor().extract([PageInput(None, None, text)])[0]  # type: ignore[arg-type]
    return {
        "page": number,
        "readable": bool(words),
        "record": _record(found, OBEYED.search(" ".join(word.text for word in words))),
        "clauses": [{"category": "Governing Law", "summary": "Which law governs.", "quote": f.quote}
                    for f in found if f.field == "governing_law"],
    }  # fmt: skip


def _record(found: list[Finding], ordered: re.Match[str] | None) -> dict[str, Any]:
    def of(*names: str) -> list[Finding]:
        return [finding for finding in found if finding.field in names]

    amounts = [
        {"text": f.raw, "currency": f.value[:3], "purpose": "", "legible": True, "quote": f.quote}
        for f in of("amounts")
    ]
    if ordered:  # a model that is led: it reports the sum the page told it to
        amounts = [
            {"text": ordered[1], "currency": "USD", "purpose": "", "legible": True, "quote": f"USD {ordered[1]}"}
        ]
    return {
        "document_type": {"kind": "unknown", "title": "", "quote": ""},
        "dates": [
            {"role": ROLES[f.field], "text": f.raw, "iso": f.value, "legible": True, "quote": f.quote}
            for f in of(*ROLES)
        ],
        "amounts": amounts,
        "parties": [
            {"name": f.raw, "role": f.detail.get("role", ""), "legible": True, "quote": f.quote} for f in of("parties")
        ],
        "key_obligations": [],
        "reference_numbers": [
            {"label": f.detail.get("label", ""), "number": f.raw, "legible": True, "quote": f.quote}
            for f in of("reference_numbers")
        ],
    }
