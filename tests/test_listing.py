"""The list of documents, over SQLite and PostgreSQL: newest first, cut into pages, counted inside the wall."""

from __future__ import annotations

import sqlalchemy as sa

from pipeline.database import Database
from pipeline.listing import Cut, Shelf, shelf
from pipeline.tables import documents
from pipeline.types import DocumentStatus

DONE, HELD = DocumentStatus.DONE, DocumentStatus.HELD
ROWS = (("a", "acme", DONE, 3.0), ("b", "acme", HELD, 2.0), ("c", "bolt", DONE, 2.0), ("d", "acme", DONE, 1.0),
        ("e", "dune", HELD, 9.0))  # fmt: skip


def ids(found: Shelf) -> list[str]:
    return [line.document.id for line in found.documents]


def test_the_list_is_ordered_cut_and_counted_inside_the_wall(database: Database) -> None:
    """Counts by status are of the matter that is asked for, counts by matter of the status; no other matter counts."""
    common = {"name": "n", "sha256": "", "reason": "", "page_count": 1}
    rows = [common | dict(zip(("id", "matter", "status", "received"), row, strict=True)) for row in ROWS]
    with database.write() as connection:
        connection.execute(sa.insert(documents), rows)
    seen = ("acme", "bolt")
    whole = shelf(database, seen, Cut())
    assert (ids(whole), whole.total) == (["a", "b", "c", "d"], 4)
    assert (whole.by_status, whole.by_matter) == ({DONE: 3, HELD: 1}, {"acme": 3, "bolt": 1})
    cut = shelf(database, seen, Cut("acme", DONE, limit=1, offset=1))
    assert (ids(cut), cut.total) == (["d"], 2)
    assert (cut.by_status, cut.by_matter) == ({DONE: 2, HELD: 1}, {"acme": 2, "bolt": 1})
    for nothing in (shelf(database, seen, Cut("dune")), shelf(database, (), Cut())):
        assert (ids(nothing), nothing.total) == ([], 0)
    assert shelf(database, seen, Cut("dune")).by_status == {}
