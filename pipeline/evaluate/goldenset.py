"""The golden format: what a document truly says, one JSON object a line.

    {"document": "msa.pdf", "matter": "acme",
     "fields": {"governing_law": [{"value": ["Delaware", "State of Delaware"], "page": 7, "quote": "the laws of …"}],
                "parties": [{"value": "Acme Ltd."}, {"value": "Bolt LLC"}],
                "effective_date|agreement_date": [{"value": "2020-01-31"}],
                "amounts:gross|total": [{"value": "USD 1250.00"}],
                "expiration_date": [],
                "clauses": [{"value": "Cap On Liability", "page": 3}]},
     "incomplete": ["clauses"],
     "routes": {"1": "text", "2": "frontier"}}

Only `document`, the file name it was taken in under, is required; `matter` tells apart documents of one name.
`fields`: the keys are fields of `schemas/contract.py`. A field that is named is judged, and an empty list says
that the document has none of it; a field that is not named is not judged.
- A list as `value`: each of them is right. Dates are ISO dates; a sum is "USD 1250.00", or "1250.00" where any
  currency will do; a length of time is "30 days"; a clause is its category.
- `page` (from 1) is where it stands, a list of pages where each of them is right; `quote` are its words there.
  A value is right wherever it was found, its evidence only there. A clause is right only on its page.
- `a|b` as key: the first of these fields that was read with a value is judged.
- `field:word|word` as key: asked is one value, of those whose role, purpose, label or title holds the first word
  that any of them holds: `amounts:gross|total` is the gross amount or else the total.
`incomplete` names keys whose list holds some of the values only: what else was found is not held against them.
`routes`: the route that a person would choose, by page number (`pipeline.types.Route`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from pipeline.errors import UsageError
from pipeline.types import Route
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS

__all__ = ["Asked", "Expected", "GoldenDocument", "LookedUp", "golden_documents", "look_up"]

T = TypeVar("T")

KEYS = frozenset({"document", "matter", "fields", "incomplete", "routes"})
FIELDS = frozenset({*SINGLE_FIELDS, *LIST_FIELDS})


@dataclass(frozen=True, slots=True)
class Asked:
    """A key of `fields`: the fields it may stand in, the words that narrow it, and whether its list is complete."""

    key: str
    fields: tuple[str, ...]
    words: tuple[str, ...] = ()
    complete: bool = True

    @property
    def single(self) -> bool:
        """Whether one value is asked for, so that only the best one found is judged."""
        return bool(self.words) or self.fields[0] in SINGLE_FIELDS


@dataclass(frozen=True, slots=True)
class Expected:
    """One true value, in any of its spellings; `pages` are those it stands on, empty when the file does not say."""

    values: tuple[str, ...]
    pages: frozenset[int] = frozenset()
    quote: str = ""


@dataclass(frozen=True, slots=True)
class GoldenDocument:
    """One line of a golden file; `line` is its number."""

    document: str
    line: int
    matter: str | None = None
    fields: Mapping[Asked, tuple[Expected, ...]] = field(default_factory=dict)
    routes: Mapping[int, Route] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other documents of its file."""
        return self.matter or "", self.document


@dataclass(frozen=True, slots=True)
class LookedUp(Generic[T]):
    """What was found of each document of a golden set. `missing` names those that are not here, `unread` those that
    are and of which nothing is known; both have None beside them."""

    documents: tuple[tuple[GoldenDocument, T | None], ...]
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def look_up(golden: Iterable[GoldenDocument], of: Callable[[GoldenDocument], T | None]) -> LookedUp[T]:
    """`of` gives None (or nothing in it) for a document that was not read, and raises `KeyError` for one not here."""
    documents: list[tuple[GoldenDocument, T | None]] = []
    missing, unread = [], []
    for document in golden:
        found = None
        try:
            found = of(document) or None
            unread += [] if found else [document.document]
        except KeyError:
            missing.append(document.document)
        documents.append((document, found))
    return LookedUp(tuple(documents), tuple(missing), tuple(unread))


