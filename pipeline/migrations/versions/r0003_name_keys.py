"""Names are found by their SHA-256: a scan over millions of documents becomes an index look-up."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Replace the sources' names by keys; the name itself stands in the path."""
    op.add_column("sources", sa.Column("name_key", sa.String(64)))
    _fill(op.get_bind())
    with op.batch_alter_table("sources") as table:
        table.alter_column("name_key", existing_type=sa.String(64), nullable=False)
        table.drop_column("name")
    op.create_index("sources_by_name", "sources", ["name_key"])


def _fill(connection: sa.Connection) -> None:
    sources = sa.table("sources", sa.column("document"), sa.column("key"), sa.column("name"), sa.column("name_key"))
    for row in connection.execute(sa.select(sources)).all():
        this = (sources.c.document == row.document, sources.c.key == row.key)
        key = hashlib.sha256(row.name.encode()).hexdigest()
        connection.execute(sa.update(sources).where(*this).values(name_key=key))
