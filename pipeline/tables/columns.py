"""What all tables are made with: text that can be stored, and the document a row goes with."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, MetaData, String, Text, TypeDecorator

from pipeline.names import storable

__all__ = ["String_", "Text_", "document_key", "metadata"]


class _Storable(TypeDecorator[str]):
    """Text in which NUL and lone surrogates have become U+FFFD."""

    impl: Any = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """What is sent to the database."""
        return None if value is None else storable(value)


class Text_(_Storable):
    """Text of any length."""

    impl = Text
    cache_ok = True


class String_(_Storable):
    """Short text: a key, or a word from a fixed set."""

    impl = String
    cache_ok = True


metadata = MetaData()


def document_key() -> Column[str]:
    """Part of a primary key: the document a row goes with."""
    return Column("document", ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
