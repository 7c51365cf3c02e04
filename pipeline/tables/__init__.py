"""The catalog's tables, as the newest revision in `pipeline/migrations` leaves them.

A change here needs a revision there; a test compares the two. Every text column is `Text_` or `String_`, which
make hostile text storable; nothing long or hostile stands in an index, because PostgreSQL refuses index rows
above 2,704 bytes.
"""

from __future__ import annotations

from pipeline.tables.columns import metadata
from pipeline.tables.documents import (
    documents,
    findings,
    leases,
    meta,
    origins,
    pages,
    prints,
    rescans,
    results,
    runs,
    sources,
)
from pipeline.tables.frontier import batches, calls, matters
from pipeline.tables.keeping import deletions, notices, retention, told
from pipeline.tables.people import attempts, audit, grants, sessions, subjects, tokens, users
from pipeline.tables.work import amending, corrections, deadlines, digests, doubts, tallies

__all__ = [
    "amending",
    "attempts",
    "audit",
    "batches",
    "calls",
    "corrections",
    "deadlines",
    "deletions",
    "digests",
    "documents",
    "doubts",
    "findings",
    "grants",
    "leases",
    "matters",
    "meta",
    "metadata",
    "notices",
    "origins",
    "pages",
    "prints",
    "rescans",
    "results",
    "retention",
    "runs",
    "sessions",
    "sources",
    "subjects",
    "tallies",
    "tokens",
    "told",
    "users",
]
