"""Accounts, who is signed in, what they may see and what they did."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, Table

from pipeline.tables.columns import String_, Text_, metadata

__all__ = [
    "attempts",
    "audit",
    "grants",
    "sessions",
    "subjects",
    "tokens",
    "users",
]

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String_(64), nullable=False),  # SHA-256 of the name as it is compared
    Column("name", Text_, nullable=False),
    Column("password", String_(500), nullable=False),  # argon2id, with its parameters and salt
    Column("admin", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Index("users_by_key", "key", unique=True),
)


def user_key(*, primary_key: bool = False) -> Column[int]:
    """The account a row goes with."""
    return Column("user", ForeignKey("users.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False)


sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),  # names the session where its user ends it; worth nothing elsewhere
    Column("key", String_(64), nullable=False),  # SHA-256 of the cookie
    user_key(),
    Column("created", Double, nullable=False),
    Column("seen", Double, nullable=False),
    Column("address", String_(64), nullable=False),
    Column("agent", String_(200), nullable=False),  # the browser as it names itself
    Index("sessions_by_key", "key", unique=True),
    Index("sessions_by_user", "user"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String_(64), nullable=False),  # SHA-256 of the token
    user_key(),
    Column("label", String_(100), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("seen", Double),
    Index("tokens_by_key", "key", unique=True),
    Index("tokens_by_user", "user"),
)

subjects = Table(
    "subjects",
    metadata,
    Column("key", String_(64), primary_key=True),  # SHA-256 of issuer and subject
    user_key(),
    Column("issuer", Text_, nullable=False),
    Column("subject", Text_, nullable=False),
    Column("created", Double, nullable=False),
    Index("subjects_by_user", "user"),
)

grants = Table(
    "grants",
    metadata,
    user_key(primary_key=True),
    Column("key", String_(64), primary_key=True),  # SHA-256 of the matter's name
    Column("matter", Text_, nullable=False),  # a name, or "*" for every matter
    Column("allowed", Boolean, nullable=False),  # false: denied, whatever else is allowed
    Column("changed", Double, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("key", String_(64), primary_key=True),  # SHA-256 of a name or an address
    Column("refused", Integer, nullable=False),
    Column("last", Double, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3, … without a gap
    Column("at", String_(32), nullable=False),  # UTC, ISO 8601 with microseconds
    Column("who", Text_, nullable=False),
    Column("what", String_(32), nullable=False),
    Column("subject", Text_, nullable=False),
    Column("detail", Text_, nullable=False),  # JSON object
    Column("hash", String_(64), nullable=False),  # over the previous row's hash and this row
    Index("audit_by_time", "at"),
)
