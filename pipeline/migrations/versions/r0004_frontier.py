"""What may leave the machine, matter by matter, and what each call to a frontier model cost."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables of matters and calls."""
    op.create_table(
        "matters",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("egress", sa.String(16), nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run", sa.Integer, nullable=False),
        sa.Column("document", sa.String(64), nullable=False),
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("pages", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("batch", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=False),
        sa.Column("usage", sa.Text, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "batches",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("remote", sa.String(200), nullable=False),
        sa.Column("matter", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("files", sa.Text, nullable=False),
    )
    op.create_index("batches_by_state", "batches", ["state"])
    op.create_index("calls_by_run", "calls", ["run"])
    op.create_index("calls_by_matter", "calls", ["matter", "started"])
    op.create_index("calls_by_time", "calls", ["started"])
