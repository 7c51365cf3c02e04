"""What the frontier model fills: the page schema for each page it was sent, and clauses with a summary."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, field_validator

from schemas.cuad import CATEGORIES
from schemas.fields import Strict
from schemas.page import QUOTE, PageRecord

__all__ = ["ClauseItem", "FrontierAnswer", "FrontierPage", "answer_json_schema"]


class ClauseItem(Strict):
    """A clause of one of the listed categories that stands, or begins, on the page."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    category: str = Field(
        description="the category the clause belongs to", json_schema_extra={"enum": list(CATEGORIES)}
    )
    summary: str = Field(description="what the clause says, for a lawyer in a hurry, in at most 40 words of your own")
    quote: str = Field(description=QUOTE)
    continues: str = Field(
        "",
        description="when the clause runs over the end of the page: the rest of it, copied character by character from "
        "the text given as after the page; else empty",
    )

    @field_validator("category")
    @classmethod
    def _is_listed(cls, category: str) -> str:
        if category not in CATEGORIES:
            raise ValueError("not one of the categories")
        return category


class FrontierPage(Strict):
    """One page of the document."""

    page: int = Field(description="the page's number as given before its image or its words")
    readable: bool = Field(description="false when the page can't be read at all, even in part")
    record: PageRecord
    clauses: tuple[ClauseItem, ...] = Field(description="clauses of the listed categories on the page; may be empty")


class FrontierAnswer(Strict):
    """The answer to one request: each page that was asked for, once."""

    pages: tuple[FrontierPage, ...]


def answer_json_schema() -> dict[str, Any]:
    """JSON Schema of `FrontierAnswer`: closed objects, every key required, even one that is forgiven when missing."""
    return FrontierAnswer.model_json_schema(mode="serialization")
