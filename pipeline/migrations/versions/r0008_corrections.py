"""What people say of the values that were read, and what review queue and deadlines need of each record, kept ready."""

import hashlib
import json
import re
from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")


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
    op.create_index("doubts_by_rank", "doubts", ["rank", "certainty", "document", "position", "matter"])
    _of_a_document("deadlines", _position(), *_deadline())
    op.create_index("deadlines_by_day", "deadlines", ["due", "document", "position", "kind", "matter"])
    _of_a_document("amending", sa.Column("target", sa.String(64), primary_key=True))
    op.create_index("amending_by_target", "amending", ["target"])
    _of_a_document("tallies", _position(), *_tally())
    whole = sa.text("reason = ''")
    shown = ["matter", "status", "pages"]
    op.create_index("tallies_whole", "tallies", shown, sqlite_where=whole, postgresql_where=whole)
    op.drop_index("documents_by_matter", "documents")
    op.create_index("documents_by_matter", "documents", ["matter", "status", "received", "page_count"])
    _count_pages(op.get_bind())
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


def _tally() -> list[sa.Column[str] | sa.Column[int] | sa.Column[float]]:
    return [
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("pages", sa.Integer, nullable=False),
    ]


def _count_pages(connection: sa.Connection) -> None:
    names = ("document", "position", "matter", "status", "reason", "pages")
    tallies = sa.table("tallies", *map(sa.column, names))
    query = "SELECT d.matter, p.document, p.status, p.reasons FROM pages p JOIN documents d ON d.id = p.document"
    counted: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for matter, document, status, reasons in connection.execute(sa.text(query)):
        place = (document, hashlib.sha256(matter.encode()).hexdigest())
        texts = {"", *(" ".join(NUMBERS.sub("#", reason).split())[:500] for reason in json.loads(reasons))}
        counted.setdefault(place, Counter()).update((status, text) for text in texts)
    for (document, key), counts in counted.items():
        rows = [
            dict(zip(names, (document, position, key, *said, pages), strict=True))
            for position, (said, pages) in enumerate(sorted(counts.items()))
        ]
        connection.execute(sa.insert(tallies), rows)
