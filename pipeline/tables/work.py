"""What people said of the values, and what their rooms keep ready."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, Table, text

from pipeline.tables.columns import String_, Text_, document_key, metadata

__all__ = [
    "amending",
    "corrections",
    "deadlines",
    "digests",
    "doubts",
    "tallies",
]

_WAITING = "reason != '' AND status IN ('held', 'awaiting escalation', 'rejected')"

corrections = Table(
    "corrections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("document", String_(64), nullable=False),  # no foreign key: a person's word outlives the row it is about
    Column("matter", String_(64), nullable=False),  # key of the matter
    Column("field", String_(200), nullable=False),
    Column("key", String_(64), nullable=False),  # of the value, `pipeline.corrections.value_key`
    Column("verdict", String_(16), nullable=False),
    Column("value", Text_, nullable=False),
    Column("raw", Text_, nullable=False),
    Column("page", Integer, nullable=False),  # 0: on none in particular
    Column("machine", Text_, nullable=False),  # JSON of the value the person had before them, or ""
    Column("who", Text_, nullable=False),
    Column("made", Double, nullable=False),
    Column("made_on", Integer, nullable=False),  # id of the correction it supersedes, 0 for the first of its value
    Index("corrections_by_value", "document", "field", "key", "made_on", unique=True),  # each superseded once
    Index("corrections_by_matter", "matter", "id"),
    Index("corrections_by_who", "who", "id"),  # a name has at most 60 characters
)

digests = Table(
    "digests",
    metadata,
    document_key(),
    Column("version", String_(200), nullable=False),  # "" since the record or a correction changed
    Column("until", String_(10), nullable=False),  # ISO date through which it holds; "" for always
    Index("digests_by_version", "version", "until"),
)

doubts = Table(
    "doubts",
    metadata,
    document_key(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("matter", String_(64), nullable=False),  # key of the matter
    Column("rank", Integer, nullable=False),
    Column("certainty", Double, nullable=False),
    Column("field", String_(200), nullable=False),
    Column("key", String_(64), nullable=False),
    Column("page", Integer, nullable=False),
    Column("reason", Text_, nullable=False),
    Index("doubts_by_rank", "rank", "certainty", "document", "position", "matter"),
)

amending = Table(
    "amending",
    metadata,
    document_key(),  # the amendment
    Column("target", String_(64), primary_key=True),  # id of a document that it changes, or may change
    Index("amending_by_target", "target"),
)

deadlines = Table(
    "deadlines",
    metadata,
    document_key(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("matter", String_(64), nullable=False),  # key of the matter
    Column("kind", String_(16), nullable=False),
    Column("due", String_(10), nullable=False),  # ISO date, or "" where it can't be computed
    Column("body", Text_, nullable=False),  # JSON of `pipeline.days.deadlines.Deadline`
    Index("deadlines_by_day", "due", "document", "position", "kind", "matter"),
)

tallies = Table(
    "tallies",
    metadata,
    document_key(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("matter", String_(64), nullable=False),  # key of the matter
    Column("status", String_(32), nullable=False),
    Column("reason", Text_, nullable=False),  # with # for numbers; "": any
    Column("pages", Integer, nullable=False),
    # the totals alone: few, and all that the first line of an overview needs
    Index(
        "tallies_whole",
        "matter",
        "status",
        "pages",
        sqlite_where=text("reason = ''"),
        postgresql_where=text("reason = ''"),
    ),
    # pages that wait, and why: a reason has at most 500 characters, see one_line
    Index(
        "tallies_waiting",
        "status",
        "reason",
        "matter",
        "pages",
        sqlite_where=text(_WAITING),
        postgresql_where=text(_WAITING),
    ),
)
