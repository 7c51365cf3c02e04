"""Requests to the web application, made from its own OpenAPI description: a new room is asked without being named here.

`routes(app)` describes every route, those for people, too; `request(route, values, rng)` makes one request to it, its
parameters and body drawn by `values(name, schema, rng)`, which is what a measurement decides. A sloppy request also
leaves out what is required, sends what nobody asked for, and bodies that are none.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

__all__ = ["Asked", "Route", "Values", "request", "routes"]

Values = Callable[[str, dict[str, Any], random.Random], Any]
"""A value for the parameter or field of this name and JSON schema."""

LEFT_OUT = 0.7  # how often an optional parameter is not sent
NO_BODIES = (b"", b"{", b"[]", b"null", b"\xff\xfe", b"--x\r\n", b"csrf", b'{"a":' * 5000)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class Route:
    """A route: where its parameters stand, and the schema of its body (form, JSON, or none)."""

    method: str
    path: str
    parameters: list[dict[str, Any]]
    form: dict[str, Any] | None
    json: dict[str, Any] | None

    @property
    def name(self) -> str:
        """As a report names it."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Asked:
    """A request as httpx takes it; `sent` are the texts in it, which an answer may repeat."""

    method: str
    url: str
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: tuple[str, ...] = ()


def routes(app: FastAPI) -> list[Route]:
    """Every route of the application that is not a file of ours, also those left out of the description."""
    all_routes = list(_leaves(app.routes))
    hidden = [route for route in all_routes if not route.include_in_schema]
    for route in hidden:
        route.include_in_schema = True
    try:
        described = get_openapi(title=app.title, version=app.version, routes=all_routes)
    finally:
        for route in hidden:
            route.include_in_schema = False
    parts = described.get("components", {}).get("schemas", {})
    return [
        _route(method.upper(), path, operation, parts)
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
    ]


def request(route: Route, values: Values, rng: random.Random, *, sloppy: bool = False) -> Asked:
    """One request to this route."""
    sent: list[str] = []

    def drawn(name: str, schema: dict[str, Any]) -> Any:
        value = values(name, schema, rng)
        sent.extend(map(str, value if isinstance(value, list) else [value]))
        return value

    path, query = route.path, []
    for parameter in route.parameters:
        name, schema = parameter["name"], parameter.get("schema", {})
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", _segment(drawn(name, schema)))
        elif parameter["in"] == "query" and _kept(parameter.get("required", False), rng, sloppy):
            query.append((name, drawn(name, schema)))
    content, headers = _body(route, drawn, rng, sloppy)
    url = path + (f"?{_encoded(query)}" if query else "")
    return Asked(route.method, url, content, headers, tuple(sent))


def _leaves(found: Sequence[Any]) -> Iterator[APIRoute]:
    """The routes behind the routers that were included, in FastAPI's newer and older ways of keeping them."""
    for route in found:
        if isinstance(route, APIRoute):
            yield route
        elif inner := getattr(route, "original_router", None):
            yield from _leaves(inner.routes)


def _route(method: str, path: str, operation: dict[str, Any], parts: dict[str, Any]) -> Route:
    content = operation.get("requestBody", {}).get("content", {})
    form = next((content[kind]["schema"] for kind in FORMS if kind in content), None)
    plain = content.get("application/json", {}).get("schema")
    parameters = [one | {"schema": _resolved(one.get("schema", {}), parts)} for one in operation.get("parameters", [])]
    return Route(method, path, parameters, form and _resolved(form, parts), plain and _resolved(plain, parts))


def _resolved(schema: Any, parts: dict[str, Any], depth: int = 6) -> Any:
    if isinstance(schema, list):
        return [_resolved(each, parts, depth) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and depth:
        return _resolved(parts[schema["$ref"].rpartition("/")[2]], parts, depth - 1)
    return {name: _resolved(each, parts, depth) for name, each in schema.items()}


def _body(
    route: Route, drawn: Callable[[str, dict[str, Any]], Any], rng: random.Random, sloppy: bool
) -> tuple[bytes, dict[str, str]]:
    schema = route.form or route.json
    if schema is None:
        return b"", {}
    kind = FORMS[0] if route.form else "application/json"
    if sloppy and rng.random() < 0.1:
        return rng.choice(NO_BODIES), {"content-type": rng.choice((kind, "multipart/form-data; boundary=x", "text/x"))}
    required = schema.get("required", [])
    fields = {
        name: drawn(name, each)
        for name, each in schema.get("properties", {}).items()
        if _kept(name in required, rng, sloppy)
    }
    if sloppy:
        fields["nobody asked"] = drawn("nobody asked", {"type": "string"})
    text = _encoded(list(fields.items())) if route.form else json.dumps(fields)
    return text.encode(), {"content-type": kind}


def _kept(required: bool, rng: random.Random, sloppy: bool) -> bool:
    return rng.random() > (LEFT_OUT / 3 if sloppy else 0.0) if required else rng.random() > LEFT_OUT


def _encoded(pairs: list[tuple[str, Any]]) -> str:
    return urlencode(pairs, doseq=True, errors="replace")


def _segment(value: Any) -> str:
    return quote(str(value), safe="", errors="replace") or "%20"
