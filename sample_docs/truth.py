"""The ground truth: every quote and every answer is looked up on the clean page, so truth cannot go stale."""

from __future__ import annotations

from typing import Any

from sample_docs.spec import Spec

__all__ = ["query_lines", "record"]


def record(spec: Spec, texts: list[str], sha256: str) -> dict[str, Any]:
    """The JSON beside a document; `texts` is what a reader can see on each page, white space as one blank."""
    return {
        "document": f"{spec.name}.pdf",
        "matter": spec.matter,
        "kind": spec.kind,
        "sha256": sha256,
        "pages": [_page(spec, number, text) for number, text in enumerate(texts, 1)],
        "fields": [_field(spec, given, texts) for given in spec.fields],
        "hidden": list(spec.hidden),
    }


def query_lines(spec: Spec, texts: list[str]) -> list[dict[str, Any]]:
    """The document's questions, with the pages on which their answers stand."""
    return [
        {
            "query": given["query"],
            "corpus_query": given["corpus"],
            "document": f"{spec.name}.pdf",
            "gold_pages": sorted({_find(spec, quote, texts) for quote in given["gold"]}),
        }
        for given in spec.queries
    ]


def _page(spec: Spec, number: int, text: str) -> dict[str, Any]:
    page = spec.page(number)
    return {
        "page": number,
        "kind": page.kind,
        "route": page.route,
        "note": page.note,
        "rotation": -page.lies % 360,
        "text": text,
    }


def _field(spec: Spec, given: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    quote = given["quote"]
    return {
        "field": given["field"],
        "value": given["value"],
        "raw": given.get("raw", given["value"]),
        "page": _find(spec, quote, texts, given.get("page")),
        "quote": quote,
        "detail": {
            key: given[key] for key in ("role", "purpose", "category", "who", "what", "by_when") if key in given
        },
    }


def _find(spec: Spec, quote: str, texts: list[str], page: int | None = None) -> int:
    """The page a quote stands on; a quote that is nowhere, or on several pages and not told which, is an error."""
    found = [number for number, text in enumerate(texts, 1) if quote in text]
    if page in found:
        return page
    if len(found) != 1 or page is not None:
        raise ValueError(f"{spec.name}: on pages {found}, not one page: {quote!r}")
    return found[0]
