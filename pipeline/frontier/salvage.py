"""What can still be used of an answer that breaks the schema after the model was told so: pages, then single values.

Each piece is held against its own part of the schema, and all of them are in doubt: what else the answer got wrong
nobody knows, so none of its values is ever verified. A page of which nothing is left keeps the reason instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from pipeline.frontier.answers import Failed, Read, Reading, bare
from schemas.fields import Strict
from schemas.frontier import ClauseItem, FrontierPage
from schemas.kinds import UNKNOWN
from schemas.page import DocumentType, PageRecord

__all__ = ["salvaged"]

M = TypeVar("M", bound=BaseModel)

NO_TYPE = DocumentType(kind=UNKNOWN, title="", quote="")
LISTS: dict[str, type[Strict]] = {
    name: get_args(field.annotation)[0]
    for name, field in PageRecord.model_fields.items()
    if get_origin(field.annotation) is tuple
}


def salvaged(failed: Failed, asked: Sequence[int]) -> Reading:
    """The usable pieces of a failed answer to these pages; the failure itself when there are none."""
    if not failed.mendable:  # refused, cut or never answered: what there is of it is not even looked at
        return failed
    pages: dict[int, FrontierPage] = {}
    for number, raw in _pages(failed.text, asked):
        page = _page(number, raw)
        if page is not None and number not in pages:
            pages[number] = page
    if not pages:
        return failed
    doubt = f"it comes from an answer that can be used only in part ({failed.reason})"
    return Read(pages, dict.fromkeys(pages, doubt), {n: failed.reason for n in asked if n not in pages})


def _pages(text: str, asked: Sequence[int]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The pages the answer has for those asked for, as far as it can be parsed."""
    try:
        answer = from_json(bare(text), allow_partial=True)
    except ValueError:
        return
    said = answer.get("pages") if isinstance(answer, dict) else None
    listed = said if isinstance(said, list) else []
    for raw in listed:
        if not isinstance(raw, dict):
            continue
        number = asked[0] if len(asked) == 1 == len(listed) else raw.get("page")
        if type(number) is int and number in asked:
            yield number, raw


def _page(number: int, raw: Mapping[str, Any]) -> FrontierPage | None:
    """The page from what fits the schema of it; None when that is nothing."""
    record = raw.get("record")
    record = record if isinstance(record, dict) else {}
    kind = _fitting(DocumentType, record.get("document_type")) or NO_TYPE
    lists = {name: _items(model, record.get(name)) for name, model in LISTS.items()}
    clauses = _items(ClauseItem, raw.get("clauses"))
    if kind == NO_TYPE and not any(lists.values()) and not clauses:
        return None
    page = PageRecord.model_validate({"document_type": kind, **lists})
    return FrontierPage(page=number, readable=True, record=page, clauses=clauses)


def _items(model: type[M], raw: object) -> tuple[M, ...]:
    items = raw if isinstance(raw, list) else []
    return tuple(item for each in items if (item := _fitting(model, each)) is not None)


def _fitting(model: type[M], raw: object) -> M | None:
    """The object without the keys its schema does not know; None when it still breaks it."""
    if not isinstance(raw, dict):
        return None
    try:
        return model.model_validate({name: value for name, value in raw.items() if name in model.model_fields})
    except ValidationError:
        return None
