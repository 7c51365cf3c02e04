"""What people say of the values that were read, and what review queue and deadlines need of each record, kept ready."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the tables; every document that has a record is to be looked through once."""
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("field", sa.String(200), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("machine", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("made", sa.Double, nullable=False),
        sa.Column("made_on", sa.Integer, nullable=False),
    )
    op.create_index("corrections_by_value", "corrections", ["document", "field", "key", "made_on"], unique=True)
    op.create_index("corrections_by_matter", "corrections", ["matter", "id"])
    _of_a_document("digests", sa.Column("version", sa.String(200), nullable=False), _iso("until"))
    _of_a_document("doubts", _position(), *_doubt())
    op.create_index("doubts_by_matter", "doubts", ["matter", "rank", "certainty", "document", "position"])
    _of_a_document("deadlines", _position(), *_deadline())
    op.create_index("deadlines_by_matter", "deadlines", ["matter", "due", "kind"])
    op.create_index("pages_by_status", "pages", ["status", "document"])
    of_records = "SELECT id, '', '' FROM documents WHERE record IS NOT NULL"
    op.execute(f"INSERT INTO digests (document, version, until) {of_records}")


def _of_a_document(table: str, *columns: sa.Column[str] | sa.Column[int] | sa.Column[float]) -> None:
    owner = sa.Column("document", sa.String(64), sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    op.create_table(table, owner, *columns)


def _position() -> sa.Column[int]:
    return sa.Column("position", sa.Integer, primary_key=True, autoincrement=False)


def _iso(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(10), nullable=False)


def _doubt() -> list[sa.Column[str] | sa.Column[int] | sa.Column[float]]:
    return [
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("certainty", sa.Double, nullable=False),
        sa.Column("field", sa.String(200), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    ]


def _deadline() -> list[sa.Column[str] | sa.Column[int] | sa.Column[float]]:
    return [
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        _iso("due"),
        sa.Column("body", sa.Text, nullable=False),
    ]
