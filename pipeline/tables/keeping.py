"""How long documents are kept, what was deleted, and what people were told."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, Table

from pipeline.tables.columns import String_, Text_, document_key, metadata

__all__ = [
    "deletions",
    "notices",
    "retention",
    "told",
]

retention = Table(
    "retention",
    metadata,
    Column("key", String_(64), primary_key=True),  # of the matter
    Column("name", Text_, nullable=False),
    Column("days", Integer),  # after which its documents are deleted; NULL: never
    Column("held_by", Text_),  # who put it under legal hold; NULL: it is under none
    Column("held_why", Text_),
    Column("held_since", Double),
)

deletions = Table(
    "deletions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("document", String_(64), nullable=False),  # no foreign key: its row is what was deleted
    Column("files", Text_, nullable=False),  # JSON list of SHA-256, as the next; both are empty once it is finished
    Column("images", Text_, nullable=False),
    Column("asked", Double, nullable=False),
    Column("finished", Double),
    Index("deletions_by_document", "document"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String_(64), nullable=False),  # SHA-256 of what makes the notice the same
    Column("channel", String_(16), nullable=False),  # webhook or mail; "" where none was configured
    Column("kind", String_(32), nullable=False),
    Column("body", Text_, nullable=False),  # JSON of `pipeline.telling.notices.Notice`
    Column("created", Double, nullable=False),
    Column("due", Double),  # when to try next; NULL: sent, or given up
    Column("tries", Integer, nullable=False),
    Column("sent", Double),
    Index("notices_by_key", "key", "channel", unique=True),
    Index("notices_by_due", "due"),
)

told = Table(
    "told",
    metadata,
    document_key(),
    Column("status", String_(32), nullable=False),  # in which people were told of it
)
