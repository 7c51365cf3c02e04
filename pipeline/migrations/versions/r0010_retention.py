"""How long a matter's documents are kept, what keeps them from being deleted, and what was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "retention",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("days", sa.Integer),
        sa.Column("held_by", sa.Text),
        sa.Column("held_why", sa.Text),
        sa.Column("held_since", sa.Double),
    )
    op.create_table(
        "deletions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("files", sa.Text, nullable=False),
        sa.Column("images", sa.Text, nullable=False),
        sa.Column("asked", sa.Double, nullable=False),
        sa.Column("finished", sa.Double),
    )
    op.create_index("deletions_by_document", "deletions", ["document"])
