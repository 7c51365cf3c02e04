"""Documents and where they came from, their pages, the stages' results, the runs."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "documents",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("matter", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("page_count", sa.Integer, nullable=False),
        sa.Column("received", sa.Double, nullable=False),
        sa.Column("record", sa.Text),
        sa.Column("indexed", sa.Text),
    )
    op.create_index("documents_by_sha256", "documents", ["sha256"])
    op.create_index("documents_by_status", "documents", ["status"])
    _of_a_document("sources", sa.Column("key", sa.String(64), primary_key=True), *_source())
    op.create_index("sources_by_key", "sources", ["key"])
    _of_a_document("pages", sa.Column("number", sa.Integer, primary_key=True, autoincrement=False), *_page())
    op.create_table("results", *_result())
    op.create_table("runs", *_run())
    op.create_table(
        "meta", sa.Column("key", sa.String(200), primary_key=True), sa.Column("value", sa.Text, nullable=False)
    )


def _of_a_document(table: str, *columns: sa.Column[Any]) -> None:
    owner = sa.Column("document", sa.String(64), sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    op.create_table(table, owner, *columns)


def _source() -> list[sa.Column[Any]]:
    return [
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("first_seen", sa.Double, nullable=False),
    ]


def _page() -> list[sa.Column[Any]]:
    return [
        sa.Column("route", sa.String(32)),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
    ]


def _result() -> list[sa.Column[Any]]:
    return [
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("page", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("stage", sa.String(200), primary_key=True),
        sa.Column("version", sa.String(500), primary_key=True),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
    ]


def _run() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("birth", sa.String(64), nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("seconds", sa.Text, nullable=False),
        sa.Column("totals", sa.Text, nullable=False),
    ]
