"""Indexes for what is asked with every page of the web application, run and look: none of it reads a table through."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the indexes; the one by matter gains the document's id."""
    op.drop_index("documents_by_matter", "documents")
    op.create_index("documents_by_matter", "documents", ["matter", "status", "received", "page_count", "id"])
    op.create_index("digests_by_version", "digests", ["version", "until"])
    op.create_index("corrections_by_who", "corrections", ["who", "id"])
    op.create_index("runs_by_kind", "runs", ["kind", "status", "finished"])
    op.create_index("runs_by_time", "runs", ["started"])
    waiting = sa.text("reason != '' AND status IN ('held', 'awaiting escalation', 'rejected')")
    place = ["status", "reason", "matter", "pages"]
    op.create_index("tallies_waiting", "tallies", place, sqlite_where=waiting, postgresql_where=waiting)
