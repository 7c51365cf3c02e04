"""What was found on the pages, a row a finding, so that fields can be queried across documents."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table of findings."""
    op.create_table(
        "findings",
        sa.Column("document", sa.String(64), sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("field", sa.String(200), nullable=False),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("extractor", sa.Text, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("boxes", sa.Text, nullable=False),
    )
    op.create_index("findings_by_field", "findings", ["field", "document"])
