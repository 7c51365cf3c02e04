"""Who an account is at an OpenID Connect issuer that vouches for people; and an index of what is searchable."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Create the table and the index."""
    op.create_table(
        "subjects",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("user", sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_index("subjects_by_user", "subjects", ["user"])
    there = sa.text("indexed IS NOT NULL")
    op.create_index("documents_indexed", "documents", ["status", "matter"], sqlite_where=there, postgresql_where=there)
