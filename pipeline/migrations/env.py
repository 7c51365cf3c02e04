"""Run by alembic, which looks for a file of this name: the revisions on the connection it was given."""

from alembic import context

from pipeline.migrations import VERSION_TABLE
from pipeline.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters a table by rebuilding it
)
with context.begin_transaction():
    context.run_migrations()
