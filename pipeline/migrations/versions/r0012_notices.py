"""What people were told, and what is still to be sent to them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Create the tables. What is held now was seen by whoever looked: only what comes after it is told."""
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("due", sa.Double),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("sent", sa.Double),
    )
    op.create_index("notices_by_key", "notices", ["key", "channel"], unique=True)
    op.create_index("notices_by_due", "notices", ["due"])
    owner = sa.ForeignKey("documents.id", ondelete="CASCADE")
    op.create_table(
        "told",
        sa.Column("document", sa.String(64), owner, primary_key=True),
        sa.Column("status", sa.String(32), nullable=False),
    )
    refused = "SELECT id, status FROM documents WHERE status IN ('held', 'rejected')"
    op.execute(f"INSERT INTO told (document, status) {refused}")
