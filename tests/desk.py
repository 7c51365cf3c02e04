"""A catalog with records made by hand, and the rooms over it without a server: for tests of corrections, queue and
deadlines. The records are real `Contract`s; only nobody had to read a page for them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from fastapi.testclient import TestClient

from pipeline.catalog import document_id
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus, Finding, PageOutcome, PageStatus, Route
from pipeline.web.app import create_app
from pipeline.web.guard import Caller
from pipeline.wiring import Tools
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Amended, Contract
from schemas.fields import Entry, Evidence, FieldValue

CSRF = "a" * 64


def value(text: str, field: str = "", *, raw: str = "", quote: str = "", page: int = 1, **more: Any) -> FieldValue:
    """A value of this field as a reader leaves it, verified unless `doubt` is given."""
    model: type[FieldValue] = LIST_FIELDS.get(field, Amended if field == "amends" else FieldValue)
    if field == "clauses":
        more.setdefault("category", text)
    more.setdefault("status", "unverified" if more.get("doubt") else "verified")
    more.setdefault("confidence", 0.9)
    proof = Evidence(page=page, quote=quote or f"it says {raw or text}", boxes=((0.2, 0.3, 0.6, 0.33),))
    return model(raw=raw or text, value=text, evidence=(proof,), extractor="rules@1", **more)


def record(document: str = "d", pages: int = 3, **fields: str | FieldValue | Sequence[FieldValue]) -> Contract:
    """A record with these fields; a text is a verified value, several values of a single field are a conflict."""
    entries: dict[str, Any] = {}
    for name, given in fields.items():
        values = (value(given, name),) if isinstance(given, str) else given if isinstance(given, tuple) else (given,)
        conflict = len(values) > 1 and name not in LIST_FIELDS
        entries[name] = Entry[Any](status=values[0].status, values=values, conflict=conflict)
    return Contract(document=document, pages=pages, **entries)


def put(tools: Tools, name: str, matter: str = "acme", held: int = 0, **fields: Any) -> Document:
    """A document of three pages with this record; page `held` is held."""
    sha256 = hashlib.sha256(f"{matter}/{name}".encode(errors="surrogatepass")).hexdigest()
    document = Document(document_id(matter, sha256), matter, name, sha256)
    tools.catalog.add(document, f"/inbox/{matter}/{name}")
    redo(tools, document, held, **fields)
    return tools.catalog.document(document.id)


def redo(tools: Tools, document: Document, held: int = 0, **fields: Any) -> None:
    """The pipeline made the document's record anew."""
    statuses = [PageStatus.HELD if number == held else PageStatus.EXTRACTED for number in (1, 2, 3)]
    outcomes = [PageOutcome(n, Route.TEXT, ("a reason",), status) for n, status in enumerate(statuses, 1)]
    contract = record(document.id, **fields)
    tools.catalog.finish(
        document.id, DocumentStatus.DONE, "", outcomes, contract.model_dump_json(), _findings(contract)
    )
    tools.digests.arrived(document)


def _findings(contract: Contract) -> list[Finding]:
    return [
        Finding(name, 1, each.raw, each.value, each.evidence[0].quote, each.confidence, each.extractor)
        for name in (*SINGLE_FIELDS, *LIST_FIELDS)
        for each in getattr(contract, name).values
    ]


def tools_of(home: Any) -> Tools:
    """Tools over a home of the test's own."""
    return Tools(load_settings(home=home))


def client(tools: Tools, *matters: str, name: str = "ada", admin: bool = False, csrf: str = CSRF) -> TestClient:
    """The rooms as this person sees them."""
    caller = Caller(1, name, admin, matters, csrf)
    return TestClient(create_app(tools, lambda _request: caller), follow_redirects=False)
