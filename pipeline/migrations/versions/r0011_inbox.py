"""What documents were made of, how their pages look, and which are scans of the same paper."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the tables; documents that are here already have none of it."""
    op.create_table(
        "origins",
        _document("document"),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("pages", sa.String(24), primary_key=True),
    )
    op.create_table(
        "prints",
        _document("document"),
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("pages", sa.Integer, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
    )
    op.create_index("prints_by_matter", "prints", ["matter", "pages"])
    op.create_table(
        "rescans",
        _document("document"),
        _document("earlier"),
        sa.Column("alike", sa.Integer, nullable=False),
        sa.Column("shown", sa.Integer, nullable=False),
    )
    op.create_index("rescans_by_earlier", "rescans", ["earlier"])


def _document(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
