"""The catalog's tables, as the newest revision in `pipeline/migrations` leaves them.

A change here needs a revision there; a test compares the two. Every text column is `Text_` or `String_`, which
make hostile text storable; nothing long or hostile stands in an index, because PostgreSQL refuses index rows
above 2,704 bytes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

from pipeline.names import storable

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


class _Storable(TypeDecorator[str]):
    """Text in which NUL and lone surrogates have become U+FFFD."""

    impl: Any = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """What is sent to the database."""
        return None if value is None else storable(value)


class Text_(_Storable):
    """Text of any length."""

    impl = Text
    cache_ok = True


class String_(_Storable):
    """Short text: a key, or a word from a fixed set."""

    impl = String
    cache_ok = True


metadata = MetaData()


def _document() -> Column[str]:
    return Column("document", ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)


documents = Table(
    "documents",
    metadata,
    Column("id", String_(64), primary_key=True),
    Column("matter", Text_, nullable=False),
    Column("name", Text_, nullable=False),
    Column("sha256", String_(64), nullable=False),  # "" while its bytes could not be read
    Column("status", String_(32), nullable=False),
    Column("reason", Text_, nullable=False),
    Column("page_count", Integer, nullable=False),
    Column("received", Double, nullable=False),  # seconds since 1970, as every time here
    Column("record", Text_),
    Column("indexed", Text_),  # signature of the index that holds all its pages
    Index("documents_by_sha256", "sha256"),
    Index("documents_by_status", "status"),
    # a matter has at most 100 characters: see clean_matter
    Index("documents_by_matter", "matter", "status", "received", "page_count"),
    # without it SQLite reads through every record to see whether a document is indexed
    Index(
        "documents_indexed",
        "status",
        "matter",
        sqlite_where=text("indexed IS NOT NULL"),
        postgresql_where=text("indexed IS NOT NULL"),
    ),
)

sources = Table(
    "sources",
    metadata,
    _document(),
    Column("key", String_(64), primary_key=True),  # SHA-256 of the path: paths may be too long for an index
    Column("path", Text_, nullable=False),
    Column("first_seen", Double, nullable=False),
    Column("name_key", String_(64), nullable=False),  # SHA-256 of the name it had there
    Index("sources_by_key", "key"),
    Index("sources_by_name", "name_key"),
)

# What a document was made of, where that is not its own bytes: a picture, or pages of a batch.
origins = Table(
    "origins",
    metadata,
    _document(),
    Column("sha256", String_(64), primary_key=True),  # of the file as it was dropped, in the store
    Column("pages", String_(24), primary_key=True),  # "3-7"; "": all of it
)

# Perceptual hashes of a document's pages, by which another scan of the same paper is found.
prints = Table(
    "prints",
    metadata,
    _document(),
    Column("matter", String_(64), nullable=False),  # the matter's key
    Column("version", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("hashes", LargeBinary, nullable=False),  # as many for each page, in page order
    Index("prints_by_matter", "matter", "pages"),
)

rescans = Table(
    "rescans",
    metadata,
    _document(),
    Column("earlier", String_(64), ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    Column("alike", Integer, nullable=False),  # pages of the document that look like one of the earlier one
    Column("shown", Integer, nullable=False),  # its pages that show enough to be compared
    Index("rescans_by_earlier", "earlier"),
)

results = Table(
    "results",
    metadata,
    Column("sha256", String_(64), primary_key=True),
    Column("page", Integer, primary_key=True, autoincrement=False),  # 0: the whole document
    Column("stage", String_(200), primary_key=True),
    Column("version", String_(500), primary_key=True),
    Column("payload", LargeBinary, nullable=False),  # zlib-compressed JSON
    Column("seconds", Double, nullable=False),
)

pages = Table(
    "pages",
    metadata,
    _document(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("route", String_(32)),
    Column("status", String_(32), nullable=False),
    Column("reasons", Text_, nullable=False),  # JSON list
)

findings = Table(
    "findings",
    metadata,
    _document(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("field", String_(200), nullable=False),
    Column("page", Integer, nullable=False),
    Column("raw", Text_, nullable=False),
    Column("value", Text_, nullable=False),
    Column("quote", Text_, nullable=False),
    Column("confidence", Double, nullable=False),
    Column("extractor", Text_, nullable=False),
    Column("status", String_(32), nullable=False),
    Column("detail", Text_, nullable=False),  # JSON object
    Column("boxes", Text_, nullable=False),  # JSON list of [left, top, right, bottom]
    Index("findings_by_field", "field", "document"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String_(64), nullable=False),
    Column("status", String_(32), nullable=False),
    Column("host", Text_, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("birth", String_(64), nullable=False),  # tells the process from a later one with the same pid
    Column("started", Double, nullable=False),
    Column("finished", Double),
    Column("seconds", Text_, nullable=False),  # JSON object: stage -> seconds
    Column("totals", Text_, nullable=False),  # JSON object: what -> count
)

leases = Table(
    "leases",
    metadata,
    Column("document", String_(64), primary_key=True),  # no foreign key: claimed before it is looked up
    Column("holder", Text_, nullable=False),  # host:space of process numbers:pid:birth
    Column("token", String_(32), nullable=False),  # of this taking of the lease
    Column("until", Double, nullable=False),  # by the database's clock
)

matters = Table(
    "matters",
    metadata,
    Column("key", String_(64), primary_key=True),  # SHA-256 of the name
    Column("name", Text_, nullable=False),
    Column("egress", String_(16), nullable=False),  # never, self-hosted or cloud
    Column("changed", Double, nullable=False),
)

retention = Table(
    "retention",
    metadata,
    Column("key", String_(64), primary_key=True),  # of the matter
    Column("name", Text_, nullable=False),
    Column("days", Integer),  # after which its documents are deleted; NULL: never
    Column("held_by", Text_),  # who put it under legal hold; NULL: it is under none
    Column("held_why", Text_),
    Column("held_since", Double),
)

deletions = Table(
    "deletions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("document", String_(64), nullable=False),  # no foreign key: its row is what was deleted
    Column("files", Text_, nullable=False),  # JSON list of SHA-256, as the next; both are empty once it is finished
    Column("images", Text_, nullable=False),
    Column("asked", Double, nullable=False),
    Column("finished", Double),
    Index("deletions_by_document", "document"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("document", String_(64), nullable=False),  # no foreign key: money spent outlives what it was spent on
    Column("matter", String_(64), nullable=False),  # key of the matter
    Column("pages", Text_, nullable=False),  # JSON list of numbers
    Column("destination", Text_, nullable=False),  # host
    Column("model", String_(200), nullable=False),
    Column("batch", String_(200), nullable=False),  # id of the batch it is part of, or ""
    Column("state", String_(16), nullable=False),  # open, settled, failed or lost
    Column("reserved", BigInteger, nullable=False),  # millionths of a USD, as `cost`
    Column("cost", BigInteger, nullable=False),
    Column("usage", Text_, nullable=False),  # JSON object of token counts
    Column("started", Double, nullable=False),
    Column("finished", Double),
    Column("reason", Text_, nullable=False),
    Index("calls_by_run", "run"),
    Index("calls_by_matter", "matter", "started"),
    Index("calls_by_time", "started"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("remote", String_(200), nullable=False),  # the destination's id; "" until it is known
    Column("matter", Text_, nullable=False),  # name: its policy is asked whenever the batch is
    Column("destination", Text_, nullable=False),
    Column("state", String_(16), nullable=False),  # preparing, sent or settled
    Column("created", Double, nullable=False),
    Column("files", Text_, nullable=False),  # JSON list of the destination's file ids
    Index("batches_by_state", "state"),
)

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
)

digests = Table(
    "digests",
    metadata,
    _document(),
    Column("version", String_(200), nullable=False),  # "" since the record or a correction changed
    Column("until", String_(10), nullable=False),  # ISO date through which it holds; "" for always
)

doubts = Table(
    "doubts",
    metadata,
    _document(),
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
    _document(),  # the amendment
    Column("target", String_(64), primary_key=True),  # id of a document that it changes, or may change
    Index("amending_by_target", "target"),
)

deadlines = Table(
    "deadlines",
    metadata,
    _document(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("matter", String_(64), nullable=False),  # key of the matter
    Column("kind", String_(16), nullable=False),
    Column("due", String_(10), nullable=False),  # ISO date, or "" where it can't be computed
    Column("body", Text_, nullable=False),  # JSON of `pipeline.deadlines.Deadline`
    Index("deadlines_by_day", "due", "document", "position", "kind", "matter"),
)

tallies = Table(
    "tallies",
    metadata,
    _document(),
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
)

meta = Table(
    "meta",
    metadata,
    Column("key", String_(200), primary_key=True),
    Column("value", Text_, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String_(64), nullable=False),  # SHA-256 of the name as it is compared
    Column("name", Text_, nullable=False),
    Column("password", String_(500), nullable=False),  # argon2id, with its parameters and salt
    Column("admin", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Index("users_by_key", "key", unique=True),
)


def _user(*, primary_key: bool = False) -> Column[int]:
    return Column("user", ForeignKey("users.id", ondelete="CASCADE"), primary_key=primary_key, nullable=False)


sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),  # names the session where its user ends it; worth nothing elsewhere
    Column("key", String_(64), nullable=False),  # SHA-256 of the cookie
    _user(),
    Column("created", Double, nullable=False),
    Column("seen", Double, nullable=False),
    Column("address", String_(64), nullable=False),
    Column("agent", String_(200), nullable=False),  # the browser as it names itself
    Index("sessions_by_key", "key", unique=True),
    Index("sessions_by_user", "user"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String_(64), nullable=False),  # SHA-256 of the token
    _user(),
    Column("label", String_(100), nullable=False),
    Column("created", Double, nullable=False),
    Column("expires", Double, nullable=False),
    Column("seen", Double),
    Index("tokens_by_key", "key", unique=True),
    Index("tokens_by_user", "user"),
)

subjects = Table(
    "subjects",
    metadata,
    Column("key", String_(64), primary_key=True),  # SHA-256 of issuer and subject
    _user(),
    Column("issuer", Text_, nullable=False),
    Column("subject", Text_, nullable=False),
    Column("created", Double, nullable=False),
    Index("subjects_by_user", "user"),
)

grants = Table(
    "grants",
    metadata,
    _user(primary_key=True),
    Column("key", String_(64), primary_key=True),  # SHA-256 of the matter's name
    Column("matter", Text_, nullable=False),  # a name, or "*" for every matter
    Column("allowed", Boolean, nullable=False),  # false: denied, whatever else is allowed
    Column("changed", Double, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("key", String_(64), primary_key=True),  # SHA-256 of a name or an address
    Column("refused", Integer, nullable=False),
    Column("last", Double, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3, … without a gap
    Column("at", String_(32), nullable=False),  # UTC, ISO 8601 with microseconds
    Column("who", Text_, nullable=False),
    Column("what", String_(32), nullable=False),
    Column("subject", Text_, nullable=False),
    Column("detail", Text_, nullable=False),  # JSON object
    Column("hash", String_(64), nullable=False),  # over the previous row's hash and this row
    Index("audit_by_time", "at"),
)

notices = Table(
    "notices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String_(64), nullable=False),  # SHA-256 of what makes the notice the same
    Column("channel", String_(16), nullable=False),  # webhook or mail; "" where none was configured
    Column("kind", String_(32), nullable=False),
    Column("body", Text_, nullable=False),  # JSON of `pipeline.notices.Notice`
    Column("created", Double, nullable=False),
    Column("due", Double),  # when to try next; NULL: sent, or given up
    Column("tries", Integer, nullable=False),
    Column("sent", Double),
    Index("notices_by_key", "key", "channel", unique=True),
    Index("notices_by_due", "due"),
)

told = Table(
    "told",
    metadata,
    _document(),
    Column("status", String_(32), nullable=False),  # in which people were told of it
)
