"""Where pages may go, what was asked there, and what it cost."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table

from pipeline.tables.columns import String_, Text_, metadata

__all__ = [
    "batches",
    "calls",
    "matters",
]

matters = Table(
    "matters",
    metadata,
    Column("key", String_(64), primary_key=True),  # SHA-256 of the name
    Column("name", Text_, nullable=False),
    Column("egress", String_(16), nullable=False),  # never, self-hosted or cloud
    Column("changed", Double, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("document", String_(64), nullable=False),  # no foreign key: money spent outlives what it was spent on
    Column("matter", String_(64), nullable=False),  # key of the matter
    Column("pages", Text_, nullable=False),  # JSON list of numbers
    Column("destination", Text_, nullable=False),  # host
    Column("model", String_(200), nullable=False),
    Column("batch", String_(200), nullable=False),  # id of the batch it is part of, or ""
    Column("state", String_(16), nullable=False),  # open, settled, failed or lost
    Column("reserved", BigInteger, nullable=False),  # millionths of a USD, as `cost`
    Column("cost", BigInteger, nullable=False),
    Column("usage", Text_, nullable=False),  # JSON object of token counts
    Column("started", Double, nullable=False),
    Column("finished", Double),
    Column("reason", Text_, nullable=False),
    Index("calls_by_run", "run"),
    Index("calls_by_matter", "matter", "started"),
    Index("calls_by_time", "started"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("remote", String_(200), nullable=False),  # the destination's id; "" until it is known
    Column("matter", Text_, nullable=False),  # name: its policy is asked whenever the batch is
    Column("destination", Text_, nullable=False),
    Column("state", String_(16), nullable=False),  # preparing, sent or settled
    Column("created", Double, nullable=False),
    Column("files", Text_, nullable=False),  # JSON list of the destination's file ids
    Index("batches_by_state", "state"),
)