def golden_documents(lines: Iterable[str], about: Literal["fields", "routes"] | None = None) -> list[GoldenDocument]:
    """The documents of a golden file, those that name `about` only if given; empty lines are skipped.

    Raises `UsageError` that names the line and what is wrong with it, never its content; also for a file
    without such documents and for a document that has two lines.
    """
    documents = [_document(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    seen: dict[tuple[str, str], int] = {}
    for document in documents:
        first = seen.setdefault(document.key, document.line)
        if first != document.line:
            raise UsageError(f"line {document.line}: the same document as line {first}")
    wanted = [document for document in documents if about is None or getattr(document, about)]
    if not wanted:
        raise UsageError(f"the golden file holds no document{f' with {about}' if about else ''}")
    return wanted


def _document(line: str, number: int) -> GoldenDocument:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise UsageError(f"line {number}: not JSON") from error
    if not isinstance(entry, dict):
        raise UsageError(f"line {number}: not a JSON object")
    if unknown := set(entry) - KEYS:
        raise UsageError(f"line {number}: {len(unknown)} unknown keys; known are {', '.join(sorted(KEYS))}")
    name, matter = entry.get("document"), entry.get("matter")
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"line {number}: document is no file name")
    if matter is not None and not isinstance(matter, str):
        raise UsageError(f"line {number}: matter is no text")
    fields, routes = _mapping(entry, "fields", number), _mapping(entry, "routes", number)
    incomplete = _texts(entry.get("incomplete", []), "incomplete", number)
    return GoldenDocument(
        document=name,
        line=number,
        matter=matter,
        fields={
            _asked(key, key not in incomplete, number): tuple(_expected(item, number) for item in _items(items, number))
            for key, items in fields.items()
        },
        routes=dict(_route(page, route, number) for page, route in routes.items()),
    )


def _asked(key: str, complete: bool, number: int) -> Asked:
    names, _, words = key.partition(":")
    fields = tuple(names.split("|"))
    if not FIELDS.issuperset(fields):
        raise UsageError(f"line {number}: fields names a field that the schema does not have")
    narrowing = tuple(word.strip().casefold() for word in words.split("|") if word.strip())
    return Asked(key, fields, narrowing, complete)


def _expected(item: object, number: int) -> Expected:
    if not isinstance(item, dict) or not {"value"} <= set(item) <= {"value", "page", "quote"}:
        raise UsageError(f"line {number}: a field's value is no object with value, page? and quote?")
    value, page, quote = item["value"], item.get("page", []), item.get("quote", "")
    values = _texts([value] if isinstance(value, str) else value, "value", number)
    pages = page if isinstance(page, list) else [page]
    if not values or not all(text.strip() for text in values):
        raise UsageError(f"line {number}: a value is empty")
    if not all(type(each) is int and each > 0 for each in pages):
        raise UsageError(f"line {number}: page is no page number from 1")
    if not isinstance(quote, str):
        raise UsageError(f"line {number}: quote is no text")
    return Expected(values, frozenset(pages), quote)


def _route(page: str, route: object, number: int) -> tuple[int, Route]:
    if not (page.isascii() and page.isdigit() and int(page[:9]) > 0 and len(page) < 9):
        raise UsageError(f"line {number}: routes has a key that is no page number from 1")
    if not isinstance(route, str) or route not in list(Route):
        raise UsageError(f"line {number}: a route is none of {', '.join(Route)}")
    return int(page), Route(route)


def _mapping(entry: Mapping[str, Any], key: str, number: int) -> dict[str, Any]:
    value = entry.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"line {number}: {key} is no JSON object")
    return value


def _items(value: object, number: int) -> Sequence[object]:
    if not isinstance(value, list):
        raise UsageError(f"line {number}: a field's values are no list")
    return value


def _texts(value: object, key: str, number: int) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise UsageError(f"line {number}: {key} is neither a text nor a list of texts")
    return tuple(value)
